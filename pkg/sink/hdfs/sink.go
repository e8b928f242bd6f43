// Package hdfs is Flume's HDFS sink: it sorts events into files by the escapes
// of a path, rolls the files, and writes them as SequenceFiles, as they are or
// packed, into HDFS or a folder of this machine. Names, formats and the rules of
// rolling are those of Flume 1.11.
//
// It does better where Flume loses time or data:
//
//   - A batch counts as delivered when it is safe (fsync in a local folder,
//     acknowledged by all datanodes in HDFS).
//   - A file that is there is never written over.
//   - Flume leaves the in-use file of an agent that was killed (….tmp) for
//     ever. Here the next run finds it below the fixed part of hdfs.path and
//     gives it its final name, once its writer is gone: in HDFS when its lease is
//     over, in a local folder when its lock is. Files of other writers such as
//     a Flume, and all where the file system cannot mark files, have no such
//     proof: they wait until no process is seen to have them open and they have
//     not changed for a minute, and are renamed at most. What is half an event
//     at the end goes into a file beside it (.torn.…); without the proof nothing
//     is cut off, but the file itself is beside a copy of its whole events. A
//     file that is not surely of the sink's format stays as it is, and is told
//     of: the settings may have changed, or another program writes there.
//   - A batch that fails leaves nothing behind in a local folder.
package hdfs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/logpipe/logpipe/pkg/filesystem"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/sink/counts"
	"github.com/logpipe/logpipe/pkg/sink/escape"
	"github.com/logpipe/logpipe/pkg/sink/serializer"
)

// Sink is an HDFS sink.
type Sink struct {
	settings
	env    flume.Env
	counts counts.Sink
	open   func(ctx context.Context, root string, c filesystem.Config) (filesystem.FS, error)

	mu      sync.Mutex // held by each step, also by those of timers
	fs      filesystem.FS
	buckets map[string]*bucket
	touched []*bucket // of the batch that is being written
	uses    int64
	key     []byte // scratch
	closed  bool
	proven  bool     // an event had a place
	own     sync.Map // names of this run's files that do not have their final ones yet

	orphans orphans
	work    sync.WaitGroup // the search for files of a dead run
	cancel  context.CancelFunc
	life    context.Context // ends with the sink
	calls   patience
	failing bool // the last batch could not be written
}

// New describes and makes the sink.
func New(p *flume.Properties) *Sink {
	s := &Sink{open: filesystem.Open}
	s.describe(p)
	return s
}

// Batch is the hdfs.batchSize.
func (s *Sink) Batch() (string, int) { return "hdfs.batchSize", s.batch }

// NeedsTime names the property that has times of events in it, which the header
// timestamp tells; "" where none has.
func (s *Sink) NeedsTime() string {
	switch {
	case s.local:
	case s.dirs != nil && s.dirs.NeedsTime():
		return "hdfs.path"
	case s.names != nil && s.names.NeedsTime():
		return "hdfs.filePrefix"
	}
	return ""
}

// Guarantee says what is safe when.
func (s *Sink) Guarantee() string {
	return "at least once: synced before the channel forgets it; after a kill or a failure the events of one batch may come twice, and the open files get their final names in the next run"
}

// Check finds contradictions between the properties.
func (s *Sink) Check() []flume.Problem {
	all := s.prepare(escape.AnyHost)
	for _, p := range []struct{ property, text string }{{"hdfs.path", s.path}, {"hdfs.filePrefix", s.filePrefix}} {
		for _, loose := range escape.FindLoose(p.text) {
			problem := flume.Problem{Property: p.property, Offset: loose.Offset, Message: fmt.Sprintf("%q in %s is no escape and stays as it is", loose.Text, p.property),
				Fix: "write %% for a percent sign", Harmless: true}
			if loose.Meant {
				problem.Fix = "write %{HEADER} with letters, digits, _ . and - alone, or %[localhost], %[IP], %[FQDN]"
				problem.Diverts, problem.Harmless = true, false
			}
			all = append(all, problem)
		}
	}
	return all
}

// Survey looks whether a folder of this machine is there or can be made, up to
// where escapes begin.
func (s *Sink) Survey() []flume.Problem {
	root, name, err := filesystem.Split(s.path)
	if err != nil || root != "file://" {
		return nil
	}
	name, _, escaped := strings.Cut(name, "%")
	if escaped {
		name = path.Dir(name)
	}
	return flume.SurveyMade("hdfs.path", filepath.FromSlash(path.Clean(name)))
}

// Open prepares the file system; a cluster is connected with the first event.
func (s *Sink) Open(env flume.Env) error {
	hosts := sync.OnceValue(escape.ThisHost)
	if problems := s.prepare(hosts); len(problems) > 0 {
		return fmt.Errorf("%s: %s; %s", problems[0].Property, problems[0].Message, problems[0].Fix)
	}
	s.env, s.counts = env, counts.New(env)
	s.life, s.cancel = context.WithCancel(context.Background())
	s.calls.begin()
	s.failing = false
	s.buckets, s.touched, s.closed = map[string]*bucket{}, nil, false
	ctx, done := s.call()
	defer done()
	var err error
	if s.fs, err = s.open(ctx, s.root, filesystem.Config{User: s.proxyUser, Timeout: s.callTimeout}); err != nil {
		s.cancel()
		return flume.OfProperty(err, "hdfs.path")
	}
	if s.relative {
		home := s.fs.Home()
		if s.dirs, err = escape.Parse(path.Clean(strings.ReplaceAll(home, "%", "%%")+"/"+s.path), hosts); err != nil {
			return err
		}
	}
	s.orphans.begin(s)
	s.work.Go(s.recover)
	return nil
}

