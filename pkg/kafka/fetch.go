package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// Reading is done with Fetch requests on connections of their own, one to each
// leader (fetch_conn.go), whose answers are read in place (decode.go), and not with
// the library's consumer: that one starts with a pause of 100 ms, hands over single
// records, and never tells that the rest of a partition holds no records (the
// markers of transactions, what compaction left).

// reading is one partition that is being read.
type reading struct {
	part
	pos   int64       // the next offset to hand out; owned by the leader's loop of the round
	last  int64       // where to end; -1 = never
	epoch int32       // of the leader, as the metadata of the round say
	read  leaderEpoch // of the record before pos; owned by fetch
	noted bool        // the epochs of the records of this round are; owned by fetch
	made  sarama.Uuid // the topic's id; zero = not known
	gone  absence     // of the topic

	unclear bool      // where to begin, or to end, is not known yet: there was no leader to ask
	since   time.Time // when that began
	again   time.Time // when it is to be found out again, at the earliest
}

func (r *reading) done() bool { return !r.unclear && r.last >= 0 && r.pos >= r.last }

// Sizes and times of a fetch.
const (
	fetchMost     = 1 << 20 // asked for at a time, packed as it is
	fetchAll      = 4 << 20 // of all leaders; each has two answers on their way
	fetchLeast    = 256 << 10
	fetchLargest  = 64 << 20
	fetchWait     = 500 * time.Millisecond // how long a broker holds a fetch that finds nothing
	leaderlessFor = time.Second            // when to look again for the leader of a partition without one
)

// follow reads partitions until all have reached their end (true), ctx is over
// (false) or an error cannot get better. It works in rounds: a round asks who
// leads which partition and ends when a leader moved or went away.
func (c *Consumer) follow(ctx context.Context, parts []*reading, s *session) (bool, error) {
	for {
		open := slices.DeleteFunc(slices.Clone(parts), (*reading).done)
		if len(open) == 0 {
			return true, nil
		}
		err := c.round(ctx, open, s)
		if ctx.Err() != nil {
			return false, nil
		}
		if err == nil {
			continue
		}
		if !passing(err) && !errors.Is(err, errMoved) && !errors.Is(err, errGone) {
			return false, err
		}
		c.conn.cfg.log().Debug("read again", "reason", err)
		if !errors.Is(err, errGone) {
			c.conn.outage.failed(err)
		}
		if pause(ctx, retryPause) != nil {
			return false, nil
		}
	}
}

// errMoved ends a round because a partition has another leader, or none.
var errMoved = errors.New("the leader of a partition moved")

// awayError is that a leader is not to be reached.
type awayError struct{ error }

func (e awayError) Unwrap() error { return e.error }

func (c *Consumer) round(ctx context.Context, open []*reading, s *session) error {
	if err := c.setBack(ctx, open, s); err != nil {
		return err
	}
	leaders, all, err := c.leaders(ctx, open, s)
	if err != nil {
		return err
	}
	placed, err := c.placeAll(ctx, leaders, s)
	if err != nil {
		return err
	}
	all = all && placed
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !all {
		stop := time.AfterFunc(leaderlessFor, cancel)
		defer stop.Stop()
	}
	results := make(chan error, len(leaders))
	answered := make(chan struct{}, len(leaders)) // by a leader, once
	for leader, parts := range leaders {
		go func() { results <- c.fromLeader(ctx, leader, parts, s, len(leaders), answered) }()
	}
	if len(leaders) > 0 && placed { // of what has no leader it is told by itself
		go c.noteAnswers(ctx, answered, len(leaders))
	}
	var first error
	for range leaders {
		if err := <-results; err != nil {
			if first == nil {
				first = err
			}
			if away := (awayError{}); errors.As(err, &away) { // the others are read meanwhile
				defer time.AfterFunc(leaderlessFor, cancel).Stop()
			} else {
				cancel() // so that all meet in the next round
			}
		}
	}
	if first == nil && len(leaders) == 0 && !all {
		if open[0].gone != (absence{}) {
			return errGone
		}
		return c.allLeaderless(open)
	}
	return first
}

// noteAnswers ends an outage when every leader has answered.
func (c *Consumer) noteAnswers(ctx context.Context, answered <-chan struct{}, leaders int) {
	for range leaders {
		select {
		case <-answered:
		case <-ctx.Done():
			return
		}
	}
	c.conn.outage.worked()
}

