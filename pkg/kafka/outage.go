package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
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
	// unclearFor is how long that may go on for which no broker is to blame: a topic that
	// is deleted, or made again, keeps those who ask for it waiting for a while.
	unclearFor = 10 * time.Second
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
	away  bool      // a connection has failed, or could not be made
	look  time.Time // when it was found out last what to tell
	idle  string    // a topic without leaders, "" = none is known
}

// failed notes an attempt that has failed, because of err where that is known, and will
// be repeated.
func (o *outage) failed(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if o.since.IsZero() || !o.told && now.Sub(o.last) > apart {
		o.since, o.asked, o.away = now, false, false
	}
	o.last = now
	var code sarama.KError
	o.away = o.away || err != nil && !errors.As(err, &code) && passing(err)
	if !o.asked && now.Sub(o.since) >= tellAfter && now.Sub(o.look) >= tellAfter {
		o.asked, o.look = true, now
		go o.tell(o.since)
	}
}

// leaderless notes that the brokers answer, and that none leads a topic.
func (o *outage) leaderless(topic string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.idle = topic
}

// tell says what is missing since when, unless it is back meanwhile.
func (o *outage) tell(since time.Time) {
	var failures []*contactError
	_ = unstopped(context.Background(), firstContact, func(ctx context.Context) error {
		if _, _, failures = probeAll(ctx, o.brokers, o.way); len(failures) > 0 {
			return failures[0] // it is worded below
		}
		return nil
	})
	what := "a broker of the cluster is not to be reached (`logpipe broker test` says which)"
	if len(failures) == len(o.brokers) {
		var list []string
		for _, f := range failures {
			list = append(list, f.addr+": "+f.cause)
		}
		what = fmt.Sprintf("no broker answers (%s)", strings.Join(list, "; "))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case len(failures) > 0:
	case o.idle != "":
		what = fmt.Sprintf("a partition of topic %q has no leader", o.idle)
	case o.away:
	case time.Since(since) < unclearFor:
		o.asked = false
		return
	default:
		what = "the brokers answer, but cannot do what is asked of them"
	}
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
	o.since, o.told, o.asked, o.away, o.idle = time.Time{}, false, false, false, ""
}

// begun is when what is still going on began; ok is false where nothing is.
func (o *outage) begun() (since time.Time, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.since, !o.since.IsZero()
}
