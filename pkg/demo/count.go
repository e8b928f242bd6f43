package demo

import (
	"bytes"
	"context"
	"io"
	"sync"
	"sync/atomic"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/stream"
)

// lineCounter counts the lines that go to w. A line counts before it is
// written, so that none is read that was not counted.
type lineCounter struct {
	w     io.Writer
	lines *atomic.Int64
}

func (c *lineCounter) Write(p []byte) (int, error) {
	c.lines.Add(int64(bytes.Count(p, []byte{'\n'})))
	return c.w.Write(p)
}

// countedSource counts the records that a source gives.
type countedSource struct {
	catalog.Source
	r *running
}

func (s countedSource) Open(ctx context.Context, env *stream.Env) (stream.Source, error) {
	opened, err := s.Source.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	return &counting{opened, s.r}, nil
}

// counting is an open countedSource.
type counting struct {
	stream.Source
	r *running
}

// Read counts a block when it is through the pipeline.
func (s *counting) Read(ctx context.Context) (*stream.Block, error) {
	b, err := s.Source.Read(ctx)
	if b == nil || err != nil {
		return b, err
	}
	n := int64(bytes.Count(b.Data, []byte{'\n'}))
	ack := b.Ack
	b.Ack = func(err error) {
		if ack != nil {
			ack(err)
		}
		s.r.read.Add(n)
		select {
		case s.r.moved <- struct{}{}:
		default:
		}
	}
	return b, nil
}

// Close closes the source.
func (s *counting) Close() error {
	if c, ok := s.Source.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// messages passes lines on, or keeps them while a live table stands on the
// terminal.
type messages struct {
	mu   sync.Mutex
	w    io.Writer
	held bool
	kept bytes.Buffer
}

func (m *messages) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held {
		return m.kept.Write(p)
	}
	return m.w.Write(p)
}

func (m *messages) hold() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = true
}

// release prints what was kept.
func (m *messages) release() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = false
	_, err := m.kept.WriteTo(m.w)
	return err
}
