// Package timestamp reads and writes points in time as log lines hold them:
// RFC 3339, the access-log form of Apache and nginx, RFC 1123, plain dates, and
// numbers that count seconds or parts of seconds since 1970.
//
// A point in time is an int64 of nanoseconds since 1970-01-01 UTC, which
// reaches from 1677-09-21 to 2262-04-11; other dates are refused. Days, leap
// years, hours, minutes and seconds are checked as time.Parse checks them. Month
// names are English whatever the locale.
package timestamp

import (
	"math"
	"time"
)

const (
	second = 1_000_000_000
	minute = 60
	hour   = 60 * minute
	day    = 24 * hour

	// maxSeconds bounds what fits into nanoseconds.
	maxSeconds = math.MaxInt64 / second
)

// civil is a date and a time of day as written, with the offset of its zone.
type civil struct {
	year, month, day     int
	hour, minute, second int
	nano                 int
	offset               int  // seconds east of UTC
	zoned                bool // offset was written
}

// Parse reads b in any of the forms that ParseIn knows; a time without zone is
// UTC.
func Parse(b []byte) (ns int64, ok bool) { return ParseIn(b, nil) }

// ParseIn reads b as one of
//
//	2015-05-17T10:05:03.123Z       RFC 3339: T or blank, any fraction after point or comma,
//	2015-05-17 10:05:03,5 +0200    zone Z, UTC, GMT, ±hh:mm, ±hhmm, ±hh or none; seconds may be left out
//	2015-05-17                     midnight
//	17/May/2015:10:05:03 +0000     access log
//	Sun, 17 May 2015 10:05:03 GMT  RFC 1123
//	1431857103, 1431857103.123     10, 13, 16 or 19 digits: since 1970, see FromInt
//
// A time without zone is in loc; nil is UTC. Digits of the fraction beyond the
// ninth are cut off.
func ParseIn(b []byte, loc *time.Location) (ns int64, ok bool) {
	var c civil
	switch c.read(b) {
	case written:
		return c.unix(loc)
	case counted:
		return parseEpoch(b)
	}
	return 0, false
}

// form is the kind of text that a time was read from.
type form uint8

const (
	none    form = iota
	written      // date and time of day
	counted      // perhaps digits that count from 1970
)

// read reads b by its form.
func (c *civil) read(b []byte) form {
	if len(b) < len("2015-05-17") {
		return none
	}
	ok := false
	switch {
	case b[4] == '-':
		ok = c.rfc3339(b)
	case b[2] == '/' || b[1] == '/':
		ok = c.accessLog(b)
	case b[3] == ',':
		ok = c.rfc1123(b)
	default:
		return counted
	}
	if ok {
		return written
	}
	return none
}

// unix returns the nanoseconds of c, whose fields are in range.
func (c *civil) unix(loc *time.Location) (int64, bool) {
	s := int64(days(c.year, c.month, c.day))*day + int64(c.hour*hour+c.minute*minute+c.second)
	switch {
	case c.zoned:
		s -= int64(c.offset)
	case loc != nil && loc != time.UTC:
		s = time.Date(c.year, time.Month(c.month), c.day, c.hour, c.minute, c.second, 0, loc).Unix()
	}
	if s < -maxSeconds || s >= maxSeconds {
		return 0, false
	}
	return s*second + int64(c.nano), true
}

// days counts from 1970-01-01 to a date of the Gregorian calendar (the years
// begin in March, so that the leap day is the last one).
func days(y, m, d int) int {
	if m <= 2 {
		y--
		m += 12
	}
	return 365*y + y>>2 - y/100 + y/400 + (153*m-457)/5 + d - 719469
}

