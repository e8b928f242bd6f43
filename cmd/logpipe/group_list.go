package main

import (
	"context"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/option"
)

// bareWord is the value of a flag of optional words without any.
const bareWord = "true"

// optionalWords is the value of a flag that may have words: --state, --state=Stable,Empty
// and, as the Java tool takes it, --state stable,empty.
type optionalWords struct {
	given bool
	words []string // in lower case; nil = any
}

func (v *optionalWords) Set(text string) error {
	v.given = true
	if text != bareWord {
		v.words = strings.Split(strings.ToLower(text), ",")
	}
	return nil
}
func (v *optionalWords) String() string { return "" }
func (v *optionalWords) Type() string   { return "words" }

// has tells whether a word is one of them.
func (v *optionalWords) has(word string) bool {
	return v.words == nil || slices.Contains(v.words, strings.ToLower(word))
}

// The words of states and types of groups.
var (
	groupStates = []string{"assigning", "completingrebalance", "dead", "empty", "preparingrebalance", "reconciling", "stable"}
	groupTypes  = []string{"classic", "consumer", "share", "streams"}
)

// checkList takes the words that stand behind --state or --type, and refuses others.
func (g *groupCommand) checkList(words []string) error {
	for _, word := range words {
		switch list := strings.Split(strings.ToLower(word), ","); {
		case g.states.given && g.states.words == nil && slices.Contains(groupStates, list[0]):
			g.states.words = list
		case g.types.given && g.types.words == nil && slices.Contains(groupTypes, list[0]):
			g.types.words = list
		case g.states.given && g.states.words == nil:
			g.states.words = list // and wrong
		default:
			return g.noName([]string{word})
		}
	}
	for _, c := range []struct {
		flag         string
		given, known []string
	}{{"state", g.states.words, groupStates}, {"type", g.types.words, groupTypes}} {
		for _, word := range c.given {
			if !slices.Contains(c.known, word) {
				return fault.Usagef("--%s: want some of %s, not %q", c.flag, strings.Join(c.known, ", "), word)
			}
		}
	}
	return nil
}

func (g *groupCommand) listOptions(s *option.Set) {
	g.formats(s, "java is what kafka-consumer-groups.sh prints", "names", "table", "json", "java")
	s.Add("state", &g.states, "with the state of each; --state=Stable,Empty lists those of these `states`").Bare = bareWord
	s.Add("type", &g.types, "with the type of each; --type=classic or consumer lists those of this `type`").Bare = bareWord
}

// listedGroup is a group in --format json.
type listedGroup struct {
	Group string `json:"group"`
	State string `json:"state,omitempty"`
	Type  string `json:"type,omitempty"`
}

func (g *groupCommand) list(ctx context.Context, a *kafka.Admin, _ []string) error {
	groups, err := a.ListGroups(ctx)
	if err != nil {
		return err
	}
	groups = slices.DeleteFunc(groups, func(l kafka.Group) bool { return !g.states.has(l.State) || !g.types.has(l.Type) })
	if g.format == "names" && (g.states.given || g.types.given) {
		g.format = "table"
	}
	rows := [][]string{{"GROUP", "STATE", "TYPE"}}
	var names strings.Builder
	for _, l := range groups {
		if g.format == "json" {
			if err := g.encode(listedGroup{l.Name, l.State, l.Type}); err != nil {
				return err
			}
		}
		names.WriteString(fault.Visible(l.Name) + "\n")
		rows = append(rows, []string{fault.Visible(l.Name), orDash(l.State), orDash(l.Type)})
	}
	switch g.format {
	case "java":
		if g.states.given || g.types.given {
			return kafka.FormatGroupListJava(g.app.Out, groups, g.types.given, g.states.given)
		}
		fallthrough
	case "names":
		_, err = io.WriteString(g.app.Out, names.String())
	case "table":
		err = printRows(g.app.Out, rows)
	}
	return err
}

// describeJava writes what the Java tool does.
func (g *groupCommand) describeJava(groups []kafka.Group) error {
	for _, d := range groups {
		if len(d.Members) == 0 { // on standard error, as theirs
			g.app.Say("Consumer group '%s' has no active members.", d.Name)
		}
	}
	switch {
	case g.showMembers:
		return kafka.FormatMembersJava(g.app.Out, groups)
	case g.states.given:
		return kafka.FormatStatesJava(g.app.Out, groups)
	}
	return kafka.FormatGroupsJava(g.app.Out, groups)
}

// stateRows is a row a group.
func stateRows(groups []kafka.Group) [][]string {
	rows := [][]string{{"GROUP", "STATE", "TYPE", "MEMBERS", "LAG", "ASSIGNOR", "COORDINATOR"}}
	for _, d := range groups {
		rows = append(rows, append(append([]string{fault.Visible(d.Name), orDash(d.State), orDash(d.Type)}, numbers(int64(len(d.Members)), d.Lag())...),
			orDash(d.Assignor), d.Coordinator))
	}
	return rows
}

// memberRows is a row a member, and one for a group without any.
func memberRows(groups []kafka.Group) [][]string {
	rows := [][]string{{"GROUP", "STATE", "CLIENT", "HOST", "PARTITIONS", "MEMBER"}}
	for _, d := range groups {
		name, state := fault.Visible(d.Name), orDash(d.State)
		if len(d.Members) == 0 {
			rows = append(rows, []string{name, state, "-", "-", "-", "-"})
		}
		for _, m := range d.Members {
			var parts []string
			for _, p := range m.Partitions {
				parts = append(parts, p.Topic+"/"+strconv.Itoa(int(p.Partition)))
			}
			rows = append(rows, []string{name, state, fault.Visible(orDash(m.Client)), orDash(m.Host), orDash(strings.Join(parts, ",")), m.ID})
		}
	}
	return rows
}
