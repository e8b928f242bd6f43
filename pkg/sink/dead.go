package sink

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/folder"
)

// Rejection is an event of a batch that no repetition will deliver, such as one
// above a broker's limit.
type Rejection struct {
	Index int // in the batch
	Err   error
}

// RejectedError is what Write returns where some events can never be delivered
// and all others of the batch have been. The runner keeps the rejected ones in
// a file and goes on.
type RejectedError struct{ Events []Rejection }

func (e *RejectedError) Error() string {
	if len(e.Events) == 1 {
		return fmt.Sprintf("1 event cannot be delivered: %v", e.Events[0].Err)
	}
	return fmt.Sprintf("%d events cannot be delivered; the first: %v", len(e.Events), e.Events[0].Err)
}

// DeadLetters is the file for events that a sink can never deliver, or a channel
// never store: one JSON object a line with time, agent, sink or channel, reason,
// headers and body (or body_base64, where the body is not UTF-8). It is made with
// the first event.
type DeadLetters struct {
	path, agent, kind, name string

	mu   sync.Mutex
	file *os.File
}

// NewDeadLetters names the file; a leading ~/ is the home folder.
// Kind is sink or channel.
func NewDeadLetters(path, agent, kind, name string) *DeadLetters {
	if rest, found := strings.CutPrefix(path, "~/"); found {
		if home, err := os.UserHomeDir(); err == nil {
			path = filepath.Join(home, rest)
		}
	}
	return &DeadLetters{path: path, agent: agent, kind: kind, name: name}
}

// Path is where the events go.
func (d *DeadLetters) Path() string { return d.path }

type deadLetter struct {
	Time    string            `json:"time"`
	Agent   string            `json:"agent"`
	Sink    string            `json:"sink,omitempty"`
	Channel string            `json:"channel,omitempty"`
	Reason  string            `json:"reason"`
	Headers map[string]string `json:"headers"`
	Body    *string           `json:"body,omitempty"`
	Base64  []byte            `json:"body_base64,omitempty"`
}

// Write appends the rejected events of a batch and returns when they are on the
// disk.
func (d *DeadLetters) Write(batch []flume.Event, rejected []Rejection) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.open(); err != nil {
		return fault.Hint(fmt.Errorf("keep events that cannot be delivered: %w", err), "set the property deadLetter of %s %s to a file that can be written", d.kind, d.name)
	}
	var lines []byte
	for _, r := range rejected {
		e := &batch[r.Index]
		l := deadLetter{Time: time.Now().UTC().Format(time.RFC3339Nano), Agent: d.agent, Reason: r.Err.Error(),
			Headers: make(map[string]string, len(e.Headers))}
		if d.kind == "channel" {
			l.Channel = d.name
		} else {
			l.Sink = d.name
		}
		for _, h := range e.Headers {
			l.Headers[h.Key] = h.Value
		}
		if text := string(e.Body); utf8.ValidString(text) {
			l.Body = &text
		} else {
			l.Base64 = e.Body
		}
		line, err := json.Marshal(l)
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
	}
	if _, err := d.file.Write(lines); err != nil {
		return errors.Join(err, d.close()) // a part of it may be there: the next try begins a line of its own
	}
	return d.file.Sync()
}

// open opens the file behind its last whole line; where somebody has taken it
// away, it makes a new one.
func (d *DeadLetters) open() error {
	if d.file != nil && isAt(d.path, d.file.Stat) {
		return nil
	}
	if err := d.close(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(d.path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(d.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	st, err := f.Stat()
	switch {
	case err == nil && st.Size() > 0:
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, st.Size()-1); err == nil && last[0] != '\n' {
			if _, err := f.Write([]byte{'\n'}); err != nil {
				return errors.Join(err, f.Close())
			}
		}
	case err == nil && st.Mode().IsRegular():
		// A folder that only takes files cannot be synced.
		if err := folder.Sync(filepath.Dir(d.path)); err != nil && !errors.Is(err, fs.ErrPermission) {
			return errors.Join(err, f.Close())
		}
	}
	d.file = f
	return nil
}

// isAt reports whether the path still leads to an open file: what is written to
// one that was deleted is lost with it.
func isAt(path string, stat func() (os.FileInfo, error)) bool {
	there, err := os.Stat(path)
	if err != nil {
		return !errors.Is(err, os.ErrNotExist)
	}
	here, err := stat()
	return err != nil || os.SameFile(here, there)
}

func (d *DeadLetters) close() error {
	if d.file == nil {
		return nil
	}
	f := d.file
	d.file = nil
	return f.Close()
}

// Close closes the file.
func (d *DeadLetters) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.close()
}
