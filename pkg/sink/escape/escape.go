// Package escape expands the escapes that Flume has in the paths and names of
// its HDFS sink and in the topics of its Kafka sink: %{header}, %[localhost], %Y and
// the other ones for times.
package escape

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Template is a text with escapes.
type Template struct {
	text  string
	parts []part
}

type kind int

const (
	literal kind = iota
	header
	clock // an escape for time, in letter
)

type part struct {
	kind   kind
	text   string // the literal, or the header's name
	letter byte
}

// letters are the escapes for time.
const letters = "aAbBcdeDHIjklmMnpsStyYz"

var (
	headerName = regexp.MustCompile(`^%\{([\w.-]+)\}`)
	hostName   = regexp.MustCompile(`^%\[(\w+)\]`)
)

// hostNames are the names in %[…], in any case.
var hostNames = []string{"localhost", "ip", "fqdn"}

// Hosts are what %[localhost], %[IP] and %[FQDN] stand for.
type Hosts struct{ Name, IP, FQDN string }

// Parse reads a text. What looks like an escape and is none stays as it is, as
// in Flume; one of a letter or a host that Flume does not know is an error: it
// would leave it out of each path, or fail with each event.
func Parse(text string, hosts func() Hosts) (*Template, error) {
	if unknown := FindUnknown(text); len(unknown) > 0 {
		return nil, unknown[0]
	}
	t := &Template{text: text}
	lit := func(s string) {
		if n := len(t.parts); n > 0 && t.parts[n-1].kind == literal {
			t.parts[n-1].text += s
		} else if s != "" {
			t.parts = append(t.parts, part{kind: literal, text: s})
		}
	}
	for rest := text; rest != ""; {
		at := strings.IndexByte(rest, '%')
		if at < 0 || at == len(rest)-1 {
			lit(rest)
			break
		}
		lit(rest[:at])
		rest = rest[at:]
		size, name := next(rest)
		switch c := rest[1]; {
		case size == 1, c == '%':
			lit("%")
		case c == '{':
			t.parts = append(t.parts, part{kind: header, text: name})
		case c == '[':
			lit(host(name, hosts()))
		default:
			t.parts = append(t.parts, part{kind: clock, letter: c})
		}
		rest = rest[size:]
	}
	return t, nil
}

// next returns the size of the escape that a text begins with, and the name in its
// brackets; 1 is a percent sign alone.
func next(text string) (size int, name string) {
	for _, named := range []*regexp.Regexp{headerName, hostName} {
		if m := named.FindStringSubmatch(text); m != nil {
			return len(m[0]), m[1]
		}
	}
	if len(text) > 1 && (text[1] == '%' || wordByte(text[1])) {
		return 2, ""
	}
	return 1, ""
}

// Unknown is an escape of a letter or a host that Flume does not know.
type Unknown struct {
	Text   string // the escape
	Offset int    // in the text, in characters
	Fix    string // what to write in its place
}

func (u *Unknown) Error() string { return fmt.Sprintf("there is no escape %q", u.Text) }

// FindUnknown finds the escapes of a text that Parse refuses.
func FindUnknown(text string) []*Unknown {
	var all []*Unknown
	for at := 0; at < len(text); {
		if text[at] != '%' {
			at++
			continue
		}
		size, name := next(text[at:])
		if fix := fixOf(text[at:at+size], name); fix != "" {
			all = append(all, &Unknown{text[at : at+size], utf8.RuneCountInString(text[:at]), fix})
		}
		at += size
	}
	return all
}

// fixOf says what to write in place of an escape that Flume does not know; "" = it
// knows it.
func fixOf(escape, name string) string {
	switch c := escape[len(escape)-1]; {
	case strings.HasPrefix(escape, "%[") && !slices.Contains(hostNames, strings.ToLower(name)):
		return "write %[localhost], %[IP] or %[FQDN]"
	case name != "" || c == '%' || strings.IndexByte(letters, c) >= 0:
		return ""
	case strftime[c] != "":
		return "write " + strftime[c]
	}
	return "write %% for a percent sign"
}

// strftime are escapes that the program date has and Flume has not, in Flume's
// words.
var strftime = map[byte]string{'F': "%Y-%m-%d", 'T': "%H:%M:%S", 'R': "%H:%M", 'h': "%b"}

// Loose is a percent sign that begins no escape and stays as it is.
type Loose struct {
	Text   string // with what follows up to a slash
	Offset int    // in characters
	Meant  bool   // as an escape of a header or a host
}

