package kafka

import (
	"maps"
	"sync"
)

// progress is how far a member has come in the partitions that it has read. A
// generation of a group may end before what was done could be committed, as when
// the coordinator dies. Where the member gets the partition again, it goes on
// behind what it has done.
type progress struct {
	mu        sync.Mutex
	done      map[part]int64 // by this member, committed or not
	committed map[part]int64 // as last known
}

func newProgress() *progress {
	return &progress{done: map[part]int64{}, committed: map[part]int64{}}
}

// Done notes that the records of a batch, and all before them in its partition,
// are done, also where Commit cannot say so to the group any more: this consumer
// reads on behind them when it gets the partition again. Commit calls it.
func (c *Consumer) Done(b Batch) {
	if c.cfg.Group == "" || len(b.Records) == 0 || b.made != c.made(b.part()) {
		return
	}
	c.progress.mu.Lock()
	defer c.progress.mu.Unlock()
	p := b.part()
	c.progress.done[p] = max(c.progress.done[p], b.Next())
}

// Hold tells whether what is Done is to be committed by Commit alone, and not when
// the group changes its generation.
func (c *Consumer) Hold(held bool) { c.held.Store(held) }

// Held is what Hold was told last.
func (c *Consumer) Held() bool { return c.held.Load() }

// stored notes what the group has committed.
func (g *progress) stored(offsets map[part]int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for p, next := range offsets {
		g.committed[p] = next
	}
}

// open are the places up to which partitions are done that were not committed.
func (g *progress) open(parts []part) map[part]int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	open := map[part]int64{}
	for _, p := range parts {
		if done, ok := g.done[p]; ok && done > g.committed[p] {
			open[p] = done
		}
	}
	return open
}

// of is the place up to which a partition is done, 0 where nothing is.
func (g *progress) of(p part) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.done[p]
}

// forget drops what is known of a topic: another one has its name.
func (g *progress) forget(topic string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	ofTopic := func(p part, _ int64) bool { return p.topic == topic }
	maps.DeleteFunc(g.done, ofTopic)
	maps.DeleteFunc(g.committed, ofTopic)
}

// set notes places from which partitions are read that lie before what was done.
func (g *progress) set(places map[part]int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for p, pos := range places {
		delete(g.done, p)
		g.committed[p] = pos
	}
}

// ahead puts the places from which a generation reads behind what was done, and
// returns those that it has moved. A group that was set back meanwhile is obeyed.
func (g *progress) ahead(from map[part]int64) map[part]int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	moved := map[part]int64{}
	for p, at := range from {
		known, read := g.committed[p]
		switch done := g.done[p]; {
		case !read || at < known:
			delete(g.done, p)
		case done > at:
			from[p], moved[p] = done, done
		}
		g.committed[p] = at
	}
	return moved
}
