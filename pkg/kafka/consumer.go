package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
)

// ConsumerConfig says what to read and when to stop.
type ConsumerConfig struct {
	Topics     []string
	Patterns   []string      // regular expressions: topics that match are read, new ones from their first record on
	Group      string        // "" = all partitions, nothing is committed
	Partitions []int32       // only these; nil = all. Not with a group
	From       Offset        // where to start; with a group only where it has committed nothing
	Until      *Offset       // end before this place in each partition; nil = read on
	ExitAtEnd  bool          // end when each partition is read up to where it ended at the start
	MaxRecords int64         // end after this many; 0 = no limit
	FetchBytes int32         // how much to ask a partition for at once; 0 = 4 MiB
	Session    time.Duration // a member that is silent for this long loses its partitions; 0 = 10 s
	Instance   string        // static membership (group.instance.id); "" = none
	Same       bool          // a topic that is deleted and made again ends reading with ErrRemade; so it does where reading is to end
	Open       bool          // read records of open and aborted transactions too
	Rescan     time.Duration // how often to look for new topics and partitions; 0 = 5 s with Patterns, else 30 s
}

// Batch is a run of records of one partition, in order. It holds at least one
// record.
type Batch struct {
	Topic     string
	Partition int32
	Records   []Record
	End       int64 // offset that the partition's next new record gets, as known when these were read; lag = End - Next
	session   *session
	lease     *lease
	made      int // which of the logs of this name it is of
	gap       gap // behind the last record, as long as that is in Records
}

// gap is offsets behind a record that hold none for readers: markers, and records that
// were aborted or compacted.
type gap struct{ after, next int64 }

func (b Batch) part() part { return part{b.Topic, b.Partition} }

// Next is the offset after the last record, and after what holds no records behind it, as
// far as that has come with it: what Commit commits. A transaction ends with a marker, so
// that a group would lag by it for ever.
func (b Batch) Next() int64 {
	last := b.Records[len(b.Records)-1].Offset
	if last == b.gap.after {
		return max(b.gap.next, last+1)
	}
	return last + 1
}

// Last is the batch with its last record alone, and of that the offset: enough for
// Commit, after Release too.
func (b Batch) Last() Batch {
	b.Records = []Record{{Topic: b.Topic, Partition: b.Partition, Offset: b.Next() - 1}}
	b.lease = nil
	return b
}

// Release gives back the memory of the records, for those to come: neither they nor
// their bytes may be used any more, in copies of b neither. Without it the memory
// is collected when nobody uses it.
func (b Batch) Release() {
	if b.lease != nil {
		b.lease.end()
	}
}

// Revoked tells whether the group has moved on since the batch was read: it cannot
// be committed any more, and its records are read again, here or elsewhere.
func (b Batch) Revoked() bool { return b.session.over() }

// Consumer reads records. Read and Commit may be called from two goroutines.
type Consumer struct {
	cfg  ConsumerConfig
	conn *conn
	read int64 // records handed out, owned by Read

	batches chan Batch
	ended   chan struct{} // closed when all partitions have been read to their end
	endOnce sync.Once
	ctx     context.Context
	stop    context.CancelFunc
	cut     context.CancelFunc // the connections
	work    sync.WaitGroup

	pool     pool
	patterns []*regexp.Regexp
	progress *progress
	session  atomic.Pointer[Session]
	held     atomic.Bool // see Hold
	begun    atomic.Bool // to read
	ids      topicIDs
	epochs   epochs

	mu      sync.Mutex
	err     error                // why reading failed
	stay    map[part]int64       // ExitAtEnd, Until: where reading each partition ends
	topics  []string             // that are read, in order
	gone    []string             // topics that were deleted while they were read
	late    map[part]bool        // partitions that came when reading had begun
	known   map[part]bool        // of a group: partitions that this member has seen
	rejoin  context.CancelFunc   // lets the group know of new topics
	behind  map[part]int64       // lag of the partitions that were read
	remakes map[string]int       // how often a topic was deleted and made again
	short   map[part]ending      // partitions that have lost records
	losses  map[part]int         // how often one had
	idle    map[part]*leaderless // those that are waited for
	others  []string             // of a group: topics that are others than in the last generation; owned by its beginning

	// Of the last generation; owned by the beginning of the next.
	mine       []part
	generation int32
}

