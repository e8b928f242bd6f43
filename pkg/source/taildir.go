package source

import (
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/folder"
	"github.com/logpipe/logpipe/pkg/tail"
)

// Taildir follows all files whose names match patterns; each line is an event.
// How far each file was read stands in a file of Flume's own format, and moves
// when the channels have stored what was read, so that nothing is lost and a
// kill repeats what was read since the file was last written.
//
// Files are known by their inodes, their first bytes and those that were read
// last, not by their names: a file that is renamed goes on, and one that only has
// the inode of an older one begins at its beginning.
type Taildir struct {
	groupNames   string
	patterns     map[string]string
	groupHeaders map[string]string
	positionFile string
	byteOffset   bool
	skipToEnd    bool
	idle         time.Duration
	writeEvery   time.Duration
	batch        int
	maxBatches   int
	sleepStep    time.Duration
	maxSleep     time.Duration
	cache        bool
	fileHeader   bool
	fileKey      string
	multi        multiline

	env       flume.Env
	counters  counters
	truncated *atomic.Int64
	groups    []*tailGroup
	folders   *tail.Folders
	watched   bool      // changes are told; else files are looked at in turns
	round     int       // of looking at everything
	nextScan  time.Time // when everything is looked at
	nextCare  time.Time // when maintain has something to do

	mu      sync.Mutex // guards files, of each what a position needs, and stored
	files   map[tail.FileID]*tailFile
	stored  map[uint64]bool // inodes of the positions that were written last
	changed atomic.Bool     // a position moved since they were written
	moved   chan struct{}   // has an element since changed became true

	byPath  map[string]*tailFile
	unseen  map[string]bool // folders, and files, of which the last look could not tell what is there
	pending []*tailFile     // to be read, in order
	window  fileWindow
	open    int // files that are open

	wrote, wroteMarks []byte     // as they were written last
	storedMarks       []tailMark // of the positions that were written last
	inPlace           bool       // positionFile is mounted by itself; that was told
	troubles
}

// NewTaildir describes and makes a TAILDIR source.
func NewTaildir(p *flume.Properties) Source {
	s := &Taildir{}
	p.String(&s.groupNames, "filegroups", "", "names of groups of files, with blanks").Require()
	p.Family(&s.patterns, "filegroups.", "a folder, which may have * ? [a-z] and **, and a regular expression for file names")
	p.Family(&s.groupHeaders, "headers.", "GROUP.KEY: a header of all events of a group")
	p.String(&s.positionFile, "positionFile", "~/.flume/taildir_position.json", "keeps how far each file was read")
	p.Bool(&s.byteOffset, "byteOffsetHeader", false, "set the header byteoffset to where the line begins")
	p.Bool(&s.skipToEnd, "skipToEnd", false, "begin at the end of files that positionFile does not know, unless it is damaged")
	p.Duration(&s.idle, "idleTimeout", 2*time.Minute, time.Millisecond, "a file without news is closed after this time")
	p.Duration(&s.writeEvery, "writePosInterval", 3*time.Second, time.Millisecond, "how often positionFile is written; in the first such time more often")
	p.Int(&s.batch, "batchSize", 100, 1, "most events in one transaction").In("events")
	p.Int(&s.maxBatches, "maxBatchCount", math.MaxInt, 0, "most batches of one file before the next file's turn; 0 = any").In("batches").OrNever()
	p.Duration(&s.sleepStep, "backoffSleepIncrement", time.Second, time.Millisecond,
		"where the system does not tell of changes: the pause after the first look without news; each further one adds as much")
	p.Duration(&s.maxSleep, "maxBackoffSleep", 5*time.Second, time.Millisecond, "longest pause; also how often all files are looked at")
	p.Bool(&s.cache, "cachePatternMatching", true, "list a folder only after it has changed")
	p.Bool(&s.fileHeader, "fileHeader", false, "set a header to the file's path")
	p.String(&s.fileKey, "fileHeaderKey", "file", "the header for the path")
	s.multi.describe(p)
	return s
}

// Batch is the batchSize.
func (s *Taildir) Batch() (string, int) { return "batchSize", s.batch }

// Guarantee tells what the source promises.
func (s *Taildir) Guarantee() string {
	return fmt.Sprintf("at least once: after a kill -9, what was read in the last %v comes again; "+
		"lost is only what is truncated or deleted before it was read", s.writeEvery)
}

