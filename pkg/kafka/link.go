package kafka

import (
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/codec"
)

const (
	requestsInFlight = 5                // to one broker, and batches of one partition: a broker remembers so many
	lanes            = 2                // connections to a broker, which works off the requests of each one by one
	packedRoom       = 8 << 10          // for batches that are packed less than the one before
	answerWait       = 15 * time.Second // for an answer, and for the replicas behind it
)

// way names a link.
type way struct{ broker, lane int32 }

func (part *partition) way() way { return way{part.leader, part.lane} }

// link is the way to one broker, or one of several (lanes). Its goroutine sends what
// its partitions have of those that the broker leads.
type link struct {
	p    *Producer
	id   int32
	wake chan struct{}

	ratio float64 // of the last batch that was packed, to what it was before

	// p.mu guards these.
	addr    string
	parts   []*partition // that the broker leads
	turn    int          // the first of them to be asked next
	flying  int          // requests without an answer
	current *wire        // nil = not connected
	chosen  int32        // of the first lane: how many partitions were given a lane
}

func (l *link) awake() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run sends until the producer ends.
func (l *link) run() {
	p := l.p
	packer, err := codec.NewPacker(p.codec, p.cfg.Level)
	if err != nil {
		p.abandon(err)
		return
	}
	defer packer.Close()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	defer l.hangUp()
	for {
		list, wait := l.gather()
		if len(list) > 0 {
			l.send(list, packer)
			continue
		}
		if wait <= 0 {
			wait = time.Hour
		}
		timer.Reset(wait)
		select {
		case <-l.wake:
		case <-timer.C:
		case <-p.ctx.Done():
			return
		}
	}
}

// gather takes the batches of the next request.
func (l *link) gather() (list []*batch, wait time.Duration) {
	p := l.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.flying >= requestsInFlight || p.lost != nil || p.closed {
		return nil, 0
	}
	now, size := time.Now(), 0
	if wait, ok := l.current.pausing(l.flying, now); ok {
		return nil, wait
	}
	first := l.turn
	for i := range l.parts {
		part := l.parts[(first+i)%len(l.parts)]
		if part.leader != l.id { // since something failed: metadata will tell
			continue
		}
		b, later := p.next(part, l.flying == 0, now)
		if later > 0 && (wait == 0 || later < wait) {
			wait = later
		}
		if b == nil {
			continue
		}
		if size += len(b.bytes()); len(list) > 0 && size > requestBytes {
			break
		}
		p.take(part, b)
		list = append(list, b)
		l.turn = (first + i + 1) % len(l.parts)
	}
	if len(list) > 0 {
		l.flying++
	}
	return list, wait
}

// send sends one request; its answer comes by itself.
func (l *link) send(list []*batch, packer *codec.Packer) {
	p := l.p
	if err := l.pack(list, packer); err != nil {
		l.answered(nil, list, nil, err)
		return
	}
	w, err := l.open()
	if err == nil && p.txn != nil {
		err = p.join(list)
	}
	if err != nil {
		l.answered(w, list, nil, err)
		return
	}
	req := produceRequest{p.cfg.TransactionalID, p.acks, answerWait, p.codec, list}
	if err := w.write(&req); err != nil || p.acks == sarama.NoResponse { // nobody else tells
		l.answered(w, list, nil, err)
		return
	}
	// Only now: when it is answered its buffers are used again.
	w.sent <- flight{w.direct.asked, list}
}

// pack compresses batches that are not yet, and gives their buffers back.
func (l *link) pack(list []*batch, packer *codec.Packer) error {
	p := l.p
	if p.codec == codec.None {
		return nil
	}
	for _, b := range list {
		if b.packed != nil {
			continue
		}
		room := int(float64(len(b.records))*l.ratio) + packedRoom
		p.mu.Lock()
		packed := p.spare.get(room)
		p.mu.Unlock()
		if packed == nil {
			packed = make([]byte, 0, room)
		}
		packed, err := packer.Append(packed, b.records)
		if err != nil {
			return err
		}
		l.ratio = float64(len(packed)) / float64(len(b.records))
		p.mu.Lock()
		p.bytes -= b.memory()
		used := b.records
		b.records, b.packed = nil, packed
		p.bytes += b.memory()
		p.spare.put(used, p.cfg.BufferBytes)
		p.mu.Unlock()
	}
	return nil
}
