package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
)

// Session is what a reader of a group tells others of itself, so that they can
// commit what it has read: one generation of the group as one member sees it.
// Partitions are named topic/partition.
type Session struct {
	Group      string // "" = no group: nothing can be committed
	Member     string
	Instance   string
	Generation int32
	Start      map[string]int64   // the offset that each partition is read from
	Behind     []string           // the partitions that have records there already, in order
	Epoch      int64              // the largest that the group has committed with them
	Until      map[string][]int64 // what the group has committed with each, as in Mark
	Cluster    string             // its id; "" where it does not tell
	Topics     map[string]string  // the ids of the topics, by name, where they are known

	mu   sync.Mutex
	lost map[string]bool // see Lost
}

// Lost tells whether the topic of a partition was deleted while the others of the session
// are read on: there is nothing to commit of it.
func (s *Session) Lost(partition string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost[partition[:max(strings.LastIndexByte(partition, '/'), 0)]]
}

// lose notes that a topic was deleted.
func (s *Session) lose(topic string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost == nil {
		s.lost = map[string]bool{}
	}
	s.lost[topic] = true
}

// Session is the one at hand, nil before the first.
func (c *Consumer) Session() *Session { return c.session.Load() }

// Brokers are the addresses by which the cluster was found.
func (c *Consumer) Brokers() []string { return c.conn.cfg.Brokers }

// SessionOf is the one in which b was read.
func (c *Consumer) SessionOf(b Batch) *Session {
	if b.session != nil {
		return b.session.info
	}
	return c.session.Load()
}

// present makes the session of reading from these places.
func (c *Consumer) present(ctx context.Context, from map[part]int64, now *session) error {
	s := &Session{Start: map[string]int64{}}
	parts := slices.Collect(maps.Keys(from))
	ends, _, err := askLed(ctx, c, parts, func(led []part) (map[part]int64, error) { return c.conn.ends(ctx, led) })
	if err == nil {
		err = c.inside(ctx, from, ends, now)
	}
	if err != nil {
		return err
	}
	for p, at := range from {
		if at != unplaced {
			s.Start[p.String()] = at
		}
		if end, known := ends[p]; at < end || !known { // those without a leader may have some
			s.Behind = append(s.Behind, p.String())
		}
	}
	slices.Sort(s.Behind)
	if now != nil {
		s.Group, s.Member, s.Instance, s.Generation = c.cfg.Group, now.member, c.cfg.Instance, now.generation
		if s.Epoch, s.Until, err = c.conn.notes(ctx, c.cfg.Group, parts); err != nil {
			return err
		}
		if s.Cluster, err = c.conn.clusterID(ctx); err != nil {
			return err
		}
		s.Topics = c.ids.names(parts)
		now.info = s
	}
	c.session.Store(s)
	return nil
}

// notes are what a group has committed with its offsets: the number of the latest
// mark, and for each partition how far the rows were out.
func (c *conn) notes(ctx context.Context, group string, parts []part) (epoch int64, until map[string][]int64, err error) {
	byTopic := map[string][]int32{}
	for _, p := range parts {
		byTopic[p.topic] = append(byTopic[p.topic], p.id)
	}
	resp, err := c.stable(ctx, group, byTopic)
	if err != nil {
		return 0, nil, fmt.Errorf("group %q: read committed offsets: %w", group, explain(err, ""))
	}
	until = map[string][]int64{}
	for _, p := range parts {
		if block := resp.GetBlock(p.topic, p.id); block != nil {
			n, list := parseNote(block.Metadata)
			epoch = max(epoch, n)
			if len(list) > 0 {
				until[p.String()] = list
			}
		}
	}
	return epoch, until, nil
}

// Reached reports whether the group has committed at least these offsets, by whom
// ever, and the mark of this number, or a later one; 0 = whichever.
func (c *Consumer) Reached(ctx context.Context, offsets map[string]int64, epoch int64) (bool, error) {
	parts, err := partsOf(offsets)
	if err != nil {
		return false, err
	}
	var latest int64
	now, err := c.conn.committedEach(ctx, c.cfg.Group, parts, func(_ part, block *sarama.OffsetFetchResponseBlock) {
		n, _ := parseNote(block.Metadata)
		latest = max(latest, n)
	})
	return err == nil && latest >= epoch && Behind(named(now), offsets), err
}

// Behind tells whether all offsets are at or behind those of a mark.
func Behind(now, mark map[string]int64) bool {
	for name, n := range mark {
		if now[name] < n {
			return false
		}
	}
	return true
}

