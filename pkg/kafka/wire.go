package kafka

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

// wire is one connection of a link. The link's goroutine opens it and writes to it,
// and closes sent when it writes no more; another one, listen, reads the answers.
type wire struct {
	direct  *direct // nil until it is open
	broker  *sarama.Broker
	addr    string
	cut     context.CancelFunc // closes the connection whoever waits on it
	dead    atomic.Bool
	version int16        // of Produce
	muted   atomic.Int64 // until when the broker wants no requests, ns since 1970
	renews  bool         // the library says who we are before the next request
	sent    chan flight  // written, without an answer yet
	head    []byte
	pieces  net.Buffers
}

// flight is a request that waits for its answer.
type flight struct {
	id   int32
	list []*batch
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
	l.hangUp()
	ctx, cut := context.WithCancel(p.ctx)
	conf := *p.conn.client.Config()
	conf.Net.ReadTimeout, conf.Net.WriteTimeout = answerWait+5*time.Second, answerWait
	w = &wire{broker: sarama.NewBroker(addr), addr: addr, cut: cut, sent: make(chan flight, requestsInFlight)}
	p.mu.Lock()
	l.current = w // to be cut from elsewhere
	p.mu.Unlock()
	p.workers.Go(func() { l.listen(w) })
	var err error
	if w.direct, err = openDirect(ctx, w.broker, conf); err != nil {
		return w, err
	}
	w.version, err = w.direct.version(keyProduce, produceOldest, produceNewest, "Produce")
	return w, err
}

// hangUp ends the connection. The link's goroutine calls it.
func (l *link) hangUp() {
	l.p.mu.Lock()
	w := l.current
	l.current = nil
	l.p.mu.Unlock()
	if w != nil {
		w.close()
		close(w.sent)
	}
}

// close ends the connection. What waits for an answer on it hears of that.
func (w *wire) close() {
	if w.dead.Swap(true) {
		return
	}
	w.cut()
	// The library waits there for who is connecting.
	go w.broker.Close()
}

// pausing is how long the broker wants no request, because one has to have its
// answer first (0) or it has said so; ok is false where it may be sent now. p.mu is
// held, and flying is the number of requests without an answer.
func (w *wire) pausing(flying int, now time.Time) (left time.Duration, ok bool) {
	if w == nil || w.dead.Load() {
		return 0, false
	}
	if left = time.Unix(0, w.muted.Load()).Sub(now); left > 0 {
		return left, true
	}
	// It is asked only here whether it is time: when the request is written it may
	// have become so, with others without an answer.
	w.renews = w.direct != nil && w.direct.due()
	return 0, w.renews && flying > 0
}

// write sends a request.
func (w *wire) write(r *produceRequest) error {
	d := w.direct
	if w.renews {
		if err := d.renew(); err != nil {
			return err
		}
		w.renews = false
	}
	w.head, w.pieces = r.pieces(d.begin(w.head[:0], keyProduce, w.version), w.pieces[:0])
	if err := d.conn.SetWriteDeadline(time.Now().Add(d.conf.Net.WriteTimeout)); err != nil {
		return err
	}
	all := w.pieces // writing moves it
	_, err := all.WriteTo(d.conn)
	clear(w.pieces)
	return err
}

// listen hands out the answers of a connection until it is given up. Those behind
// one that does not come are not coming either.
func (l *link) listen(w *wire) {
	var buf []byte
	var failed error
	for r := range w.sent {
		var blocks map[part]*sarama.ProduceResponseBlock
		if failed == nil {
			blocks, failed = w.answer(r.id, &buf)
		}
		l.answered(w, r.list, blocks, failed)
	}
}

// answer reads the answer to a request.
func (w *wire) answer(id int32, buf *[]byte) (map[part]*sarama.ProduceResponseBlock, error) {
	n, err := w.direct.awaitAnswer(id)
	if err != nil {
		return nil, err
	}
	if n > cap(*buf) {
		*buf = make([]byte, n)
	}
	b := (*buf)[:n]
	if _, err := io.ReadFull(w.direct.conn, b); err != nil {
		return nil, err
	}
	blocks, throttle, err := parseProduce(b, w.version)
	if throttle > 0 {
		w.muted.Store(time.Now().Add(time.Duration(throttle) * time.Millisecond).UnixNano())
	}
	return blocks, err
}
