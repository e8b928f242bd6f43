package hdfs

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/filesystem"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/sink/escape"
	"github.com/logpipe/logpipe/pkg/sink/serializer"
)

// bucket is a folder and a prefix: the place of all events with the same
// expansion of the path, and the same schema where they have one.
type bucket struct {
	key, dir, prefix string
	schema           *serializer.Schema
	number           int64 // in the last name: it begins with the time in ms
	out              *output
	used             int64 // by the count of uses
	touched          bool  // by the batch that is being written
}

// output is a file that is written.
type output struct {
	file         filesystem.File
	name, target string // while it is written, and then
	format       format
	buf          []byte // what is not written
	now, safe    progress
	failed       bool // a write or a sync failed
	roll, idle   *time.Timer
}

// progress is how far a file is.
type progress struct {
	size   int64 // bytes in the file
	events int
	bytes  int // of bodies
}

// bucket finds the place of an event. An error is about the event, but for
// *serializer.FetchError.
func (s *Sink) bucket(e *flume.Event, now time.Time) (*bucket, error) {
	var m escape.Moment
	if s.dirs.NeedsTime() || s.names.NeedsTime() {
		var err error
		if m, err = s.clock.Moment(e.Headers, now); err != nil {
			if errors.Is(err, escape.ErrNoTime) {
				err = fmt.Errorf("%w, which the times in hdfs.path and hdfs.filePrefix need: add a timestamp interceptor to the source, or set hdfs.useLocalTimeStamp = true", err)
			}
			return nil, err
		}
	}
	s.key = s.dirs.Append(s.key[:0], e.Headers, m)
	at := len(s.key)
	s.key = append(s.key, 0) // in no name
	s.key = s.names.Append(s.key, e.Headers, m)
	end := len(s.key)
	schema, err := s.schema(e)
	if err != nil {
		return nil, err
	}
	if schema != nil {
		s.key = append(append(s.key, 0), schema.Text()...)
	}
	b := s.buckets[string(s.key)]
	if b == nil {
		dir, prefix := string(s.key[:at]), string(s.key[at+1:end])
		if s.dirs.NeedsHeaders() || s.names.NeedsHeaders() {
			if err := checkName(dir + "/" + prefix); err != nil {
				return nil, err
			}
		}
		full := path.Clean(dir + "/" + prefix + "x") // a prefix may have folders, and be empty
		b = &bucket{key: string(s.key), schema: schema, dir: path.Dir(full), prefix: strings.TrimSuffix(path.Base(full), "x"), number: now.UnixMilli()}
		s.buckets[b.key] = b
	}
	s.uses++
	b.used = s.uses
	return b, nil
}

// schema finds the schema of an event; nil where files need none.
func (s *Sink) schema(e *flume.Event) (*serializer.Schema, error) {
	if s.fileType == sequenceFile || !s.text.NeedsSchema() {
		return nil, nil
	}
	return s.text.Schema(s.life, e)
}

// checkName refuses what headers must not do to a path: lead out of it.
func checkName(name string) error {
	for segment := range strings.SplitSeq(name, "/") {
		if segment == ".." || strings.ContainsRune(segment, 0) {
			return fmt.Errorf("the headers of the event make the path %q", name)
		}
	}
	return nil
}

// append writes an event into the file of its bucket, and rolls that before.
func (s *Sink) append(b *bucket, e *flume.Event, now time.Time) error {
	if b.out != nil && s.isFull(b.out) {
		s.touch(b)
		if err := s.roll(b); err != nil {
			return err
		}
	}
	if b.out == nil {
		if err := s.begin(b); err != nil {
			return err
		}
	}
	s.touch(b)
	o := b.out
	var err error
	if o.buf, err = o.format.append(o.buf, e, now); err != nil {
		return err
	}
	o.now.events++
	o.now.bytes += len(e.Body)
	if len(o.buf) > mostBuffer {
		return s.put(o)
	}
	return nil
}

// mostBuffer is how much of a batch waits for its end.
const mostBuffer = 4 << 20

func (s *Sink) touch(b *bucket) {
	if !b.touched {
		b.touched = true
		s.touched = append(s.touched, b)
	}
}

// isFull reports whether the next event belongs into another file.
func (s *Sink) isFull(o *output) bool {
	return s.rollCount > 0 && o.now.events >= s.rollCount || s.rollSize > 0 && o.now.bytes >= s.rollSize
}

