package kafka

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
)

// part is one partition of a topic.
type part struct {
	topic string
	id    int32
}

func (p part) String() string { return fmt.Sprintf("%s/%d", p.topic, p.id) }

// partitionsOf lists the partitions of topics, or those of them that are chosen.
func (c *conn) partitionsOf(ctx context.Context, topics []string, chosen []int32) ([]part, error) {
	var parts []part
	for _, name := range topics {
		t, err := c.topic(ctx, name, false)
		if err != nil {
			return nil, err
		}
		var ids []int32
		for _, p := range t.Partitions {
			ids = append(ids, p.ID)
		}
		slices.Sort(ids)
		for _, id := range chosen {
			if !slices.Contains(ids, id) {
				return nil, fault.Hint(fmt.Errorf("topic %q has no partition %d", name, id),
					"it has %d to %d", ids[0], ids[len(ids)-1])
			}
		}
		for _, id := range ids {
			if chosen == nil || slices.Contains(chosen, id) {
				parts = append(parts, part{name, id})
			}
		}
	}
	return parts, nil
}

// span is the range of offsets of a partition: first is the oldest that is
// still there, next the one that the next record gets.
type span struct{ first, next int64 }

func (c *conn) span(ctx context.Context, p part) (span, error) {
	all, err := c.spans(ctx, []part{p})
	return all[p], err
}

// spans are those of several partitions.
func (c *conn) spans(ctx context.Context, parts []part) (map[part]span, error) {
	first, err := c.offsetsAt(ctx, parts, sarama.OffsetOldest)
	if err != nil {
		return nil, err
	}
	next, err := c.ends(ctx, parts)
	if err != nil {
		return nil, err
	}
	out := make(map[part]span, len(parts))
	for _, p := range parts {
		out[p] = span{first[p], next[p]}
	}
	return out, nil
}

// resolve turns an Offset into the position in each partition. An offset that
// is past the end of every partition is a mistake; one that is older than what
// is left means the oldest.
func (c *conn) resolve(ctx context.Context, from Offset, parts []part) (map[part]int64, error) {
	out := make(map[part]int64, len(parts))
	largest, inside := int64(-1), len(parts) == 0
	now := time.Now()
	spans, err := c.spans(ctx, parts)
	if err != nil {
		return nil, err
	}
	timed, err := c.timed(ctx, from, now, parts)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		s := spans[p]
		largest = max(largest, s.next)
		pos := s.next
		switch from.kind {
		case fromBeginning:
			pos = s.first
		case fromNumber:
			pos = min(max(from.n, s.first), s.next)
			inside = inside || from.n <= s.next
		case fromFirst:
			pos = min(s.first+from.n, s.next)
		case fromLast:
			pos = max(s.first, s.next-from.n)
		case fromTime, fromAgo:
			if n := timed[p]; n >= 0 {
				pos = n
			}
		}
		out[p] = pos
	}
	if from.kind == fromNumber && !inside {
		return nil, fault.Hint(fmt.Errorf("offset %d is past the end of topic %q: the largest offset is %d", from.n, parts[0].topic, largest),
			"-o end waits for new records, -o -10 shows the last ten")
	}
	return out, nil
}

// counted is the Offset with a time in place of one that is counted back from now:
// partitions whose places are asked for later are to begin where the others do.
func (o Offset) counted(now time.Time) Offset {
	if o.kind == fromAgo {
		return Offset{kind: fromTime, at: now.Add(-o.ago)}
	}
	return o
}

// timed tells, where an Offset is a time, the first offset with it or a later one in
// each partition; -1 = there is none.
func (c *conn) timed(ctx context.Context, o Offset, now time.Time, parts []part) (map[part]int64, error) {
	switch o.kind {
	case fromTime:
		return c.offsetsAt(ctx, parts, o.at.UnixMilli())
	case fromAgo:
		return c.offsetsAt(ctx, parts, now.Add(-o.ago).UnixMilli())
	}
	return nil, nil
}
