package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
)

// Range says where to start reading the partitions of a topic and, where Until is
// set, before which record to end: an offset, the end as it is now, so many
// records before it, or the first record with a time or a later one. The zero
// value starts at the end and does not end.
type Range struct {
	From  Offset
	Until *Offset
}

const rangeHint = "a place is beginning, end, 100, -100 (the last 100), @2026-11-20T10:00 or @-1h; behind a colon stands " +
	"the one before which to end: 100:200, :end, @-2h:@-1h"

// ParseRange reads START, START:END and :END, each as ParseOffset does. Behind a
// time the END may be a time without its @, as in @-2h:-1h. Nothing before the
// colon is the beginning, nothing behind it no end. kcat's s@TIME and e@TIME are
// understood: where to begin, and where to end.
func ParseRange(s string) (Range, error) {
	if text, ok := strings.CutPrefix(s, "e@"); ok { // kcat's end
		o, err := parseTime(text)
		if err != nil {
			return Range{}, badRange(s, err)
		}
		return Range{From: Beginning, Until: &o}, nil
	}
	if o, err := parseOffset(s); err == nil {
		return Range{From: o}, nil
	} else if !strings.Contains(s, ":") {
		return Range{}, badRange(s, err)
	}
	// A time has colons too: the border is one with a place on either side.
	var last error // of the last colon: what is before it may be a time
	for at := 0; at < len(s); at++ {
		if s[at] != ':' {
			continue
		}
		r, err := parsePlaces(s[:at], s[at+1:])
		if err == nil {
			return r, nil
		}
		last = err
	}
	return Range{}, badRange(s, last)
}

func badRange(s string, err error) error {
	return fault.Hint(fault.Usagef("offset %q: %w", s, err), "%s", rangeHint)
}

func parsePlaces(from, until string) (Range, error) {
	r := Range{From: Beginning}
	var err error
	if from != "" {
		if r.From, err = parseOffset(from); err != nil {
			return r, fmt.Errorf("%q: %w", from, err)
		}
	}
	if until == "" {
		return r, nil
	}
	if until == "now" {
		until = "end"
	}
	o, err := parseOffset(until)
	if timed := r.From.kind == fromTime || r.From.kind == fromAgo; timed && !(err == nil && o.kind == fromEnd) {
		o, err = parseTime(strings.TrimPrefix(until, "@"))
	}
	if err == nil && o.kind == fromBeginning {
		err = errors.New("nothing is before the beginning")
	}
	if err == nil && r.From.kind == fromNumber && o.kind == fromNumber && o.n < r.From.n {
		err = errors.New("it lies before the start")
	}
	if err != nil {
		return r, fmt.Errorf("%q: %w", until, err)
	}
	r.Until = &o
	return r, nil
}

// Live tells whether reading may have to wait for records.
func (r Range) Live() bool { return r.Until == nil || r.Until.kind == fromNumber }

// String is the text that ParseRange reads.
func (r Range) String() string {
	if r.Until == nil {
		return r.From.String()
	}
	return r.From.String() + ":" + r.Until.String()
}

// Set makes a Range a flag value.
// kcat's s@TIME and e@TIME, given one after
// the other, are a range.
func (r *Range) Set(s string) error {
	n, err := ParseRange(s)
	switch {
	case err != nil:
		return err
	case strings.HasPrefix(s, "e@") && r.From.kind == fromTime:
		n.From = r.From
	case strings.HasPrefix(s, "s@") && r.Until != nil && r.Until.kind == fromTime:
		n.Until = r.Until
	}
	*r = n
	return nil
}

// Type names the argument in help.
func (r *Range) Type() string { return "offset" }

// limits tells at which offset reading each partition ends.
func (c *conn) limits(ctx context.Context, until Offset, parts []part) (map[part]int64, error) {
	out := make(map[part]int64, len(parts))
	now := time.Now()
	at := until.at
	if until.kind == fromAgo {
		at = now.Add(-until.ago)
	}
	if until.kind == fromTime && at.After(now) {
		return nil, fault.Hint(fault.Usagef("the end of the range, %s, lies ahead", &until), "without an end consume goes on reading")
	}
	for _, p := range parts {
		s, err := c.span(ctx, p)
		if err != nil {
			return nil, err
		}
		out[p] = s.next
		switch until.kind {
		case fromNumber:
			out[p] = until.n
		case fromFirst:
			out[p] = min(s.first+until.n, s.next)
		case fromLast:
			out[p] = max(s.first, s.next-until.n)
		case fromTime, fromAgo:
			if n, err := c.offsetAt(ctx, p, at.UnixMilli()); err != nil {
				return nil, err
			} else if n >= 0 {
				out[p] = n
			}
		}
	}
	return out, nil
}
