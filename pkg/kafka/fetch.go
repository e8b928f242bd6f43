package kafka

import (
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
// leader, and not with the library's consumer: that one starts with a pause of
// 100 ms, hands over single records, and never tells that the rest of a
// partition holds no records (the markers of transactions, what compaction left).

// reading is one partition that is being read.
type reading struct {
	part
	pos   int64 // the next offset to hand out; owned by the leader's loop of the round
	last  int64 // where to end; -1 = never
	epoch int32 // of the leader, as the metadata of the round say
}

func (r *reading) done() bool { return r.last >= 0 && r.pos >= r.last }

// Sizes and times of a fetch.
const (
	fetchVersion  = 11      // the last before topic ids and flexible encoding
	fetchMost     = 2 << 20 // asked for at a time, compressed as it is
	fetchLeast    = 64 << 10
	fetchWanted   = 2 << 20 // of memory for the records of one answer; three of them are on their way
	recordMemory  = 300     // of a record beside its bytes, here and in the library
	fetchLargest  = 64 << 20
	fetchWait     = 500 * time.Millisecond // how long a broker holds a fetch that finds nothing
	leaderlessFor = time.Second            // when to look again for the leader of a partition without one
	batchRecords  = 2048                   // what an operator likes to get at once
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
		if !passing(err) && !errors.Is(err, errMoved) {
			return false, err
		}
		c.conn.cfg.log().Debug("read again", "reason", err)
		c.conn.outage.failed()
		if pause(ctx, retryPause) != nil {
			return false, nil
		}
	}
}

// errMoved ends a round because a partition has another leader, or none.
var errMoved = errors.New("the leader of a partition moved")

