package hdfs

import (
	"context"
	"errors"
	"sync"
	"time"
)

// lastCalls is how long the calls may take together that end the files of an
// agent which gives up, or whose cluster does not answer: what they do not get
// done, the next run does.
const lastCalls = 2 * time.Second

// patience is how long calls of the file system may still take.
type patience struct {
	mu     sync.Mutex
	ctx    context.Context
	cancel context.CancelFunc
	short  bool
}

func (p *patience) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.short = false
}

// now is the context of calls that begin now.
func (p *patience) now() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ctx
}

// lose ends the calls that are under way, and gives those to come lastCalls.
func (p *patience) lose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.short {
		return
	}
	p.cancel()
	p.ctx, p.cancel = context.WithTimeoutCause(context.Background(), lastCalls, errors.New("the agent ends"))
	p.short = true
}

// lost reports whether lose was called.
func (p *patience) lost() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.short
}

func (p *patience) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cancel()
}
