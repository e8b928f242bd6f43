package kafka

import (
	"fmt"
	"io"
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
