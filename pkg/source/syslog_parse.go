package source

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// syslogKeep says which fields of a message stay in its body.
type syslogKeep struct{ all, priority, version, timestamp, hostname bool }

func (k *syslogKeep) Set(text string) error {
	*k = syslogKeep{}
	switch text = strings.ToLower(strings.TrimSpace(text)); text {
	case "none", "false":
	case "all", "true":
		k.all = true
	default:
		k.priority, k.version = strings.Contains(text, "priority"), strings.Contains(text, "version")
		k.timestamp, k.hostname = strings.Contains(text, "timestamp"), strings.Contains(text, "hostname")
	}
	return nil
}

func (k *syslogKeep) String() string { return "none" }
func (k *syslogKeep) Type() string   { return "words" }

// syslogMessage are the parts of a message.
type syslogMessage struct {
	priority, version, stamp, host []byte
	time                           int64 // ms; -1 = none that can be read
	body                           []byte
}

const (
	syslogStatus     = "flume.syslog.status"
	syslogInvalid    = "Invalid"
	syslogIncomplete = "Incomplete"
)

// syslogParser makes events of messages as Flume's SyslogUtils does, and where
// many is set as its SyslogParser does, which the source for many ports has.
type syslogParser struct {
	keep   syslogKeep
	many   bool
	custom *syslogFormat // tried first; nil = none
	check  charset       // with many: of the port
}

// event makes an event of a line. Incomplete is one that was cut off.
func (p *syslogParser) event(line []byte, incomplete bool, now time.Time) (e flume.Event, bad bool) {
	if p.many {
		return p.eventOfMany(line, incomplete, now)
	}
	priority, ok := syslogPriority(line)
	if !ok {
		return flume.Event{Body: line, Headers: flume.Headers{{Key: "Facility", Value: "0"}, {Key: "Severity", Value: "0"},
			{Key: syslogStatus, Value: syslogInvalid}}}, true
	}
	h := make(flume.Headers, 0, 7)
	code, _ := strconv.Atoi(string(priority)) // three digits at most
	h = append(h, flume.Header{Key: "Facility", Value: strconv.Itoa(code / 8)}, flume.Header{Key: "Severity", Value: strconv.Itoa(code % 8)})
	e.Body = line
	m, ok := p.split(line, priority, now)
	if ok {
		h = append(h, flume.Header{Key: "priority", Value: string(m.priority)})
		h = addHeader(h, "version", m.version)
		if m.time >= 0 {
			h = append(h, flume.Header{Key: "timestamp", Value: strconv.FormatInt(m.time, 10)})
		}
		h = addHeader(h, "host", m.host)
		if !p.keep.all {
			if body := p.keep.body(m); len(body) > 0 {
				e.Body = body
			}
		}
	}
	if incomplete {
		h = append(h, flume.Header{Key: syslogStatus, Value: syslogIncomplete})
	}
	e.Headers = h
	return e, false
}

func addHeader(h flume.Headers, key string, value []byte) flume.Headers {
	if len(value) == 0 {
		return h
	}
	return append(h, flume.Header{Key: key, Value: string(value)})
}

// split finds the parts of a message by one of the formats.
func (p *syslogParser) split(line, priority []byte, now time.Time) (m syslogMessage, ok bool) {
	if p.custom != nil {
		if m, ok = p.custom.split(line); ok {
			return m, true
		}
	}
	rest := line[len(priority)+2:]
	if m, ok = split5424(rest); !ok {
		m, ok = split3164(rest, now, time.Local)
	}
	m.priority = priority
	return m, ok
}

// syslogPriority returns the digits between < and >, of which there are one to
// three.
func syslogPriority(line []byte) ([]byte, bool) {
	if len(line) == 0 || line[0] != '<' {
		return nil, false
	}
	for i := 1; i < len(line) && i <= 4; i++ {
		switch b := line[i]; {
		case b == '>':
			return line[1:i], i > 1
		case b < '0' || b > '9':
			return nil, false
		}
	}
	return nil, false
}

// body puts the fields that stay before the body.
func (k *syslogKeep) body(m syslogMessage) []byte {
	if !k.priority && !k.version && !k.timestamp && !k.hostname {
		return m.body
	}
	dash := func(field []byte) []byte {
		if len(field) == 0 {
			return []byte("-")
		}
		return field
	}
	var b []byte
	if k.priority {
		b = append(append(append(b, '<'), m.priority...), '>')
	}
	if k.version && len(m.version) > 0 {
		b = append(append(b, m.version...), ' ')
	}
	if k.timestamp {
		b = append(append(b, dash(m.stamp)...), ' ')
	}
	if k.hostname {
		b = append(append(b, dash(m.host)...), ' ')
	}
	return append(b, m.body...)
}

