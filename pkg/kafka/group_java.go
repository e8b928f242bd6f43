package kafka

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// FormatGroupsJava writes groups as `kafka-consumer-groups.sh --describe` of
// Kafka 4 does, blank by blank.
func FormatGroupsJava(w io.Writer, groups []Group) error {
	var b strings.Builder
	for _, g := range groups {
		group, topic, id, host := max(15, len(g.Name)), 15, 15, 15
		for _, o := range g.Offsets {
			topic = max(topic, len(o.Topic))
			if o.Member != nil {
				id, host = max(id, len(o.Member.ID)), max(host, len(o.Member.Host))
			}
		}
		row := func(cells ...any) {
			fmt.Fprintf(&b, "\n%*s %*s %-10s %-15s %-15s %-15s %*s %*s %s", append([]any{-group, cells[0], -topic, cells[1],
				cells[2], cells[3], cells[4], cells[5], -id, cells[6], -host, cells[7]}, cells[8])...)
		}
		if len(g.Offsets) == 0 {
			continue
		}
		row("GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", "CONSUMER-ID", "HOST", "CLIENT-ID")
		for _, o := range g.Offsets {
			m := GroupMember{ID: "-", Host: "-", Client: "-"}
			if o.Member != nil {
				m = *o.Member
			}
			row(g.Name, o.Topic, strconv.Itoa(int(o.Partition)), known(o.Committed), known(o.End), known(o.Lag()), m.ID, m.Host, m.Client)
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// FormatMembersJava writes groups as `kafka-consumer-groups.sh --describe --members`
// does.
func FormatMembersJava(w io.Writer, groups []Group) error {
	var b strings.Builder
	for _, g := range groups {
		members := slices.Clone(g.Members)
		slices.SortStableFunc(members, func(a, b GroupMember) int { return cmp.Compare(len(b.Partitions), len(a.Partitions)) })
		group, id, instance, host, client := max(15, len(g.Name)), 15, 0, 15, 15
		for _, m := range members {
			id, host, client = max(id, len(m.ID)), max(host, len(m.Host)), max(client, len(m.Client))
			if m.Instance != "" {
				instance = max(17, instance, len(m.Instance))
			}
		}
		row := func(cells ...string) {
			fmt.Fprintf(&b, "\n%*s %*s ", -group, cells[0], -id, cells[1])
			if instance > 0 {
				fmt.Fprintf(&b, "%*s ", -instance, cells[2])
			}
			fmt.Fprintf(&b, "%*s %*s %-15s ", -host, cells[3], -client, cells[4], cells[5])
		}
		row("GROUP", "CONSUMER-ID", "GROUP-INSTANCE-ID", "HOST", "CLIENT-ID", "#PARTITIONS")
		for _, m := range members {
			row(g.Name, m.ID, m.Instance, m.Host, m.Client, strconv.Itoa(len(m.Partitions)))
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// FormatStatesJava writes groups as `kafka-consumer-groups.sh --describe --state`
// does.
func FormatStatesJava(w io.Writer, groups []Group) error {
	var b strings.Builder
	for _, g := range groups {
		coordinator := fmt.Sprintf("%s  (%d)", g.Coordinator, g.Broker)
		assignor := g.Assignor
		if assignor == "" {
			assignor = "-"
		}
		row := func(cells ...string) {
			fmt.Fprintf(&b, "\n%*s %*s %-20s %-20s %s", -max(15, len(g.Name)), cells[0], -max(25, len(coordinator)), cells[1], cells[2], cells[3], cells[4])
		}
		row("GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY", "STATE", "#MEMBERS")
		row(g.Name, coordinator, assignor, g.State, strconv.Itoa(len(g.Members)))
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// FormatGroupListJava writes groups as `kafka-consumer-groups.sh --list` with --type,
// --state or both does.
func FormatGroupListJava(w io.Writer, groups []Group, types, states bool) error {
	var b strings.Builder
	width := 15
	for _, g := range groups {
		width = max(width, len(g.Name))
	}
	row := func(name, kind, state string) {
		fmt.Fprintf(&b, "%*s", -width-10, name)
		if types {
			fmt.Fprintf(&b, " %-20s", kind)
		}
		if states {
			fmt.Fprintf(&b, " %-20s", state)
		}
		b.WriteByte('\n')
	}
	row("GROUP", "TYPE", "STATE")
	for _, g := range groups {
		kind := g.Type
		if kind != "" {
			kind = strings.ToUpper(kind[:1]) + kind[1:]
		}
		row(g.Name, kind, g.State)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// known is a number that is not negative, or "-".
func known(n int64) string {
	if n < 0 {
		return "-"
	}
	return strconv.FormatInt(n, 10)
}

// FormatResetJava writes a reset as `kafka-consumer-groups.sh --reset-offsets`
// does.
func FormatResetJava(w io.Writer, group string, plan []Move) error {
	var b strings.Builder
	topic := 15
	for _, m := range plan {
		topic = max(topic, len(m.Topic))
	}
	row := func(cells ...string) {
		fmt.Fprintf(&b, "\n%*s %*s %-10s %s", -max(15, len(group)), cells[0], -topic, cells[1], cells[2], cells[3])
	}
	row("GROUP", "TOPIC", "PARTITION", "NEW-OFFSET")
	for _, m := range plan {
		row(group, m.Topic, strconv.Itoa(int(m.Partition)), strconv.FormatInt(m.To, 10))
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

// FormatSettingsJava writes the settings of a topic as `kafka-configs.sh
// --describe --all` does.
func FormatSettingsJava(w io.Writer, topic string, settings []TopicSetting) error {
	var b strings.Builder
	fmt.Fprintf(&b, "All configs for topic %s are:\n", topic)
	for _, s := range settings {
		var from []string
		for _, y := range s.Synonyms {
			from = append(from, y.Source+":"+y.Name+"="+y.Value)
		}
		fmt.Fprintf(&b, "  %s=%s sensitive=%t synonyms={%s}\n", s.Name, s.Value, s.Sensitive, strings.Join(from, ", "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// FormatOffsetsJava writes offsets as `kafka-get-offsets.sh` does.
func FormatOffsetsJava(w io.Writer, offsets []PartitionOffset) error {
	var b strings.Builder
	for _, o := range offsets {
		fmt.Fprintf(&b, "%s:%d:%d\n", o.Topic, o.Partition, o.Offset)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
