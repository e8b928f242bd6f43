package main

import (
	"context"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/option"
)

// groupCommand holds the settings of the group commands.
type groupCommand struct {
	adminFamily
	showMembers bool
	states      optionalWords // --state: of describe what it shows, of list what it chooses
	types       optionalWords
	all         bool // --all-groups, as it is pasted
	reset       resetSettings
}

// verbs are the group commands, in the order of help.
func (g *groupCommand) verbs() []verb {
	return []verb{
		{name: "list", pasted: "list", use: "list", short: "list the groups", options: g.listOptions, check: g.checkList, run: g.list},
		{name: "describe", pasted: "describe", use: "describe [NAME…]", short: "show how far groups have read, and who reads what",
			options: g.describeOptions, run: g.describe, existing: -1},
		{name: "offsets", use: "offsets <NAME>…", short: "show what groups have committed, to keep it or to compute with it",
			options: g.offsetOptions, check: g.someName, run: g.offsets, existing: -1},
		{name: "reset", pasted: "reset-offsets", use: "reset <NAME>", short: "let a group read on from another place", long: resetAbout,
			options: g.resetOptions, check: g.checkReset, run: g.runReset, existing: 1},
		{name: "delete", pasted: "delete", use: "delete <NAME>…", short: "delete groups with what they have committed",
			options: g.deleteOptions, check: g.someName, run: g.delete, existing: -1},
	}
}

// newGroup makes the group commands.
func newGroup(app *cli.App) *cobra.Command {
	return newFamily(app, "group", "list, look at, reset and delete groups of consumers", func() (*adminFamily, []verb) {
		g := &groupCommand{}
		return &g.adminFamily, g.verbs()
	})
}

func (g *groupCommand) describeOptions(s *option.Set) {
	g.formats(s, "json is an object a group, java what kafka-consumer-groups.sh prints", "table", "json", "java")
	s.Bool(&g.showMembers, "members", "a row a member, with its partitions")
	s.Add("state", &g.states, "a row a group, with its state and who coordinates it").Bare = bareWord
	var ignored bool
	s.Bool(&ignored, "offsets", "the default").Hidden = true
	s.Bool(&g.all, "all-groups", "the default without a name").Hidden = true
}

func (g *groupCommand) describe(ctx context.Context, a *kafka.Admin, names []string) error {
	groups, err := a.DescribeGroups(ctx, names...)
	if err != nil {
		return err
	}
	switch {
	case g.format == "json":
		for _, d := range groups {
			if err := g.encode(groupJSON(d)); err != nil {
				return err
			}
		}
		return nil
	case g.format == "java":
		return g.describeJava(groups)
	case g.showMembers:
		return printRows(g.app.Out, memberRows(groups))
	case g.states.given:
		return printRows(g.app.Out, stateRows(groups))
	}
	return printRows(g.app.Out, groupRows(groups))
}