func (c *Consumer) round(ctx context.Context, open []*reading, s *session) error {
	leaders, all, err := c.leaders(ctx, open)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !all {
		stop := time.AfterFunc(leaderlessFor, cancel)
		defer stop.Stop()
	}
	results := make(chan error, len(leaders))
	answered := make(chan struct{}, len(leaders)) // by a leader, once
	for leader, parts := range leaders {
		go func() { results <- c.fromLeader(ctx, leader, parts, s, answered) }()
	}
	if all {
		go c.noteAnswers(ctx, answered, len(leaders))
	}
	var first error
	for range leaders {
		if err := <-results; err != nil {
			if first == nil {
				first = err
			}
			cancel() // so that all meet in the next round
		}
	}
	if first == nil && len(leaders) == 0 {
		return errMoved
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
func (c *Consumer) leaders(ctx context.Context, open []*reading) (_ map[*sarama.Broker][]*reading, all bool, err error) {
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
	known := map[part]*sarama.PartitionMetadata{}
	for _, t := range resp.Topics {
		if t.Err == sarama.ErrUnknownTopicOrPartition && c.forget(t.Name, open) {
			continue
		}
		if t.Err != sarama.ErrNoError && !passing(t.Err) {
			return nil, false, explain(t.Err, t.Name)
		}
		for _, p := range t.Partitions {
			known[part{t.Name, p.ID}] = p
		}
	}
	leaders, all := map[*sarama.Broker][]*reading{}, true
	for _, r := range open {
		p := known[r.part]
		if p == nil || brokers[p.Leader] == nil {
			all = false
			continue
		}
		r.epoch = p.LeaderEpoch
		leaders[brokers[p.Leader]] = append(leaders[brokers[p.Leader]], r)
	}
	return leaders, all, nil
}

// fromLeader reads what one broker leads. While a reader works on one answer
// the next is fetched; positions move when records are handed out, so what was
// fetched in vain is fetched again.
func (c *Consumer) fromLeader(ctx context.Context, leader *sarama.Broker, parts []*reading, s *session, answered chan<- struct{}) error {
	ctx, cancel := context.WithCancel(ctx)
	conf := *c.conn.client.Config()
	conf.Net.Proxy.Enable, conf.Net.Proxy.Dialer = true, cutDialer{ctx, conf.Net.DialTimeout}
	if err := leader.Open(&conf); err != nil {
		cancel()
		return err
	}
	var fetching sync.WaitGroup
	defer fetching.Wait()
	defer cancel()
	context.AfterFunc(ctx, func() { leader.Close() })
	f := &fetch{c: c, leader: leader, first: sync.OnceFunc(func() { answered <- struct{}{} }), size: max(c.conn.client.Config().Consumer.Fetch.Default, 1), total: fetchWanted / 2}
	for _, r := range parts {
		f.parts = append(f.parts, &reading{part: r.part, pos: r.pos, last: r.last, epoch: r.epoch})
	}
	answers := make(chan []answer, 1)
	var failed error
	fetching.Go(func() {
		defer close(answers)
		failed = f.run(ctx, answers)
	})
	for list := range answers {
		for _, a := range list {
			for batch := range slices.Chunk(a.records, batchRecords) {
				b := Batch{Topic: a.topic, Partition: a.id, Records: batch, End: a.end, session: s}
				select {
				case c.batches <- b:
					parts[a.index].pos = b.Next()
				case <-ctx.Done():
					return nil
				}
			}
			parts[a.index].pos = a.next
		}
	}
	return failed
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

// answer is what one fetch brought of one partition.
type answer struct {
	part
	index   int // in the leader's list
	records []Record
	next    int64 // the offset to go on with: behind what holds no records too
	end     int64
}

// fetch asks one leader, ahead of what is handed out.
type fetch struct {
	c      *Consumer
	leader *sarama.Broker
	first  func()     // is called with each answer
	parts  []*reading // positions of the fetches
	size   int32      // asked for each partition; grows for a batch that is larger
	total  int32      // asked for all of them; a first batch that is larger comes all the same
}

// run fetches until all partitions have reached their end or something fails.
func (f *fetch) run(ctx context.Context, answers chan<- []answer) error {
	for {
		req := &sarama.FetchRequest{Version: fetchVersion, MinBytes: 1, SessionEpoch: -1,
			MaxWaitTime: int32(fetchWait / time.Millisecond), MaxBytes: f.total}
		if f.c.conn.decided {
			req.Isolation = sarama.ReadCommitted
		}
		open := false
		for _, r := range f.parts {
			if !r.done() {
				req.AddBlock(r.topic, r.id, r.pos, f.size, r.epoch)
				open = true
			}
		}
		if !open {
			return nil
		}
		resp, err := f.leader.Fetch(req)
		if err != nil {
			return fmt.Errorf("fetch from broker %d: %w", f.leader.ID(), err)
		}
		f.first()
		list, err := f.take(ctx, resp)
		f.adapt(list)
		if len(list) > 0 {
			select {
			case answers <- list:
			case <-ctx.Done():
				return nil
			}
		}
		if err != nil {
			return err
		}
	}
}

// adapt asks for as much as makes the records of an answer as large as is wanted:
// they may be many times what they are compressed.
func (f *fetch) adapt(list []answer) {
	memory := 0
	for _, a := range list {
		memory += recordMemory * len(a.records)
		for i := range a.records {
			memory += len(a.records[i].Key) + len(a.records[i].Value)
		}
	}
	switch {
	case memory > 2*fetchWanted:
		f.total = max(f.total/2, fetchLeast)
	case memory > 0 && memory < fetchWanted/2:
		f.total = min(f.total*2, fetchMost)
	}
}

// take reads a response and moves the positions of the fetches.
func (f *fetch) take(ctx context.Context, resp *sarama.FetchResponse) (list []answer, failed error) {
	for i, r := range f.parts {
		block := resp.GetBlock(r.topic, r.id)
		if block == nil {
			continue
		}
		switch code := block.Err; {
		case code == sarama.ErrNoError:
		case code == sarama.ErrOffsetOutOfRange:
			a, err := f.again(ctx, i)
			if err != nil {
				return list, err
			}
			list = append(list, a)
			continue
		case code == sarama.ErrUnknownTopicOrPartition || passing(code):
			failed = errMoved // if the topic is gone, the next round's metadata say so
			continue
		default:
			return list, explain(code, r.topic)
		}
		a := answer{part: r.part, index: i, next: r.pos, end: block.HighWaterMarkOffset}
		if err := a.read(block, r.last); err != nil {
			return list, err
		}
		if a.next == r.pos && len(block.RecordsSet) > 0 && f.size < fetchLargest {
			f.size *= 2 // an old broker cut the only batch off
		}
		if a.next > r.pos {
			r.pos = a.next
			list = append(list, a)
		}
	}
	return list, failed
}

// again finds a place for a partition whose position is no longer in the log:
// retention was faster than this reader, or the topic was made anew. The oldest
// record loses the least.
func (f *fetch) again(ctx context.Context, i int) (answer, error) {
	r := f.parts[i]
	s, err := f.c.conn.span(ctx, r.part)
	if err != nil {
		return answer{}, err
	}
	f.c.conn.cfg.log().Warn("the next offset to read is no longer in the log", "topic", r.topic, "partition", r.id,
		"offset", r.pos, "going on at", s.first, "lost", max(0, s.first-r.pos))
	r.pos = s.first
	return answer{part: r.part, index: i, next: s.first, end: s.next}, nil
}

// read collects the records of a block from a.next on and before last.
func (a *answer) read(block *sarama.FetchResponseBlock, last int64) error {
	count := 0
	for _, set := range block.RecordsSet {
		if set.RecordBatch != nil {
			count += len(set.RecordBatch.Records)
		}
	}
	a.records = make([]Record, 0, count)
	undone := abortedIn(block) // none where all is read
	for _, set := range block.RecordsSet {
		b := set.RecordBatch
		if b == nil {
			return fmt.Errorf("topic %q partition %d: offset %d has the record format from before Kafka 0.11, which is not read", a.topic, a.id, a.next)
		}
		if b.PartialTrailingRecord {
			break
		}
		if !undone.skips(b) {
			a.add(b, last)
		}
		a.next = max(a.next, b.LastOffset()+1)
	}
	return nil
}

func (a *answer) add(b *sarama.RecordBatch, last int64) {
	for _, r := range b.Records {
		offset := b.FirstOffset + r.OffsetDelta
		if offset < a.next || last >= 0 && offset >= last {
			continue
		}
		out := Record{Topic: a.topic, Partition: a.id, Key: r.Key, Value: r.Value, Offset: offset, Time: b.FirstTimestamp.Add(r.TimestampDelta)}
		if b.LogAppendTime {
			out.Time = b.MaxTimestamp
		}
		if len(r.Headers) > 0 {
			out.Headers = make([]Header, len(r.Headers))
			for i, h := range r.Headers {
				out.Headers[i] = Header{string(h.Key), h.Value}
			}
		}
		a.records = append(a.records, out)
	}
}
