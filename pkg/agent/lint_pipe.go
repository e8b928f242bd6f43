package agent

import (
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/pipe"
)

// retain tells the pipe sinks that are alone at a channel that retains events: they
// leave there what they hold. Two sinks could not tell whose events come again after
// a kill, and a group gives them to another one.
func (p *plan) retain() {
	for _, n := range p.sinks {
		built, ok := n.built.(*pipe.Sink)
		if !ok || n.channel == nil || n.group != nil {
			continue
		}
		_, retains := n.channel.built.(flume.Retaining)
		others := slices.ContainsFunc(p.sinks, func(m *sinkNode) bool { return m != n && (m.channel == nil || m.channel == n.channel) })
		built.KeepWhere(retains && !others)
	}
}

// checkHeld warns of pipelines that hold events in memory behind a channel from
// which none would be lost: a batch is gone from there when the stage has it.
func (l *linter) checkHeld(p *plan) {
	for _, n := range p.sinks {
		built, ok := n.built.(*pipe.Sink)
		if !ok || !n.ok() || n.part.defers() || n.channel == nil || !n.channel.ok() ||
			!strings.HasPrefix(promise(n.channel.built), "at least once") {
			continue
		}
		command := n.part.get("command")
		fix := "to lose none, let a Kafka sink bring the events into a topic, and run `logpipe consume TOPIC -g GROUP --marks | … | logpipe produce OUT --tx ID` with these stages"
		if built.CanKeep() {
			fix = "to lose none, let this sink alone, in no group, take from a channel of type file"
		}
		for _, held := range built.Held() {
			l.report(Warning, command.placeIn(held.Offset), fix,
				"sink %s: %s holds %s in memory: a kill -9 loses those events, which channel %s (%s) does not have any more",
				n.name, held.Stage, held.What, n.channel.name, n.channel.typeName())
		}
	}
}
