package stream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
)

// Control is what the commands of a pipe tell each other between the records: how
// far the records have come from, so that what was read is committed only when the
// last command is done with it. In a pipe it is a line of JSON that begins with
//
//	{"@logpipe":"KIND","token":"TOKEN"
//
// Such lines count only in a stream whose first line is one of kind open, and only
// with its token: in any other stream, and with any other token, they are records.
// `logpipe help marks` describes the format for the authors of other tools.
type Control struct {
	Kind    ControlKind `json:"@logpipe"`
	Token   string      `json:"token"`
	Version int         `json:"version,omitempty"` // of the format, in open
	Every   int64       `json:"every,omitempty"`   // how often marks are to come, ms, in open; 0 = not told

	// Source is the partition that the records behind a source line come from, as
	// topic/partition, or that a watermark line is about; "" is all.
	Source string `json:"source,omitempty"`
	// Time is how far event time has come: no record behind is earlier (watermark),
	// ns since 1970 UTC.
	Time int64 `json:"time,omitempty"`
	// Idle tells of a source that has no records for now: windows do not wait for it.
	Idle bool `json:"idle,omitempty"`

	// Of mark and reset: who has read, and up to where.
	Epoch      int64            `json:"epoch,omitempty"` // number of the mark, which goes on where the group has committed
	Cluster    string           `json:"cluster,omitempty"`
	Brokers    []string         `json:"brokers,omitempty"`
	Group      string           `json:"group,omitempty"`
	Member     string           `json:"member,omitempty"`
	Instance   string           `json:"instance,omitempty"`
	Generation int32            `json:"generation,omitempty"`
	Offsets    map[string]int64 `json:"offsets,omitempty"` // by topic/partition: the next record's
	// Topics are the ids of the topics of Offsets, by name, where they are known: one
	// that is made anew has its name, and another id.
	Topics map[string]string `json:"topics,omitempty"`
	// Leaders are, by topic/partition, the epochs of the leaders by which the records before
	// Offsets were written, where they are known.
	Leaders map[string]int32 `json:"leaders,omitempty"`
	// Again names, in open, the command whose rows hold other records when the same are
	// read again: a transaction cannot make them come once.
	Again string `json:"again,omitempty"`
	// Last tells that reading has ended here, and not because the reader has died.
	Last bool `json:"last,omitempty"`
	// Until is, by source, how far event time had come in each command that makes rows
	// of windows, first to last, when the mark passed it (ns since 1970 UTC, 0 where
	// no window was out): the rows up to there are out with the mark. In a reset it is what the
	// group has committed so, and each command takes its own off.
	Until map[string][]int64 `json:"until,omitempty"`
	// Behind are the sources that have records already: windows wait for them.
	Behind []string `json:"behind,omitempty"`
	Ledger []Counts `json:"ledger,omitempty"` // of the commands so far, first to last

	latest int64
	came   []tally // the counts of the operators when a mark came to this command
}

// Latest is the largest event time of the records before c, for a fold that has one;
// MinTime without any.
func (c *Control) Latest() int64 { return c.latest }

// Kept is, by source, the Until of the next command that makes rows of windows. Under
// "" is what holds for records that come from all sources, as rows do: the least.
func (c *Control) Kept() map[string]int64 {
	kept := make(map[string]int64)
	for source, list := range c.Until {
		if len(list) > 0 && list[0] != 0 {
			kept[source] = list[0]
		}
	}
	least := int64(MaxTime)
	for source := range c.Offsets {
		at, ok := kept[source]
		if !ok {
			return kept // nothing of this one is out: none of its records may be left out
		}
		least = min(least, at)
	}
	if least != MaxTime {
		kept[""] = least
	}
	return kept
}

// Took is the reset c for the commands behind one that has taken its Kept. Its rows
// come from no partition: who waited for those that have records would wait for ever.
func (c *Control) Took() *Control {
	next := *c
	next.Behind = nil
	next.Until = map[string][]int64{}
	for source, list := range c.Until {
		if len(list) > 1 {
			next.Until[source] = list[1:]
		}
	}
	return &next
}

// Reached is the mark c behind a command whose rows of windows that end up to until,
// or up to what was kept of a source, are out; MinTime for none.
func (c *Control) Reached(until int64, kept map[string]int64) *Control {
	next := *c
	next.Until = map[string][]int64{}
	for source := range c.Offsets {
		at := until
		if k, ok := kept[source]; ok {
			at = max(at, k)
		}
		if at == MinTime {
			at = 0
		}
		list := c.Until[source]
		next.Until[source] = append(list[:len(list):len(list)], at)
	}
	return &next
}

// ControlKind is what a Control is.
type ControlKind string