// NewConsumer connects and starts to read ahead. A topic that does not exist is
// an error; a consumer never creates one.
func NewConsumer(ctx context.Context, cfg Config, cc ConsumerConfig) (*Consumer, error) {
	if len(cc.Topics)+len(cc.Patterns) == 0 {
		return nil, fault.Usagef("no topic to read")
	}
	patterns, err := compile(cc.Patterns)
	if err != nil {
		return nil, err
	}
	if len(cc.Partitions) > 0 && cc.Group != "" {
		return nil, fault.Usagef("a group shares out all partitions: none can be chosen")
	}
	now := time.Now()
	cc.From = cc.From.counted(now)
	if cc.Until != nil {
		until := cc.Until.counted(now)
		cc.Until = &until
	}
	lines, cut := context.WithCancel(context.Background())
	conn, err := connect(ctx, cfg, func(s *sarama.Config) {
		cc.settings(s)
		s.Net.Proxy.Enable, s.Net.Proxy.Dialer = true, cutDialer{lines, s.Net.DialTimeout}
	})
	if err != nil {
		cut()
		return nil, err
	}
	conn.decided, conn.replaced.reads = !cc.Open, true
	c := &Consumer{cfg: cc, conn: conn, cut: cut, batches: make(chan Batch), ended: make(chan struct{}), patterns: patterns, progress: newProgress(),
		stay: map[part]int64{}, late: map[part]bool{}, behind: map[part]int64{}, remakes: map[string]int{}, losses: map[part]int{}, short: map[part]ending{}, idle: map[part]*leaderless{}}
	c.ctx, c.stop = context.WithCancel(context.Background())
	parts, err := c.partitions(ctx)
	if err == nil && cc.Group == "" {
		err = c.startAlone(ctx, parts)
	} else if err == nil {
		err = c.startGroup(ctx, parts)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	if !c.bounded() {
		c.work.Go(func() { c.watch(parts) })
	}
	return c, nil
}

func (cc ConsumerConfig) settings(s *sarama.Config) {
	s.Consumer.Fetch.Default = cc.FetchBytes
	if s.Consumer.Fetch.Default <= 0 {
		s.Consumer.Fetch.Default = 4 << 20
	}
	s.Consumer.Return.Errors = true
	s.Consumer.Offsets.AutoCommit.Enable = false
	// Positions are always given; this one counts where they are gone from the
	// log, and there the oldest loses least.
	s.Consumer.Offsets.Initial = sarama.OffsetOldest
	if cc.Session > 0 {
		s.Consumer.Group.Session.Timeout = cc.Session
		s.Consumer.Group.Heartbeat.Interval = (cc.Session / 3).Truncate(time.Millisecond)
	}
	// A member here has nothing to finish before it joins again: who has not joined
	// in the time of two sessions is dead.
	s.Consumer.Group.Rebalance.Timeout = 2 * s.Consumer.Group.Session.Timeout
	s.Consumer.Group.InstanceId = cc.Instance
	s.Consumer.Group.Rebalance.Retry.Max = metadataRetries
	s.Consumer.Group.Rebalance.Retry.Backoff = retryPause
}

// partitions lists those that are to be read, and notes their topics.
func (c *Consumer) partitions(ctx context.Context) ([]part, error) {
	topics, err := c.matching(ctx)
	if err != nil {
		return nil, err
	}
	if len(topics) == 0 {
		if c.bounded() {
			return nil, fault.Hint(fmt.Errorf("no topic matches %s", strings.Join(c.cfg.Patterns, ", ")), "logpipe topic list shows the topics")
		}
		c.conn.cfg.log().Warn(fmt.Sprintf("no topic matches %s yet", strings.Join(c.cfg.Patterns, ", ")))
	}
	parts, err := c.conn.partitionsOf(ctx, topics, c.cfg.Partitions)
	if err == nil {
		c.mu.Lock()
		c.topics = topics
		c.mu.Unlock()
	}
	return parts, err
}

// bounded tells whether reading ends by itself.
func (c *Consumer) bounded() bool { return c.cfg.ExitAtEnd || c.cfg.Until != nil }

// Read waits for records. io.EOF says that ExitAtEnd, Until or MaxRecords is reached;
// a consumer with a group is a member of it until Close, so that the last batch
// can still be committed.
func (c *Consumer) Read(ctx context.Context) (Batch, error) {
	left := c.cfg.MaxRecords - c.read
	if c.cfg.MaxRecords > 0 && left <= 0 {
		return Batch{}, io.EOF
	}
	for {
		select {
		case b := <-c.batches:
			if b.session.over() {
				b.Release()
				continue // another member reads these
			}
			if c.cfg.MaxRecords > 0 && int64(len(b.Records)) > left {
				b.Records = b.Records[:left]
			}
			c.read += int64(len(b.Records))
			c.noteLag(b)
			return b, nil
		case <-c.ended:
			return Batch{}, io.EOF
		case <-c.ctx.Done():
			return Batch{}, c.failure()
		case <-ctx.Done():
			return Batch{}, ctx.Err()
		}
	}
}

// Close stops reading, leaves the group and ends the connections. What was not
// committed is read again by the group's next member.
func (c *Consumer) Close() error {
	c.fail(errClosed)
	c.conn.closing.Store(true) // leaving a group whose cluster is gone is tried without pauses
	// A member that waits for the others of its group to join waits within a request.
	slow := time.AfterFunc(closePatience, c.cut)
	defer slow.Stop()
	c.work.Wait()
	err := c.conn.close()
	c.cut()
	return err
}

// closePatience is how long leaving a group may take before the connections are cut.
const closePatience = 2 * time.Second

var errClosed = errors.New("the consumer is closed")

// fail ends the consumer; the first reason stays.
func (c *Consumer) fail(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	c.mu.Unlock()
	c.stop()
}

func (c *Consumer) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// finish is called when every partition has been read to its end.
func (c *Consumer) finish() { c.endOnce.Do(func() { close(c.ended) }) }

// startAlone reads all partitions without a group.
func (c *Consumer) startAlone(ctx context.Context, parts []part) error {
	from, err := c.begins(ctx, parts)
	if err != nil {
		return err
	}
	if err := c.learnEnds(ctx, parts); err != nil {
		return err
	}
	if err := c.present(ctx, from, nil); err != nil {
		return err
	}
	c.work.Go(func() { c.readFrom(c.ctx, from, nil) })
	return nil
}

// readFrom reads partitions from the positions given until ctx is over.
func (c *Consumer) readFrom(ctx context.Context, from map[part]int64, s *session) {
	c.begun.Store(true)
	var list []*reading
	for p, pos := range from {
		r := &reading{part: p, pos: pos, made: c.ids.of(p.topic)}
		c.bound(r)
		list = append(list, r)
	}
	done, err := c.follow(ctx, list, s)
	if err != nil {
		c.fail(err)
	} else if done && c.bounded() {
		c.finish()
	}
}

// learnEnds notes where reading partitions ends that were not seen before, and have a
// leader to ask.
func (c *Consumer) learnEnds(ctx context.Context, parts []part) error {
	if !c.bounded() {
		return nil
	}
	var unseen []part
	c.mu.Lock()
	for _, p := range parts {
		if _, ok := c.stay[p]; !ok {
			unseen = append(unseen, p)
		}
	}
	c.mu.Unlock()
	ends, _, err := askLed(ctx, c, unseen, func(led []part) (map[part]int64, error) { return c.endsOf(ctx, led) })
	if err != nil {
		return err
	}
	c.mu.Lock()
	for p, n := range ends {
		c.stay[p] = n
	}
	c.mu.Unlock()
	return nil
}

// endsOf tells where reading partitions ends.
func (c *Consumer) endsOf(ctx context.Context, parts []part) (map[part]int64, error) {
	if c.cfg.Until == nil {
		return c.conn.ends(ctx, parts)
	}
	ends, err := c.conn.limits(ctx, *c.cfg.Until, parts)
	if err != nil || !c.cfg.ExitAtEnd {
		return ends, err
	}
	now, err := c.conn.ends(ctx, parts)
	for p, n := range now {
		ends[p] = min(ends[p], n)
	}
	return ends, err
}
