package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

// A partition without a leader holds up nobody who reads others: its place, where only a
// leader knows that, is found out when it has one.

// unplaced is the position of a partition whose leader has not told yet where it begins.
const unplaced = -1

// Times of a partition without a leader.
const (
	// reachPatience is how long a connection to a leader may take before others are read:
	// one that stands still is left for later then.
	reachPatience = 10 * time.Second
	// leaderlessPatience is how long reading that ends by itself waits for a leader that
	// would have to tell where that is, when all else is read.
	leaderlessPatience = 100 * time.Second
	// placePatience is how long reading waits for a leader to tell where a partition
	// begins and ends, and placeAgain when it is asked again.
	placePatience = 2 * time.Second
	placeAgain    = 5 * time.Second
)

// askLed asks about the partitions that have a leader, and tells which have none, or one
// that is not to be reached.
func askLed[T any](ctx context.Context, c *Consumer, parts []part, ask func(led []part) (T, error)) (answer T, none []part, err error) {
	for until := time.Now().Add(electionPatience); ; {
		var led []part
		if led, none, err = c.split(ctx, parts); err != nil {
			return answer, nil, err
		}
		answer, err = ask(led)
		if err == nil || !passing(err) || ctx.Err() != nil || time.Now().After(until) {
			return answer, none, err
		}
	}
}

// split tells partitions whose leader is to be reached from the others. Before anything was
// read, not to reach any leader is a mistake, of addresses perhaps, which who asks tells.
func (c *Consumer) split(ctx context.Context, parts []part) (led, none []part, err error) {
	if len(parts) == 0 {
		return nil, nil, nil
	}
	l, err := lasting(ctx, c.conn, func() (leadership, error) { return c.conn.leaders(parts) })
	if err != nil {
		return nil, nil, explain(err, "")
	}
	patience, begun := reachPatience, c.begun.Load()
	if begun {
		patience = leaderlessFor
	}
	asked, away := notReached(ctx, l, patience)
	if !begun && asked == len(away) {
		away = nil
	}
	for _, p := range parts {
		if slices.Contains(l.none, p) || away[l.brokers[p]] {
			none = append(none, p)
		} else {
			led = append(led, p)
		}
	}
	return led, none, nil
}

// notReached are the leaders to which no connection can be made, of so many.
func notReached(ctx context.Context, l leadership, patience time.Duration) (of int, away map[*sarama.Broker]bool) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var asking sync.WaitGroup
	var mu sync.Mutex
	asked := map[*sarama.Broker]bool{}
	away = map[*sarama.Broker]bool{}
	for _, b := range l.brokers {
		if asked[b] {
			continue
		}
		asked[b] = true
		asking.Go(func() {
			if there, err := await(ctx, b.Connected); err != nil || !there {
				mu.Lock()
				defer mu.Unlock()
				away[b] = true
			}
		})
	}
	asking.Wait()
	return len(asked), away
}

// starting tells where reading begins in partitions of which nothing is committed;
// unplaced where there is no leader to ask. A number is a mistake if no partition has it,
// so that for one all have to be asked.
func (c *Consumer) starting(ctx context.Context, from Offset, parts []part) (map[part]int64, error) {
	resolve := func(led []part) (map[part]int64, error) { return c.conn.resolve(ctx, from, led) }
	if from.kind == fromNumber {
		return resolve(parts)
	}
	at, none, err := askLed(ctx, c, parts, resolve)
	if err != nil {
		return nil, err
	}
	for _, p := range none {
		at[p] = unplaced
	}
	return at, nil
}

// placed are the places that are known.
func placed(from map[part]int64) map[part]int64 {
	known := maps.Clone(from)
	maps.DeleteFunc(known, func(_ part, at int64) bool { return at == unplaced })
	return known
}

// place finds out where reading begins and ends in partitions that had no leader when
// it began, and have one now.
func (c *Consumer) place(ctx context.Context, list []*reading, s *session) error {
	var parts, without []part
	for _, r := range list {
		parts = append(parts, r.part)
		if r.pos == unplaced {
			without = append(without, r.part)
		}
	}
	from, err := c.begins(ctx, without)
	if err == nil {
		err = c.learnEnds(ctx, parts)
	}
	if fresh := placed(from); err == nil && s != nil {
		if err = c.commit(ctx, s, fresh); errors.Is(err, ErrRevoked) {
			err = nil
		}
	}
	if err != nil {
		return err
	}
	for _, r := range list {
		if r.pos == unplaced {
			r.pos = from[r.part]
		}
		c.bound(r)
	}
	return nil
}