// The kinds.
const (
	ControlOpen      ControlKind = "open"      // the first line of a stream with control lines
	ControlSource    ControlKind = "source"    // the records behind come from Source
	ControlWatermark ControlKind = "watermark" // event time has come up to Time, or Source is idle
	ControlMark      ControlKind = "mark"      // what came before is read up to Offsets: to be committed by who is done with it
	ControlReset     ControlKind = "reset"     // reading begins anew at Offsets: what came before and is not committed comes again
	// ControlCut is told within a command only, and is no line: the input has ended
	// without its last mark. None from before may pass with rows that hold what came
	// behind it.
	ControlCut ControlKind = "cut"
)

// ControlVersion is the version of the format that is written and read.
const ControlVersion = 1

// Counts are the records of one command up to a mark:
//
//	In + Made = Out + Rejected + Late + Dropped + Folded + Again + Open
//
// Dropped are those that it leaves out by its purpose, and blank lines; Folded are those
// that went into rows, and Made are these rows, which are part of Out. Open are rows, or
// records, that it still holds: none, where a mark passes when all before it is out.
type Counts struct {
	Stage    string `json:"stage"`
	In       int64  `json:"in"`
	Out      int64  `json:"out"`
	Rejected int64  `json:"rejected,omitempty"`
	Late     int64  `json:"late,omitempty"`
	Dropped  int64  `json:"dropped,omitempty"`
	Folded   int64  `json:"folded,omitempty"`
	Made     int64  `json:"made,omitempty"`
	Again    int64  `json:"again,omitempty"` // forgotten, or of a transaction that was taken back: they come again
	Open     int64  `json:"open,omitempty"`
}

// ControlSink is a Sink that takes controls too. It has them after the records
// before them.
type ControlSink interface {
	Control(c *Control) error
}

// Controller is an Operator or a Folder that has to know of controls; others let
// them pass. Control is called in input order, after all records before c. The
// operator hands c to pass when it is done with the records before it: at once, or
// later from another of its methods.
type Controller interface {
	Control(c *Control, emit Emit, pass Pass) error
}

// Pass hands a control to what comes behind.
type Pass func(*Control) error

// controlHead is how each control line begins. A quotation mark follows, or a blank and
// one: there are programs that write JSON so.
const controlHead = `{"@logpipe":`

// headed tells whether a line begins as a control does.
func headed(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte(controlHead))
	return ok && bytes.HasPrefix(bytes.TrimPrefix(rest, []byte(" ")), []byte(`"`))
}

// AppendLine appends the control as a line.
func (c *Control) AppendLine(dst []byte) []byte {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // of strings and numbers alone: there is no error
	}
	return append(append(dst, text...), '\n')
}

var errSecondOpen = fault.Hint(fault.Usagef("a second stream with marks begins within the first: only one can be committed as it was read"),
	"leave --marks out of one consume, or read both topics with one: consume A B -g G --marks")

var errUnreadable = errors.New("a control line of the stream cannot be read")

// ParseControl reads a line that is a control of the stream with this token, or of
// any stream where it is "" and the line of kind open. ok is false for all other
// lines: those are records. One that has the stream's token and cannot be read is an
// error: as a record it would go where it has no business.
func ParseControl(line []byte, token string) (c *Control, ok bool, err error) {
	if !headed(line) {
		return nil, false, nil
	}
	c = new(Control)
	if err := json.Unmarshal(line, c); err != nil {
		if token != "" && bytes.Contains(line, []byte(`"`+token+`"`)) {
			return nil, false, fault.Hint(fmt.Errorf("%w (%w): a program in the pipe has changed it", errUnreadable, err),
				"lines that begin with {\"@logpipe\" have to pass as they are: logpipe help marks")
		}
		return nil, false, nil
	}
	if c.Token == "" || token == "" && c.Kind != ControlOpen {
		return nil, false, nil
	}
	if token != "" && c.Kind == ControlOpen && c.Token != token {
		return nil, false, errSecondOpen
	}
	if token != "" && c.Token != token {
		return nil, false, nil
	}
	switch c.Kind {
	case ControlOpen:
		if c.Version > ControlVersion {
			return nil, false, fmt.Errorf("the stream has marks of version %d, from a newer logpipe; this one knows version %d", c.Version, ControlVersion)
		}
	case ControlSource, ControlWatermark, ControlMark, ControlReset:
	default:
		return nil, false, fmt.Errorf("the stream has a control line of kind %q, which this logpipe does not know", c.Kind)
	}
	return c, true, nil
}

// SourceName names a partition in controls.
func SourceName(topic string, partition int32) string { return fmt.Sprintf("%s/%d", topic, partition) }

// CutSource is the topic and partition of a SourceName.
func CutSource(name string) (topic string, partition int32, ok bool) {
	i := strings.LastIndexByte(name, '/')
	if i <= 0 {
		return "", 0, false
	}
	var n int32
	if _, err := fmt.Sscanf(name[i+1:], "%d", &n); err != nil || n < 0 || SourceName(name[:i], n) != name {
		return "", 0, false
	}
	return name[:i], n, true
}
