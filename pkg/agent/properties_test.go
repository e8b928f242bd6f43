package agent

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"
)

func TestParseProperties(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"separators", "a=1\nb = 2\nc:3\nd : 4\ne 5\nf\t6\ng==7\nh = : 8", "1:1 a=1|2:1 b=2|3:1 c=3|4:1 d=4|5:1 e=5|6:1 f=6|7:1 g==7|8:1 h=: 8"},
		{"comments", "# a=1\n  ! b=2\n\n \t\nc=3 # no comment", "5:1 c=3 # no comment"},
		{"blanks around", "  a  =  b c  \t\n", "1:3 a=b c"},
		{"continuation", "a = one \\\n    two\\\n three\nb=2", "1:1 a=one twothree|4:1 b=2"},
		{"continued key", "a.\\\n  b = c", "1:1 a.b=c"},
		{"even backslashes", "a = b\\\\\nc=d", `1:1 a=b\|2:1 c=d`},
		{"a comment does not continue", "# x \\\na=1", "2:1 a=1"},
		{"a continued line is no comment", "a = 1 \\\n# 2", "1:1 a=1 # 2"},
		{"escapes", `a\ b\=c\:d = \u00e9\t|\n\q\#\uD83D\uDE00`, "1:1 a b=c:d=é\t|\nq#😀"},
		{"no newline at the end", "a=1\nb=2", "1:1 a=1|2:1 b=2"},
		{"backslash at the end", `a=1\`, "1:1 a=1"},
		{"windows line ends", "a=1\r\nb=\\\r\n  2\r\n", "1:1 a=1|2:1 b=2"},
		{"old line ends", "a=1\rb=2\r", "1:1 a=1|2:1 b=2"},
		{"byte order mark", "\ufeffa=1", "1:1 a=1"},
		{"UTF-8", "größe = 中文", "1:1 größe=中文"},
		{"ISO 8859-1", "a = gr\xf6\xdfe", "1:1 a=größe"},
		{"no value", "a\nb=\nc", "1:1 a=|2:1 b=|3:1 c="},
		{"no key", "=x\n:y", "1:1 =x|2:1 =y"},
		{"a blank in the key", "a1.sinks. k1.channel = c1", "1:1 a1.sinks.=k1.channel = c1"},
		{"empty", "", ""},
	}
	for _, test := range tests {
		entries, findings := parseProperties("f", []byte(test.text))
		if len(findings) > 0 {
			t.Errorf("%s: %v", test.name, findings)
		}
		if got := show(entries); got != test.want {
			t.Errorf("%s:\n got %q\nwant %q", test.name, got, test.want)
		}
	}
}

func show(entries []*entry) string {
	var all []string
	for _, e := range entries {
		all = append(all, fmt.Sprintf("%d:%d %s=%s", e.at.line, e.at.column, e.key, e.value))
	}
	return strings.Join(all, "|")
}

func TestParsePositions(t *testing.T) {
	entries, _ := parseProperties("f", []byte("  größe = x\nb = one \\\n   two\nc =\nd = \\\n  e\n"))
	want := []string{"f:1:3 f:1:11 1", "f:2:1 f:2:5 3", "f:4:1 f:4:4 4", "f:5:1 f:6:3 6"}
	for i, e := range entries {
		if got := fmt.Sprint(e.at, " ", e.valueAt, " ", e.last); got != want[i] {
			t.Errorf("entry %d: %s, want %s", i, got, want[i])
		}
	}
}

func TestParseBadEscape(t *testing.T) {
	_, findings := parseProperties("f", []byte(`a = C:\users`))
	if len(findings) != 1 || findings[0].String() != `f:1:7: error: \u needs four hexadecimal digits; write a backslash as \\` {
		t.Fatalf("findings %v", findings)
	}
}

// FuzzParseProperties checks that a file never breaks the parser, that places
// lie inside the file, and that what was read is read again when it is written.
func FuzzParseProperties(f *testing.F) {
	for _, seed := range []string{"a=1\nb : 2", "# c\na = \\\n b", `k\ ey = \u00e9`, "a\r\nb\r", "\\", `\uD83D\uDE00`, "a1.sinks. k1.channel = c1"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, findings := parseProperties("f", data)
		lines := strings.Count(strings.ReplaceAll(string(data), "\r", "\n"), "\n") + 1
		for _, e := range entries {
			if e.at.line < 1 || e.valueAt.line < e.at.line || e.last < e.valueAt.line || e.last > lines || e.at.column < 1 || e.valueAt.column < 1 {
				t.Fatalf("%q: place %v %v %d", data, e.at, e.valueAt, e.last)
			}
		}
		if len(findings) > 0 {
			return
		}
		var b strings.Builder
		for _, e := range entries {
			fmt.Fprintf(&b, "%s=%s\n", escape(e.key), escape(e.value))
		}
		again, _ := parseProperties("f", []byte(b.String()))
		if len(again) != len(entries) {
			t.Fatalf("%q: %d entries, again %d from %q", data, len(entries), len(again), b.String())
		}
		for i, e := range entries {
			if again[i].key != e.key || again[i].value != e.value {
				t.Fatalf("%q: %q=%q, again %q=%q", data, e.key, e.value, again[i].key, again[i].value)
			}
		}
	})
}

func escape(text string) string {
	return strings.NewReplacer("\\", "\\\\", "\n", `\n`, "\r", `\r`, "\t", `\t`, "\f", `\f`, " ", `\ `,
		"=", `\=`, ":", `\:`, "#", `\#`, "!", `\!`, "\v", `\u000b`, "\x00", `\u0000`, "\ufeff", `\ufeff`).Replace(text)
}

