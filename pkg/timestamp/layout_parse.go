package timestamp

import (
	"sync"
	"time"
)

// reading is the state of a strftime pattern that is being read.
type reading struct {
	civil
	half    int // 12-hour clock: 0 none, 1 AM, 2 PM
	twelve  bool
	yearDay int
	epoch   int64
	counted bool           // epoch was read
	loc     *time.Location // that was named; nil = none was
}

func (l *Layout) parseParts(b []byte, loc *time.Location) (ns int64, ok bool) {
	r := reading{civil: civil{year: 1970, month: 1, day: 1}}
	for _, p := range l.parts {
		if p.directive == 0 {
			n := len(p.literal)
			if len(b) < n || string(b[:n]) != p.literal {
				return 0, false
			}
			b = b[n:]
			continue
		}
		n := r.read(p.directive, b)
		if n < 0 {
			return 0, false
		}
		b = b[n:]
	}
	if len(b) > 0 {
		return 0, false
	}
	return r.result(loc)
}

func (r *reading) result(loc *time.Location) (ns int64, ok bool) {
	if r.counted {
		if r.epoch >= maxSeconds {
			return 0, false
		}
		return r.epoch*second + int64(r.nano), true
	}
	if r.twelve {
		if r.hour < 1 || r.hour > 12 {
			return 0, false
		}
		r.hour %= 12
	}
	if r.half == 2 && r.hour < 12 {
		r.hour += 12
	}
	if r.yearDay > 0 {
		if r.yearDay == 366 && !leap(r.year) {
			return 0, false
		}
		var d civil
		d.split(int64(days(r.year, 1, r.yearDay)) * day)
		r.month, r.day = d.month, d.day
	}
	if !validDate(r.year, r.month, r.day) {
		return 0, false
	}
	if r.loc != nil {
		loc = r.loc
	}
	return r.unix(loc)
}

// read takes one directive from the head of b and returns how many bytes it
// had, or -1.
func (r *reading) read(d byte, b []byte) int {
	switch d {
	case 'Y':
		return r.digits(b, &r.year, 4, 4, 0, 9999)
	case 'y':
		n := r.digits(b, &r.year, 2, 2, 0, 99)
		if r.year += 1900; r.year < 1969 { // as POSIX and package time say
			r.year += 100
		}
		return n
	case 'm':
		return r.digits(b, &r.month, 1, 2, 1, 12)
	case 'd', 'e':
		return r.padded(b, &r.day, 1, 31)
	case 'j':
		return r.digits(b, &r.yearDay, 3, 3, 1, 366)
	case 'H', 'k':
		return r.padded(b, &r.hour, 0, 23)
	case 'I', 'l':
		r.twelve = true
		return r.padded(b, &r.hour, 1, 12)
	case 'M':
		return r.digits(b, &r.minute, 2, 2, 0, 59)
	case 'S':
		return r.digits(b, &r.second, 2, 2, 0, 59)
	case javaHour24:
		return r.hour24(b)
	case javaHour11:
		r.twelve = true
		n := r.digits(b, &r.hour, 1, 2, 0, 11)
		if r.hour == 0 {
			r.hour = 12
		}
		return n
	case javaMinute:
		return r.digits(b, &r.minute, 1, 2, 0, 59)
	case javaSecond:
		return r.digits(b, &r.second, 1, 2, 0, 59)
	case 'L', 'f', 'N':
		r.nano = 0
		if n := r.fraction(b, 0); n > 0 {
			return n
		}
		return -1
	}
	return r.readWord(d, b)
}

// readWord takes a directive that is no plain number.
func (r *reading) readWord(d byte, b []byte) int {
	switch d {
	case 'b', 'h', 'B':
		i, n := longName(b, months[:])
		if i < 0 {
			return -1
		}
		r.month = i + 1
		return n
	case 'a', 'A':
		if i, n := longName(b, weekdays[:]); i >= 0 {
			return n
		}
		return -1
	case 'p':
		if len(b) < 2 || b[1]|0x20 != 'm' {
			return -1
		}
		switch b[0] | 0x20 {
		case 'a':
			r.half = 1
		case 'p':
			r.half = 2
		default:
			return -1
		}
		return 2
	case 's':
		n, i := number(b, 19)
		if i == 0 {
			return -1
		}
		r.epoch, r.counted = n, true
		return i
	}
	if d == javaZone {
		if n := r.american(b); n > 0 {
			return n
		}
	}
	return r.readZone(b)
}

// hour24 reads an hour of 1 to 24.
func (r *reading) hour24(b []byte) int {
	n := r.digits(b, &r.hour, 1, 2, 1, 24)
	r.hour %= 24
	return n
}

// american reads the names of zones that Java knows besides UTC and GMT, and that
// mean one thing to it: EST, EDT and the like are the clock of New York, whichever
// of the two it shows at that time.
func (r *reading) american(b []byte) int {
	if len(b) < 3 || b[2] != 'T' || b[1] != 'S' && b[1] != 'D' {
		return -1
	}
	zone := americanZones()[b[0]]
	if zone == nil {
		return -1
	}
	r.loc = zone
	return 3
}

// americanZones are the zones by the first letters of their short names.
var americanZones = sync.OnceValue(func() map[byte]*time.Location {
	zones := map[byte]*time.Location{}
	for i, name := range []string{"New_York", "Chicago", "Denver", "Los_Angeles"} {
		letter := "ECMP"[i]
		zone, err := time.LoadLocation("America/" + name)
		if err != nil { // a system without its own list, and a binary without Go's
			zone = time.FixedZone(string(letter)+"ST", -(5+i)*hour)
		}
		zones[letter] = zone
	}
	return zones
})

// readZone takes Z, UTC, GMT or an offset. Other names of zones are ambiguous.
func (r *reading) readZone(b []byte) int {
	if len(b) > 0 && b[0] == ' ' {
		return -1
	}
	for _, n := range [...]int{6, 5, 3, 1} {
		r.offset = 0
		if len(b) >= n && r.zone(b[:n]) {
			return n
		}
	}
	return -1
}

// digits reads between least and most digits into p, which must be within lo
// and hi, and returns how many there were, or -1.
func (r *reading) digits(b []byte, p *int, least, most, lo, hi int) int {
	n, i := number(b, most)
	if *p = int(n); i < least || *p < lo || *p > hi {
		return -1
	}
	return i
}

// padded reads one or two digits, which blanks may precede.
func (r *reading) padded(b []byte, p *int, lo, hi int) int {
	if len(b) > 1 && b[0] == ' ' {
		if n := r.digits(b[1:], p, 1, 1, lo, hi); n > 0 {
			return n + 1
		}
		return -1
	}
	return r.digits(b, p, 1, 2, lo, hi)
}
