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
	return "promises nothing"
}

// Explain writes the flow of the agent as text, each hop with what it promises.
func (r Report) Explain(w io.Writer) error {
	if r.plan == nil {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "agent %s\n", r.Agent)
	for _, n := range r.plan.sources {
		fmt.Fprintf(&b, "\nsource %s (%s) -> %s\n  %s\n", n.name, n.typ.Name(), n.targets(), promise(n.built))
		if len(n.interceptors) > 0 {
			fmt.Fprintf(&b, "  interceptors: %s\n", n.chain())
		}
		if n.selector != nil {
			fmt.Fprintf(&b, "  selector: %s\n", n.selectorName)
		}
	}
	for _, c := range r.plan.channels {
		fmt.Fprintf(&b, "\nchannel %s (%s)%s\n  %s\n", c.name, c.typ.Name(), r.plan.takers(c), promise(c.built))
	}
	for _, n := range r.plan.runners() {
		if n.processor != nil {
			fmt.Fprintf(&b, "\n%s (%s)\n  a batch goes to one of its sinks; after a failure it goes to another, which may leave it twice\n",
				n.name, n.processor.typ.Name())
		}
		for _, s := range n.members {
			fmt.Fprintf(&b, "\nsink %s (%s)\n  %s\n", s.name, s.typ.Name(), promise(s.built))
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
		names = append(names, fmt.Sprintf("%s (%s)", i.name, i.typ.Name()))
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

// Mermaid writes the flow of the agent as a diagram, the promises as its labels.
func (r Report) Mermaid(w io.Writer) error {
	if r.plan == nil {
		return nil
	}
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	ids := map[string]string{}
	node := func(kind, name, typ, open, end string, c any) {
		id := fmt.Sprintf("n%d", len(ids))
		ids[kind+" "+name] = id
		fmt.Fprintf(&b, "  %s%s\"%s %s<br>%s<br><small>%s</small>\"%s\n", id, open, kind, quoted(name), quoted(typ), quoted(promise(c)), end)
	}
	for _, n := range r.plan.sources {
		node("source", n.name, n.typ.Name(), "(", ")", n.built)
	}
	for _, c := range r.plan.channels {
		node("channel", c.name, c.typ.Name(), "[(", ")]", c.built)
	}
	for _, n := range r.plan.sinks {
		node("sink", n.name, n.typ.Name(), "[", "]", n.built)
	}
	for _, n := range r.plan.sources {
		label := ""
		if len(n.interceptors) > 0 {
			label = "|\"" + quoted(n.chain()) + "\"|"
		}
		for _, c := range n.required {
			fmt.Fprintf(&b, "  %s -->%s %s\n", ids["source "+n.name], label, ids["channel "+c.name])
		}
		for _, c := range n.optional {
			fmt.Fprintf(&b, "  %s -.->%s %s\n", ids["source "+n.name], label, ids["channel "+c.name])
		}
	}
	for _, n := range r.plan.runners() {
		for _, s := range n.members {
			label := ""
			if n.processor != nil {
				label = "|\"" + quoted(strings.TrimPrefix(n.name, "sink ")+" ("+n.processor.typ.Name()+")") + "\"|"
			}
			fmt.Fprintf(&b, "  %s -->%s %s\n", ids["channel "+s.channel.name], label, ids["sink "+s.name])
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// quoted writes a text so that it can stand between the quotes of Mermaid.
func quoted(text string) string {
	return strings.NewReplacer(`"`, "#quot;", "<", "&lt;", ">", "&gt;").Replace(text)
}
