package kafka

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

type offsetKind int

const (
	fromEnd offsetKind = iota
	fromBeginning
	fromNumber // n
	fromLast   // n records before the end of each partition
	fromTime   // the first record at or after a time
	fromAgo    // the same, counted back from now
	fromFirst  // n records behind the beginning of each partition
)

// Offset says where to start reading the partitions of a topic. The zero value
// is the end.
type Offset struct {
	kind  offsetKind
	n     int64
	at    time.Time
	local bool // at was given without a zone: as of UTC, see In
	ago   time.Duration
	later time.Duration // at is so long after the beginning of the range
}

// The two ends of a partition.
var (
	Beginning = Offset{kind: fromBeginning}
	End       = Offset{kind: fromEnd}
)

// AtOffset starts at offset n of every partition.
func AtOffset(n int64) Offset { return Offset{kind: fromNumber, n: n} }

// Last starts n records before the end of every partition.
func Last(n int64) Offset { return Offset{kind: fromLast, n: n} }

// AtTime starts at the first record with this time or a later one.
func AtTime(t time.Time) Offset { return Offset{kind: fromTime, at: t} }

// ParseOffset reads beginning, end, N (that offset), -N (the last N records of
// each partition), +N (N records behind its beginning), @TIME and @-DURATION. A time is RFC 3339, its beginning
// (2026-11-20, 2026-11-20T10:00; UTC, see In) or a number of seconds or milliseconds.
func ParseOffset(s string) (Offset, error) {
	o, err := parseOffset(s)
	if err != nil {
		return Offset{}, fault.Hint(fault.Usagef("offset %q: %w", s, err), placeHint)
	}
	return o, nil
}

func parseOffset(s string) (Offset, error) {
	switch s {
	case "beginning", "earliest", "start", "oldest":
		return Beginning, nil
	case "end", "latest", "newest":
		return End, nil
	case "stored": // kcat's word for what a group has committed; without one it is the end
		return End, nil
	case "":
		return Offset{}, errors.New("it is empty")
	}
	if text, ok := strings.CutPrefix(strings.TrimPrefix(s, "s"), "@"); ok { // s@ is kcat's
		return parseTime(text)
	}
	if text, ok := strings.CutPrefix(s, "+"); ok { // rpk's: so many behind the beginning
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return Offset{}, errors.New("want + and a number of records")
		}
		return Offset{kind: fromFirst, n: n}, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return Offset{}, errors.New("not a number, a time or one of beginning, end")
	}
	if strings.HasPrefix(s, "-") {
		if n == -n && n != 0 {
			return Offset{}, errors.New("the number is too large")
		}
		return Last(-n), nil
	}
	return AtOffset(n), nil
}

func parseTime(s string) (Offset, error) {
	if ago, ok := strings.CutPrefix(s, "-"); ok {
		d, err := parseSpan(ago)
		if err != nil {
			return Offset{}, errors.New("want @- and a duration, such as @-1h or @-2d")
		}
		return Offset{kind: fromAgo, ago: d}, nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 {
		if n < 1e11 { // seconds until the year 5138
			return AtTime(time.Unix(n, 0)), nil
		}
		if n >= 253402300800000 { // the year 10000
			return Offset{}, errors.New("the time is too far ahead: want seconds or milliseconds since 1970")
		}
		return AtTime(time.UnixMilli(n)), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return Offset{kind: fromTime, at: t, local: layout != time.RFC3339Nano}, nil
		}
	}
	return Offset{}, errors.New("want @ and a time, such as @2026-11-20T10:00")
}

// In is the place where a time that was given without a zone is one of loc.
func (o Offset) In(loc *time.Location) Offset {
	if o.local {
		t := o.at
		o.at = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), loc)
		o.local = false
	}
	return o
}

// parseSpan reads a duration; rpk's help has hours as hr too.
func parseSpan(s string) (time.Duration, error) {
	d, err := option.ParseDuration(strings.Replace(s, "hr", "h", 1))
	if err == nil && d < 0 {
		err = errors.New("it is below 0")
	}
	return d, err
}

// String is the text that ParseOffset reads.
func (o Offset) String() string {
	switch o.kind {
	case fromBeginning:
		return "beginning"
	case fromNumber:
		return strconv.FormatInt(o.n, 10)
	case fromLast:
		return "-" + strconv.FormatInt(o.n, 10)
	case fromFirst:
		return "+" + strconv.FormatInt(o.n, 10)
	case fromTime:
		if o.local {
			return "@" + o.at.Format("2006-01-02T15:04:05.999999999")
		}
		return "@" + o.at.Format(time.RFC3339Nano)
	case fromAgo:
		return fmt.Sprintf("@-%s", option.FormatDuration(o.ago))
	}
	return "end"
}
