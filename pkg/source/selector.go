package source

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Selector spreads the events of a source over its channels, which it calls by
// their index. Route may be called by several goroutines.
type Selector interface {
	// Bind tells the names of the source's channels and returns what does not
	// fit them.
	Bind(channels []string) []flume.Problem
	// Route returns where an event has to go and where it may go. The slices
	// are not changed by the caller.
	Route(e *flume.Event) (required, optional []int)
}

// Selectors is the table of channel selectors.
func Selectors() flume.Table[Selector] {
	const class = "org.apache.flume.channel."
	return flume.Table[Selector]{
		{Alias: "replicating", Classes: []string{class + "ReplicatingChannelSelector"}, New: newReplicating,
			Help: "every event to every channel"},
		{Alias: "multiplexing", Classes: []string{class + "MultiplexingChannelSelector"}, New: newMultiplexing,
			Help: "each event to the channels of a header's value"},
		{Alias: "load_balancing", Classes: []string{class + "LoadBalancingChannelSelector"}, New: newBalancing,
			Help: "each event to one of the channels"},
	}
}

// channelIndexes looks up the channels that a property names.
func channelIndexes(property, text string, channels []string) (found []int, problems []flume.Problem) {
	for _, name := range strings.Fields(text) {
		i := slices.Index(channels, name)
		switch {
		case i >= 0 && !slices.Contains(found, i):
			found = append(found, i)
		case i < 0 && strings.Contains(name, ","):
			problems = append(problems, flume.Problem{Property: property, Fix: "separate names by blanks, not by commas",
				Message: fmt.Sprintf("the source has no channel %q", name)})
		case i < 0:
			problems = append(problems, flume.Problem{Property: property, Fix: "add it to channels, or name one of " + strings.Join(channels, ", "),
				Message: fmt.Sprintf("the source has no channel %q", name)})
		}
	}
	return found, problems
}

// replicating gives every event to every channel; optional ones may miss it.
type replicating struct {
	names              string
	required, optional []int
}

func newReplicating(p *flume.Properties) Selector {
	s := &replicating{}
	p.String(&s.names, "optional", "", "channels that may miss an event when they are full")
	return s
}

func (s *replicating) Bind(channels []string) []flume.Problem {
	var problems []flume.Problem
	s.optional, problems = channelIndexes("optional", s.names, channels)
	for i := range channels {
		if !slices.Contains(s.optional, i) {
			s.required = append(s.required, i)
		}
	}
	return problems
}

func (s *replicating) Route(*flume.Event) (required, optional []int) { return s.required, s.optional }

// route is where events go.
type route struct{ required, optional []int }

// multiplexing goes by a header.
type multiplexing struct {
	header             string
	mapping, mayAlsoBe map[string]string
	otherwise          string

	routes map[string]route
	rest   route
}

func newMultiplexing(p *flume.Properties) Selector {
	s := &multiplexing{}
	p.String(&s.header, "header", "flume.selector.header", "the header that decides")
	p.Family(&s.mapping, "mapping.", "channels for events with this value in the header")
	p.Family(&s.mayAlsoBe, "optional.", "channels that may miss events with this value when they are full")
	p.String(&s.otherwise, "default", "", "channels for all other events")
	return s
}

func (s *multiplexing) Bind(channels []string) []flume.Problem {
	var problems []flume.Problem
	find := func(property, text string) []int {
		found, more := channelIndexes(property, text, channels)
		problems = append(problems, more...)
		return found
	}
	s.routes = map[string]route{}
	s.rest.required = find("default", s.otherwise)
	for _, value := range slices.Sorted(maps.Keys(s.mapping)) {
		s.routes[value] = route{required: find("mapping."+value, s.mapping[value])}
	}
	for _, value := range slices.Sorted(maps.Keys(s.mayAlsoBe)) {
		r, mapped := s.routes[value]
		if !mapped {
			r.required = s.rest.required
		}
		r.optional = slices.DeleteFunc(find("optional."+value, s.mayAlsoBe[value]), func(i int) bool { return slices.Contains(r.required, i) })
		s.routes[value] = r
	}
	if len(s.mapping) == 0 && s.otherwise == "" {
		problems = append(problems, flume.Problem{Property: "type", Message: "a multiplexing selector without mapping and default gives no event to any channel",
			Fix: "add selector.mapping.VALUE = " + strings.Join(channels, " ")})
	}
	return problems
}

func (s *multiplexing) Route(e *flume.Event) (required, optional []int) {
	r := s.rest
	if value, found := e.Headers.Get(s.header); found && strings.TrimSpace(value) != "" {
		if mapped, found := s.routes[value]; found {
			r = mapped
		}
	}
	return r.required, r.optional
}

// balancing gives each event to one channel.
type balancing struct {
	policy string
	each   [][]int // a slice for each channel
	next   atomic.Uint64
}

func newBalancing(p *flume.Properties) Selector {
	s := &balancing{}
	p.Choice(&s.policy, "policy", "round_robin", []string{"round_robin", "random"}, "how the channel is chosen")
	return s
}

func (s *balancing) Bind(channels []string) []flume.Problem {
	for i := range channels {
		s.each = append(s.each, []int{i})
	}
	return nil
}

func (s *balancing) Route(*flume.Event) (required, optional []int) {
	n := uint64(len(s.each))
	if s.policy == "random" {
		return s.each[rand.Uint64N(n)], nil
	}
	return s.each[(s.next.Add(1)-1)%n], nil
}
