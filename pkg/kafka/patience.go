package kafka

import (
	"context"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

// retriesIn is how often the library may repeat a record so that it never ends
// before d; the library sets memory aside for each repetition.
func retriesIn(d time.Duration) int { return 20 + int(min(d, 12*time.Hour)/retryPause) }

// await waits for wake, for the end of ctx, which is an error, or for so long that
// what is open is given up.
func (p *Producer) await(ctx context.Context, wake <-chan struct{}) error {
	p.mu.Lock()
	moving, lost := p.moving, p.lost
	p.mu.Unlock()
	var late <-chan time.Time
	if lost == nil {
		timer := time.NewTimer(time.Until(moving.Add(p.cfg.Timeout)))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-wake:
	case <-late:
		p.mu.Lock()
		stuck := p.open > 0 && time.Since(p.moving) >= p.cfg.Timeout
		p.mu.Unlock()
		if stuck {
			_ = p.giveUp() // each record is answered with it
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// giveUp ends the retries: the library answers all that is open when its client is
// closed. It returns why.
func (p *Producer) giveUp() error {
	err := fault.Unreachablef("no acknowledgement for %s", option.FormatDuration(p.cfg.Timeout))
	if since, ok := p.conn.outage.begun(); ok {
		err = fault.Unreachablef("no broker has acknowledged anything since %s", since.Format(time.TimeOnly))
	}
	err = fault.Hint(err, "--timeout sets how long to try")
	p.mu.Lock()
	if p.lost != nil {
		err = p.lost
	}
	p.lost = err
	p.mu.Unlock()
	if closeErr := p.conn.close(); closeErr != nil {
		p.conn.cfg.log().Debug("close client", "error", closeErr)
	}
	return err
}

// givenUp is why all was given up, or nil.
func (p *Producer) givenUp() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}
