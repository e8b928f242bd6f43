package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/logpipe/logpipe/pkg/option"
)

// Times of an outage.
const (
	// tellAfter is how long nothing may work before it is told: the election of a
	// leader is often shorter.
	tellAfter = time.Second
	// apart is how far failures are from each other that have nothing to do with
	// each other.
	apart = 30 * time.Second
)

// outage tells, once each, that the cluster is gone and that it is back.
type outage struct {
	log     *slog.Logger
	brokers []string
	way     *access
	how     string // what is done meanwhile

	mu    sync.Mutex
	since time.Time // of the first failure; zero = all is well
	last  time.Time // failure
	asked bool      // what to tell is being found out, or was told
	told  bool
}

// failed notes an attempt that has failed and will be repeated.
func (o *outage) failed() {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if o.since.IsZero() || !o.told && now.Sub(o.last) > apart {
		o.since, o.asked = now, false
	}
	o.last = now
	if !o.asked && now.Sub(o.since) >= tellAfter {
		o.asked = true
		go o.tell(o.since)
	}
}

// tell says what is missing since when, unless it is back meanwhile.
func (o *outage) tell(since time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), firstContact)
	defer cancel()
	_, _, failures := probeAll(ctx, o.brokers, o.way)
	what := "a broker of the cluster is not to be reached"
	if len(failures) == len(o.brokers) {
		var list []string
		for _, f := range failures {
			list = append(list, f.addr+": "+f.cause)
		}
		what = fmt.Sprintf("no broker answers (%s)", strings.Join(list, "; "))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.Equal(since) {
		o.told = true
		o.log.Warn(fmt.Sprintf("%s since %s; %s", what, since.Format(time.TimeOnly), o.how))
	}
}

// worked notes that records go through.
func (o *outage) worked() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() {
		return
	}
	if o.told {
		o.log.Warn("the brokers answer again, after " + option.FormatDuration(time.Since(o.since).Round(time.Second)))
	}
	o.since, o.told, o.asked = time.Time{}, false, false
}

// begun is when what is still going on began; ok is false where nothing is.
func (o *outage) begun() (since time.Time, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.since, !o.since.IsZero()
}
