package expr

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/timestamp"
)

var timeFunctions = []builtin{
	{Function: Function{"time", groupTime, "time(x[, format])", "the time x (RFC 3339, access log, epoch number and others, or in format: strftime's %d.%m.%Y, s, ms, us or ns) as RFC 3339; compare times by epoch", "time('17/May/2015:10:05:03 +0200')", `"2015-05-17T08:05:03Z"`}, min: 1, max: 2, cost: 80, traits: usesZone, build: timeText, check: checkTime},
	{Function: Function{"epoch", groupTime, "epoch(x)", "the time x in seconds since 1970 UTC", "epoch('2015-05-17T10:05:03.5Z')", "1431857103.5"}, min: 1, max: 1, cost: 50, traits: usesZone, one: epoch},
	{Function: Function{"epoch_ms", groupTime, "epoch_ms(x)", "the time x in whole milliseconds since 1970 UTC", "epoch_ms(1431857103)", "1431857103000"}, min: 1, max: 1, cost: 50, traits: usesZone, one: ofTime(epochMillis)},
	{Function: Function{"strftime", groupTime, "strftime(x, format)", "the time x in a format of %Y %m %d %H %M %S %b %a %j %z and others", "strftime(1431857103, '%d.%m.%Y %H:%M')", `"17.05.2015 10:05"`}, min: 2, max: 2, cost: 150, traits: usesZone, two: strftime, check: wantText(1)},
	{Function: Function{"trunc_time", groupTime, "trunc_time(x, every)", "the beginning of the span of time, such as '1m', '6h', '1d' or '1w' (from Monday), that x lies in, as RFC 3339", "trunc_time('2015-05-17T10:05:03Z', '1h')", `"2015-05-17T10:00:00Z"`}, min: 2, max: 2, cost: 120, traits: usesZone, build: truncTime, check: checkEvery},
	{Function: Function{"year", groupTime, "year(x)", "the year of the time x", "year('2015-05-17')", "2015"}, min: 1, max: 1, cost: 70, traits: usesZone, one: ofTime(time.Time.Year)},
	{Function: Function{"month", groupTime, "month(x)", "its month, 1 to 12", "month('2015-05-17')", "5"}, min: 1, max: 1, cost: 70, traits: usesZone, one: ofTime(func(t time.Time) int { return int(t.Month()) })},
	{Function: Function{"day", groupTime, "day(x)", "its day of the month, 1 to 31", "day('2015-05-17')", "17"}, min: 1, max: 1, cost: 70, traits: usesZone, one: ofTime(time.Time.Day)},
	{Function: Function{"hour", groupTime, "hour(x)", "its hour, 0 to 23", "hour('2015-05-17T10:05:03Z')", "10"}, min: 1, max: 1, cost: 70, traits: usesZone, one: ofTime(time.Time.Hour)},
	{Function: Function{"minute", groupTime, "minute(x)", "its minute, 0 to 59", "minute('2015-05-17T10:05:03Z')", "5"}, min: 1, max: 1, cost: 70, traits: usesZone, one: ofTime(time.Time.Minute)},
	{Function: Function{"second", groupTime, "second(x)", "its second, 0 to 59", "second('2015-05-17T10:05:03Z')", "3"}, min: 1, max: 1, cost: 70, traits: usesZone, one: ofTime(time.Time.Second)},
	{Function: Function{"weekday", groupTime, "weekday(x)", "its day of the week, 1 for Monday to 7 for Sunday", "weekday('2015-05-17')", "7"}, min: 1, max: 1, cost: 70, traits: usesZone, one: ofTime(weekday)},
	{Function: Function{"now", groupTime, "now()", "the time of the evaluation as RFC 3339: live only, a replay gives other values", "epoch(now()) > epoch('2026-01-01')", "true"}, cost: 150, traits: usesClock | usesZone, build: now},
}

// timeOf reads any value that is a time, in ns since 1970 UTC.
func (p *Program) timeOf(v val) (ns int64, ok bool) {
	switch v.kind {
	case record.Int:
		return timestamp.FromInt(v.int())
	case record.Float:
		return timestamp.FromNumber(v.float())
	case record.String:
		return timestamp.ParseIn(v.bytes(), p.loc)
	}
	return 0, false
}

// timeValue prints a time.
func (p *Program) timeValue(ns int64) val {
	off := len(p.buf)
	p.buf = timestamp.AppendRFC3339(p.buf, ns, p.loc)
	return p.text(off)
}