// starts calls try with what may follow the priority: behind a version of one
// digit and a blank, either of which may be missing.
func starts(rest []byte, try func(version, rest []byte) bool) bool {
	if len(rest) > 0 && isDigit(rest[0]) {
		version, after := rest[:1], rest[1:]
		if len(after) > 0 && isBlank(after[0]) && try(version, after[1:]) || try(version, after) {
			return true
		}
	}
	return len(rest) > 0 && isBlank(rest[0]) && try(nil, rest[1:]) || try(nil, rest)
}

// split5424 reads what follows the priority of a message of RFC 5424.
func split5424(rest []byte) (m syslogMessage, ok bool) {
	ok = starts(rest, func(version, rest []byte) bool {
		m = syslogMessage{version: version, time: -1}
		if len(rest) > 1 && rest[0] == '-' && isBlank(rest[1]) {
			rest = rest[2:]
		} else {
			n, ms := stamp5424(rest, time.Local)
			if n == 0 || n == len(rest) || !isBlank(rest[n]) {
				return false
			}
			m.stamp, m.time, rest = rest[:n], ms, rest[n+1:]
		}
		var found bool
		m.host, m.body, found = hostAndBody(rest, true)
		return found
	})
	return m, ok
}

// split3164 reads what follows the priority of a message of RFC 3164.
func split3164(rest []byte, now time.Time, loc *time.Location) (m syslogMessage, ok bool) {
	ok = starts(rest, func(version, rest []byte) bool {
		m = syslogMessage{version: version}
		n := stamp3164Len(rest)
		if n == 0 || n == len(rest) || !isBlank(rest[n]) {
			return false
		}
		m.stamp = rest[:n]
		m.time = time3164(m.stamp, now, loc)
		var found bool
		m.host, m.body, found = hostAndBody(rest[n+1:], false)
		return found
	})
	return m, ok
}

// hostAndBody cuts a host name, or a dash for none, off.
func hostAndBody(rest []byte, dash bool) (host, body []byte, ok bool) {
	n := 0
	for n < len(rest) && (isWord(rest[n]) || n > 0 && (rest[n] == '.' || rest[n] == '@' || rest[n] == '-')) {
		n++
	}
	if n == 0 && dash && len(rest) > 1 && rest[0] == '-' && isBlank(rest[1]) {
		return nil, rest[2:], true
	}
	if n == 0 || n == len(rest) || !isBlank(rest[n]) {
		return nil, nil, false
	}
	return rest[:n], rest[n+1:], true
}

// stamp5424 reads a time such as 2026-11-20T10:00:00.123Z; without an offset it
// is one of loc. It returns its length, 0 if there is none.
func stamp5424(b []byte, loc *time.Location) (n int, ms int64) {
	const shape = "dddd-dd-ddTdd:dd:dd"
	if !hasShape(b, shape) {
		return 0, 0
	}
	n = len(shape)
	var fraction int64
	if n+1 < len(b) && b[n] == '.' && isDigit(b[n+1]) {
		scale := int64(100)
		for n++; n < len(b) && isDigit(b[n]); n++ {
			fraction += int64(b[n]-'0') * scale
			scale /= 10
		}
	}
	switch {
	case n < len(b) && b[n] == 'Z':
		n++
		loc = time.UTC
	case n < len(b) && (b[n] == '+' || b[n] == '-') && hasShape(b[n+1:], "dd:dd"):
		offset := number(b[n+1:n+3])*3600 + number(b[n+4:n+6])*60
		if b[n] == '-' {
			offset = -offset
		}
		n += 6
		loc = time.FixedZone("", offset)
	}
	t := time.Date(number(b[:4]), time.Month(number(b[5:7])), number(b[8:10]), number(b[11:13]), number(b[14:16]), number(b[17:19]), 0, loc)
	return n, t.UnixMilli() + fraction
}

// stamp3164Len is the length of a time such as "Nov  2 10:00:00", 0 if there is
// none.
func stamp3164Len(b []byte) int {
	if len(b) < 4 || b[0] < 'A' || b[0] > 'Z' || !isLower(b[1]) || !isLower(b[2]) || !isBlank(b[3]) {
		return 0
	}
	n := 4
	if n < len(b) && isBlank(b[n]) {
		n++
	}
	for _, shape := range []string{"dd dd:dd:dd", "d dd:dd:dd"} {
		if hasShape(b[n:], shape) {
			return n + len(shape)
		}
	}
	return 0
}

