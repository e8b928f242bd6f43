package timestamp

import (
	"strconv"
	"time"
)

// Strftime appends ns in loc (nil is UTC) as the pattern of strftime(3) says, in
// English. Known are
//
//	%Y %y %m %d %e %j   year, two digits of it, month, day, day with blank, day of year
//	%H %k %I %l %p %M %S  hour, hour with blank, 12-hour clock, AM or PM, minute, second
//	%L %f %N            milliseconds, microseconds, nanoseconds: digits of the fraction
//	%b %h %B %a %A      Jan, January, Mon, Monday
//	%u %w %G %V %U      weekday 1-7 (Monday is 1), 0-6, ISO year and week, week from Sunday
//	%z %:z %Z           +0200, +02:00, CEST
//	%s                  seconds since 1970
//	%F %T %R %D %c      %Y-%m-%d, %H:%M:%S, %H:%M, %m/%d/%y, %a %b %e %H:%M:%S %Y
//	%n %t %%            newline, tab, percent sign
//
// and what is not known is copied.
func Strftime(dst []byte, ns int64, loc *time.Location, pattern string) []byte {
	c, zone := civilOf(ns, loc)
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' || i+1 == len(pattern) {
			dst = append(dst, pattern[i])
			continue
		}
		i++
		if pattern[i] == ':' && i+1 < len(pattern) && pattern[i+1] == 'z' {
			i++
			dst = c.appendOffset(dst, ":")
			continue
		}
		if long, ok := shorthand(pattern[i]); ok {
			dst = Strftime(dst, ns, loc, long)
			continue
		}
		dst = c.appendDirective(dst, pattern[i], ns, zone)
	}
	return dst
}

// shorthand returns what a directive stands for.
func shorthand(d byte) (pattern string, ok bool) {
	switch d {
	case 'F':
		return "%Y-%m-%d", true
	case 'T':
		return "%H:%M:%S", true
	case 'R':
		return "%H:%M", true
	case 'D':
		return "%m/%d/%y", true
	case 'c':
		return "%a %b %e %H:%M:%S %Y", true
	}
	return "", false
}

func (c *civil) appendDirective(dst []byte, d byte, ns int64, zone string) []byte {
	switch d {
	case 'Y':
		return appendPadded(dst, c.year, 4, '0')
	case 'y':
		return appendTwo(dst, c.year%100)
	case 'm':
		return appendTwo(dst, c.month)
	case 'd':
		return appendTwo(dst, c.day)
	case 'e':
		return appendPadded(dst, c.day, 2, ' ')
	case 'j':
		return appendPadded(dst, c.yearDay(), 3, '0')
	case 'H':
		return appendTwo(dst, c.hour)
	case 'k':
		return appendPadded(dst, c.hour, 2, ' ')
	case 'I':
		return appendTwo(dst, (c.hour+11)%12+1)
	case 'l':
		return appendPadded(dst, (c.hour+11)%12+1, 2, ' ')
	case 'p':
		return append(dst, "AMPM"[c.hour/12*2:][:2]...)
	case 'M':
		return appendTwo(dst, c.minute)
	case 'S':
		return appendTwo(dst, c.second)
	case 'L':
		return appendPadded(dst, c.nano/1_000_000, 3, '0')
	case 'f':
		return appendPadded(dst, c.nano/1_000, 6, '0')
	case 'N':
		return appendPadded(dst, c.nano, 9, '0')
	case 'b', 'h':
		return append(dst, months[c.month-1][:3]...)
	case 'B':
		return append(dst, months[c.month-1]...)
	case 'a':
		return append(dst, weekdays[c.weekday()][:3]...)
	case 'A':
		return append(dst, weekdays[c.weekday()]...)
	case 'u':
		return appendPadded(dst, (c.weekday()+6)%7+1, 1, '0')
	case 'w':
		return appendPadded(dst, c.weekday(), 1, '0')
	case 'G', 'V':
		y, w := time.Date(c.year, time.Month(c.month), c.day, 0, 0, 0, 0, time.UTC).ISOWeek()
		if d == 'G' {
			return appendPadded(dst, y, 4, '0')
		}
		return appendTwo(dst, w)
	case 'U':
		return appendTwo(dst, (c.yearDay()+6-c.weekday())/7)
	case 'z':
		return c.appendOffset(dst, "")
	case 'Z':
		return append(dst, zone...)
	case 's':
		s := ns / second
		if ns%second < 0 {
			s--
		}
		return strconv.AppendInt(dst, s, 10)
	case 'n':
		return append(dst, '\n')
	case 't':
		return append(dst, '\t')
	case '%':
		return append(dst, '%')
	}
	return append(dst, '%', d)
}

func (c *civil) yearDay() int { return days(c.year, c.month, c.day) - days(c.year, 1, 1) + 1 }

// weekday of a date: 1970-01-01 was a Thursday; the sum is positive from 1677 on.
func (c *civil) weekday() int { return (days(c.year, c.month, c.day) + 4 + 7*100_000) % 7 }