// call is the context of one call of the file system.
func (s *Sink) call() (context.Context, context.CancelFunc) {
	if s.callTimeout == 0 {
		return context.WithCancel(s.calls.now())
	}
	return context.WithTimeoutCause(s.calls.now(), s.callTimeout,
		fmt.Errorf("no answer within hdfs.callTimeout = %d", s.callTimeout.Milliseconds()))
}

// Rejection is an event of a batch that has no place, however often it comes.
type Rejection struct {
	Index int
	Err   error
}

// RejectedError is what Write returns where some events can never be written,
// and all others of the batch have been.
type RejectedError struct{ Events []Rejection }

func (e *RejectedError) Error() string {
	return fmt.Sprintf("%d of the events cannot be written; the first: %v", len(e.Events), e.Events[0].Err)
}

// Write puts the events of a batch into their files and returns when they are
// safe. As long as no event had a place, an event without one is taken for a
// mistake in the properties, and the batch fails; later it is rejected. When ctx
// ends, the call that is under way does too.
func (s *Sink) Write(ctx context.Context, batch []flume.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	stop := context.AfterFunc(ctx, s.calls.lose)
	defer stop()
	s.counts.Attempt(len(batch), s.batch)
	var rejected []Rejection
	err := s.write(batch, &rejected)
	if s.failing = err != nil; s.failing {
		s.counts.Failed.Add(1)
		return errors.Join(err, s.undo())
	}
	s.commit()
	s.counts.Delivered.Add(int64(len(batch) - len(rejected)))
	if len(rejected) > 0 {
		return &RejectedError{rejected}
	}
	return nil
}

func (s *Sink) write(batch []flume.Event, rejected *[]Rejection) error {
	now := time.Now()
	for i := range batch {
		e := &batch[i]
		b, err := s.bucket(e, now)
		if errors.As(err, new(*serializer.FetchError)) {
			return err
		}
		if err != nil {
			*rejected = append(*rejected, Rejection{i, err})
			continue
		}
		if err := s.append(b, e, now); err != nil {
			if errors.As(err, new(*eventError)) {
				*rejected = append(*rejected, Rejection{i, err})
				continue
			}
			return err
		}
	}
	if len(*rejected) == len(batch) && !s.proven {
		return (*rejected)[0].Err
	}
	s.proven = true
	for _, b := range s.touched {
		if b.out == nil {
			continue // it was rolled
		}
		if err := s.flush(b.out); err != nil {
			return err
		}
	}
	return nil
}

// commit remembers that the batch is safe.
func (s *Sink) commit() {
	for _, b := range s.touched {
		b.touched = false
		if o := b.out; o != nil {
			o.safe = o.now
			if s.idleTimeout > 0 {
				o.idle.Reset(s.idleTimeout)
			}
		}
	}
	s.touched = s.touched[:0]
}

// undo takes back what the batch has left in the files that are open.
func (s *Sink) undo() error {
	var all error
	for _, b := range s.touched {
		b.touched = false
		if b.out != nil {
			all = errors.Join(all, s.undoOne(b))
		}
	}
	s.touched = s.touched[:0]
	return all
}

func (s *Sink) undoOne(b *bucket) error {
	o := b.out
	o.format.Forget()
	o.buf = o.buf[:0]
	err := o.file.Undo(o.safe.size)
	switch {
	case err == nil:
		o.now = o.safe
		o.failed = false
		if o.now.size == 0 {
			o.buf = o.format.Begin(o.buf)
		}
	case errors.Is(err, filesystem.ErrNoUndo) && !o.failed:
		o.safe = o.now // what is there comes once more
		return nil
	default:
		// The file may end with half an event: it is closed, cut and renamed
		// apart from the work.
		s.env.Logf("gives up %s; a new file takes its place", o.name)
		s.leave(b)
		s.orphans.add(&orphan{file: o.file, name: o.name, target: o.target, cut: true, safe: o.safe.size, empty: o.safe.events == 0})
		if errors.Is(err, filesystem.ErrNoUndo) {
			err = nil
		}
	}
	return err
}

// Close ends all files.
func (s *Sink) Close() error {
	if s.fs == nil {
		return nil
	}
	s.cancel()
	s.mu.Lock()
	s.closed = true
	if s.failing {
		s.calls.lose()
	}
	defer s.calls.end()
	var all error
	for _, b := range s.inOrder() {
		all = errors.Join(all, s.finish(b))
	}
	s.mu.Unlock()
	s.work.Wait()
	all = errors.Join(all, s.orphans.end(), s.fs.Close())
	s.fs = nil
	return all
}

// inOrder returns the buckets, the one first that was not used for longest.
func (s *Sink) inOrder() []*bucket {
	all := make([]*bucket, 0, len(s.buckets))
	for _, b := range s.buckets {
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b *bucket) int { return cmp.Compare(a.used, b.used) })
	return all
}
