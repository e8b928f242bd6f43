package op

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/timestamp"
)

// timeNames are the fields that hold the event time by default: the first of
// them that the first record has.
var timeNames = []string{"time", "@timestamp", "timestamp", "ts"}

// eventTime reads the event time of records. Workers take their own reader.
type eventTime struct {
	mu     sync.Mutex
	field  *record.Field // nil until the first record decides
	layout *timestamp.Layout
	loc    *time.Location
}

func newEventTime(field, layout string, loc *time.Location) (*eventTime, error) {
	t := &eventTime{loc: loc}
	if layout != "" {
		l, err := timestamp.NewLayout(layout)
		if err != nil {
			return nil, fault.Usagef("--time-format %q: %w", layout, err)
		}
		t.layout = l
	}
	if field == "" || field == "now" {
		return t, nil
	}
	f, err := record.NewField(field)
	if err != nil {
		return nil, fault.Usagef("--time %s: %w", field, err)
	}
	t.field = f
	return t, nil
}

// reader returns the reader of a worker. Where the first record has to decide
// on the field, turn waits until every record before r has been seen.
func (t *eventTime) reader(r *record.Record, turn func()) *timeReader {
	t.mu.Lock()
	f := t.field
	t.mu.Unlock()
	if f == nil {
		turn()
		t.mu.Lock()
		if t.field == nil {
			t.field = firstTimeField(r)
		}
		f = t.field
		t.mu.Unlock()
	}
	return &timeReader{field: f.Clone(), layout: t.layout, loc: t.loc}
}

func firstTimeField(r *record.Record) *record.Field {
	for _, n := range timeNames {
		if f := record.FlatField(n); r.Has(f) {
			return f
		}
	}
	return record.FlatField(timeNames[0])
}

// timeReader reads the event time of one worker's records.
type timeReader struct {
	field  *record.Field
	layout *timestamp.Layout
	loc    *time.Location
	last   []byte // the text read last, with its time: equal ones follow each other
	lastNS int64
}

var errNoTime = errors.New("no event time")

// of returns the event time of r in ns since 1970 UTC.
func (t *timeReader) of(r *record.Record) (int64, error) {
	if s, _ := r.Span(t.field); s.Enc == record.JSONInt && !s.Neg {
		if ns, ok := timestamp.FromInt(int64(s.Mant)); ok {
			return ns, nil
		}
	}
	v := r.Get(t.field)
	var ns int64
	ok := false
	switch v.Kind {
	case record.Int:
		ns, ok = timestamp.FromInt(v.Int())
	case record.Float:
		ns, ok = timestamp.FromNumber(v.Float())
	case record.String:
		if len(v.Bytes) > 0 && string(v.Bytes) == string(t.last) {
			return t.lastNS, nil
		}
		if t.layout != nil {
			ns, ok = t.layout.Parse(v.Bytes, t.loc)
		} else {
			ns, ok = timestamp.ParseIn(v.Bytes, t.loc)
		}
		if ok {
			t.last, t.lastNS = append(t.last[:0], v.Bytes...), ns
		}
	case record.Null:
		return 0, fmt.Errorf("%w: no field %q", errNoTime, t.field)
	}
	if !ok {
		return 0, fmt.Errorf("%w: field %q holds %s", errNoTime, t.field, shorten(record.AppendValue(nil, v)))
	}
	return ns, nil
}

// shorten cuts a value for a message.
func shorten(b []byte) string {
	if len(b) > 40 {
		return string(b[:40]) + "…"
	}
	return string(b)
}
