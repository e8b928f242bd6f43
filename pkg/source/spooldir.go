package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/folder"
	"github.com/logpipe/logpipe/pkg/tail"
)

// Spooldir reads each file that is put into a folder, once, and then renames,
// deletes or marks it. How far the current file is read stands in a tracker
// file of Flume's own format.
//
// Where Flume's source dies - a file that changes while it is read, a name that
// comes again, bytes that are no character - this one tells of it, counts it
// and goes on.
type Spooldir struct {
	folder     string
	suffix     string
	deletes    string
	fileHeader bool
	fileKey    string
	baseHeader bool
	baseKey    string
	include    string
	ignore     string
	tracker    string
	tracking   string
	order      string
	poll       time.Duration
	recursive  bool
	batch      int
	how        deserializers

	env         flume.Env
	counters    counters
	includes    *pattern
	ignores     *pattern
	trackFolder string
	window      blockWindow
	queue       []spoolFile // candidates, in order
	listedAt    time.Time
	listedFor   time.Duration // how long the last listing took
	failures    spoolFailures
	settle      time.Duration     // mostSettle, but in a test
	retired     []retired         // files that were put away lately, oldest first
	marks       map[string]string // by path: of files that trackerDir says are done
	unread      map[string]bool   // folders that the last listing could not read
	troubles
	malformed int // places passed over in this file
}

// NewSpooldir describes and makes a spooldir source.
func NewSpooldir(p *flume.Properties) Source {
	s := &Spooldir{settle: mostSettle}
	p.String(&s.folder, "spoolDir", "", "the folder to read files from").Require()
	p.String(&s.suffix, "fileSuffix", ".COMPLETED", "added to the names of files that are done")
	p.Choice(&s.deletes, "deletePolicy", "never", []string{"never", "immediate"}, "whether files that are done are deleted")
	p.Bool(&s.fileHeader, "fileHeader", false, "set a header to the file's path")
	p.String(&s.fileKey, "fileHeaderKey", "file", "the header for the path")
	p.Bool(&s.baseHeader, "basenameHeader", false, "set a header to the file's name")
	p.String(&s.baseKey, "basenameHeaderKey", "basename", "the header for the name")
	p.String(&s.include, "includePattern", "^.*$", "regular expression for the names of files to read")
	p.String(&s.ignore, "ignorePattern", "^$", "regular expression for the names of files to leave alone")
	p.String(&s.tracker, "trackerDir", ".flumespool", "keeps how far a file is read; below spoolDir unless it begins with /")
	p.Choice(&s.tracking, "trackingPolicy", "rename", []string{"rename", "tracker_dir"}, "rename files that are done, or mark them in trackerDir")
	p.Choice(&s.order, "consumeOrder", "oldest", []string{"oldest", "youngest", "random"}, "which file comes next")
	p.Duration(&s.poll, "pollDelay", 500*time.Millisecond, time.Millisecond, "how often to look for new files; one that was written to so lately, or in the last 500 ms, is not put away yet")
	p.Bool(&s.recursive, "recursiveDirectorySearch", false, "read files of folders below too")
	p.Int(&s.batch, "batchSize", 100, 1, "most events in one transaction").In("events")
	var unused int
	p.Int(&unused, "maxBackoff", 4000, 0, "longest pause while the channel is full").In("ms").Without("sources wait for space as long as that takes")
	p.Int(&unused, "bufferMaxLines", 100, 0, "of an older Flume").In("lines").Without("Flume ignores it too")
	s.how.describe(p)
	return s
}

// Batch is the batchSize.
func (s *Spooldir) Batch() (string, int) { return "batchSize", s.batch }

// Guarantee tells what the source promises.
func (s *Spooldir) Guarantee() string {
	return "at least once: after a kill -9 the batches that were on their way come again; a file is only done when the channels have all of it"
}

// Check compiles the patterns and finds the charsets.
func (s *Spooldir) Check() []flume.Problem {
	all := s.how.check()
	for name, text := range map[string]string{"includePattern": s.include, "ignorePattern": s.ignore} {
		_, err := newWholePattern(text)
		all = append(all, problemOf(name, err, fixPattern)...)
	}
	return all
}

