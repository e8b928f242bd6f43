package agent

import (
	"fmt"
	"io"
	"strings"

	"github.com/logpipe/logpipe/pkg/flume"
)

// promise is what a component promises of the events that pass it.
func promise(c any) string {
	if g, ok := c.(flume.Guarantor); ok {
		return g.Guarantee()
	}
	if c == nil {
		return "unknown: a config filter tells its type"
	}
	return "promises nothing"
}

// hop is the way of events from one component to the next.
type hop struct {
	from, to  string // "source r1", as components are named in messages
	optional  bool   // events are left out where the channel is full
	guarantee string // its name
	by        string // what is on the way: interceptors, or a sink group
}

// hops lists the hops of a plan. What a sink promises of events that wait in a
// channel holds as far as the channel keeps them.
func (p *plan) hops() []hop {
	var all []hop
	for _, n := range p.sources {
		by := ""
		if len(n.interceptors) > 0 {
			by = n.chain()
		}
		for _, c := range n.required {
			all = append(all, hop{from: "source " + n.name, to: "channel " + c.name, guarantee: weakest(n.built), by: by})
		}
		for _, c := range n.optional {
			all = append(all, hop{from: "source " + n.name, to: "channel " + c.name, optional: true, guarantee: "at most once (optional)", by: by})
		}
	}
	for _, n := range p.runners() {
		by := ""
		if n.processor != nil {
			by = strings.TrimPrefix(n.name, "sink ") + " (" + n.processor.typ.Name() + ")"
		}
		for _, s := range n.members {
			if s.channel == nil {
				continue // its name comes from a config filter
			}
			all = append(all, hop{from: "channel " + s.channel.name, to: "sink " + s.name, guarantee: weakest(s.channel.built, s.built), by: by})
		}
	}
	return all
}

// weakest names the weakest guarantee of components: the words in front of the
// colon.
func weakest(components ...any) string {
	order := []string{"at most once", "at most once ", "at least once ", "at least once"}
	strength := func(name string) int {
		for i := len(order) - 1; i >= 0; i-- {
			if name == order[i] || strings.HasSuffix(order[i], " ") && strings.HasPrefix(name, order[i]) {
				return i
			}
		}
		return -1
	}
	weakest := "at least once"
	for _, c := range components {
		if name, _, _ := strings.Cut(promise(c), ":"); strength(name) < strength(weakest) {
			weakest = name
		}
	}
	return weakest
}

// Explain writes the flow of the agent as text: its hops with the name of what
// each guarantees, and the components with what they promise.
func (r Report) Explain(w io.Writer) error {
	if r.plan == nil {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "agent %s\n", r.Agent)
	for _, h := range r.plan.hops() {
		fmt.Fprintf(&b, "  %s -> %s: %s\n", h.from, h.to, h.guarantee)
	}
	for _, c := range r.plan.left {
		fmt.Fprintf(&b, "  %s %s is left out: %s\n", strings.ToLower(c.kind), c.name, c.why)
	}
	for _, n := range r.plan.sources {
		fmt.Fprintf(&b, "\nsource %s (%s) -> %s\n  %s\n", n.name, n.typeName(), n.targets(), promise(n.built))
		if len(n.interceptors) > 0 {
			fmt.Fprintf(&b, "  interceptors: %s\n", n.chain())
		}
		if n.selector != nil {
			fmt.Fprintf(&b, "  selector: %s\n", n.selectorName)
		}
	}
	for _, c := range r.plan.channels {
		fmt.Fprintf(&b, "\nchannel %s (%s)%s\n  %s\n", c.name, c.typeName(), r.plan.takers(c), r.plan.promiseOf(c))
	}
	for _, n := range r.plan.runners() {
		if n.processor != nil {
			fmt.Fprintf(&b, "\n%s (%s)\n  a batch goes to one of its sinks; after a failure it goes to another, which may leave it twice\n",
				n.name, n.processor.typ.Name())
		}
		for _, s := range n.members {
			fmt.Fprintf(&b, "\nsink %s (%s)\n  %s\n", s.name, s.typeName(), promise(s.built))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// targets names the channels of a source.
func (n *sourceNode) targets() string {
	var names []string
	for _, c := range n.required {
		names = append(names, c.name)
	}
	text := strings.Join(names, " ")
	if n.selector != nil {
		text = strings.Join(names, " or ")
	}
	for _, c := range n.optional {
		text += " " + c.name + " (optional)"
	}
	return text
}

// chain names the interceptors in order.
func (n *sourceNode) chain() string {
	var names []string
	for _, i := range n.interceptors {
		names = append(names, fmt.Sprintf("%s (%s)", i.name, i.typeName()))
	}
	return strings.Join(names, ", ")
}

// takers names what empties a channel.
func (p *plan) takers(c *channelPart) string {
	var names []string
	for _, n := range p.runners() {
		if n.members[0].channel == c {
			names = append(names, strings.TrimPrefix(n.name, "sink "))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " -> " + strings.Join(names, " ")
}

// promiseOf is what a channel promises, and that no sink takes its events.
func (p *plan) promiseOf(c *channelPart) string {
	if p.takers(c) == "" {
		return promise(c.built) + "; nothing empties it: no sink takes its events"
	}
	return promise(c.built)
}

// Mermaid writes the flow of the agent as a diagram, the promises as its labels.
func (r Report) Mermaid(w io.Writer) error {
	if r.plan == nil {
		return nil
	}
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	ids := map[string]string{}
	node := func(kind, name, typ, open, end, promise string) {
		id := fmt.Sprintf("n%d", len(ids))
		ids[kind+" "+name] = id
		fmt.Fprintf(&b, "  %s%s\"%s %s<br>%s<br><small>%s</small>\"%s\n", id, open, kind, quoted(name), quoted(typ), quoted(promise), end)
	}
	for _, n := range r.plan.sources {
		node("source", n.name, n.typeName(), "(", ")", promise(n.built))
	}
	for _, c := range r.plan.channels {
		node("channel", c.name, c.typeName(), "[(", ")]", r.plan.promiseOf(c))
	}
	for _, n := range r.plan.sinks {
		node("sink", n.name, n.typeName(), "[", "]", promise(n.built))
	}
	for _, c := range r.plan.left {
		node(strings.ToLower(c.kind), c.name, "left out", "[", "]", c.why)
	}
	for _, h := range r.plan.hops() {
		arrow, label := "-->", quoted(h.guarantee)
		if h.optional {
			arrow = "-.->"
		}
		if h.by != "" {
			label += "<br>" + quoted(h.by)
		}
		fmt.Fprintf(&b, "  %s %s|\"%s\"| %s\n", ids[h.from], arrow, label, ids[h.to])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// quoted writes a text so that it can stand between the quotes of Mermaid.
func quoted(text string) string {
	return strings.NewReplacer(`"`, "#quot;", "<", "&lt;", ">", "&gt;").Replace(text)
}
