package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/folder"
	"github.com/logpipe/logpipe/pkg/sink/counts"
	"github.com/logpipe/logpipe/pkg/sink/serializer"
)

// FileRoll writes events into files of one folder and begins a new one every
// rollInterval, also when nothing came. What Flume leaves to the page cache is
// on the disk here before the channel forgets it. It differs from Flume in two
// more ways: it never writes into a file that is there already, and a batch that
// fails half-way leaves no trace.
type FileRoll struct {
	directory string
	interval  time.Duration
	manager   string
	prefix    string
	extension string
	batch     int
	format    serializer.Settings

	env     flume.Env
	counts  counts.Sink
	started int64  // ms since 1970, in the names of path manager DEFAULT
	second  string // in the last name of path manager ROLLTIME
	index   int    // in the last name

	mu       sync.Mutex
	file     rollFile // nil while there is none
	events   serializer.Serializer
	schema   *serializer.Schema // of the file; nil where it needs none, or has no event
	proven   bool               // an event had a schema
	size     int64              // of what is delivered
	writer   rollWriter
	told     string // the last failure of a roll, which is told once
	newFile  func(path string) (rollFile, error)
	stopping chan struct{}
	stopped  sync.WaitGroup
}

// rollFile is what FileRoll needs of a file.
type rollFile interface {
	io.WriteSeeker
	Sync() error
	Truncate(int64) error
	Close() error
	Name() string
	Stat() (os.FileInfo, error)
}

const (
	managerDefault  = "DEFAULT"
	managerRollTime = "ROLLTIME"
)

// NewFileRoll describes and makes Flume's rolling file sink.
func NewFileRoll(p *flume.Properties) Sink {
	s := &FileRoll{newFile: createFile}
	p.String(&s.directory, "sink.directory", "", "the folder, which has to be there").Require()
	p.Duration(&s.interval, "sink.rollInterval", 30*time.Second, time.Second, "how long a file is written; 0 = for ever").OrNever()
	p.Choice(&s.manager, "sink.pathManager", managerDefault, []string{managerDefault, managerRollTime},
		"how files are named: by the time of the start in ms and a number, or by the time of their beginning and a number")
	p.String(&s.prefix, "sink.pathManager.prefix", "", "what names begin with")
	p.String(&s.extension, "sink.pathManager.extension", "", "what names end with, behind a dot")
	p.Int(&s.batch, "sink.batchSize", defaultBatch, 1, "most events in one transaction").In("events")
	s.format.Describe(p, "sink.serializer")
	return s
}

// Batch is the sink.batchSize.
func (s *FileRoll) Batch() (string, int) { return "sink.batchSize", s.batch }

// Borrows is true where a batch is in the file, or was taken back: schemas are
// kept, whose names come from the events.
func (s *FileRoll) Borrows() bool { return !s.format.NeedsSchema() }

// Gathers is true where one sync brings all that was written to the disk: each
// schema has a file of its own.
func (s *FileRoll) Gathers() bool { return !s.format.NeedsSchema() }

// Guarantee says what is on the disk when.
func (s *FileRoll) Guarantee() string {
	return "at least once: on the disk (fsync) before the channel forgets it; after a kill the events of one batch may come twice"
}

// Check refuses a serializer that is not there and a name that is a path.
func (s *FileRoll) Check() []flume.Problem {
	all := s.format.Check()
	for name, text := range map[string]string{"prefix": s.prefix, "extension": s.extension} {
		if filepath.Base(text) != text && text != "" {
			all = append(all, flume.Problem{Property: "sink.pathManager." + name, Message: fmt.Sprintf("%q names a folder", text),
				Fix: "write the folder into sink.directory"})
		}
	}
	return all
}

// Survey looks at the folder.
func (s *FileRoll) Survey() []flume.Problem {
	all := flume.SurveyFolder("sink.directory", s.directory, true)
	if _, err := os.Stat(s.directory); strings.Contains(s.directory, "%") && errors.Is(err, fs.ErrNotExist) {
		all[0].Fix = "name a folder that is there: this sink knows no escapes such as %Y, which type hdfs knows, also with hdfs.path = file:///folder/%Y"
	}
	return all
}

// Open begins the first file.
func (s *FileRoll) Open(env flume.Env) error {
	s.env, s.counts = env, counts.New(env)
	info, err := os.Stat(s.directory)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: s.directory, Err: errors.New("it is no folder")}
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = fault.Hint(fmt.Errorf("sink.directory: %w", err), "make the folder: mkdir -p %s", s.directory)
		return flume.OfProperty(err, "sink.directory")
	}
	if err != nil {
		return flume.OfProperty(fmt.Errorf("sink.directory: %w", err), "sink.directory")
	}
	s.started, s.index, s.second = time.Now().UnixMilli(), 0, ""
	if err := s.begin(); err != nil {
		return flume.OfProperty(err, "sink.directory")
	}
	s.stopping = make(chan struct{})
	if s.interval > 0 {
		s.stopped.Go(s.rollOnTime)
	}
	return nil
}