// Check compiles the patterns and looks for groups without one.
func (s *Taildir) Check() []flume.Problem {
	var all []flume.Problem
	if strings.Contains(s.groupNames, ",") {
		return []flume.Problem{{Property: "filegroups", Message: "names are separated by blanks, not by commas",
			Fix: "write " + strings.Join(listOf(s.groupNames), " ")}}
	}
	for _, name := range strings.Fields(s.groupNames) {
		pattern, there := s.patterns[name]
		if !there {
			all = append(all, flume.Problem{Property: "filegroups", Message: fmt.Sprintf("group %s has no files", name),
				Fix: fmt.Sprintf("add filegroups.%s = /folder/name.*", name)})
			continue
		}
		if _, err := newTailGroup(name, pattern, nil); err != nil {
			all = append(all, flume.Problem{Property: "filegroups." + name, Message: err.Error(),
				Fix: "the part behind the last / is a regular expression for file names, such as .*\\.log"})
		}
	}
	if s.groupNames != "" && len(strings.Fields(s.groupNames)) == 0 {
		all = append(all, flume.Problem{Property: "filegroups", Message: "no group", Fix: "name a group"})
	}
	for _, name := range slices.Sorted(maps.Keys(s.patterns)) {
		if s.groupNames != "" && !slices.Contains(strings.Fields(s.groupNames), name) {
			all = append(all, flume.Problem{Property: "filegroups." + name, Message: fmt.Sprintf("group %s is not in filegroups: its files are not followed", name),
				Fix: "add it to filegroups, or leave the line out", Harmless: true})
		}
	}
	for key := range s.groupHeaders {
		group, header, ok := strings.Cut(key, ".")
		if !ok || header == "" {
			all = append(all, flume.Problem{Property: "headers." + key, Message: "want headers.GROUP.KEY",
				Fix: fmt.Sprintf("write headers.%s.KEY = VALUE", key)})
		} else if _, described := s.patterns[group]; !described && !slices.Contains(strings.Fields(s.groupNames), group) {
			all = append(all, flume.Problem{Property: "headers." + key, Message: fmt.Sprintf("there is no group %s: the header is set nowhere", group),
				Fix: "name a group of filegroups, or leave the line out", Harmless: true})
		}
	}
	return append(all, s.multi.check()...)
}

// Survey looks at the folder of positionFile, and at those of the groups, which
// are waited for where they are not there.
func (s *Taildir) Survey() []flume.Problem {
	var all []flume.Problem
	for _, name := range strings.Fields(s.groupNames) {
		g, err := newTailGroup(name, s.patterns[name], nil)
		if err != nil || g.glob {
			continue
		}
		for _, problem := range flume.SurveyFolder("filegroups."+name, filepath.Clean(g.folder), false) {
			problem.Harmless = true
			all = append(all, problem)
		}
	}
	path, err := folder.Absolute(s.positionFile)
	if err != nil {
		return all
	}
	return append(all, flume.SurveyMade("positionFile", filepath.Dir(path))...)
}

// Open finds the files and where to go on in them. A folder that is not there
// is waited for.
func (s *Taildir) Open(env flume.Env) error {
	s.env, s.counters = env, newCounters(env)
	if s.maxBatches == 0 {
		s.maxBatches = math.MaxInt
	}
	s.truncated = env.Counter("FileTruncatedCount")
	s.files, s.byPath = map[tail.FileID]*tailFile{}, map[string]*tailFile{}
	s.moved = make(chan struct{}, 1)
	s.nextCare = time.Now().Add(time.Hour)
	s.begin(env.Logf)
	s.pending, s.groups, s.round, s.unseen = nil, nil, 0, map[string]bool{}
	s.wrote, s.wroteMarks, s.stored, s.storedMarks = nil, nil, nil, nil
	if err := s.multi.compile(env.Logf); err != nil {
		return err
	}
	for _, name := range strings.Fields(s.groupNames) {
		g, err := newTailGroup(name, s.patterns[name], s.groupHeaders)
		if err != nil {
			return flume.OfProperty(fmt.Errorf("filegroups.%s: %w", name, err), "filegroups."+name)
		}
		g.names.telling(env.Logf, "the file is not read")
		s.groups = append(s.groups, g)
	}
	path, err := folder.Absolute(s.positionFile)
	if err != nil {
		return err
	}
	s.positionFile = path
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return flume.OfProperty(fmt.Errorf("folder of positionFile: %w", err), "positionFile")
	}
	stored, whole, err := s.readPositions()
	if err != nil {
		return flume.OfProperty(err, "positionFile")
	}
	if s.folders, err = tail.NewFolders(); err != nil {
		env.Logf("the system does not tell of changes (%v): looks every %v", err, s.sleepStep)
	}
	s.scan(s.skipToEnd && whole)
	s.resume(stored)
	if err := s.writePositions(); err != nil {
		return flume.OfProperty(err, "positionFile") // a place that cannot be written is told now
	}
	env.Logf("follows %s in %s", plural(len(s.files), "file"), plural(len(s.allFolders()), "folder"))
	return nil
}