// begin makes the next file of a bucket.
func (s *Sink) begin(b *bucket) error {
	if err := s.makeRoom(b); err != nil {
		return err
	}
	o := &output{format: s.newFormat(b.schema)}
	for {
		b.number++
		o.name, o.target = s.fileNames(b)
		s.own.Store(o.name, true)
		ctx, done := s.call()
		var err error
		o.file, err = s.fs.Create(ctx, o.name)
		done()
		if err == nil {
			break
		}
		s.own.Delete(o.name)
		if !errors.Is(err, fs.ErrExist) {
			s.counts.ConnectFailed.Add(1)
			return fmt.Errorf("make a file: %w", err)
		}
	}
	s.counts.Created.Add(1)
	o.buf = o.format.Begin(nil)
	b.out = o
	if s.rollInterval > 0 {
		o.roll = time.AfterFunc(s.rollInterval, func() { s.onTime(b, o) })
	}
	if s.idleTimeout > 0 {
		o.idle = time.AfterFunc(s.idleTimeout, func() { s.onTime(b, o) })
	}
	return nil
}

// fileNames are the names of the next file while it is written and then.
func (s *Sink) fileNames(b *bucket) (name, target string) {
	final := b.prefix + "." + strconv.FormatInt(b.number, 10) + s.suffix
	return b.dir + "/" + s.inUsePrefix + final + s.tail, b.dir + "/" + final
}

// makeRoom closes the file that was not used for longest where there are as
// many as there may be.
func (s *Sink) makeRoom(b *bucket) error {
	if len(s.buckets) <= s.maxOpen {
		return nil
	}
	for _, old := range s.inOrder() {
		if old != b {
			return s.finish(old)
		}
	}
	return nil
}

// onTime closes a file whose time is over.
func (s *Sink) onTime(b *bucket, o *output) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || b.out != o {
		return
	}
	if err := s.finish(b); err != nil {
		s.env.Logf("%v", err)
	}
}

// put hands what waits to the file.
func (s *Sink) put(o *output) error {
	if len(o.buf) == 0 {
		return nil
	}
	ctx, done := s.call()
	defer done()
	n, err := o.file.Write(ctx, o.buf)
	o.now.size += int64(n)
	if err != nil {
		o.failed = true
		s.counts.ConnectFailed.Add(1)
		return fmt.Errorf("write %s: %w", o.name, err)
	}
	if cap(o.buf) > 2*mostBuffer {
		o.buf = nil
	}
	o.buf = o.buf[:0]
	return nil
}

// flush makes what was appended safe.
func (s *Sink) flush(o *output) error {
	var err error
	if o.buf, err = o.format.Flush(o.buf); err != nil {
		return err
	}
	if err := s.put(o); err != nil {
		return err
	}
	if o.now.size == o.safe.size {
		return nil
	}
	ctx, done := s.call()
	defer done()
	if err := o.file.Sync(ctx); err != nil {
		o.failed = true
		s.counts.ConnectFailed.Add(1)
		return fmt.Errorf("sync %s: %w", o.name, err)
	}
	return nil
}

// finish ends the file of a bucket, and the bucket.
func (s *Sink) finish(b *bucket) error {
	if b.out != nil {
		if err := s.roll(b); err != nil {
			return err
		}
	}
	delete(s.buckets, b.key)
	return nil
}

// roll ends the file of a bucket. Where only the end of the file fails, that is
// tried again later: what is in it is safe.
func (s *Sink) roll(b *bucket) error {
	o := b.out
	if o.now.events > o.safe.events {
		if err := s.flush(o); err != nil {
			return err
		}
	}
	s.leave(b)
	left := &orphan{file: o.file, name: o.name, target: o.target, safe: o.now.size, empty: o.now.events == 0}
	if err := s.settle(left); err != nil {
		s.env.Logf("cannot end %s: %v; it is tried again", o.name, err)
		s.orphans.add(left)
	}
	return nil
}

// leave takes the file away from a bucket.
func (s *Sink) leave(b *bucket) {
	o := b.out
	if o.roll != nil {
		o.roll.Stop()
	}
	if o.idle != nil {
		o.idle.Stop()
	}
	b.out = nil
}
