package kafka

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

// answer is what one fetch brought of one partition.
type answer struct {
	part
	index   int   // in the leader's list
	pos     int64 // where its records begin
	next    int64 // the offset to go on with: behind what holds no records too
	last    int64 // where reading ends; -1 = never
	end     int64
	aborted []abortedTransaction
	set     []byte
	memory  *memory // that set is part of; the answer is a user of it; nil = none
}

// fetch asks one leader, ahead of what is handed out.
type fetch struct {
	c     *Consumer
	conn  *fetchConn
	first func()                   // is called with each answer
	parts []*reading               // positions of the fetches, by topic
	index map[string]map[int32]int // of parts
	names map[sarama.Uuid]string   // of the topics, by id
	turn  int                      // the part that is asked for first: a broker fills its answer in order
	size  int32                    // asked for each partition; grows for a batch that is larger
	total int32                    // asked for all of them; a first batch that is larger comes all the same
}

// run fetches until all partitions have reached their end or something fails.
func (f *fetch) run(ctx context.Context, answers chan<- []answer) error {
	for {
		req := f.request()
		if len(req.topics) == 0 {
			return nil
		}
		m, err := f.conn.fetch(req)
		if err != nil {
			return fmt.Errorf("fetch from broker %d: %w", f.conn.broker.ID(), err)
		}
		f.first()
		list, throttle, err := f.take(ctx, m)
		m.release()
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
		if throttle > 0 && pause(ctx, throttle) != nil {
			return nil
		}
	}
}

// request asks for what is not read yet. Each partition is asked for first once in
// a while, or others would never come where one fills the answer.
func (f *fetch) request() *fetchRequest {
	req := &fetchRequest{wait: int32(fetchWait / time.Millisecond), total: f.total, decided: f.c.conn.decided}
	var topic *fetchTopic
	add := func(list []*reading) {
		for _, r := range list {
			if r.done() {
				continue
			}
			if topic == nil || topic.name != r.topic {
				req.topics = append(req.topics, fetchTopic{name: r.topic, made: r.made})
				topic = &req.topics[len(req.topics)-1]
			}
			topic.parts = append(topic.parts, fetchPart{id: r.id, epoch: r.epoch, read: r.read.number(), pos: r.pos, size: f.size})
		}
	}
	// A topic is named once, with the partitions before the first one too.
	name := f.parts[f.turn].topic
	same := func(r *reading) bool { return r.topic == name }
	begin := slices.IndexFunc(f.parts, same)
	end := begin + len(f.index[name])
	add(f.parts[f.turn:end])
	add(f.parts[begin:f.turn])
	add(f.parts[end:])
	add(f.parts[:begin])
	return req
}

// What brokers answer to who asks for a topic by an id that no topic has any more
// (KIP-516), or another one than that of the partition that they have.
const (
	errUnknownID sarama.KError = 100
	errOtherID   sarama.KError = 103
)

// byID reports whether the ids of all topics are known.
func (f *fetch) byID() bool {
	return !slices.ContainsFunc(f.parts, func(r *reading) bool { return r.made == sarama.Uuid{} })
}

// indexOf is where the partition of an answer stands in the list.
func (f *fetch) indexOf(p *fetched) (i int, ok bool) {
	name := string(p.topic)
	if f.conn.version > fetchNamed {
		name = f.names[sarama.Uuid(p.topic)]
	}
	i, ok = f.index[name][p.id]
	return i, ok
}

// take reads an answer and moves the positions of the fetches.
func (f *fetch) take(ctx context.Context, m *memory) (list []answer, throttle time.Duration, err error) {
	var moved error
	all, err := f.conn.parse(m, func(p *fetched) error {
		i, ok := f.indexOf(p)
		if !ok {
			return nil
		}
		switch code := p.code; {
		case code == sarama.ErrNoError && p.fork.epoch != 0:
			return f.forked(i, p.fork)
		case code == sarama.ErrNoError:
		case code == sarama.ErrOffsetOutOfRange:
			a, err := f.again(ctx, i)
			if err == nil {
				list = append(list, a)
			}
			return err
		case code == sarama.ErrUnknownTopicOrPartition || code == errUnknownID || code == errOtherID || passing(code):
			moved = errMoved // if the topic is gone, the next round's metadata say so
			return nil
		default:
			return explain(code, f.parts[i].topic)
		}
		a, err := f.found(i, p)
		if err == nil && a.next > a.pos {
			if len(list) == 0 {
				f.turn = (i + 1) % len(f.parts)
			}
			m.hold()
			a.memory = m
			list = append(list, a)
		}
		return err
	})
	if err == nil && all.code != sarama.ErrNoError {
		if err = explain(all.code, ""); all.code == errUnknownID || all.code == errOtherID || passing(all.code) {
			err = errMoved
		}
	}
	if err == nil {
		err = moved
	}
	return list, time.Duration(all.throttle) * time.Millisecond, err
}

// found looks how far the batches of a partition go.
func (f *fetch) found(i int, p *fetched) (answer, error) {
	r := f.parts[i]
	a := answer{part: r.part, index: i, pos: r.pos, next: r.pos, last: r.last, end: p.end, aborted: p.aborted, set: p.set}
	for rest := p.set; ; {
		b, more, err := nextFrame(rest)
		if err != nil {
			return a, a.wrong(a.next, err)
		}
		if b == nil {
			break
		}
		a.next, rest = max(a.next, b.last()+1), more
		if e := b.epoch(); e != r.read || !r.noted {
			r.read, r.noted = f.c.epochs.note(r.part, b.base(), e), true
		}
	}
	if a.next == r.pos && len(p.set) > 0 && f.size < fetchLargest {
		f.size *= 2 // an old broker cut the only batch off
	}
	r.pos = a.next
	return a, nil
}

// behind is the place behind all that the answer has of what is to be read.
func (a *answer) behind() int64 {
	if a.last >= 0 {
		return min(a.next, a.last)
	}
	return a.next
}

// wrong says where something is wrong.
func (a *answer) wrong(offset int64, err error) error {
	return fmt.Errorf("topic %q partition %d: offset %d has %w", a.topic, a.id, offset, err)
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
	if r.pos >= s.first { // the next round goes back: what was fetched before is handed out first
		if r.pos <= s.next && r.read != 0 {
			f.c.epochs.unclear(r.part) // it is of no epoch that the leader knows
		}
		f.c.mu.Lock()
		f.c.short[r.part] = ending{asked: r.pos, next: s.next}
		f.c.mu.Unlock()
		return answer{}, errMoved
	}
	f.c.tellJump(r.part, r.pos, s)
	r.pos = s.first
	return answer{part: r.part, index: i, pos: s.first, next: s.first, end: s.next}, nil
}