// ofTime makes a function of a part of a time.
func ofTime[N int | int64](part func(time.Time) N) func(*Program, val) val {
	return func(p *Program, v val) val {
		ns, ok := p.timeOf(v)
		if !ok {
			return val{}
		}
		return intVal(int64(part(time.Unix(0, ns).In(p.loc))))
	}
}

func epochMillis(t time.Time) int64 { return t.UnixMilli() }

func weekday(t time.Time) int {
	const days = 7
	return (int(t.Weekday())+days-1)%days + 1
}

// epoch adds whole seconds and the fraction apart: nanoseconds of today are
// beyond what float64 holds exactly.
func epoch(p *Program, v val) val {
	ns, ok := p.timeOf(v)
	if !ok {
		return val{}
	}
	t := time.Unix(0, ns)
	if t.Nanosecond() == 0 {
		return intVal(t.Unix())
	}
	fraction := float64(t.Nanosecond()) / 1e9
	return floatVal(float64(t.Unix()) + fraction)
}

func strftime(p *Program, v, format val) val {
	ns, ok := p.timeOf(v)
	if !ok || format.kind != record.String {
		return val{}
	}
	off := len(p.buf)
	p.buf = timestamp.Strftime(p.buf, ns, p.loc, format.text())
	return p.text(off)
}

func now(p *Program, _ []*node) fn {
	return func(*record.Record) val { return p.timeValue(p.now().UnixNano()) }
}

func checkTime(args []*node) (*node, error) {
	if len(args) < 2 {
		return nil, nil
	}
	if !args[1].isText() {
		return args[1], errNotConstant
	}
	_, err := timestamp.NewLayout(args[1].value.text())
	return args[1], err
}

// timeText compiles time.
func timeText(p *Program, args []*node) fn {
	x := p.value(args[0])
	read := p.timeOf
	if len(args) > 1 {
		layout, err := timestamp.NewLayout(args[1].value.text())
		if err != nil { // refused by Parse
			return func(*record.Record) val { return val{} }
		}
		var buf []byte
		read = func(v val) (int64, bool) {
			// The number of `20150517` or of a count stands for its digits.
			if v.isNumber() {
				buf = record.AppendPlain(buf[:0], v.record())
				v = textVal(buf)
			}
			return layout.Parse(v.bytes(), p.loc)
		}
	}
	return func(r *record.Record) val {
		v := x(r)
		if v.kind != record.String && !v.isNumber() {
			return val{}
		}
		ns, ok := read(v)
		if !ok {
			return val{}
		}
		return p.timeValue(ns)
	}
}

func checkEvery(args []*node) (*node, error) {
	if !args[1].isText() {
		return args[1], errNotConstant
	}
	d, err := option.ParseDuration(args[1].value.text())
	if err == nil && d <= 0 {
		err = errors.New("the span is not above 0")
	}
	if err != nil {
		return args[1], fmt.Errorf("want a span of time such as '1m' or '1d': %w", err)
	}
	return nil, nil
}

// truncTime compiles trunc_time. Spans are counted on the clock of the zone:
// days begin at its midnight, weeks on Monday.
func truncTime(p *Program, args []*node) fn {
	const (
		week = 7 * 24 * time.Hour
		edge = int64(2 * week) // of what int64 holds: room for a zone and a shift
	)
	x := p.value(args[0])
	every, err := option.ParseDuration(args[1].value.text())
	if err != nil || every <= 0 { // refused by Parse
		return func(*record.Record) val { return val{} }
	}
	shift := int64(0)
	if every%week == 0 {
		shift = int64(3 * 24 * time.Hour) // 1970-01-01 was a Thursday
	}
	return func(r *record.Record) val {
		ns, ok := p.timeOf(x(r))
		if !ok || ns > math.MaxInt64-edge || ns < math.MinInt64+edge {
			return val{}
		}
		local := ns + p.offset(ns) + shift
		rest := local % int64(every)
		if rest < 0 {
			rest += int64(every)
		}
		begin := ns - rest
		if begin > ns { // before 1677, where int64 ends
			return val{}
		}
		// A change of the clock in between moves the beginning.
		begin += p.offset(ns) - p.offset(begin)
		return p.timeValue(begin)
	}
}

// offset returns how far the zone is ahead of UTC at a time, in ns.
func (p *Program) offset(ns int64) int64 {
	if p.loc == time.UTC {
		return 0
	}
	_, seconds := time.Unix(0, ns).In(p.loc).Zone()
	return int64(seconds) * int64(time.Second)
}