// time3164 reads a time without a year: it is one of the last eleven months or
// of the next. -1 = it is none.
func time3164(stamp []byte, now time.Time, loc *time.Location) int64 {
	month := strings.Index("JanFebMarAprMayJunJulAugSepOctNovDec", string(stamp[:3]))
	if month < 0 || month%3 != 0 {
		return -1
	}
	fields := bytes.Fields(stamp[3:])
	if len(fields) != 2 || len(fields[1]) != 8 {
		return -1
	}
	clock := fields[1]
	t := time.Date(now.UTC().Year(), time.Month(month/3+1), number(fields[0]), number(clock[:2]), number(clock[3:5]), number(clock[6:8]), 0, loc)
	switch {
	case t.AddDate(0, -1, 0).After(now):
		t = t.AddDate(-1, 0, 0)
	case t.AddDate(0, 11, 0).Before(now):
		t = t.AddDate(1, 0, 0)
	}
	return t.UnixMilli()
}

// hasShape tells whether b begins like shape, in which d is a digit and a blank
// any blank.
func hasShape(b []byte, shape string) bool {
	if len(b) < len(shape) {
		return false
	}
	for i := range len(shape) {
		switch shape[i] {
		case 'd':
			if !isDigit(b[i]) {
				return false
			}
		case ' ':
			if !isBlank(b[i]) {
				return false
			}
		default:
			if b[i] != shape[i] {
				return false
			}
		}
	}
	return true
}

func number(digits []byte) (n int) {
	for _, b := range digits {
		n = n*10 + int(b-'0')
	}
	return n
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }
func isLower(b byte) bool { return b >= 'a' && b <= 'z' }
func isBlank(b byte) bool { return b == ' ' || b >= '\t' && b <= '\r' }
func isWord(b byte) bool  { return isDigit(b) || isLower(b) || b >= 'A' && b <= 'Z' || b == '_' }

// eventOfMany makes an event as the source for many ports does: with other
// names of headers, and in UTC where a message does not say.
func (p *syslogParser) eventOfMany(line []byte, incomplete bool, now time.Time) (e flume.Event, bad bool) {
	m, code, ok := p.splitOfMany(line, now)
	if ok {
		_, _, _, err := p.check.decode(line, malformedFails)
		ok = err == nil
	}
	if !ok {
		return flume.Event{Body: line, Headers: flume.Headers{{Key: syslogStatus, Value: syslogInvalid}}}, true
	}
	h := make(flume.Headers, 0, 8)
	h = append(h, flume.Header{Key: "Priority", Value: string(m.priority)}, flume.Header{Key: "Facility", Value: strconv.Itoa(code / 8)},
		flume.Header{Key: "Severity", Value: strconv.Itoa(code % 8)})
	h = addHeader(h, "Version", m.version)
	h = append(h, flume.Header{Key: "timestamp", Value: strconv.FormatInt(m.time, 10)}, flume.Header{Key: "host", Value: string(m.host)})
	if incomplete {
		h = append(h, flume.Header{Key: syslogStatus, Value: syslogIncomplete})
	}
	e = flume.Event{Body: line, Headers: h}
	if len(m.body) > 0 && !p.keep.all {
		e.Body = p.keep.body(m)
	}
	return e, false
}

func (p *syslogParser) splitOfMany(line []byte, now time.Time) (m syslogMessage, code int, ok bool) {
	end := bytes.IndexByte(line, '>')
	if len(line) == 0 || line[0] != '<' || end < 2 || end > 6 || end+1 >= len(line) {
		return m, 0, false
	}
	m.priority = line[1:end]
	code, err := strconv.Atoi(string(m.priority))
	if err != nil || code < 0 {
		return m, 0, false
	}
	rest := line[end+1:]
	if len(rest) > 2 && rest[0] == '1' && rest[1] == ' ' {
		m.version, rest = rest[:1], rest[2:]
	}
	switch {
	case rest[0] == '-':
		if len(rest) <= 2 {
			return m, 0, false
		}
		m.stamp, m.time, rest = rest[:1], now.UnixMilli(), rest[2:]
	case rest[0] >= 'A' && rest[0] <= 'Z':
		if len(rest) <= 15 {
			return m, 0, false
		}
		m.stamp = rest[:15]
		if stamp3164Len(m.stamp) == 15 {
			m.time = max(0, time3164(m.stamp, now, time.UTC))
		}
		rest = rest[16:]
	default:
		n, ms := stamp5424(rest, time.UTC)
		blank := bytes.IndexByte(rest, ' ')
		if n <= len("2026-11-20T10:00:00") || blank < n { // it has to say its zone, or a fraction
			return m, 0, false
		}
		m.stamp, m.time, rest = rest[:blank], ms, rest[blank+1:]
	}
	blank := bytes.IndexByte(rest, ' ')
	if blank < 0 {
		return m, 0, false
	}
	m.host, m.body = rest[:blank], rest[blank+1:]
	return m, code, true
}
