package kafka

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// A log that was cut, as by the election of a leader that did not have all of it, and has
// grown since, has other records at the offsets that were read. Who leads a partition has
// an epoch, which each batch carries; with the epoch of the record before its place a
// reader asks, and hears where the log of the leader ends that epoch (KIP-320, KIP-595).

// leaderEpoch is the epoch of a leader and one more: the zero value is not known.
type leaderEpoch int32

func epochOf(number int32) leaderEpoch { return leaderEpoch(max(number, noEpoch) + 1) }

// number is Kafka's, noEpoch where it is not known.
func (e leaderEpoch) number() int32 { return int32(e) - 1 }

// fork is where the log of a leader leaves the one that was read; epoch is that of the
// record before, as the leader has it.
type fork struct {
	epoch leaderEpoch // not known = the answer tells of no fork
	end   int64
}

// term is a run of records of one epoch, which begins at an offset.
type term struct {
	from  int64
	epoch leaderEpoch
}

// mostTerms are kept of a partition: of what was read before them it is not known.
const mostTerms = 64

// epochs are those of the records that were read, or committed.
type epochs struct {
	mu    sync.Mutex
	terms map[part][]term // in order
	blind map[part]bool   // whose leader does not know them
}

// at is the epoch of the record before pos.
func (e *epochs) at(p part, pos int64) leaderEpoch {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.blind[p] {
		return 0
	}
	return termAt(e.terms[p], pos)
}

func termAt(terms []term, pos int64) leaderEpoch {
	for _, t := range slices.Backward(terms) {
		if t.from < pos {
			return t.epoch
		}
	}
	return 0
}

// note notes that the records from an offset on have this epoch, and returns what at
// tells of them.
func (e *epochs) note(p part, from int64, epoch leaderEpoch) leaderEpoch {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.blind[p] {
		return 0
	}
	terms := before(e.terms[p], from)
	if n := len(terms); n == 0 || terms[n-1].epoch != epoch {
		terms = append(terms, term{from, epoch})
	}
	e.set(p, terms)
	return epoch
}

// before are the terms that begin before an offset.
func before(terms []term, from int64) []term {
	n := len(terms)
	for n > 0 && terms[n-1].from >= from {
		n--
	}
	return terms[:n]
}

// set keeps the last ones of terms. e.mu is held.
func (e *epochs) set(p part, terms []term) {
	if e.terms == nil {
		e.terms = map[part][]term{}
	}
	e.terms[p] = slices.Delete(terms, 0, max(len(terms)-mostTerms, 0))
}

// learn notes the epoch that is committed with a place; of what is behind it, it tells
// nothing.
func (e *epochs) learn(p part, pos int64, epoch leaderEpoch) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case epoch == 0 || pos <= 0:
		delete(e.terms, p)
	case termAt(e.terms[p], pos) != epoch:
		e.set(p, []term{{pos - 1, epoch}, {pos, 0}})
	}
}

// cut notes that the log leaves at pos, behind a record of this epoch, what was read. Until
// other records are read, what lies behind keeps the epoch that asked had: a mark that is on
// its way yet, and commits a place there, is found out by it.
func (e *epochs) cut(p part, pos int64, epoch leaderEpoch, asked int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	lost := termAt(e.terms[p], asked)
	e.set(p, append(before(e.terms[p], pos-1), term{pos - 1, epoch}, term{pos, lost}))
}

// unclear notes that the leader of a partition does not know the epochs: it is asked
// without one.
func (e *epochs) unclear(p part) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.blind == nil {
		e.blind = map[part]bool{}
	}
	e.blind[p] = true
}

// forget drops what is known of a topic: another one has its name.
func (e *epochs) forget(topic string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for p := range e.terms {
		if p.topic == topic {
			delete(e.terms, p)
		}
	}
	for p := range e.blind {
		if p.topic == topic {
			delete(e.blind, p)
		}
	}
}

// Leaders are the epochs of the leaders by which the records before offsets were written,
// by topic/partition, where they are known.
func (c *Consumer) Leaders(offsets map[string]int64) map[string]int32 {
	parts, err := partsOf(offsets)
	if err != nil {
		return nil
	}
	places := make(map[part]int64, len(parts))
	for _, p := range parts {
		places[p] = offsets[p.String()]
	}
	return c.leadersOf(places)
}

func (c *Consumer) leadersOf(places map[part]int64) map[string]int32 {
	list := map[string]int32{}
	for p, pos := range places {
		if e := c.epochs.at(p, pos); e != 0 {
			list[p.String()] = e.number()
		}
	}
	return list
}

// leader is the epoch to commit for a partition, named topic/partition.
func leader(of map[string]int32, partition string) int32 {
	if n, ok := of[partition]; ok && n >= 0 {
		return n
	}
	return noEpoch
}

// forked notes that the log of the leader is another one than that which was read.
func (f *fetch) forked(i int, at fork) error {
	r := f.parts[i]
	if at.end >= r.pos { // it has an epoch less, whose records were compacted
		r.read = 0
		f.c.epochs.learn(r.part, r.pos, 0)
		return nil
	}
	f.c.mu.Lock()
	f.c.short[r.part] = ending{r.pos, at.end, at}
	f.c.mu.Unlock()
	return errMoved // what was fetched before is handed out first
}

// backTo is the place from which a partition is read that has lost records: where they
// fork, or else its beginning. read is the place up to which it was.
func (was ending) backTo(first, read int64) int64 {
	if was.fork.epoch == 0 {
		return first
	}
	return max(first, min(was.next, read))
}

// undone is what the group commits for a partition that goes on at pos: nothing that was
// not done, or committed, yet.
func (c *Consumer) undone(ctx context.Context, p part, pos int64, s *session) (int64, error) {
	if s == nil {
		return pos, nil
	}
	now, err := c.conn.committed(ctx, c.cfg.Group, []part{p})
	if err != nil {
		return 0, err
	}
	at := now[p]
	if at < 0 {
		at = s.info.Start[p.String()]
	}
	return min(pos, max(at, c.progress.of(p))), nil
}

// tellFork tells that reading goes on at pos, where other records begin than were read.
func (c *Consumer) tellFork(p part, end, read, pos int64) {
	c.conn.cfg.log().Warn(fmt.Sprintf("topic %q partition %d: its log was cut at offset %d, as by an unclean election of a leader: what was read from there up to offset %d is gone, and its offsets are those of other records; reading goes on at offset %d",
		p.topic, p.id, end, read, pos))
}