// groupRows is a row a partition, and one for a group that has none.
func groupRows(groups []kafka.Group) [][]string {
	rows := [][]string{{"GROUP", "STATE", "TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "CLIENT", "HOST"}}
	for _, d := range groups {
		name, state := fault.Visible(d.Name), orDash(d.State)
		if len(d.Offsets) == 0 {
			rows = append(rows, []string{name, state, "-", "-", "-", "-", "-", "-", "-"})
		}
		for _, o := range d.Offsets {
			client, host := "-", "-"
			if o.Member != nil {
				client, host = fault.Visible(orDash(o.Member.Client)), orDash(o.Member.Host)
			}
			rows = append(rows, append(append([]string{name, state, o.Topic}, numbers(int64(o.Partition), o.Committed, o.End, o.Lag())...), client, host))
		}
	}
	return rows
}

// numbers writes numbers as cells; those below 0 are not known.
func numbers(list ...int64) []string {
	var cells []string
	for _, n := range list {
		if n < 0 {
			cells = append(cells, "-")
			continue
		}
		cells = append(cells, strconv.FormatInt(n, 10))
	}
	return cells
}

// describedGroup is a group in --format json.
type describedGroup struct {
	Group       string            `json:"group"`
	State       string            `json:"state"`
	Type        string            `json:"type,omitempty"`
	Assignor    string            `json:"assignor,omitempty"`
	Coordinator string            `json:"coordinator"`
	Lag         *int64            `json:"lag"`
	Members     []describedMember `json:"members"`
	Partitions  []groupOffset     `json:"partitions"`
}

type describedMember struct {
	Member     string            `json:"member"`
	Instance   string            `json:"instance,omitempty"`
	Client     string            `json:"client"`
	Host       string            `json:"host"`
	Partitions []memberPartition `json:"partitions"`
}

type memberPartition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
}

// groupOffset is a partition of a group; what is not known is null.
type groupOffset struct {
	Group     string `json:"group,omitempty"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Committed *int64 `json:"committed"`
	End       *int64 `json:"end"`
	Lag       *int64 `json:"lag"`
	Member    string `json:"member,omitempty"`
}

func groupJSON(d kafka.Group) describedGroup {
	out := describedGroup{Group: d.Name, State: d.State, Type: d.Type, Assignor: d.Assignor, Coordinator: d.Coordinator, Lag: orNull(d.Lag()),
		Members: []describedMember{}, Partitions: []groupOffset{}}
	for _, m := range d.Members {
		member := describedMember{Member: m.ID, Instance: m.Instance, Client: m.Client, Host: m.Host, Partitions: []memberPartition{}}
		for _, p := range m.Partitions {
			member.Partitions = append(member.Partitions, memberPartition{p.Topic, p.Partition})
		}
		out.Members = append(out.Members, member)
	}
	for _, o := range d.Offsets {
		out.Partitions = append(out.Partitions, offsetJSON("", o))
	}
	return out
}

func offsetJSON(group string, o kafka.GroupOffset) groupOffset {
	row := groupOffset{Group: group, Topic: o.Topic, Partition: o.Partition, Committed: orNull(o.Committed), End: orNull(o.End), Lag: orNull(o.Lag())}
	if o.Member != nil {
		row.Member = o.Member.ID
	}
	return row
}

func orNull(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

func (g *groupCommand) offsetOptions(s *option.Set) {
	g.formats(s, "json is an object a partition, java the CSV that --from-file reads", "table", "json", "java")
}

func (g *groupCommand) offsets(ctx context.Context, a *kafka.Admin, names []string) error {
	groups, err := a.DescribeGroups(ctx, names...)
	if err != nil {
		return err
	}
	rows := [][]string{{"GROUP", "TOPIC", "PARTITION", "COMMITTED", "END", "LAG"}}
	var csv strings.Builder
	for _, d := range groups {
		for _, o := range d.Offsets {
			if g.format == "json" {
				if err := g.encode(offsetJSON(d.Name, o)); err != nil {
					return err
				}
			}
			if o.Committed >= 0 {
				csv.WriteString(strings.Join(append([]string{o.Topic}, numbers(int64(o.Partition), o.Committed)...), ",") + "\n")
			}
			rows = append(rows, append([]string{fault.Visible(d.Name), o.Topic}, numbers(int64(o.Partition), o.Committed, o.End, o.Lag())...))
		}
	}
	switch g.format {
	case "java":
		_, err = io.WriteString(g.app.Out, csv.String())
	case "table":
		err = printRows(g.app.Out, rows)
	}
	return err
}

func (g *groupCommand) deleteOptions(s *option.Set) { g.yesOption(s) }

func (g *groupCommand) delete(ctx context.Context, a *kafka.Admin, names []string) error {
	for _, name := range names {
		if err := g.confirm("group " + name + " with what it has committed"); err != nil {
			return err
		}
		if err := a.DeleteGroups(ctx, name); err != nil {
			return err
		}
		g.say("deleted group %q", name)
	}
	return nil
}
