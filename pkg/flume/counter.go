package flume

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Counters are the counters of one component under the names that Flume's
// monitoring gives them, such as EventReceivedCount. The zero Counters are
// ready; all methods may be called by any number of goroutines.
type Counters struct {
	mu     sync.Mutex
	counts map[string]*atomic.Int64
	gauges map[string]func() int64
}

// Counter returns the counter of that name, which begins at 0.
func (c *Counters) Counter(name string) *atomic.Int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts[name] == nil {
		if c.counts == nil {
			c.counts = make(map[string]*atomic.Int64)
		}
		c.counts[name] = new(atomic.Int64)
	}
	return c.counts[name]
}

// Gauge names a value that is asked for when it is wanted, such as ChannelSize.
func (c *Counters) Gauge(name string, value func() int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gauges == nil {
		c.gauges = make(map[string]func() int64)
	}
	c.gauges[name] = value
}

// Counts returns the counters as they are now, without gauges, for which a
// component has to be open. What comes later in the life of an event is read
// first: no more events are accepted than received.
func (c *Counters) Counts() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	values := make(map[string]int64, len(c.counts)+len(c.gauges))
	for _, name := range slices.SortedFunc(maps.Keys(c.counts), laterFirst) {
		values[name] = c.counts[name].Load()
	}
	return values
}

// Values returns all counters and gauges as they are now, in the order of Counts.
func (c *Counters) Values() map[string]int64 {
	values := c.Counts()
	c.mu.Lock()
	gauges := maps.Clone(c.gauges)
	c.mu.Unlock()
	for _, name := range slices.SortedFunc(maps.Keys(gauges), laterFirst) {
		values[name] = gauges[name]()
	}
	return values
}

// laterFirst puts the names of what is done in front of those of what was begun
// (Accepted and Received, Success and Attempt), and Take in front of Put.
func laterFirst(a, b string) int {
	begun := func(name string) int {
		if strings.Contains(name, "Success") || strings.Contains(name, "Accepted") {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(begun(a), begun(b)), cmp.Compare(b, a))
}

// Counter returns the component's counter of that name; one that nobody reads
// where the component runs without an agent.
func (e Env) Counter(name string) *atomic.Int64 {
	if e.Counters == nil {
		return new(atomic.Int64)
	}
	return e.Counters.Counter(name)
}

// Gauge is Counters.Gauge, and nothing where the component runs without an agent.
func (e Env) Gauge(name string, value func() int64) {
	if e.Counters != nil {
		e.Counters.Gauge(name, value)
	}
}

// Guarantor is a component that can tell what it promises of the events that
// pass it, in a few words for `agent --explain`: what survives a kill -9 of the
// agent or of its peer, what may come twice, and what may be lost. The words in
// front of the first colon name it: they begin with "at least once", "at most
// once", or "nothing".
type Guarantor interface{ Guarantee() string }
