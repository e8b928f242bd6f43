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
	first, err := c.offsetAt(ctx, p, sarama.OffsetOldest)
	if err != nil {
		return span{}, err
	}
	next, err := c.offsetAt(ctx, p, sarama.OffsetNewest)
	return span{first, next}, err
}

// offsetAt asks the leader for the first offset at or after a time in
// milliseconds (or one of the library's two special times); -1 = there is none.
func (c *conn) offsetAt(ctx context.Context, p part, at int64) (int64, error) {
	if at == sarama.OffsetNewest && c.decided {
		return c.stableEnd(ctx, p)
	}
	n, err := retry(ctx, c, func() (int64, error) { return c.client.GetOffset(p.topic, p.id, at) })
	if err != nil {
		return 0, explain(err, p.topic)
	}
	return n, nil
}

// resolve turns an Offset into the position in each partition. An offset that
// is past the end of every partition is a mistake; one that is older than what
// is left means the oldest.
func (c *conn) resolve(ctx context.Context, from Offset, parts []part) (map[part]int64, error) {
	out := make(map[part]int64, len(parts))
	largest, inside := int64(-1), len(parts) == 0
	now := time.Now()
	for _, p := range parts {
		s, err := c.span(ctx, p)
		if err != nil {
			return nil, err
		}
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
			at := from.at
			if from.kind == fromAgo {
				at = now.Add(-from.ago)
			}
			if n, err := c.offsetAt(ctx, p, at.UnixMilli()); err != nil {
				return nil, err
			} else if n >= 0 {
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

// ends tells where each partition ends now.
func (c *conn) ends(ctx context.Context, parts []part) (map[part]int64, error) {
	out := make(map[part]int64, len(parts))
	for _, p := range parts {
		n, err := c.offsetAt(ctx, p, sarama.OffsetNewest)
		if err != nil {
			return nil, err
		}
		out[p] = n
	}
	return out, nil
}
