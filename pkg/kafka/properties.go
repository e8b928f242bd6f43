package kafka

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// property is a line of a file of properties.
type property struct {
	name, value string
	line        int
}

// properties reads a file as java.util.Properties does: comments, `=`, `:` or
// blanks between name and value, lines that go on behind a backslash, escapes. The
// files of librdkafka are a part of that. Text that is no UTF-8 is ISO 8859-1.
func properties(data []byte) []property {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) {
		var b []byte
		for _, c := range data {
			b = utf8.AppendRune(b, rune(c))
		}
		data = b
	}
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data))
	var list []property
	whole, begun := "", 0
	for i, line := range strings.Split(text+"\n", "\n") {
		line = strings.TrimLeft(line, " \t\f")
		if begun == 0 {
			if line == "" || line[0] == '#' || line[0] == '!' {
				continue
			}
			begun = i + 1
		}
		slashes := len(line) - len(strings.TrimRight(line, `\`))
		if slashes%2 == 1 {
			whole += line[:len(line)-1]
			continue
		}
		name, value := cutProperty(whole + line)
		list = append(list, property{name, value, begun})
		whole, begun = "", 0
	}
	return list
}

// cutProperty cuts a line into name and value. Blanks at the value's end do not
// count.
func cutProperty(line string) (name, value string) {
	end := 0
	for end < len(line) && !strings.ContainsRune("=: \t\f", rune(line[end])) {
		if line[end] == '\\' {
			end++
		}
		end++
	}
	end = min(end, len(line))
	name, value = line[:end], strings.TrimLeft(line[end:], " \t\f")
	if value != "" && (value[0] == '=' || value[0] == ':') {
		value = strings.TrimLeft(value[1:], " \t\f")
	}
	return unescapeProperty(name), strings.TrimSpace(unescapeProperty(value))
}

func unescapeProperty(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			b.WriteByte(text[i])
			continue
		}
		if i++; i == len(text) {
			break
		}
		switch c := text[i]; c {
		case 't':
			b.WriteByte('\t')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 'f':
			b.WriteByte('\f')
		case 'u':
			units, size := utf16Units(text[i-1:])
			if size == 0 {
				b.WriteByte('u')
				continue
			}
			b.WriteString(string(utf16.Decode(units)))
			i += size - 2
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// utf16Units reads the \uXXXX that text begins with, all in a row: characters
// beyond 16 bits are two of them.
func utf16Units(text string) (units []uint16, size int) {
	for len(text)-size >= 6 && text[size] == '\\' && text[size+1] == 'u' {
		n, err := strconv.ParseUint(text[size+2:size+6], 16, 16)
		if err != nil {
			break
		}
		units, size = append(units, uint16(n)), size+6
	}
	return units, size
}