// leaders groups partitions by their leader; all tells whether each has one.
func (c *Consumer) leaders(ctx context.Context, open []*reading, s *session) (_ map[*sarama.Broker][]*reading, all bool, err error) {
	var topics []string
	for _, r := range open {
		if !slices.Contains(topics, r.topic) {
			topics = append(topics, r.topic)
		}
	}
	resp, err := c.conn.metadata(ctx, topics, false)
	if err != nil {
		return nil, false, err
	}
	brokers := map[int32]*sarama.Broker{}
	for _, b := range resp.Brokers {
		brokers[b.ID()] = b
	}
	known, err := c.knownParts(ctx, resp.Topics, open, s)
	if err != nil {
		return nil, false, err
	}
	leaders, all, none := map[*sarama.Broker][]*reading{}, true, []part(nil)
	for _, r := range open {
		if r.done() {
			continue // its topic is forgotten
		}
		p := known[r.part]
		if p == nil || brokers[p.Leader] == nil {
			if all = false; p != nil {
				none = append(none, r.part)
			}
			continue
		}
		r.epoch = p.LeaderEpoch
		leaders[brokers[p.Leader]] = append(leaders[brokers[p.Leader]], r)
	}
	c.noteLeaderless(none, leaders)
	return leaders, all, nil
}

// knownParts finds the partitions of the topics that are read, and sees to those that
// are gone or were made anew.
func (c *Consumer) knownParts(ctx context.Context, topics []*sarama.TopicMetadata, open []*reading, s *session) (map[part]*sarama.PartitionMetadata, error) {
	known := map[part]*sarama.PartitionMetadata{}
	for _, t := range topics {
		if t.Err == sarama.ErrUnknownTopicOrPartition {
			if !c.forget(t.Name, open, s) {
				if err := c.missing(t.Name, open); err != nil {
					return nil, err
				}
			}
			continue
		}
		if t.Err != sarama.ErrNoError && !passing(t.Err) {
			return nil, explain(t.Err, t.Name)
		}
		for _, p := range t.Partitions {
			known[part{t.Name, p.ID}] = p
		}
		if err := c.remade(ctx, t, open, s); err != nil {
			return nil, err
		}
	}
	return known, nil
}

// fromLeader reads what one broker leads. While a reader works on one answer
// the next is fetched; positions move when records are handed out, so what was
// fetched in vain is fetched again.
func (c *Consumer) fromLeader(ctx context.Context, leader *sarama.Broker, parts []*reading, s *session, share int, answered chan<- struct{}) error {
	ctx, cancel := context.WithCancel(ctx)
	var fetching sync.WaitGroup
	defer fetching.Wait()
	defer cancel()
	context.AfterFunc(ctx, func() { leader.Close() })
	conn, err := c.openFetch(ctx, leader)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("fetch from broker %d: %w", leader.ID(), awayError{err})
	}
	slices.SortFunc(parts, func(a, b *reading) int { return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.id, b.id)) })
	f := c.newFetch(conn, parts, share)
	f.first = sync.OnceFunc(func() { answered <- struct{}{} })
	answers := make(chan []answer)
	var failed error
	fetching.Go(func() {
		defer close(answers)
		failed = f.run(ctx, answers)
	})
	h := &handing{c: c, session: s, parts: parts}
	defer h.close()
	for list := range answers {
		for i := range list {
			if err := h.give(ctx, &list[i]); err != nil && ctx.Err() == nil {
				return err
			} else if err != nil {
				return nil
			}
		}
	}
	if ctx.Err() != nil {
		return nil // the round is over: its connections were cut
	}
	return failed
}

// newFetch asks over conn for parts, as one of share leaders.
func (c *Consumer) newFetch(conn *fetchConn, parts []*reading, share int) *fetch {
	f := &fetch{c: c, conn: conn, index: map[string]map[int32]int{}, names: map[sarama.Uuid]string{},
		size: max(c.conn.client.Config().Consumer.Fetch.Default, 1), total: int32(max(min(fetchAll/share, fetchMost), fetchLeast))}
	for i, r := range parts {
		f.parts = append(f.parts, &reading{part: r.part, pos: r.pos, last: r.last, epoch: r.epoch, read: c.epochs.at(r.part, r.pos), made: r.made})
		f.names[r.made] = r.topic
		if f.index[r.topic] == nil {
			f.index[r.topic] = map[int32]int{}
		}
		f.index[r.topic][r.id] = i
	}
	if !f.byID() {
		conn.version = min(conn.version, fetchNamed)
	}
	return f
}

// cutDialer makes connections that are cut when ctx ends. The library's own
// Close waits for the answer to a fetch, which a broker without records holds.
type cutDialer struct {
	ctx     context.Context
	timeout time.Duration
}

func (d cutDialer) Dial(network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: d.timeout}).DialContext(d.ctx, network, address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(d.ctx, func() { conn.Close() })
	return conn, nil
}