// rollOnTime begins a new file at each interval.
func (s *FileRoll) rollOnTime() {
	ticker := time.NewTicker(s.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-s.stopping:
			return
		}
		s.mu.Lock()
		err := s.end()
		if err == nil {
			err = s.begin()
		}
		text := ""
		if err != nil {
			text = err.Error()
		}
		told := s.told
		s.told = text
		s.mu.Unlock()
		if text != "" && text != told {
			s.env.Logf("cannot roll: %v", err)
		}
	}
}

// Close ends the last file.
func (s *FileRoll) Close() error {
	if s.stopping != nil {
		close(s.stopping)
		s.stopped.Wait()
		s.stopping = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end()
}

// Write appends the batch, or several at once, and waits until the disk has it.
func (s *FileRoll) Write(ctx context.Context, batch []flume.Event) error {
	return s.WriteBatches(ctx, batch, nil)
}

// WriteBatches is Write that tells of each batch, where delivered is not nil,
// before the disk has all of them.
func (s *FileRoll) WriteBatches(ctx context.Context, batch []flume.Event, delivered func(int) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := len(batch); n > 0; n -= s.batch {
		s.counts.Attempt(min(n, s.batch), s.batch)
	}
	rejected, err := s.write(ctx, batch, delivered)
	if err != nil {
		s.counts.Failed.Add(1)
		return err
	}
	s.counts.Delivered.Add(int64(len(batch) - len(rejected)))
	if len(rejected) > 0 {
		return &RejectedError{rejected}
	}
	return nil
}

func (s *FileRoll) write(ctx context.Context, batch []flume.Event, delivered func(int) error) ([]Rejection, error) {
	if !s.format.NeedsSchema() {
		return nil, s.writeAll(batch, delivered)
	}
	groups, rejected, err := s.bySchema(ctx, batch)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		if err := s.changeSchema(g.schema); err != nil {
			return nil, err
		}
		if err := s.writeAll(g.events, nil); err != nil {
			return nil, err
		}
	}
	return rejected, nil
}

// writeAll appends events to the file, or none of them.
func (s *FileRoll) writeAll(batch []flume.Event, delivered func(int) error) error {
	if s.file != nil && !isAt(s.file.Name(), s.file.Stat) {
		if s.env.Logf != nil {
			s.env.Logf("%s was moved or deleted: what comes now is in another file", s.file.Name())
		}
		if err := s.giveUp(); err != nil {
			return err
		}
	}
	if s.file == nil {
		if err := s.begin(); err != nil {
			return err
		}
	}
	err := s.append(batch, delivered)
	if err == nil {
		return nil
	}
	if delivered != nil {
		if told := delivered(0); told != nil {
			return errors.Join(err, told, s.giveUp()) // it may still count as delivered, and so it stays
		}
	}
	return errors.Join(err, s.undo())
}

func (s *FileRoll) append(batch []flume.Event, delivered func(int) error) error {
	w := &s.writer
	w.start(s.file)
	defer w.end()
	if s.size == 0 {
		w.buf = s.events.Begin(w.buf) // what begin could not know
	}
	step := len(batch)
	if delivered != nil {
		step = s.batch
	}
	for n := 0; n < len(batch); {
		part := batch[n:min(n+step, len(batch))]
		if err := w.all(s.events, part); err != nil {
			return err
		}
		if n += len(part); delivered != nil {
			if err := delivered(n); err != nil {
				return err
			}
		}
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	s.size += w.size
	return nil
}

// undo takes back what a batch that failed has left in the file. Where that
// cannot be done, the file is given up.
func (s *FileRoll) undo() error {
	err := s.file.Truncate(s.size)
	if err == nil {
		_, err = s.file.Seek(s.size, io.SeekStart)
	}
	s.events.Forget()
	if err == nil {
		return nil
	}
	return errors.Join(err, s.giveUp())
}

// giveUp closes a file as it is, so that the next batch begins another.
func (s *FileRoll) giveUp() error {
	err := s.file.Close()
	s.file = nil
	s.counts.Closed.Add(1)
	return err
}

// begin makes the next file.
func (s *FileRoll) begin() error {
	var f rollFile
	for {
		var err error
		f, err = s.newFile(filepath.Join(s.directory, s.nextName()))
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) {
			s.counts.ConnectFailed.Add(1)
			return err
		}
	}
	s.events = s.format.New(s.schema)
	head := s.events.Begin(nil)
	_, err := f.Write(head)
	if err == nil {
		err = errors.Join(f.Sync(), folder.Sync(s.directory))
	}
	if err != nil {
		s.counts.ConnectFailed.Add(1)
		return errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	s.file, s.size = f, int64(len(head))
	s.counts.Created.Add(1)
	return nil
}

// nextName is the name of the next file as Flume's path managers make it.
func (s *FileRoll) nextName() string {
	mark := strconv.FormatInt(s.started, 10)
	if s.manager == managerRollTime {
		mark = time.Now().Format("20060102150405")
		if mark != s.second {
			s.index, s.second = 0, mark
		}
	}
	s.index++
	name := fmt.Sprintf("%s%s-%d", s.prefix, mark, s.index)
	if s.extension != "" {
		name += "." + s.extension
	}
	return name
}

// end closes the file, all of which is on the disk.
func (s *FileRoll) end() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file, s.schema = nil, nil
	s.counts.Closed.Add(1)
	return err
}

func createFile(path string) (rollFile, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, err // a nil *os.File is no nil rollFile
	}
	return f, nil
}
