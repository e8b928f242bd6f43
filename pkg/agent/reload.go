package agent

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/folder"
)

// calledFromService is the system property by which Flume's service scripts ask
// the agent to wait for a file that is not there yet. Its value does not matter.
const calledFromService = "flume.called.from.service"

// firstFiles reads the files, and waits for them where a service has started the
// agent; nil says that ctx has ended before.
func (r *running) firstFiles(ctx context.Context) ([]propertyFile, error) {
	_, service := r.options.Properties[calledFromService]
	r.reading = ctx
	for told := false; ; {
		texts, err := readFiles(r.options.Files)
		if !service || !errors.Is(err, fs.ErrNotExist) {
			return texts, err
		}
		if !told {
			told = true
			r.logf("%v; waits for it, as -D%s asks for", err, calledFromService)
		}
		for settled := stamp(nil); settled == nil; settled = r.settled(stampOf(r.options.Files)) {
			if !flume.Pause(ctx, r.options.poll()) {
				return nil, nil
			}
		}
	}
}

// follow runs until the agent ends, and takes over the files when they change
// or a reload is asked for.
func (r *running) follow(p *plan, texts []propertyFile) {
	var ticks <-chan time.Time
	if !r.options.NoReload {
		ticker := time.NewTicker(r.options.poll())
		defer ticker.Stop()
		ticks = ticker.C
	}
	tried, last := texts, stamp(nil) // they may have changed since they were read
	var gone absence
	for {
		asked := false
		select {
		case <-r.reading.Done():
			return
		case <-r.parted:
			r.tellPartings()
			continue
		case <-ticks:
			now := stampOf(r.options.Files)
			if gone.lasts(now == nil) {
				r.missesFiles()
			}
			if now.is(last) || now == nil {
				continue // as it was; or away, as while an editor saves
			}
			if now = r.settled(now); now == nil {
				continue
			}
			last = now
		case <-r.options.Reload:
			asked = true
			last = stampOf(r.options.Files)
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

func (r *running) missesFiles() {
	_, err := readFiles(r.options.Files)
	r.logf("%v; %s goes on as before, until the file is back", err, r.options.Name)
}

// settle is how long a file has to stay as it is before it is read: an editor
// may write it in pieces.
const settle = 100 * time.Millisecond

// emptyFor is how long an empty file is left alone: an editor, or a shell with >,
// empties it first and writes then, on a busy machine a while later.
const emptyFor = 3 * time.Second

// absence is how long a file is away.
type absence struct {
	since time.Time
	told  bool
}

// lasts reports, once, that the file is away for longer than an editor takes.
func (a *absence) lasts(away bool) bool {
	switch {
	case !away:
		*a = absence{}
	case a.since.IsZero():
		a.since = time.Now()
	case !a.told && time.Since(a.since) > emptyFor:
		a.told = true
		return true
	}
	return false
}

// settled waits until the files no longer change; nil means that they are away,
// or that the agent ends.
func (r *running) settled(last stamp) stamp {
	for begin := time.Now(); ; {
		select {
		case <-r.reading.Done():
			return nil
		case <-time.After(settle):
		}
		now := stampOf(r.options.Files)
		if now == nil || now.is(last) && (!now.anyEmpty() || time.Since(begin) > emptyFor) {
			return now
		}
		last = now
	}
}

// version is what tells a file from what it was and will be: its size, its times
// and its place on the disk. The time of modification alone does not, as images of
// containers, archives and rsync set it.
type version struct {
	fs.FileInfo
	changed time.Time
}

// stamp tells versions of files apart; nil means that one is away. A link that
// leads to another file is another version.
type stamp []version

func stampOf(names []string) stamp {
	var all stamp
	for _, name := range names {
		st, err := os.Stat(name)
		if err != nil {
			return nil
		}
		changed, err := folder.Changed(name)
		if err != nil {
			return nil
		}
		all = append(all, version{st, changed})
	}
	return all
}

func (s stamp) is(other stamp) bool {
	return slices.EqualFunc(s, other, func(a, b version) bool {
		return os.SameFile(a.FileInfo, b.FileInfo) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && a.changed.Equal(b.changed)
	})
}

func (s stamp) anyEmpty() bool {
	return slices.ContainsFunc(s, func(v version) bool { return v.Size() == 0 })
}

func sameTexts(a, b []propertyFile) bool {
	return slices.EqualFunc(a, b, func(x, y propertyFile) bool { return x.name == y.name && bytes.Equal(x.data, y.data) })
}

// reload changes the running agent from the files old to the files next. After
// an error it runs as before. It returns the plan by which the agent runs.
func (r *running) reload(p *plan, old, next []propertyFile) (*plan, error) {
	what := strings.Join(r.options.Files, ", ")
	report, err := r.check(next)
	if err != nil && r.reading.Err() != nil {
		return p, err // the agent ends
	}
	if err != nil {
		r.refuses(report.firstError())
		r.logf("%s: %s; %s goes on as before", what, plural(report.Count(Error), "error"), r.options.Name)
		return p, err
	}
	a := &change{running: r, plan: report.plan}
	a.findKept()
	if !r.options.Lenient {
		if wrong := a.openAhead(); len(wrong) > 0 {
			for _, err := range wrong {
				r.logf("%s", fault.Line(err))
			}
			r.refuses(fault.Line(wrong[0]))
			r.logf("%s: %s; %s goes on as before; SIGHUP tries again", what, plural(len(wrong), "error"), r.options.Name)
			return p, errors.Join(wrong...)
		}
	}
	if err := a.apply(); err != nil {
		r.logf("%s; back to the configuration of before", fault.Line(err))
		r.refuses(fault.Line(err))
		r.goBack(old)
		return p, err
	}
	r.refuses("")
	done := a.words()
	if done == "" {
		done = "nothing in it changes agent " + r.options.Name
	}
	r.logf("%s reloaded: %s", what, done)
	return a.plan, nil
}

// refuses notes why the agent does not run by the last edit, for /health; "" = it
// does.
func (r *running) refuses(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused = why
}

// goBack makes the agent run by files that it had. What does not open now is
// tried again and again.
func (r *running) goBack(old []propertyFile) {
	report, err := check(r.options, old, purpose{live: true, asking: r.reading})
	if err != nil {
		r.logf("that fails too: %v", err)
		return
	}
	a := &change{running: r, plan: report.plan, insists: true}
	a.findKept()
	if err := a.apply(); err != nil {
		r.logf("that fails too: %v", err)
	}
	for _, name := range a.failed {
		r.logf("%s does not run yet", name)
	}
}

// apply makes the agent run by the plan: components that are as before go on, the
// others are stopped and started. An error is a channel that cannot be opened.
func (a *change) apply() error {
	defer a.closeAhead()
	patience, stop := context.WithTimeout(a.hard, a.options.Grace)
	defer stop()
	a.patience = patience
	taken := a.takePartings() // while all that listens does
	a.changeRunners()
	a.endSources()
	moved := a.endChannels()
	a.release(taken)
	if err := a.startChannels(moved); err != nil {
		return err
	}
	a.feedChannels()
	a.changeSources()
	a.part()
	a.startRunners(func(runnerNode) bool { return true })
	a.awaitPartings()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left = a.plan.left
	return nil
}