// Open looks at the folder; one that is not there is waited for.
func (s *Spooldir) Open(env flume.Env) error {
	s.env, s.counters = env, newCounters(env)
	s.begin(env.Logf)
	s.marks, s.queue, s.retired, s.listedAt = map[string]string{}, nil, nil, time.Time{}
	if problems := s.Check(); len(problems) > 0 {
		return fault.Usagef("%s: %s", problems[0].Property, problems[0].Message)
	}
	s.includes, _ = newWholePattern(s.include) // checked above
	s.ignores, _ = newWholePattern(s.ignore)
	s.includes.telling(env.Logf, "the file is left where it is")
	s.ignores.telling(env.Logf, "the file is read")
	s.trackFolder, _, _ = s.Tracking()
	err := s.prepare()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Close has nothing to do: no file outlives Run.
func (s *Spooldir) Close() error { return nil }

// prepare makes the folder of the tracker and finds out whether files can be
// renamed here.
func (s *Spooldir) prepare() error {
	st, err := os.Stat(s.folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.tell("await", s.folder, "spoolDir %s is not there: waits for it", s.folder)
		return err
	case err != nil:
		return flume.OfProperty(fmt.Errorf("spoolDir %s: %w", s.folder, reason(err)), "spoolDir")
	case !st.IsDir():
		return flume.OfProperty(fmt.Errorf("spoolDir %s is no folder", s.folder), "spoolDir")
	}
	if err := os.MkdirAll(s.trackFolder, 0o777); err != nil {
		err = fault.Hint(fmt.Errorf("trackerDir %s: %w", s.trackFolder, reason(err)), "let this user write there, or name another trackerDir")
		return flume.OfProperty(err, "trackerDir", "spoolDir")
	}
	if s.deletes == "immediate" || s.tracking == "rename" {
		f, err := os.CreateTemp(s.folder, ".flume-spooldir-perm-check-*.canary")
		if err != nil {
			return flume.OfProperty(fault.Hint(fmt.Errorf("spoolDir %s: %w", s.folder, reason(err)),
				"let this user write there, or set trackingPolicy = tracker_dir"), "spoolDir")
		}
		if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
			return fmt.Errorf("spoolDir %s: %w", s.folder, err)
		}
	}
	s.over("await", s.folder)
	s.over("use", s.folder)
	if err := s.failures.load(filepath.Join(s.trackFolder, ".logpipe-failed.json")); err != nil {
		s.env.Logf("%s, which tells how far files were read that cannot be read further, is damaged (%v): they are read from their beginning", s.failures.name, reason(err))
	}
	return nil
}

// Run reads file after file until ctx ends.
func (s *Spooldir) Run(ctx context.Context, out *Output) error {
	defer s.lookBack()
	for ctx.Err() == nil {
		f, found := s.nextFile()
		if !found {
			pause(ctx, s.poll)
			continue
		}
		err := s.readFile(ctx, f, out)
		var put *putError
		switch {
		case errors.As(err, &put):
			return put.err
		case err != nil && ctx.Err() == nil:
			s.counters.failed.Add(1)
			s.tell("file", f.path, "%s: %v; tries again", f.path, reason(err))
			s.listedAt = time.Time{}
			pause(ctx, s.poll)
		case err == nil:
			s.over("file", f.path)
		}
	}
	return nil
}

// putError is an error of the channels, which ends the source.
type putError struct{ err error }

func (e *putError) Error() string { return e.err.Error() }

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) { sleep(ctx, max(d, time.Millisecond)) }

// reading is a file that is being read.
type reading struct {
	spoolFile
	f       *os.File
	st      os.FileInfo // as last seen
	tracker *spoolTracker
	events  deserializer
	stored  int64     // up to where its events are stored
	changed time.Time // when a change of it was seen
	waited  bool      // st is as it was when the file had been left alone long enough
}

// readFile reads a file to its end and puts it away.
func (s *Spooldir) readFile(ctx context.Context, file spoolFile, out *Output) error {
	f, err := tail.OpenFile(file.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // somebody took it away
	}
	if err != nil {
		s.counters.readFail.Add(1)
		return err
	}
	defer f.Close()
	r := &reading{spoolFile: file, f: f}
	if r.st, err = f.Stat(); err != nil {
		return err
	}
	if err := s.track(r); err != nil {
		return err
	}
	defer r.tracker.close()
	s.malformed = 0
	if err := s.open(r, r.tracker.pos); err != nil {
		return s.giveUp(r, err)
	}
	done, err := s.readAll(ctx, r, out)
	if err != nil {
		return s.giveUp(r, err)
	}
	if !done {
		return r.suspend()
	}
	if s.malformed > 0 {
		s.env.Logf("%s: bytes that are no character of %s were passed over in %s", file.path, s.how.input, plural(s.malformed, "place"))
	}
	if err := s.finish(r); err != nil {
		return err
	}
	s.failures.forget(file.path)
	return r.tracker.remove()
}