func TestNearest(t *testing.T) {
	tests := []struct{ word, candidates, want string }{
		{"bnd", "bind port", "bind"},
		{"netcatt", "netcat netcatudp exec", "netcat"},
		{"menory", "memory file", "memory"},
		{"soruces", "sources sinks", "sources"},
		{"filePrefix", "hdfs.path hdfs.filePrefix", "hdfs.filePrefix"},
		{"batchsize", "batchSize", "batchSize"},
		{"xyz", "bind port", ""},
		{"a", "a1", "a1"},
	}
	for _, test := range tests {
		if got := nearest(test.word, strings.Fields(test.candidates)); got != test.want {
			t.Errorf("nearest(%q, %s) = %q, want %q", test.word, test.candidates, got, test.want)
		}
	}
}

// A file that Windows calls Unicode is told as that, with all else that is wrong.
func TestUTF16(t *testing.T) {
	mistake := strings.Replace(plain, "= 44444", "= größe", 1) + "# 上海\n"
	for _, form := range []struct {
		mark  string
		order binary.AppendByteOrder
	}{{"\xff\xfe", binary.LittleEndian}, {"\xfe\xff", binary.BigEndian}, {"", binary.LittleEndian}, {"", binary.BigEndian}} {
		data := []byte(form.mark)
		for _, unit := range utf16.Encode([]rune(mistake)) {
			data = form.order.AppendUint16(data, unit)
		}
		got := lint(t, string(data))
		if got != "a.conf:1:1: error: the file is in UTF-16, which Flume cannot read; save it as UTF-8\n"+
			"a.conf:6:22: error: port of source r1 (netcat): want a whole number, not \"größe\"; write digits alone\nexit 2\n" {
			t.Errorf("%q, %v: %s", form.mark, form.order, got)
		}
	}
	// What is no text at all is told as that alone.
	for _, data := range []string{"\x7fELF\x02\x01\x00\x00", "\xff\xfe\x00\x00a\x00\x00\x001\x00\x00\x00"} {
		if got := lint(t, data); got != "a.conf:1:1: error: the file is no text: it holds bytes of the value zero; name a property file\nexit 2\n" {
			t.Errorf("%q: %s", data, got)
		}
	}
}