// Close closes all files.
func (s *Taildir) Close() error {
	for _, f := range s.files {
		s.shut(f)
	}
	if s.folders == nil {
		return nil
	}
	return s.folders.Close()
}

// Run reads until ctx ends.
func (s *Taildir) Run(ctx context.Context, out *Output) error {
	stop := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() { s.keepPositions(stop) })
	err := s.follow(ctx, out)
	close(stop)
	writing.Wait()
	if writeErr := s.writePositions(); err == nil {
		err = writeErr
	}
	return err
}

// follow reads what there is, then waits for more.
func (s *Taildir) follow(ctx context.Context, out *Output) error {
	pause := s.sleepStep
	s.nextScan = time.Now().Add(s.maxSleep)
	for ctx.Err() == nil {
		read := len(s.pending) > 0
		if err := s.readPending(ctx, out); err != nil {
			return err
		}
		if !time.Now().Before(s.nextCare) {
			if err := s.maintain(ctx, out); err != nil {
				return err
			}
			if len(s.pending) > 0 {
				continue
			}
		}
		if read {
			pause = s.sleepStep
		}
		if !s.watched {
			s.nextScan = earlier(s.nextScan, time.Now().Add(pause))
			pause = min(pause+s.sleepStep, s.maxSleep)
		}
		s.look(ctx, earlier(s.nextCare, s.nextScan))
	}
	return nil
}

// readPending reads the files that have news, one after the other.
func (s *Taildir) readPending(ctx context.Context, out *Output) error {
	for len(s.pending) > 0 && ctx.Err() == nil {
		f := s.pending[0]
		s.pending = s.pending[1:]
		f.queued = false
		more, err := s.drain(ctx, f, out, wholeEvents, func() { s.look(ctx, time.Time{}) })
		if err != nil {
			return err
		}
		if more {
			s.enqueue(f)
		}
	}
	return nil
}

// look waits until the time given for news, and takes note of them.
func (s *Taildir) look(ctx context.Context, until time.Time) {
	change := s.folders.Wait(ctx, max(0, time.Until(until)))
	for _, path := range change.Written {
		if f := s.byPath[path]; f != nil {
			s.enqueue(f)
		}
	}
	if len(change.Listed) > 0 {
		s.relist(change.Listed)
	}
	if change.Missed || !time.Now().Before(s.nextScan) {
		s.scan(false)
		s.nextScan = time.Now().Add(s.maxSleep)
	}
}

// maintain does what depends on the time: it ends events that wait for more
// lines, closes what is idle, and leaves files that are gone.
func (s *Taildir) maintain(ctx context.Context, out *Output) error {
	now := time.Now()
	s.nextCare = now.Add(time.Hour)
	for _, f := range s.files {
		if f.f == nil {
			continue
		}
		if !f.waits.IsZero() {
			if due := f.waits.Add(s.multi.timeout); now.Before(due) {
				s.remind(due)
			} else if err := s.finish(ctx, f, out, wholeLines); err != nil {
				return err
			}
		}
		limit := s.idle
		if f.gone {
			limit = min(limit, lingerFor)
		}
		if due := f.active.Add(limit); now.Before(due) || f.queued {
			s.remind(due)
			if f.gone { // nobody tells of it
				s.enqueue(f)
				s.remind(now.Add(gonePoll))
			}
			continue
		}
		if err := s.finish(ctx, f, out, everything); err != nil || ctx.Err() != nil {
			return err
		}
		if f.queued {
			continue
		}
		s.shut(f)
		if f.gone {
			s.forget(f)
		}
	}
	return nil
}

// finish reads a file to its end and ends the last event.
func (s *Taildir) finish(ctx context.Context, f *tailFile, out *Output, end tailEnd) error {
	more, err := s.drain(ctx, f, out, end, nil)
	if more {
		s.enqueue(f)
	}
	return err
}

// remind makes maintain run at t.
func (s *Taildir) remind(t time.Time) { s.nextCare = earlier(s.nextCare, t) }

// lingerFor is how long a file that was renamed to a name that no pattern has
// is followed beyond its last line: its writer keeps it open until it is told
// to open the new one.
const (
	lingerFor = 10 * time.Second
	gonePoll  = 500 * time.Millisecond
)

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// enqueue puts a file at the end of those to be read.
func (s *Taildir) enqueue(f *tailFile) {
	if !f.queued {
		f.queued = true
		s.pending = append(s.pending, f)
	}
}
