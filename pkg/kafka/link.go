package kafka

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/codec"
)

const (
	requestsInFlight = 5 // to one broker, and batches of one partition: a broker remembers so many
	produceVersion   = 8
	answerWait       = 15 * time.Second // for an answer, and for the replicas behind it
)

// link is the way to one broker. Its goroutine sends what the partitions have
// that the broker leads.
type link struct {
	p    *Producer
	id   int32
	wake chan struct{}

	// p.mu guards these.
	addr    string
	parts   []*partition // that the broker leads
	turn    int          // the first of them to be asked next
	flying  int          // requests without an answer
	current *wire        // nil = not connected
}

// wire is one connection of a link.
type wire struct {
	broker *sarama.Broker
	addr   string
	cut    context.CancelFunc // closes the connection whoever waits on it
	dead   atomic.Bool
}

// close ends the connection. What waits for an answer on it hears of that.
func (w *wire) close() {
	if w.dead.Swap(true) {
		return
	}
	w.cut()
	// The library tells those who wait for answers while it closes.
	go w.broker.Close()
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
	if err := p.pack(list, packer); err != nil {
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
	req := &sarama.ProduceRequest{RequiredAcks: p.acks, Timeout: int32(answerWait / time.Millisecond), Version: produceVersion}
	if p.txn != nil {
		req.TransactionalID = &p.cfg.TransactionalID
	}
	nils := p.placeholders()
	for _, b := range list {
		req.AddBatch(b.to.topic.name, b.to.id, b.frame(p.codec, nils, p.txn != nil))
	}
	err = w.broker.AsyncProduce(req, func(resp *sarama.ProduceResponse, err error) { l.answered(w, list, resp, err) })
	if err != nil || p.acks == sarama.NoResponse { // nobody else tells
		l.answered(w, list, nil, err)
	}
}

// pack compresses batches that are not yet, and gives their buffers back.
func (p *Producer) pack(list []*batch, packer *codec.Packer) error {
	if p.codec == codec.None {
		return nil
	}
	for _, b := range list {
		if b.packed != nil {
			continue
		}
		packed, err := packer.Append(make([]byte, 0, len(b.records)/3+1024), b.records)
		if err != nil {
			return err
		}
		p.mu.Lock()
		p.bytes -= b.memory()
		used := b.records
		b.records, b.packed = nil, packed
		p.bytes += b.memory()
		p.keep(used)
		p.mu.Unlock()
	}
	return nil
}

func (p *Producer) placeholders() []*sarama.Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.nils
}

// open returns the connection, and makes it where there is none.
func (l *link) open() (*wire, error) {
	p := l.p
	p.mu.Lock()
	w, addr := l.current, l.addr
	p.mu.Unlock()
	if w != nil && w.addr == addr && !w.dead.Load() {
		return w, nil
	}
	if w != nil {
		w.close()
	}
	ctx, cut := context.WithCancel(p.ctx)
	conf := *p.conn.client.Config()
	conf.Net.MaxOpenRequests = requestsInFlight
	conf.Net.ReadTimeout, conf.Net.WriteTimeout = answerWait+5*time.Second, answerWait
	conf.Net.Proxy.Enable, conf.Net.Proxy.Dialer = true, cutDialer{ctx, conf.Net.DialTimeout}
	w = &wire{broker: sarama.NewBroker(addr), addr: addr, cut: cut}
	p.mu.Lock()
	l.current = w // to be cut from elsewhere
	p.mu.Unlock()
	if err := w.broker.Open(&conf); err != nil {
		return w, err
	}
	if _, err := w.broker.Connected(); err != nil {
		return w, err
	}
	return w, nil
}
