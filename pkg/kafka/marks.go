package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/IBM/sarama"
)

// Session is what a reader of a group tells others of itself, so that they can
// commit what it has read: one generation of the group as one member sees it.
// Partitions are named topic/partition.
type Session struct {
	Group      string // "" = no group: nothing can be committed
	Member     string
	Instance   string
	Generation int32
	Start      map[string]int64 // the offset that each partition is read from
	Behind     []string         // the partitions that have records there already, in order
	Epoch      int64            // the largest that the group has committed with them
	Cluster    string           // its id; "" where it does not tell
}

// Session is the one at hand, nil before the first.
func (c *Consumer) Session() *Session { return c.session.Load() }

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
	var parts []part
	for p, n := range from {
		parts = append(parts, p)
		s.Start[p.String()] = n
	}
	ends, err := c.conn.ends(ctx, parts)
	if err != nil {
		return err
	}
	for p, n := range ends {
		if from[p] < n {
			s.Behind = append(s.Behind, p.String())
		}
	}
	slices.Sort(s.Behind)
	if now != nil {
		s.Group, s.Member, s.Instance, s.Generation = c.cfg.Group, now.member, c.cfg.Instance, now.generation
		if s.Epoch, err = c.conn.epoch(ctx, c.cfg.Group, parts); err != nil {
			return err
		}
		if s.Cluster, err = c.conn.clusterID(ctx); err != nil {
			return err
		}
		now.info = s
	}
	c.session.Store(s)
	return nil
}

// epochName stands before the number of a mark in the metadata of its commit.
const epochName = "logpipe epoch="

// epoch is the number of the latest mark that a group has committed.
func (c *conn) epoch(ctx context.Context, group string, parts []part) (int64, error) {
	byTopic := map[string][]int32{}
	for _, p := range parts {
		byTopic[p.topic] = append(byTopic[p.topic], p.id)
	}
	resp, err := c.stable(ctx, group, byTopic)
	if err != nil {
		return 0, fmt.Errorf("group %q: read committed offsets: %w", group, explain(err, ""))
	}
	var last int64
	for _, p := range parts {
		if block := resp.GetBlock(p.topic, p.id); block != nil {
			if text, ok := strings.CutPrefix(block.Metadata, epochName); ok {
				n, _ := strconv.ParseInt(text, 10, 64)
				last = max(last, n)
			}
		}
	}
	return last, nil
}

// Reached reports whether the group has committed at least these offsets, by whom
// ever.
func (c *Consumer) Reached(ctx context.Context, offsets map[string]int64) (bool, error) {
	parts, err := partsOf(offsets)
	if err != nil {
		return false, err
	}
	now, err := c.conn.committed(ctx, c.cfg.Group, parts)
	if err != nil {
		return false, err
	}
	for _, p := range parts {
		if now[p] < offsets[p.String()] {
			return false, nil
		}
	}
	return true, nil
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
}

// Metadata is stored with the offsets of a mark.
func (m Mark) Metadata() string { return epochName + strconv.FormatInt(m.Epoch, 10) }

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

// Committer commits for members of groups that are other processes. Its cluster is
// reached with the first commit.
type Committer struct {
	cfg  Config
	mu   sync.Mutex
	conn *conn
}

// NewCommitter returns a committer in the cluster of cfg.
func NewCommitter(cfg Config) *Committer { return &Committer{cfg: cfg} }

// Commit stores a mark. ErrRevoked says that the group has moved on: its records
// are read again.
func (k *Committer) Commit(ctx context.Context, m Mark) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conn == nil {
		var err error
		if k.conn, err = connect(ctx, k.cfg, nil); err != nil {
			return err
		}
	}
	parts, err := partsOf(m.Offsets)
	if err != nil {
		return err
	}
	offsets := make(map[part]int64, len(parts))
	for _, p := range parts {
		offsets[p] = m.Offsets[p.String()]
	}
	return k.conn.commit(ctx, m, offsets, m.Metadata())
}

// commitError words why a commit was refused.
func commitError(group string, err error) error {
	switch {
	case errors.Is(err, sarama.ErrIllegalGeneration), errors.Is(err, sarama.ErrUnknownMemberId),
		errors.Is(err, sarama.ErrRebalanceInProgress), errors.Is(err, sarama.ErrFencedInstancedId):
		return ErrRevoked
	case err != nil:
		return fmt.Errorf("commit to group %q: %w", group, explain(err, ""))
	}
	return nil
}

// Close ends the connection.
func (k *Committer) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conn == nil {
		return nil
	}
	return k.conn.close()
}
