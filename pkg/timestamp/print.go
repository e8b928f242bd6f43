package timestamp

import (
	"strconv"
	"time"
)

// civilOf is the date and time of day of ns in loc (nil is UTC), and the name
// of the zone. The offset is in whole minutes, so that what is printed with
// ±hh:mm reads back as ns.
func civilOf(ns int64, loc *time.Location) (c civil, zone string) {
	s := ns / second
	n := ns - s*second
	if n < 0 {
		s, n = s-1, n+second
	}
	zone = "UTC"
	if loc != nil && loc != time.UTC {
		zone, c.offset = time.Unix(s, 0).In(loc).Zone()
		c.offset -= c.offset % minute
	}
	c.nano = int(n)
	c.split(s + int64(c.offset))
	return c, zone
}

// split sets date and time of day from the seconds since 1970 in the zone of c.
// The way back from days to a date is that of Hinnant, "chrono-compatible
// low-level date algorithms".
func (c *civil) split(s int64) {
	d := s / day
	s -= d * day
	if s < 0 {
		d, s = d-1, s+day
	}
	c.hour, c.minute, c.second = int(s/hour), int(s/minute%60), int(s%60)
	z := int(d) + 719468 // days since 0000-03-01, positive for all of int64's nanoseconds
	era := z / 146097
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	c.year, c.month, c.day = yoe+era*400, mp+3, doy-(153*mp+2)/5+1
	if c.month > 12 {
		c.year, c.month = c.year+1, c.month-12
	}
}

// AppendRFC3339 appends ns as RFC 3339 in loc, nil is UTC: Z for UTC, else the
// offset; the fraction as short as it is exact, none for whole seconds.
func AppendRFC3339(dst []byte, ns int64, loc *time.Location) []byte {
	c, _ := civilOf(ns, loc)
	return c.appendRFC3339(dst)
}

// AppendParsed reads b as ParseIn does and appends it as RFC 3339, as
// AppendRFC3339 does but with the offset that b has itself. A time without zone
// gets the offset of loc, nil is UTC.
func AppendParsed(dst, b []byte, loc *time.Location) ([]byte, bool) {
	var c civil
	ns, ok := int64(0), false
	switch c.read(b) {
	case written:
		ns, ok = c.unix(loc)
	case counted:
		ns, ok = parseEpoch(b)
	}
	switch {
	case !ok:
		return dst, false
	case c.zoned:
		return c.appendRFC3339(dst), true
	}
	return AppendRFC3339(dst, ns, loc), true
}

func (c *civil) appendRFC3339(dst []byte) []byte {
	dst = c.appendDate(dst)
	dst = c.appendClock(append(dst, 'T'))
	if c.nano != 0 {
		dst = appendPadded(append(dst, '.'), c.nano, 9, '0')
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
	}
	if c.offset == 0 {
		return append(dst, 'Z')
	}
	return c.appendOffset(dst, ":")
}

func (c *civil) appendDate(dst []byte) []byte {
	dst = appendTwo(appendTwo(dst, c.year/100), c.year%100)
	dst = appendTwo(append(dst, '-'), c.month)
	return appendTwo(append(dst, '-'), c.day)
}

func (c *civil) appendClock(dst []byte) []byte {
	dst = appendTwo(dst, c.hour)
	dst = appendTwo(append(dst, ':'), c.minute)
	return appendTwo(append(dst, ':'), c.second)
}

func (c *civil) appendOffset(dst []byte, sep string) []byte {
	o, sign := c.offset, byte('+')
	if o < 0 {
		o, sign = -o, '-'
	}
	dst = appendTwo(append(dst, sign), o/hour)
	return appendTwo(append(dst, sep...), o/minute%60)
}

func appendTwo(dst []byte, n int) []byte {
	return append(dst, byte('0'+n/10), byte('0'+n%10))
}

// appendPadded appends n ≥ 0 with at least width digits or pads.
func appendPadded(dst []byte, n, width int, pad byte) []byte {
	var digits [20]byte
	text := strconv.AppendInt(digits[:0], int64(n), 10)
	for i := len(text); i < width; i++ {
		dst = append(dst, pad)
	}
	return append(dst, text...)
}
