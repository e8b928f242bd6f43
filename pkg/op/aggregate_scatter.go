package op

import (
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/state"
)

func shardOf(hash uint64) uint64 { return hash >> 58 }

// scatter gives the records of a block to the shared tables, shard by shard, so
// that each is locked once a block and its cache misses overlap.
type scatter struct {
	order   []uint32 // records by shard
	hashes  []uint64 // theirs
	groups  []uint32
	values  []record.Value
	numbers []record.Number
	at      []state.Position
	warm    byte // keeps the loads of Touch from being left out
}

// give adds everything gathered to the shards.
func (s *scatter) give(to []*shard, g *gather) {
	var ends [shards]uint32
	for _, h := range g.hashes {
		ends[shardOf(h)]++
	}
	sum := uint32(0)
	for k, n := range ends {
		ends[k] = sum
		sum += n
	}
	s.order, s.hashes = grow(s.order, len(g.hashes)), grow(s.hashes, len(g.hashes))
	for i, h := range g.hashes {
		k := shardOf(h)
		s.order[ends[k]], s.hashes[ends[k]] = uint32(i), h
		ends[k]++
	}
	s.groups = grow(s.groups, len(s.order))
	from := uint32(0)
	for k, end := range ends {
		if end > from {
			s.shard(to[k], g, int(from), int(end))
		}
		from = end
	}
}

// shard adds the records order[from:to] to one shard.
func (s *scatter) shard(sh *shard, g *gather, from, to int) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t := sh.group.Table
	s.warm += t.Touch(s.hashes[from:to], s.groups[from:to])
	for k := from; k < to; k++ {
		s.groups[k] = g.upsertOne(t, int(s.order[k]))
	}
	sh.group.Grow()
	sh.group.Records += int64(to - from)
	s.warm += sh.group.Touch(s.groups[from:to])
	for c, col := range g.columns {
		if col.input >= 0 && g.numeric[col.input] {
			s.numbers = s.numbers[:0]
			all := g.numbers[col.input]
			for _, i := range s.order[from:to] {
				s.numbers = append(s.numbers, all[i])
			}
			sh.group.Columns[c].(state.NumberColumn).AddNumbers(s.groups[from:to], s.numbers)
			continue
		}
		s.values, s.at = s.values[:0], s.at[:0]
		if col.input >= 0 {
			all := g.values[col.input]
			for _, i := range s.order[from:to] {
				s.values = append(s.values, all[i])
			}
		}
		if g.placed {
			for _, i := range s.order[from:to] {
				s.at = append(s.at, g.at[i])
			}
		}
		sh.group.Columns[c].Add(s.groups[from:to], s.values, s.at)
	}
}
