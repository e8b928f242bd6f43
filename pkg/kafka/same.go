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
)

// Who commits looks first whether a topic is still the one that was read (KIP-516): a
// name that was given to a new topic would take the offsets of the old one, and the
// records of the new one up to there would never be read. The group's coordinator is
// asked, which is asked to store them next: a topic that is made anew between the two
// is the one case that is left, and the reader sets that right when it finds it out.

// topicIDs are the topics that are read, as they were when they were known last.
type topicIDs struct {
	mu  sync.Mutex
	ids map[string]sarama.Uuid
}

// of is the id of a topic; zero = not known.
func (t *topicIDs) of(topic string) sarama.Uuid {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ids[topic]
}

// learn notes the id of a topic, zero for one that is gone, and tells whether it had
// another one.
func (t *topicIDs) learn(topic string, id sarama.Uuid) (other bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ids == nil {
		t.ids = map[string]sarama.Uuid{}
	}
	old := t.ids[topic]
	t.ids[topic] = id
	return old != id && old != sarama.Uuid{} && id != sarama.Uuid{}
}

// names are the known ids of the topics of partitions, as Kafka's tools write them.
func (t *topicIDs) names(parts []part) map[string]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	names := map[string]string{}
	for _, p := range parts {
		if id := t.ids[p.topic]; id != (sarama.Uuid{}) {
			names[p.topic] = id.String()
		}
	}
	return names
}

// replaced are the ids that belong to no topic any more.
type replaced struct {
	reads bool // by the reader itself, which tells of it

	mu   sync.Mutex
	ids  map[string]bool
	same map[string]time.Time // when an id was that of its topic still, for a reader
}

// recently is how long a reader does not ask again: it commits many times a second.
const recently = 50 * time.Millisecond

// asked tells whether it was known of an id not long ago that it is that of its topic.
func (r *replaced) asked(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Since(r.same[id]) < recently
}

// note notes which topics have these ids still.
func (r *replaced) note(ids, now map[string]string) {
	if !r.reads {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.same == nil {
		r.same = map[string]time.Time{}
	}
	for topic, id := range now {
		if ids[topic] == id {
			r.same[id] = time.Now()
		}
	}
}

// lagging is for how long a broker may not have heard of a topic that another one
// knows: what it says for longer is so.
const lagging = 2 * time.Second

// unchanged are those of offsets whose topics still have these ids, or of which no id
// is known.
func (c *conn) unchanged(ctx context.Context, group string, ids map[string]string, offsets map[part]int64) (map[part]int64, error) {
	var topics []string
	for p := range offsets {
		if id := ids[p.topic]; id != "" && !slices.Contains(topics, p.topic) && !c.replaced.asked(id) {
			topics = append(topics, p.topic)
		}
	}
	var since time.Time
	for len(topics) > 0 {
		now, err := c.idsAt(group, topics)
		if err != nil {
			return nil, err
		}
		c.replaced.note(ids, now)
		others := map[string]bool{}
		for topic, id := range now {
			if id != ids[topic] {
				others[topic] = true
			}
		}
		if since.IsZero() {
			since = time.Now()
		}
		if c.replaced.all(others, ids) || time.Since(since) >= lagging {
			c.tellOthers(others, ids, now)
			left := maps.Clone(offsets)
			maps.DeleteFunc(left, func(p part, _ int64) bool { return others[p.topic] })
			return left, nil
		}
		if err := pause(ctx, retryPause); err != nil {
			return nil, err
		}
	}
	return maps.Clone(offsets), nil
}

// all tells whether it is known of all these topics that their ids are no more.
func (r *replaced) all(topics map[string]bool, ids map[string]string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for topic := range topics {
		if !r.ids[ids[topic]] {
			return false
		}
	}
	return true
}

// tellOthers notes which topics are gone, or others now, and tells of it once.
func (c *conn) tellOthers(topics map[string]bool, ids, now map[string]string) {
	r := &c.replaced
	r.mu.Lock()
	defer r.mu.Unlock()
	for topic := range topics {
		if r.ids[ids[topic]] {
			continue
		}
		if r.ids == nil {
			r.ids = map[string]bool{}
		}
		r.ids[ids[topic]] = true
		if r.reads {
			continue
		}
		text := fmt.Sprintf("topic %q was deleted: what was read of it is not committed", topic)
		if now[topic] != "" {
			text = fmt.Sprintf("topic %q was deleted and made again: what was read of the old one is not committed", topic)
		}
		c.cfg.log().Warn(text)
	}
}

// tellGone tells of partitions that there are not.
func (c *conn) tellGone(gone []part) {
	for _, p := range gone {
		c.tellOthers(map[string]bool{p.topic: true}, map[string]string{p.topic: goneAs(p)}, nil)
	}
}

// goneAs stands for the id of a topic that is not there.
func goneAs(p part) string { return "name " + p.topic }

// gone tells whether it is known of all these partitions that they are not there.
func (r *replaced) gone(parts []part) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !slices.ContainsFunc(parts, func(p part) bool { return !r.ids[goneAs(p)] })
}

// idsAt asks the coordinator of a group for the ids of topics: "" for one that does not
// exist; what it does not tell is left out.
func (c *conn) idsAt(group string, topics []string) (map[string]string, error) {
	coordinator, err := c.client.Coordinator(group)
	if err != nil {
		return nil, err
	}
	resp, err := coordinator.GetMetadata(sarama.NewMetadataRequest(c.client.Config().Version, topics))
	if err != nil {
		coordinator.Close()
		return nil, errors.Join(err, c.client.RefreshCoordinator(group))
	}
	ids := map[string]string{}
	for _, t := range resp.Topics {
		switch {
		case t.Err == sarama.ErrUnknownTopicOrPartition:
			ids[t.Name] = ""
		case t.Uuid != sarama.Uuid{}:
			ids[t.Name] = t.Uuid.String()
		}
	}
	return ids, nil
}
