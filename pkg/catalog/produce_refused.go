package catalog

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/stream"
)

// refusals are the records that brokers have refused for what they are, with the
// lines that they were.
type refusals struct {
	next stream.Places // of the lines that come

	mu   sync.Mutex
	list []stream.Rejection // since the last call of Refused
	all  int64              // refused so far
}

// placed is where records of a receipt come from, from the one with number first on.
type placed struct {
	first int64
	at    stream.Places
}

// Place implements stream.Refuser.
func (r *refusals) Place(at stream.Places) { r.next = at }

// Refused implements stream.Refuser.
func (r *refusals) Refused() []stream.Rejection {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.list
	r.list = nil
	return list
}

// unheard is how many Refused has not returned yet.
func (r *refusals) unheard() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int64(len(r.list))
}

// here notes where the lines come from that are sent now.
func (p *produced) here(lines []byte) {
	p.receipt()
	o := p.receipts.own
	p.mu.Lock()
	defer p.mu.Unlock()
	o.lines = append(o.lines, placed{o.sent, p.next})
	o.sent += int64(bytes.Count(lines, []byte{'\n'}))
	p.next = stream.Places{}
}

// refused notes a record with its line. It is called from another goroutine.
func (p *produced) refused(o *awaited, n int64, r kafka.Record, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	j := stream.Rejection{Stage: "produce", Reject: stream.Reject{Line: p.lineOf(&r), Err: err}}
	for i := len(o.lines) - 1; i >= 0; i-- {
		if l := o.lines[i]; l.first <= n {
			j.Name, j.Num = l.at.Name, l.at.At(n-l.first)
			break
		}
	}
	p.list = append(p.list, j)
	p.all++
}

const hintTooLarge = "the topic's max.message.bytes sets the limit; --on-too-large skip or file=F goes on without them"

// undelivered is why no mark is committed any more: records before it, or behind it,
// are neither in the topic nor where the user wants those that it does not take. What
// is on its way has been waited for.
func (p *produced) undelivered() error {
	if n := p.sink.tooLarge.Load(); n > 0 && p.sink.onLarge.fails() {
		return fault.Hint(fmt.Errorf("%s larger than the topic takes (%d bytes): not committed, to be read again with the others since the last mark",
			countRecords(n), p.sink.limit.Load()),
			hintTooLarge)
	}
	p.mu.Lock()
	n := p.all
	p.mu.Unlock()
	if n > 0 && !p.keeps {
		return fault.Hint(fmt.Errorf("%s refused by the broker: not committed, to be read again with the others since the last mark", countRecords(n)),
			"--on-error file=F keeps them, and goes on")
	}
	return nil
}

// lineOf is the line of which a record was made: as it was, but for an envelope,
// which is written anew.
func (p *produced) lineOf(r *kafka.Record) []byte {
	switch {
	case p.sink.wraps:
		return appendEnvelope(nil, r)
	case p.sink.delimiter != "" && r.Key != nil:
		return bytes.Join([][]byte{r.Key, r.Value}, []byte(p.sink.delimiter))
	}
	return bytes.Clone(r.Value)
}

// countRefused counts those of which the engine has not heard as rejected by this
// command, in the ledger that comes with c.
func (p *produced) countRefused(c *stream.Control) {
	if n := p.unheard(); n > 0 && len(c.Ledger) > 0 {
		own := &c.Ledger[len(c.Ledger)-1]
		own.Out -= n
		own.Rejected += n
	}
}
