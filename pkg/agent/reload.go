package agent

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// follow runs until the agent ends, and takes over the files when they change
// or a reload is asked for.
func (r *running) follow(p *plan, texts []propertyFile) {
	var ticks <-chan time.Time
	if !r.options.NoReload {
		ticker := time.NewTicker(r.options.poll())
		defer ticker.Stop()
		ticks = ticker.C
	}
	tried, stamp := texts, "" // they may have changed since they were read
	for {
		asked := false
		select {
		case <-r.reading.Done():
			return
		case <-ticks:
			now := stampOf(r.options.Files)
			if now == stamp || now == "" {
				continue // as it was; or away, as while an editor saves
			}
			if now = r.settled(now); now == "" {
				continue
			}
			stamp = now
		case <-r.options.Reload:
			asked = true
			stamp = stampOf(r.options.Files)
		}
		next, err := readFiles(r.options.Files)
		if err != nil {
			r.logf("%v; %s goes on as before", err, r.options.Name)
			continue
		}
		if !asked && sameTexts(next, tried) {
			continue
		}
		tried = next
		if p, err = r.reload(p, texts, next); err == nil {
			texts = next
		}
	}
}

// settle is how long a file has to stay as it is before it is read: an editor
// may write it in pieces.
const settle = 100 * time.Millisecond

// settled waits until the files no longer change; "" means that they are away,
// or that the agent ends.
func (r *running) settled(stamp string) string {
	for {
		select {
		case <-r.reading.Done():
			return ""
		case <-time.After(settle):
		}
		now := stampOf(r.options.Files)
		if now == stamp || now == "" {
			return now
		}
		stamp = now
	}
}

// stampOf tells versions of files apart; "" means that one is away.
func stampOf(names []string) string {
	var b strings.Builder
	for _, name := range names {
		st, err := os.Stat(name)
		if err != nil {
			return ""
		}
		fmt.Fprintf(&b, "%d %d\n", st.ModTime().UnixNano(), st.Size())
	}
	return b.String()
}

func sameTexts(a, b []propertyFile) bool {
	return slices.EqualFunc(a, b, func(x, y propertyFile) bool { return x.name == y.name && bytes.Equal(x.data, y.data) })
}

// reload changes the running agent from the files old to the files next. After
// an error it runs as before. It returns the plan by which the agent runs.
func (r *running) reload(p *plan, old, next []propertyFile) (*plan, error) {
	what := strings.Join(r.options.Files, ", ")
	report, err := r.check(next)
	if err != nil {
		r.logf("%s: %s; %s goes on as before", what, plural(report.Count(Error), "error"), r.options.Name)
		return p, err
	}
	to := report.plan
	done, err := r.apply(to)
	if err != nil {
		r.logf("%s: %v; back to the configuration of before", what, err)
		report, checkErr := check(r.options, old, true)
		if checkErr == nil {
			_, checkErr = r.apply(report.plan)
		}
		if checkErr != nil {
			r.logf("that fails too: %v", checkErr)
		}
		return p, err
	}
	if done == "" {
		done = "nothing in it changes agent " + r.options.Name
	}
	r.logf("%s reloaded: %s", what, done)
	return to, nil
}

// apply makes the agent run by a plan: components that are as before go on, the
// others are stopped and started. It says what it did. An error is a channel
// that cannot be opened.
func (r *running) apply(p *plan) (string, error) {
	patience, stop := context.WithTimeout(r.reading, r.options.Grace)
	defer stop()
	a := &change{running: r, plan: p, patience: patience}
	a.findKept()
	for _, s := range r.sources {
		if !a.keepsSource(s) {
			s.stop() // it may wait for space: see below
		}
	}
	a.changeRunners()
	a.endSources()
	moved := a.endChannels()
	if err := a.startChannels(moved); err != nil {
		return "", err
	}
	a.startRest()
	return a.words(), nil
}