// Committed is what the group has committed of the partitions that a mark is about;
// -1 = nothing.
func (c *Consumer) Committed(ctx context.Context, mark map[string]int64) (map[string]int64, error) {
	parts, err := partsOf(mark)
	if err != nil {
		return nil, err
	}
	now, err := c.conn.committed(ctx, c.cfg.Group, parts)
	if err != nil {
		return nil, err
	}
	return named(now), nil
}

// named is offsets with the names of their partitions, topic/partition.
func named(offsets map[part]int64) map[string]int64 {
	out := make(map[string]int64, len(offsets))
	for p, n := range offsets {
		out[p.String()] = n
	}
	return out
}

func partsOf(offsets map[string]int64) ([]part, error) {
	var parts []part
	for name := range offsets {
		i := strings.LastIndexByte(name, '/')
		n, err := strconv.ParseInt(name[i+1:], 10, 32)
		if i <= 0 || err != nil || n < 0 {
			return nil, fmt.Errorf("%q is no partition: want topic/partition", name)
		}
		parts = append(parts, part{name[:i], int32(n)})
	}
	return parts, nil
}

// Mark is what is to be committed: the places up to which a member of a group has
// read.
type Mark struct {
	Group, Member, Instance string
	Generation              int32
	Epoch                   int64
	Offsets                 map[string]int64 // by topic/partition: the next record's
	// Until is, by topic/partition, how far event time had come in each command that
	// makes rows of windows when their rows were out; ns since 1970 UTC.
	Until map[string][]int64

	Topics  map[string]string // as in Session: what is read of a topic that is another one now is not committed
	Leaders map[string]int32  // as Consumer.Leaders tells
	Cluster string            // of the group: its id, "" where it did not tell
	Brokers []string          // by which its reader has found it; empty = as we do
}

// Names of what is stored with the offsets of a mark.
const (
	epochName = "logpipe epoch="
	untilName = " until="
)

// Note is stored as the metadata of the offset of a partition, named topic/partition;
// "" with what is no mark's, which has no number.
func (m Mark) Note(partition string) string {
	if m.Epoch == 0 {
		return ""
	}
	note := epochName + strconv.FormatInt(m.Epoch, 10)
	for i, ns := range m.Until[partition] {
		if i == 0 {
			note += untilName
		} else {
			note += ","
		}
		note += strconv.FormatInt(ns, 10)
	}
	return note
}

// parseNote reads a Note; other metadata gives nothing.
func parseNote(text string) (epoch int64, until []int64) {
	text, ok := strings.CutPrefix(text, epochName)
	if !ok {
		return 0, nil
	}
	number, list, more := strings.Cut(text, untilName)
	epoch, err := strconv.ParseInt(number, 10, 64)
	if err != nil || !more {
		return epoch, nil
	}
	for item := range strings.SplitSeq(list, ",") {
		ns, err := strconv.ParseInt(item, 10, 64)
		if err != nil {
			return epoch, nil
		}
		until = append(until, ns)
	}
	return epoch, until
}

// Cluster is the id of the cluster, "" where it does not tell.
func (p *Producer) Cluster() string {
	id, err := p.conn.clusterID(context.Background())
	if err != nil {
		return ""
	}
	return id
}

// clusterID asks for the id of the cluster.
func (c *conn) clusterID(ctx context.Context) (string, error) {
	resp, err := c.metadata(ctx, []string{groupOffsets}, false)
	if err != nil || resp.ClusterID == nil {
		return "", err
	}
	return *resp.ClusterID, nil
}

// groupOffsets is a topic of the brokers' own: about one topic, even one that is not
// there, they tell less than about all.
const groupOffsets = "__consumer_offsets"

// commitError words why a commit was refused.
func commitError(group string, err error) error {
	switch {
	case errors.Is(err, sarama.ErrIllegalGeneration), errors.Is(err, sarama.ErrUnknownMemberId),
		errors.Is(err, sarama.ErrRebalanceInProgress), errors.Is(err, sarama.ErrFencedInstancedId):
		return ErrRevoked
	case errors.Is(err, context.DeadlineExceeded):
		return fault.Hint(fault.Unreachablef("commit to group %q: its coordinator does not answer: %w", group, err), testHint)
	case err != nil && passing(err):
		return fault.Hint(fault.Unreachablef("commit to group %q: no broker has stored it: %w", group, trimmed{err}), testHint)
	case err != nil:
		return fmt.Errorf("commit to group %q: %w", group, explain(err, ""))
	}
	return nil
}
