package source

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/logpipe/logpipe/pkg/avrofile"
	"github.com/logpipe/logpipe/pkg/folder"
)

const (
	// trackerName is the file in which Flume keeps how far it has read.
	trackerName = ".flumespool-main.meta"
	// trackerSchema is the shape of its records.
	trackerSchema = `{"type":"record","name":"TransferStateFileMeta","namespace":"org.apache.flume.serialization","fields":[{"name":"offset","type":"long"}]}`
)

// Tracking is the folder of the tracker file; whether the source passes over the
// files that are marked there as done, by their names below spoolDir; and whether
// it makes such marks.
func (s *Spooldir) Tracking() (folder string, passes, marks bool) {
	folder = filepath.Clean(s.tracker)
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(s.folder, folder)
	}
	passes = s.tracking == "tracker_dir"
	return folder, passes, passes && s.deletes == "never"
}

// spoolTracker keeps how far one file is read: an Avro container file to which
// each position is appended, as Flume's DurablePositionTracker writes it. A
// further entry of its metadata, which Flume passes over, tells which file it
// means.
type spoolTracker struct {
	name   string
	target string
	f      *os.File
	sync   avrofile.Sync
	mark   spoolMark // of the file as it was when the tracker was begun
	pos    int64
	was    int64 // the position that an earlier run has left for this name
	buf    []byte
}

// suspend leaves a file until the next start; it may be added to meanwhile.
func (r *reading) suspend() error {
	st, err := r.f.Stat()
	if err != nil || !r.tracker.mark.kept(r.f) { // it begins anew then
		return err
	}
	return r.tracker.renew(r.f, st)
}

// track finds out how far a file was read.
func (s *Spooldir) track(r *reading) (err error) {
	if r.tracker, err = openTracker(filepath.Join(s.trackFolder, trackerName), r.target, r.f, r.st); err != nil {
		return err
	}
	t := r.tracker
	at, was := s.failures.resume(r.path, r.f, r.st)
	if t.pos, was = max(t.pos, at), max(t.was, was); t.pos < was {
		s.env.Logf("%s has changed since it was read up to byte %d, or is another file of the same name: reads it from byte %d on", r.path, was, t.pos)
	}
	return nil
}

// openTracker goes on with the tracker of a file, or begins one.
func openTracker(name, target string, file *os.File, st os.FileInfo) (*spoolTracker, error) {
	t := &spoolTracker{name: name, target: target}
	old, pos, mark, err := readTracker(name)
	if err != nil {
		return nil, fmt.Errorf("tracker %s: %w", name, reason(err))
	}
	switch {
	case old != target:
	case mark != nil:
		t.was, t.pos = pos, mark.resume(file, st, pos)
	case pos <= st.Size(): // of a Flume, which trusts the name
		t.was, t.pos = pos, pos
	}
	if _, err := rand.Read(t.sync[:]); err != nil {
		return nil, err
	}
	if err := t.renew(file, st); err != nil {
		return nil, err
	}
	return t, nil
}

// renew begins the tracker anew, with a mark of the file as it is now.
func (t *spoolTracker) renew(file *os.File, st os.FileInfo) error {
	t.mark = markAt(file, st, t.pos)
	text, err := json.Marshal(t.mark)
	if err != nil {
		return err
	}
	data := avrofile.AppendHeader(nil, []avrofile.Entry{
		{Name: "avro.schema", Value: []byte(trackerSchema)}, {Name: "file", Value: []byte(t.target)},
		{Name: "logpipe.head", Value: text},
	}, t.sync)
	if t.pos > 0 {
		data = avrofile.AppendBlock(data, 1, avrofile.AppendLong(nil, t.pos), t.sync)
	}
	t.close()
	if err := folder.Replace(t.name, data, false); err != nil {
		return fmt.Errorf("tracker %s: %w", t.name, reason(err))
	}
	t.f, err = os.OpenFile(t.name, os.O_APPEND|os.O_WRONLY, 0)
	return err
}

// readTracker returns what is tracked and how far; no file is one at its
// beginning. A last position that is not whole, after a kill, does not count.
func readTracker(name string) (target string, pos int64, mark *spoolMark, err error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", 0, nil, nil
	}
	if err != nil {
		return "", 0, nil, err
	}
	defer f.Close()
	target, pos, mark = parseTracker(f)
	return target, pos, mark, nil
}

func parseTracker(r io.ReaderAt) (target string, pos int64, mark *spoolMark) {
	file, err := avrofile.NewReader(r)
	if err != nil {
		return "", 0, nil
	}
	if text := file.Meta("logpipe.head"); text != nil {
		mark = new(spoolMark)
		if json.Unmarshal(text, mark) != nil {
			mark = nil
		}
	}
	for {
		b, err := file.Next()
		if err != nil {
			return string(file.Meta("file")), max(pos, 0), mark
		}
		data, err := avrofile.Unpack(file.Codec(), b.Data)
		for range b.Count {
			if err != nil || len(data) == 0 {
				break
			}
			var n int64
			if n, err = avrofile.ReadLong(data); err == nil {
				pos = n
				data = data[len(avrofile.AppendLong(nil, n)):]
			}
		}
	}
}

// store notes a position.
func (t *spoolTracker) store(pos int64) error {
	t.pos = pos
	t.buf = avrofile.AppendBlock(t.buf[:0], 1, avrofile.AppendLong(nil, pos), t.sync)
	if _, err := t.f.Write(t.buf); err != nil {
		return fmt.Errorf("tracker %s: %w", t.name, reason(err))
	}
	return nil
}

func (t *spoolTracker) close() {
	if t.f != nil {
		t.f.Close() // what was appended is written already
	}
}

// remove ends the tracking of a file that is done.
func (t *spoolTracker) remove() error {
	t.close()
	return os.Remove(t.name)
}
