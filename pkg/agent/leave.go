package agent

import (
	"maps"
	"slices"
	"time"
)

// leaving is how long an agent that ends at once may count what it loses: a
// component that is stuck may hold what the count needs.
const leaving = 200 * time.Millisecond

// leave prints the ledger of an agent that ends without draining. It waits for
// nothing longer than leaving.
func (r *running) leave() {
	counted := make(chan struct{})
	go func() {
		defer close(counted)
		r.telling.Do(r.tellLeaving)
	}()
	patience := time.NewTimer(leaving)
	defer patience.Stop()
	select {
	case <-counted:
	case <-patience.C:
	}
}

// addPast notes what a component did that a reload has stopped.
func (r *running) addPast(l ledger) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.past.add(l)
}

// tellLeaving is tell while the components still run. What is lost comes first,
// since the size of a channel on disk may have to wait for that.
func (r *running) tellLeaving() {
	r.mu.Lock()
	sources, channels, runners, sum := slices.Clone(r.sources), slices.Clone(r.channels), slices.Clone(r.runners), r.past
	moving := map[string]int64{}
	for name, events := range r.waiting {
		moving[name] += int64(len(events))
	}
	for _, c := range channels {
		if c.feed != nil {
			moving[c.node.name] += c.feed.left.Load()
		}
	}
	r.mu.Unlock()
	left := sum.lost
	for _, s := range sources {
		l := s.ledger()
		l.lost += s.out.Putting()
		if l.lost > 0 {
			s.env.Logf("%s found no space", plural(int(l.lost), "event"))
		}
		left += l.lost
		sum.add(l)
	}
	left += r.tellInside(channels, moving)
	for _, c := range channels {
		sum.dead += c.refused.kept()
	}
	for _, l := range runners {
		sum.add(l.ledger())
	}
	r.logf("%s did not drain: %s", r.options.Name, sum.text(left))
}

// tellInside says how many events are in the channels, and of each how many were
// moving into it from the one that it replaced. It returns their sum.
func (r *running) tellInside(channels []*liveChannel, moving map[string]int64) (sum int64) {
	tell := func(name string, n int, what string) {
		if n > 0 {
			sum += int64(n)
			r.logf("channel %s: %s %s", name, plural(n, "event"), what)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(moving)) {
		tell(name, int(moving[name]), "of before lost")
	}
	inMemory := make([]int, len(channels))
	for i, c := range channels {
		n, in := c.inMemory()
		inMemory[i] = n
		tell(c.node.name, n, "not delivered and lost with the "+in)
	}
	for i, c := range channels {
		if !c.volatile() {
			tell(c.node.name, c.size()-inMemory[i], "not delivered, left in the "+c.node.typ.Name()+" channel")
		}
	}
	return sum
}

// inMemory is the number of events that are lost where the channel is not
// closed, and where they are.
func (c *liveChannel) inMemory() (n int, in string) {
	if c.volatile() {
		return c.size(), c.node.typ.Name() + " channel"
	}
	if v, ok := c.channel().(interface{ Volatile() int }); ok && c.open.Load() {
		return v.Volatile(), "memory of the " + c.node.typ.Name() + " channel"
	}
	return 0, ""
}
