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

const (
	placeHint = "a place is beginning, end, 100, -100 (the last 100), @2026-11-20T10:00 or @-1h"
	rangeHint = placeHint + "; behind a colon stands the one before which to end: 100:200, :end, @-2h:@-1h, @2026-11-20:1h"
)

// ParseRange reads START, START:END and :END, each as ParseOffset does. Behind a
// time the END may be a time without its @, as in @-2h:-1h, or say how long after it,
// as in @2026-11-20:1h. Nothing before the colon, or @ alone before a time, is the
// beginning, nothing behind it no end. kcat's s@TIME and e@TIME are
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
	timed := from == "@" // rpk's @:TIME
	if from != "" && !timed {
		var err error
		if r.From, err = parseOffset(from); err != nil {
			return r, fmt.Errorf("%q: %w", from, err)
		}
		timed = r.From.kind == fromTime || r.From.kind == fromAgo
	}
	if until == "" {
		return r, nil
	}
	o, err := parseUntil(until, r.From, timed)
	zoned := r.From.kind == fromTime && o.kind == fromTime && r.From.local != o.local
	if err == nil && !zoned { // else the zone decides, see Check
		err = follows(r.From, o)
	}
	if err != nil {
		return r, fmt.Errorf("%q: %w", until, err)
	}
	r.Until = &o
	return r, nil
}

// parseUntil reads the end of a range that begins at from; timed tells that it is a
// time, if it can be one.
func parseUntil(s string, from Offset, timed bool) (Offset, error) {
	if s == "now" {
		s = "end"
	}
	o, err := parseOffset(s)
	if !timed || err == nil && o.kind == fromEnd {
		return o, err
	}
	text := strings.TrimPrefix(s, "@")
	if o, err = parseTime(text); err == nil {
		return o, nil
	}
	d, bad := parseSpan(text) // rpk's: so long from the beginning on
	switch {
	case bad != nil:
		return o, err
	case from.kind != fromTime:
		return o, fmt.Errorf("it lies ahead: from now on; -%s is so long ago", text)
	}
	return Offset{kind: fromTime, at: from.at.Add(d), local: from.local, later: d}, nil
}

// In is the range whose times without a zone are of loc; what was given as a time after
// its beginning stays that.
func (r Range) In(loc *time.Location) Range {
	r.From = r.From.In(loc)
	if r.Until != nil {
		until := r.Until.In(loc)
		if until.later > 0 {
			until.at = r.From.at.Add(until.later)
		}
		r.Until = &until
	}
	return r
}

// Check refuses a range whose end lies before its start, as ParseRange does where it
// knows: a time without a zone is compared with one that has it behind In.
func (r Range) Check() error {
	if r.Until == nil {
		return nil
	}
	if err := follows(r.From, *r.Until); err != nil {
		return badRange(r.String(), fmt.Errorf("%q: %w", r.Until.String(), err))
	}
	return nil
}

// follows tells why a range cannot end at until.
func follows(from, until Offset) error {
	switch {
	case until.kind == fromBeginning:
		return errors.New("nothing is before the beginning")
	case from.kind == fromNumber && until.kind == fromNumber && until.n < from.n,
		from.kind == fromTime && until.kind == fromTime && until.at.Before(from.at),
		from.kind == fromAgo && until.kind == fromAgo && until.ago > from.ago:
		return errors.New("it lies before the start")
	}
	return nil
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
	if until.kind == fromTime && until.at.After(now) {
		return nil, fault.Hint(fault.Usagef("the end of the range, %s, lies ahead", &until), "without an end consume goes on reading")
	}
	spans, err := c.spans(ctx, parts)
	if err != nil {
		return nil, err
	}
	timed, err := c.timed(ctx, until, now, parts)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		s := spans[p]
		out[p] = s.next
		switch until.kind {
		case fromNumber:
			out[p] = until.n
		case fromFirst:
			out[p] = min(s.first+until.n, s.next)
		case fromLast:
			out[p] = max(s.first, s.next-until.n)
		case fromTime, fromAgo:
			if n := timed[p]; n >= 0 {
				out[p] = n
			}
		}
	}
	return out, nil
}
