package kafka

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/IBM/sarama"
)

// ends tells where each partition ends now: where records are decided, before the
// first one of an open transaction.
func (c *conn) ends(ctx context.Context, parts []part) (map[part]int64, error) {
	level := sarama.ReadUncommitted
	if c.decided {
		level = sarama.ReadCommitted
	}
	return c.askOffsets(ctx, parts, sarama.OffsetNewest, level)
}

// logEnds is where partitions end, be their last records decided or not.
func (c *conn) logEnds(ctx context.Context, parts []part) (map[part]int64, error) {
	return c.askOffsets(ctx, parts, sarama.OffsetNewest, sarama.ReadUncommitted)
}

// offsetsAt is the first offset of each partition at or after a time in milliseconds
// (or the library's for the oldest); -1 = there is none.
func (c *conn) offsetsAt(ctx context.Context, parts []part, at int64) (map[part]int64, error) {
	return c.askOffsets(ctx, parts, at, sarama.ReadUncommitted)
}

// askOffsets asks each leader once about all of its partitions.
func (c *conn) askOffsets(ctx context.Context, parts []part, at int64, level sarama.IsolationLevel) (map[part]int64, error) {
	if len(parts) == 0 {
		return map[part]int64{}, nil
	}
	unknown := 0
	found, err := lasting(ctx, c, func() (map[part]int64, error) {
		l, err := c.leaders(parts)
		if err != nil {
			return nil, err
		}
		if len(l.none) > 0 {
			c.outage.leaderless(l.none[0].topic)
			return nil, explain(sarama.ErrLeaderNotAvailable, l.none[0].topic)
		}
		found, topic, err := c.tryOffsets(parts, at, level, l.of)
		if isCode(err) {
			err = explain(err, topic)
		}
		i := slices.IndexFunc(parts, func(p part) bool { _, ok := found[p]; return !ok })
		if err != nil || i < 0 {
			return found, err
		}
		if unknown++; unknown < metadataRetries { // not everybody knows of a new one at once
			return nil, sarama.ErrIncompleteResponse
		}
		return nil, noTopic(parts[i].topic)
	})
	if !isCode(err) {
		err = explain(err, "")
	}
	return found, err
}

// tryOffsets is one attempt; topic is the one that err is about. leaderOf knows the
// leaders. Partitions that there are not are left out.
func (c *conn) tryOffsets(parts []part, at int64, level sarama.IsolationLevel, leaderOf func(part) (*sarama.Broker, error)) (found map[part]int64, topic string, err error) {
	requests := map[*sarama.Broker]*sarama.OffsetRequest{}
	asked := make([]part, 0, len(parts))
	for _, p := range parts {
		leader, err := leaderOf(p)
		if errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
			continue
		}
		if err != nil {
			return nil, p.topic, err
		}
		req := requests[leader]
		if req == nil {
			req = sarama.NewOffsetRequest(c.client.Config().Version)
			req.IsolationLevel = level
			requests[leader] = req
		}
		req.AddBlock(p.topic, p.id, at, 1)
		asked = append(asked, p)
	}
	answers, err := askLeaders(requests)
	if err != nil {
		return nil, parts[0].topic, err
	}
	found, topic, err = offsetsIn(answers)
	if err != nil {
		return nil, topic, err
	}
	for _, p := range asked {
		if _, ok := found[p]; !ok {
			return nil, p.topic, sarama.ErrIncompleteResponse
		}
	}
	maps.DeleteFunc(found, func(_ part, n int64) bool { return n == offsetGone })
	return found, "", nil
}

// offsetGone stands for the offset of a partition that there is not.
const offsetGone = math.MinInt64

// offsetsIn are the offsets in answers; those of partitions that there are not are
// offsetGone.
func offsetsIn(answers []*sarama.OffsetResponse) (found map[part]int64, topic string, err error) {
	found = map[part]int64{}
	for _, resp := range answers {
		for topic, byID := range resp.Blocks {
			for id, block := range byID {
				switch {
				case block.Err == sarama.ErrUnknownTopicOrPartition:
					found[part{topic, id}] = offsetGone
				case block.Err != sarama.ErrNoError:
					return nil, topic, block.Err
				default:
					found[part{topic, id}] = block.Offset
				}
			}
		}
	}
	return found, "", nil
}

// askLeaders asks all at once; an error is that of one of them.
func askLeaders(requests map[*sarama.Broker]*sarama.OffsetRequest) (answers []*sarama.OffsetResponse, err error) {
	var asking sync.WaitGroup
	var mu sync.Mutex
	for leader, req := range requests {
		asking.Go(func() {
			resp, failed := leader.GetAvailableOffsets(req)
			if failed != nil {
				leader.Close() // the next attempt opens it again
			}
			mu.Lock()
			defer mu.Unlock()
			answers = append(answers, resp)
			err = cmp.Or(err, failed)
		})
	}
	asking.Wait()
	return answers, err
}
