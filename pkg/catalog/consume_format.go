package catalog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
)

// recordFormat is what -f prints for a record, in the escapes of kcat, and nothing
// more: a format that does not end a line prints none.
type recordFormat struct {
	text  string
	parts []formatPart
	raw   bool // does not end in a newline
}

// formatPart is a text or, where verb is set, a part of the record.
type formatPart struct {
	text string
	verb byte
}

// formatVerbs are kcat's, and rpk's for the value and the time: what stands behind a %.
const formatVerbs = "sSRkKThtpo%vVd"

// modifier is what rpk takes behind the letter for how the part is to be printed. As a
// text it would stand in each record.
var modifier = regexp.MustCompile(`^(?:.\{(?:(?:hex|big|little|base64|ascii|byte|bool)[a-z0-9]*|(?:unpack|strftime|go)\[.*)\}|h\{[^}]*%[kvKV].*\})`)

const formatHint = "%s value, %S its length, %R its length in 4 bytes, %k key, %K its length, %h headers, %t topic, %p partition, " +
	"%o offset, %T timestamp in ms, %% a percent sign; \\n, \\t, \\r, \\x00, \\033"

// Set reads a format.
func (f *recordFormat) Set(text string) error {
	var parts []formatPart
	var plain strings.Builder
	bad := func(what string) error { return fault.Hint(fmt.Errorf("%q: %s", text, what), "%s", formatHint) }
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '%':
			i++
			if i == len(text) || !strings.Contains(formatVerbs, text[i:i+1]) {
				return bad(fmt.Sprintf("%q is no part of a record", text[i-1:min(i+1, len(text))]))
			}
			if text[i] == '%' {
				plain.WriteByte('%')
				continue
			}
			if m := modifier.FindString(text[i:]); m != "" {
				return fault.Hint(fmt.Errorf("%q: %q is a way of rpk to print a part of a record, which is not known here", text, "%"+m),
					`-J has all parts, byte by byte; as a text, the brace is \x7b`)
			}
			parts = append(parts, formatPart{text: plain.String()}, formatPart{verb: text[i]})
			plain.Reset()
		case text[i] == '\\' && i+1 < len(text):
			i++
			skip, err := escape(&plain, text[i:])
			if err != nil {
				return bad(err.Error())
			}
			i += skip
		default:
			plain.WriteByte(text[i])
		}
	}
	last, ends := strings.CutSuffix(plain.String(), "\n")
	f.text, f.parts, f.raw = text, append(parts, formatPart{text: last}), !ends
	return nil
}

// escape writes what stands behind a backslash and returns how many bytes it
// has beyond the first.
func escape(b *strings.Builder, text string) (more int, err error) {
	switch text[0] {
	case 'n':
		b.WriteByte('\n')
	case 't':
		b.WriteByte('\t')
	case 'r':
		b.WriteByte('\r')
	case '\\':
		b.WriteByte('\\')
	case 'x':
		if len(text) < 3 {
			return 0, fmt.Errorf(`\x wants two hexadecimal digits`)
		}
		n, err := strconv.ParseUint(text[1:3], 16, 8)
		if err != nil {
			return 0, fmt.Errorf(`\x wants two hexadecimal digits`)
		}
		b.WriteByte(byte(n))
		return 2, nil
	case '0', '1', '2', '3', '4', '5', '6', '7':
		n := 1
		for n < min(len(text), 3) && text[n] >= '0' && text[n] <= '7' {
			n++
		}
		octal, err := strconv.ParseUint(text[:n], 8, 8)
		if err != nil {
			return 0, fmt.Errorf(`\%s is above \377`, text[:n])
		}
		b.WriteByte(byte(octal))
		return n - 1, nil
	default:
		return 0, fmt.Errorf(`\%c is no escape`, text[0])
	}
	return 0, nil
}

// delimiter is a text with the escapes of kcat.
type delimiter struct{ text *string }

// Set reads the text.
func (d delimiter) Set(text string) error {
	if text == "" {
		return errors.New("it is empty")
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		more, err := escape(&b, text[i:])
		if err != nil {
			return fault.Hint(fmt.Errorf("%q: %w", text, err), `there are \t, \n, \r, \x00, \033 and \\ for a backslash`)
		}
		i += more
	}
	*d.text = b.String()
	return nil
}

func (d delimiter) String() string { return *d.text }

// Type names the argument in help.
func (d delimiter) Type() string { return "text" }

func (f *recordFormat) String() string { return f.text }

// Type names the argument in help.
func (f *recordFormat) Type() string { return "format" }

// append writes a record without the newline at the end. As for kcat what is null
// is nothing, and its length -1.
func (f *recordFormat) append(dst []byte, r *kafka.Record) []byte {
	for i := range f.parts {
		switch f.parts[i].verb {
		case 0:
			dst = append(dst, f.parts[i].text...)
		case 's', 'v':
			dst = append(dst, r.Value...)
		case 'S', 'V':
			dst = strconv.AppendInt(dst, lengthOf(r.Value), 10)
		case 'R':
			dst = binary.BigEndian.AppendUint32(dst, uint32(min(lengthOf(r.Value), math.MaxInt32)))
		case 'k':
			dst = append(dst, r.Key...)
		case 'K':
			dst = strconv.AppendInt(dst, lengthOf(r.Key), 10)
		case 'T', 'd':
			dst = strconv.AppendInt(dst, max(r.Time.UnixMilli(), -1), 10)
		case 'h':
			dst = appendHeaders(dst, r.Headers)
		case 't':
			dst = append(dst, r.Topic...)
		case 'p':
			dst = strconv.AppendInt(dst, int64(r.Partition), 10)
		case 'o':
			dst = strconv.AppendInt(dst, r.Offset, 10)
		}
	}
	return dst
}

func lengthOf(b []byte) int64 {
	if b == nil {
		return -1
	}
	return int64(len(b))
}

// appendHeaders writes name=value,name=value; a null is NULL.
func appendHeaders(dst []byte, headers []kafka.Header) []byte {
	for i, h := range headers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(dst, h.Key...), '=')
		if h.Value == nil {
			dst = append(dst, "NULL"...)
		}
		dst = append(dst, h.Value...)
	}
	return dst
}
