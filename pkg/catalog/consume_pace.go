package catalog

import (
	"context"
	"time"

	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/stream"
)

// pacing says how many records may stand between two marks. Time alone does not: what
// a slow pipe takes at once, into its buffers, it works on for minutes. So marks stand
// close to each other until those buffers are full, and then blocks are so small that
// there are several from mark to mark at the speed at which records go.
type pacing struct {
	block int // records of a block; 0 = before the first
	since int // records since the last mark
	free  int // bytes that the buffers of the pipe may still take at once
}

const (
	paceBuffers = 256 << 10 // bytes that a pipe of some commands takes at once
	paceClose   = 512       // records from mark to mark while it does
	paceLeast   = 16        // records of a block
	paceMost    = 2048
	paceParts   = 8 // blocks from mark to mark
)

// size is how many records the next block may have.
func (p *pacing) size() int {
	if p.block == 0 {
		p.block, p.free = paceClose/paceParts, paceBuffers
	}
	return p.block
}

// gave notes what has been handed on.
func (p *pacing) gave(records, bytes int) {
	p.since += records
	p.free -= bytes
}

// due tells whether a mark is, whatever the time.
func (p *pacing) due() bool { return p.free > 0 && p.since >= paceClose }

// marked notes that a mark is made, some time behind the one before.
func (p *pacing) marked(took, every time.Duration) {
	if p.since == 0 {
		return
	}
	perMark := paceMost * paceParts
	if took > 0 {
		perMark = int(min(float64(perMark), float64(p.since)*float64(every)/float64(took)))
	}
	p.block = max(paceLeast, min(perMark/paceParts, 2*p.size(), paceMost))
	if p.free > 0 {
		p.block = min(p.block, paceClose/2)
	}
	p.since = 0
}

// paused notes that no records came for a while: the pipe may be empty.
func (p *pacing) paused() { p.free = paceBuffers }

// portion is what is left of a batch that is handed on in pieces.
type portion struct {
	batch  kafka.Batch
	wanted []kafka.Record
}

// piece returns the next records of one partition, and the offset behind them. With
// marks they are so few that a mark can follow in time.
func (m *marking) piece(ctx context.Context) (*stream.Block, kafka.Batch, int64, error) {
	if m.token == "" {
		b, batch, err := m.read(ctx)
		if err != nil {
			return nil, batch, 0, err
		}
		return b, batch, batch.Next(), nil
	}
	r := &m.rest
	if len(r.wanted) > 0 && r.batch.Revoked() { // somebody else reads them
		r.batch.Release()
		r.wanted = nil
	}
	first := len(r.wanted) == 0
	if first {
		var err error
		if r.batch, r.wanted, err = m.next(ctx); err != nil {
			return nil, r.batch, 0, err
		}
	}
	now, next := r.wanted, r.batch.Next()
	if n := m.pacing.size(); len(now) > n {
		now, next = now[:n], now[n].Offset
	}
	name, line := stream.SourceName(r.batch.Topic, r.batch.Partition), r.batch.Records[0].Offset+1
	if !first {
		line = now[0].Offset + 1
	}
	data := m.lines(now)
	m.pacing.gave(len(now), len(data))
	r.wanted = r.wanted[len(now):]
	if len(r.wanted) == 0 { // data is a copy
		r.batch.Release()
	}
	return &stream.Block{Data: data, Raw: m.raw(len(now)), Name: name, Source: name, Line: line, Time: time.Now(), Ack: func(err error) {
		if err == nil { // else somebody may still look at data
			m.recycle(data)
		}
	}}, r.batch, next, nil
}
