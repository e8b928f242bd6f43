package source

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/logpipe/logpipe/pkg/avrofile"
)

const (
	// trackerName is the file in which Flume keeps how far it has read.
	trackerName = ".flumespool-main.meta"
	// trackerSchema is the shape of its records.
	trackerSchema = `{"type":"record","name":"TransferStateFileMeta","namespace":"org.apache.flume.serialization","fields":[{"name":"offset","type":"long"}]}`
)

// spoolTracker keeps how far one file is read: an Avro container file to which
// each position is appended, as Flume's DurablePositionTracker writes it. A
// further entry of its metadata, which Flume passes over, tells which file it
// means.
type spoolTracker struct {
	name string
	f    *os.File
	sync avrofile.Sync
	pos  int64
	buf  []byte
}

// openTracker goes on with the tracker of a file, or begins one.
func openTracker(name, target string, file io.ReaderAt, size int64) (*spoolTracker, error) {
	t := &spoolTracker{name: name}
	old, pos, mark, err := readTracker(name)
	if err != nil {
		return nil, fmt.Errorf("tracker %s: %w", name, reason(err))
	}
	if old == target && pos <= size && (mark == nil || mark.of(file)) {
		t.pos = pos
	}
	if _, err := rand.Read(t.sync[:]); err != nil {
		return nil, err
	}
	text, err := json.Marshal(headOf(file, size))
	if err != nil {
		return nil, err
	}
	data := avrofile.AppendHeader(nil, []avrofile.Entry{
		{Name: "avro.schema", Value: []byte(trackerSchema)}, {Name: "file", Value: []byte(target)},
		{Name: "logpipe.head", Value: text},
	}, t.sync)
	if t.pos > 0 {
		data = avrofile.AppendBlock(data, 1, avrofile.AppendLong(nil, t.pos), t.sync)
	}
	if err := writeWhole(name, data, false); err != nil {
		return nil, fmt.Errorf("tracker %s: %w", name, reason(err))
	}
	if t.f, err = os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0); err != nil {
		return nil, err
	}
	return t, nil
}

// readTracker returns what is tracked and how far; no file is one at its
// beginning. A last position that is not whole, after a kill, does not count.
func readTracker(name string) (target string, pos int64, mark *fileHead, err error) {
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

func parseTracker(r io.ReaderAt) (target string, pos int64, mark *fileHead) {
	file, err := avrofile.NewReader(r)
	if err != nil {
		return "", 0, nil
	}
	if text := file.Meta("logpipe.head"); text != nil {
		mark = new(fileHead)
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

func (t *spoolTracker) close() { t.f.Close() }

// remove ends the tracking of a file that is done.
func (t *spoolTracker) remove() error {
	t.close()
	return os.Remove(t.name)
}