// FindLoose finds the percent signs of a text that begin no escape.
func FindLoose(text string) []Loose {
	var all []Loose
	for at := 0; at < len(text); {
		if text[at] != '%' {
			at++
			continue
		}
		rest := text[at:]
		size, _ := next(rest)
		if size == 1 {
			word, _, _ := strings.Cut(rest, "/")
			all = append(all, Loose{word, utf8.RuneCountInString(text[:at]), strings.HasPrefix(rest, "%{") || strings.HasPrefix(rest, "%[")})
		}
		at += size
	}
	return all
}

// wordByte reports whether a byte may be the letter of an escape.
func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func host(name string, hosts Hosts) string {
	switch strings.ToLower(name) {
	case "localhost":
		return hosts.Name
	case "ip":
		return hosts.IP
	}
	return hosts.FQDN
}

// NeedsTime reports whether there is an escape for time.
func (t *Template) NeedsTime() bool { return t.has(clock) }

// NeedsHeaders reports whether there is a header in it.
func (t *Template) NeedsHeaders() bool { return t.has(header) }

func (t *Template) has(k kind) bool {
	for _, p := range t.parts {
		if p.kind == k {
			return true
		}
	}
	return false
}

// Fixed is the text in front of the first escape.
func (t *Template) Fixed() string {
	if len(t.parts) > 0 && t.parts[0].kind == literal {
		return t.parts[0].text
	}
	return ""
}

// Append appends the text with its escapes expanded. A header that is not there
// is nothing. The moment is only read where NeedsTime is true.
func (t *Template) Append(dst []byte, headers flume.Headers, m Moment) []byte {
	for i := range t.parts {
		switch p := &t.parts[i]; p.kind {
		case literal:
			dst = append(dst, p.text...)
		case header:
			value, _ := headers.Get(p.text)
			dst = append(dst, value...)
		case clock:
			dst = m.append(dst, p.letter)
		}
	}
	return dst
}

// Pattern is a regular expression, without anchors, of what the text may become.
func (t *Template) Pattern() string {
	var b strings.Builder
	for _, p := range t.parts {
		switch p.kind {
		case literal:
			b.WriteString(regexp.QuoteMeta(strings.ToValidUTF8(p.text, "\uFFFD")))
		case header:
			b.WriteString(".*")
		case clock:
			b.WriteString(clockPattern(p.letter))
		}
	}
	return b.String()
}

func clockPattern(letter byte) string {
	switch letter {
	case 'd', 'H', 'I', 'm', 'M', 'S', 'y':
		return `\d\d`
	case 'Y':
		return `\d{4,}`
	case 'j':
		return `\d{3}`
	case 'e', 'k', 'l', 'n':
		return `\d\d?`
	case 's', 't':
		return `\d+`
	case 'z':
		return `[+-]\d{4}`
	case 'D':
		return `\d\d/\d\d/\d\d`
	case 'c':
		return `\w+ \w+ \d+ [\d:]+ \d+`
	}
	return `[A-Za-z]+`
}

// Moment is the time of an event, as it stands in paths.
type Moment struct {
	Millis  int64     // since 1970, as the event tells it
	Rounded time.Time // down, in the zone of the paths
}

func (m Moment) append(dst []byte, letter byte) []byte {
	at := m.Rounded
	switch letter {
	case 't':
		return strconv.AppendInt(dst, m.Millis, 10)
	case 's':
		return strconv.AppendInt(dst, floorDiv(at.UnixMilli(), 1000), 10)
	case 'Y':
		return number(dst, at.Year(), 4)
	case 'y':
		return number(dst, at.Year()%100, 2)
	case 'm':
		return number(dst, int(at.Month()), 2)
	case 'n':
		return number(dst, int(at.Month()), 1)
	case 'd':
		return number(dst, at.Day(), 2)
	case 'e':
		return number(dst, at.Day(), 1)
	case 'j':
		return number(dst, at.YearDay(), 3)
	case 'H':
		return number(dst, at.Hour(), 2)
	case 'k':
		return number(dst, at.Hour(), 1)
	case 'I':
		return number(dst, (at.Hour()+11)%12+1, 2)
	case 'l':
		return number(dst, (at.Hour()+11)%12+1, 1)
	case 'M':
		return number(dst, at.Minute(), 2)
	case 'S':
		return number(dst, at.Second(), 2)
	}
	return at.AppendFormat(dst, layouts[letter])
}

// layouts are the escapes for which Go's own formats serve.
var layouts = map[byte]string{'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'p': "PM", 'z': "-0700",
	'D': "01/02/06", 'c': "Mon Jan 2 15:04:05 2006"}

// number appends n with at least so many digits.
func number(dst []byte, n, digits int) []byte {
	for limit := 10; digits > 1; digits-- {
		if n < limit {
			for range digits - 1 {
				dst = append(dst, '0')
			}
			break
		}
		limit *= 10
	}
	return strconv.AppendInt(dst, int64(n), 10)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