// open begins to read at a position.
func (s *Spooldir) open(r *reading, at int64) (err error) {
	r.stored = at
	r.events, err = s.how.open(r.f, at, &s.window, func(n int) {
		s.malformed += n
		s.counters.readFail.Add(int64(n))
	})
	return err
}

// giveUp leaves the rest of a file that cannot be read, until it changes.
func (s *Spooldir) giveUp(r *reading, err error) error {
	var bad *malformedError
	if !errors.As(err, &bad) {
		return err
	}
	if !r.tracker.mark.kept(r.f) {
		return errors.New("was written over while it was read") // bad may be the middle of something
	}
	s.counters.readFail.Add(1)
	hint := ""
	if errors.Is(err, errMalformed) {
		hint = fmt.Sprintf(" of %s; set inputCharset, or decodeErrorPolicy to REPLACE or IGNORE", s.how.input)
	}
	s.env.Logf("%s cannot be read: %v%s; what comes before is delivered, the file stays as it is and is tried again when it changes", r.path, err, hint)
	return s.failures.add(r.path, r.f, r.st, r.stored)
}

// readAll puts the events of a file until it is at its end and does not change,
// also while the last of them are put.
// It returns false where ctx has ended before.
func (s *Spooldir) readAll(ctx context.Context, r *reading, out *Output) (done bool, err error) {
	size := min(s.batch, out.MaxBatch())
	final, first := false, r.stored == 0
	for ctx.Err() == nil {
		events, end, err := r.events.next(out.Ahead(size), final)
		if err != nil {
			return false, err
		}
		if len(events) == 0 && final && first && r.st.Size() == 0 {
			events = []flume.Event{{}} // of an empty file, as in Flume
		}
		first = first && len(events) == 0
		if len(events) == 0 {
			again := final
			if final, err = s.settled(ctx, r); err != nil || again && final {
				return final, err
			}
			continue
		}
		s.annotate(r, events)
		if err := s.counters.putBatches(out, events, size); err != nil {
			return false, &putError{err}
		}
		if err := r.tracker.store(end); err != nil {
			return false, err
		}
		r.stored = end
	}
	return false, nil
}

// annotate sets the headers that tell of the file.
func (s *Spooldir) annotate(r *reading, events []flume.Event) {
	var add flume.Headers
	if s.fileHeader {
		add.Set(s.fileKey, r.absolute)
	}
	if s.baseHeader {
		add.Set(s.baseKey, filepath.Base(r.path))
	}
	if len(add) == 0 {
		return
	}
	all := make(flume.Headers, 0, len(events)*(len(add)+1))
	for i := range events {
		if len(events[i].Headers) > 0 {
			for _, h := range add {
				events[i].Headers.Set(h.Key, h.Value)
			}
			continue
		}
		first := len(all)
		all = append(all, add...)
		events[i].Headers = all[first:len(all):len(all)]
	}
}

// finish puts a file away that is done.
func (s *Spooldir) finish(r *reading) error {
	s.over("change", r.path)
	st, err := os.Lstat(r.path)
	if err == nil && st.Mode()&fs.ModeSymlink != 0 {
		st, err = os.Stat(r.path)
	}
	if err != nil || !os.SameFile(st, r.st) {
		s.env.Logf("%s was taken away while it was read", r.path)
		return nil
	}
	switch {
	case s.deletes == "immediate":
		return os.Remove(r.path)
	case s.tracking == "tracker_dir":
		return s.mark(r)
	}
	done := r.path + s.suffix
	for n := 1; ; n++ {
		if _, err := os.Lstat(done); errors.Is(err, fs.ErrNotExist) {
			break
		}
		done = fmt.Sprintf("%s.%d%s", r.path, n, s.suffix)
	}
	if done != r.path+s.suffix {
		s.counters.failed.Add(1)
		s.env.Logf("%s: a file of this name was read before; this one becomes %s", r.path, filepath.Base(done))
	}
	if err := os.Rename(r.path, done); err != nil {
		return err
	}
	s.retire(done, r.st)
	return nil
}

// mark makes the file in trackerDir that says that a file is done.
func (s *Spooldir) mark(r *reading) error {
	name := filepath.Join(s.trackFolder, strings.TrimPrefix(r.relative, string(filepath.Separator))+s.suffix)
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	return folder.Replace(name, markOf(r.st), false)
}