var monthDays = [...]uint8{0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

func leap(y int) bool { return y&3 == 0 && (y%100 != 0 || y%400 == 0) }

func validDate(y, m, d int) bool {
	if uint(m-1) > 11 || d < 1 {
		return false
	}
	return d <= int(monthDays[m]) || m == 2 && d == 29 && leap(y)
}

// two reads two digits at i; 100 or more is none.
func two(b []byte, i int) int {
	h, l := b[i]-'0', b[i+1]-'0'
	if h > 9 || l > 9 {
		return 1000
	}
	return int(h)*10 + int(l)
}

// one reads one digit; 100 or more is none.
func one(c byte) int {
	if c -= '0'; c > 9 {
		return 1000
	}
	return int(c)
}

func (c *civil) rfc3339(b []byte) bool {
	if b[7] != '-' {
		return false
	}
	hi, lo := two(b, 0), two(b, 2)
	c.year, c.month, c.day = hi*100+lo, two(b, 5), two(b, 8)
	if hi > 99 || lo > 99 || !validDate(c.year, c.month, c.day) {
		return false
	}
	switch {
	case len(b) == 10:
		return true
	case len(b) < 16 || b[10] != 'T' && b[10] != ' ' && b[10] != 't':
		return false
	}
	if i := c.clock(b, 11); i > 0 {
		return c.zone(b[i:])
	}
	return false
}

func (c *civil) accessLog(b []byte) bool {
	i := 2
	if b[1] == '/' {
		c.day, i = one(b[0]), 1
	} else {
		c.day = two(b, 0)
	}
	if len(b) < i+len("/May/2015:10:05") || b[i+4] != '/' || b[i+9] != ':' {
		return false
	}
	hi, lo := two(b, i+5), two(b, i+7)
	c.year, c.month = hi*100+lo, month(b[i+1:])
	if hi > 99 || lo > 99 || !validDate(c.year, c.month, c.day) {
		return false
	}
	if i = c.clock(b, i+10); i > 0 {
		return c.zone(b[i:])
	}
	return false
}

func (c *civil) rfc1123(b []byte) bool {
	if len(b) < len("Sun, 7 May 2015 10:05 Z") || b[4] != ' ' || weekday(b) < 0 {
		return false
	}
	i := 7
	if b[6] == ' ' {
		c.day, i = one(b[5]), 6
	} else {
		c.day = two(b, 5)
	}
	if b[i] != ' ' || b[i+4] != ' ' || b[i+9] != ' ' {
		return false
	}
	hi, lo := two(b, i+5), two(b, i+7)
	c.year, c.month = hi*100+lo, month(b[i+1:])
	if hi > 99 || lo > 99 || !validDate(c.year, c.month, c.day) {
		return false
	}
	if i = c.clock(b, i+10); i > 0 {
		return c.zone(b[i:])
	}
	return false
}

// clock reads hh:mm[:ss[.fraction]] at i, of which hh:mm is within b, and
// returns the place behind it; 0 where it is no time of day.
func (c *civil) clock(b []byte, i int) int {
	c.hour, c.minute = two(b, i), two(b, i+3)
	if b[i+2] != ':' || c.hour > 23 || c.minute > 59 {
		return 0
	}
	if i += 5; i >= len(b) || b[i] != ':' {
		return i
	}
	if i+3 > len(b) {
		return 0
	}
	if c.second = two(b, i+1); c.second > 59 {
		return 0
	}
	if i += 3; i < len(b) && (b[i] == '.' || b[i] == ',') {
		return c.fraction(b, i+1)
	}
	return i
}

// fraction reads digits at i, at least one, and returns the place behind them.
func (c *civil) fraction(b []byte, i int) int {
	from, scale := i, second/10
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		c.nano += int(b[i]-'0') * scale
		scale /= 10
	}
	if i == from {
		return 0
	}
	return i
}

// zone reads what is left of b: nothing, Z, UTC, GMT, ±hh:mm, ±hhmm or ±hh, with
// or without a blank in front.
func (c *civil) zone(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if b[0] == ' ' {
		b = b[1:]
	}
	c.zoned = true
	switch len(b) {
	case 1:
		return b[0]|0x20 == 'z'
	case 3:
		if s := string(b); s == "UTC" || s == "GMT" {
			return true
		}
		return c.setOffset(b, 0)
	case 5:
		return c.setOffset(b, two(b, 3))
	case 6:
		return b[3] == ':' && c.setOffset(b, two(b, 4))
	}
	return false
}

func (c *civil) setOffset(b []byte, minutes int) bool {
	h := two(b, 1)
	if h > 23 || minutes > 59 {
		return false
	}
	switch c.offset = h*hour + minutes*minute; b[0] {
	case '+':
		return true
	case '-':
		c.offset = -c.offset
		return true
	}
	return false
}
