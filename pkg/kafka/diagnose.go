package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

// Result is how a step ended.
type Result string

// The results.
const (
	Passed  Result = "ok"
	Failure Result = "failed"
	Off     Result = "off"     // there is nothing to do here
	Untried Result = "untried" // a step before it failed
)

// Step is one step on the way to a cluster and back.
type Step struct {
	Name   string         // dns, tcp, tls, api, sasl, metadata, advertised, topic, produce, consume or delete
	Broker string         // whose step it is, HOST:PORT; "" = the cluster's
	Result Result         //
	Saw    string         // in a few words; also where the step failed
	Facts  map[string]any // the same for programs
	Took   time.Duration
	Err    error // why it failed, with the next step to take as a hint
}

// Time is how long it took, for people.
func (s Step) Time() string { return took(s.Took) }

// took writes a time of milliseconds to seconds.
func took(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f ms", milli(d))
}

// milli is a time in milliseconds.
func milli(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// The steps to one broker, and those of the cluster behind them.
var (
	brokerSteps  = []string{"dns", "tcp", "tls", "api", "sasl", "metadata"}
	recordSteps  = []string{"topic", "produce", "consume"} // and delete, where it made the topic
	clusterSteps = append([]string{"advertised"}, recordSteps...)
)

// DiagnoseConfig says what Diagnose does.
type DiagnoseConfig struct {
	Topic    string        // where a record is written and read; "" = a topic that is made for it and deleted again
	ReadOnly bool          // write nothing
	Timeout  time.Duration // of a step; 0 = 5 s, and within a second for the first contact
	Tell     func(Step)    // is told each step when it is over; the calls come one after the other

	// Release names the release of Kafka that knows requests up to these versions,
	// by the requests' keys.
	Release func(highest map[int16]int16) string
}

const diagnoseTimeout = 5 * time.Second

// diagnosis is one Diagnose.
type diagnosis struct {
	DiagnoseConfig
	cfg     Config
	way     *access
	contact time.Duration // limit for the first contact
	failed  error         // of the first step that failed behind it
}

// Diagnose walks the way to a cluster step by step as other clients do it at once,
// with a record there and back, and tells each step. Its error is why the first
// step that failed did. It goes all addresses of cfg, and those that the brokers
// tell their clients to use.
func Diagnose(ctx context.Context, cfg Config, dc DiagnoseConfig) error {
	cfg, err := cfg.completed()
	if err != nil {
		return err
	}
	brokers, err := cfg.brokers()
	if err != nil {
		return err
	}
	if dc.Topic != "" {
		if err := checkName(dc.Topic); err != nil {
			return err
		}
	}
	d := &diagnosis{DiagnoseConfig: dc, cfg: cfg, contact: dc.Timeout}
	if d.way, err = cfg.Security.open(); err != nil {
		return err
	}
	if d.Timeout <= 0 {
		d.Timeout, d.contact = diagnoseTimeout, firstContact
	}
	if cfg.Wait > 0 { // what is wrong then is found out below
		_, _, _ = reach(ctx, brokers, cfg.Wait, d.way)
	}
	reached, err := d.contactAll(ctx, brokers)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if len(reached) == 0 {
		d.skip("", clusterSteps...)
		return err
	}
	d.note(err)
	if found := d.advertised(ctx, reached); found && ctx.Err() == nil {
		d.records(ctx, reached)
	} else {
		d.skip("", recordSteps...)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return d.failed
}

// contactAll walks to the addresses that were given, all at once, and tells of one
// after the other. Its error is why the first one failed that did; where all did,
// it is theirs.
func (d *diagnosis) contactAll(ctx context.Context, brokers []string) (reached []*walk, err error) {
	var walks []*walk
	for _, addr := range brokers {
		w := newWalk(d, addr)
		walks = append(walks, w)
		go w.run(ctx)
	}
	var failures []*contactError
	for _, w := range walks {
		for step := range w.steps {
			if ctx.Err() == nil {
				d.Tell(step)
			}
		}
		if w.failure == nil {
			reached = append(reached, w)
			continue
		}
		failures = append(failures, w.failure)
	}
	switch {
	case len(failures) == 0:
		return reached, nil
	case len(reached) > 0:
		f := failures[0]
		return reached, fault.Hint(fmt.Errorf("%s: %w", f.step, f), "%s", f.hint)
	}
	err = unreachable(failures, d.cfg.Wait)
	if len(failures) == 1 {
		err = fmt.Errorf("%s: %w", failures[0].step, err)
	}
	return nil, err
}

// note keeps the first error.
func (d *diagnosis) note(err error) {
	if d.failed == nil {
		d.failed = err
	}
}

// skip tells of steps that are not tried.
func (d *diagnosis) skip(broker string, names ...string) {
	for _, name := range names {
		d.Tell(Step{Name: name, Broker: broker, Result: Untried})
	}
}

// step takes a step of the cluster and tells it. It is not told where somebody
// ended all.
func (d *diagnosis) step(ctx context.Context, s Step, do func(context.Context, *Step) error) bool {
	limited, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	s.Result = Passed
	begun := time.Now()
	err := do(limited, &s)
	if s.Took == 0 {
		s.Took = time.Since(begun)
	}
	if ctx.Err() != nil {
		return false
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fault.Hint(fmt.Errorf("no answer within %s", option.FormatDuration(d.Timeout)), "--timeout waits longer")
	}
	if err != nil {
		s.Result, s.Err = Failure, err
		d.note(fmt.Errorf("%s: %w", s.Name, err))
	}
	d.Tell(s)
	return err == nil
}

// library is how sarama speaks to one broker here: no step is tried twice.
func (d *diagnosis) library() *sarama.Config {
	c := baseConfig(d.cfg, new(atomic.Bool), &outage{})
	d.way.apply(c)
	c.Net.DialTimeout, c.Net.ReadTimeout, c.Net.WriteTimeout = d.Timeout, d.Timeout, d.Timeout
	return c
}

// plural writes a number of things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// joined lists words as in "1, 2 and 3".
func joined(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// brokerList names brokers by their ids, in order and once each.
func brokerList(ids []int32) string {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	var words []string
	for _, id := range ids {
		words = append(words, fmt.Sprint(id))
	}
	if len(words) > 1 {
		return "brokers " + joined(words)
	}
	return "broker " + joined(words)
}