// placeAll is place for those that need it. Where their leader does not tell they are
// left out of the round, which all reports.
func (c *Consumer) placeAll(ctx context.Context, led map[*sarama.Broker][]*reading, s *session) (all bool, err error) {
	all = true
	for b, of := range led {
		list := slices.DeleteFunc(slices.Clone(of), func(r *reading) bool { return !r.unclear })
		if len(list) == 0 {
			continue
		}
		if err := c.placeSoon(ctx, list, s); err != nil {
			return false, err
		}
		if led[b] = slices.DeleteFunc(of, func(r *reading) bool { return r.unclear }); len(led[b]) < len(of) {
			all = false
		}
		if len(led[b]) == 0 {
			delete(led, b)
		}
	}
	if !all {
		c.conn.outage.failed(sarama.ErrNotConnected)
	}
	return all, nil
}

// placeSoon is place for the partitions of one leader. One that does not tell is asked
// again after a while: the others are not to wait for it.
func (c *Consumer) placeSoon(ctx context.Context, list []*reading, s *session) error {
	now := time.Now()
	if list = slices.DeleteFunc(list, func(r *reading) bool { return now.Before(r.again) }); len(list) == 0 {
		return nil
	}
	within, cancel := context.WithTimeout(ctx, placePatience)
	defer cancel()
	err := c.place(within, list, s)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if within.Err() == nil && !passing(err) && fault.CodeOf(err) != fault.Unreachable {
		return err
	}
	c.conn.cfg.log().Debug("the places of partitions are not known yet", "partitions", len(list), "reason", err)
	for _, r := range list {
		r.again = time.Now().Add(placeAgain)
	}
	return nil
}

// bound notes where reading a partition ends, and whether its places are not known yet.
func (c *Consumer) bound(r *reading) {
	c.mu.Lock()
	defer c.mu.Unlock()
	end, known := c.stay[r.part]
	r.last, r.unclear = -1, r.pos == unplaced
	if c.bounded() {
		r.last, r.unclear = end, r.unclear || !known
	}
	if r.unclear && r.since.IsZero() {
		r.since = time.Now()
	}
}

// leaderless is a partition without a leader.
type leaderless struct {
	since time.Time
	told  bool
}

// noteLeaderless notes which partitions are waited for, and tells of them, where others
// are read, and when they are read again.
func (c *Consumer) noteLeaderless(none []part, led map[*sarama.Broker][]*reading) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	var gone, back []part
	var longest, since time.Time
	for _, p := range none {
		l := c.idle[p]
		if l == nil {
			l = &leaderless{since: now}
			c.idle[p] = l
		}
		if !l.told && len(led) > 0 && now.Sub(l.since) >= tellAfter {
			l.told, since = true, l.since
			gone = append(gone, p)
		}
	}
	for _, list := range led {
		for _, r := range list {
			l := c.idle[r.part]
			delete(c.idle, r.part)
			if l == nil || !l.told {
				continue
			}
			if back = append(back, r.part); longest.IsZero() || l.since.Before(longest) {
				longest = l.since
			}
		}
	}
	if len(gone) > 0 {
		c.conn.cfg.log().Warn(fmt.Sprintf("without a leader since %s: %s; read when there is one, and the others meanwhile", since.Format(time.TimeOnly), partsText(gone)))
	}
	if len(back) > 0 {
		c.conn.cfg.log().Warn(fmt.Sprintf("with a leader again, after %s: %s", option.FormatDuration(now.Sub(longest).Round(time.Second)), partsText(back)))
	}
}

// allLeaderless is what ends a round in which there is nobody to ask.
func (c *Consumer) allLeaderless(open []*reading) error {
	if err := c.hopeless(open); err != nil {
		return err
	}
	none, told := 0, 0
	c.mu.Lock()
	for _, r := range open {
		if l := c.idle[r.part]; l != nil {
			none++
			if l.told {
				told++
			}
		}
	}
	c.mu.Unlock()
	switch len(open) {
	case told:
		return errGone // it need not be told again
	case none:
		c.conn.outage.leaderless(open[0].topic)
	}
	return errMoved
}

// hopeless ends reading that waits for nothing but leaders that have to tell where it ends.
func (c *Consumer) hopeless(open []*reading) error {
	if !c.bounded() {
		return nil
	}
	for _, r := range open {
		if !r.unclear || time.Since(r.since) < leaderlessPatience {
			return nil
		}
	}
	return fault.Hint(fault.Unreachablef("topic %q: no leader of partition %d is to be reached, so that it is not known where it ends", open[0].topic, open[0].id),
		"logpipe topic describe %s shows which one leads, `logpipe broker test` which one answers", open[0].topic)
}
