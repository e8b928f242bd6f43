package format

import (
	"bytes"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/record"
)

const (
	line1  = `83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /presentations/a/images/kibana-search.png HTTP/1.1" 200 203023 "http://semicomplete.com/presentations/a/" "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36"`
	fields = `"ip":"83.149.9.216","method":"GET","path":"/presentations/a/images/kibana-search.png","proto":"HTTP/1.1","status":200,"bytes":203023,"referer":"http://semicomplete.com/presentations/a/","agent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36"`
)

// lookup returns the format or fails the test.
func lookup(t testing.TB, text string, o Options) Format {
	t.Helper()
	f, err := Lookup(text, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// parse reads one line and prints it as JSON, or gives the error's text.
func parse(p Parser, line string) string {
	var r record.Record
	var a record.Arena
	if err := p.Parse([]byte(line), &r, &a); err != nil {
		return err.Error()
	}
	return string(r.AppendJSON(nil))
}

type cases []struct{ line, want string }

func (list cases) run(t *testing.T, f Format) {
	t.Helper()
	p := f.New()
	for _, c := range list {
		if got := parse(p, c.line); got != c.want {
			t.Errorf("%s\n%s\ngot  %s\nwant %s", f.Name(), c.line, got, c.want)
		}
	}
}

// access builds a combined line of a request.
func access(request string) string {
	return `::1 - - [17/May/2015:10:05:03 -0730] "` + request + `" 200 5 "-" "-"`
}

// recognise returns the access-log format of the lines of sample: the one that
// reads most of the first hundred, of equal ones the first of combined, common,
// vhost-combined, nginx-main, combined-time and common-time; or w3c where its
// directives come first. Bad lines may be among them. An empty sample is
// combined.
func recognise(sample []byte) (Format, error) {
	f, err := autoFormat{}.Sample(sample)
	auto, ok := f.(autoFormat)
	switch {
	case err != nil || !ok:
		return f, err
	case auto.lines > 0 && auto.fitting() == 0:
		return nil, notRecognised(auto.lines, auto.first)
	}
	return auto.guess(), nil
}

func TestCombined(t *testing.T) {
	const head = `{"time":"2015-05-17T10:05:03-07:30","ip":"::1",`
	const tail = `"status":200,"bytes":5`
	cases{
		{line1, `{"time":"2015-05-17T10:05:03Z",` + fields + `}`},
		{line1 + "\r", `{"time":"2015-05-17T10:05:03Z",` + fields + `}`},
		{`2001:db8::1 - frank [17/May/2015:10:05:03 +0200] "GET /a?b=c&d=%22?e HTTP/2.0" 304 - "-" ""`,
			`{"time":"2015-05-17T10:05:03+02:00","ip":"2001:db8::1","user":"frank","method":"GET","path":"/a","query":"b=c&d=%22?e","proto":"HTTP/2.0","status":304}`},
		{`host.example.com id John Smith [17/May/2015:10:05:03 +0200] "POST / HTTP/3" 000 007 "-" "-"`,
			`{"time":"2015-05-17T10:05:03+02:00","ip":"host.example.com","user":"John Smith","method":"POST","path":"/","proto":"HTTP/3","status":0,"bytes":7}`},
		{access(`GET /a\"b\\ HTTP/1.1`), head + `"method":"GET","path":"/a\\\"b\\\\","proto":"HTTP/1.1",` + tail + `}`},
		{access(`GET /a b?c d HTTP/1.1`), head + `"method":"GET","path":"/a b","query":"c d","proto":"HTTP/1.1",` + tail + `}`},
		{access(`GET /a? HTTP/1.1`), head + `"method":"GET","path":"/a","proto":"HTTP/1.1",` + tail + `}`},
		{access(`GET http://x.org/a?b HTTP/1.1`), head + `"method":"GET","path":"http://x.org/a","query":"b","proto":"HTTP/1.1",` + tail + `}`},
		{access("GET /\xff\xc3\xbc HTTP/1.1"), head + `"method":"GET","path":"/` + "\uFFFDü" + `","proto":"HTTP/1.1",` + tail + `}`},
		{access(`-`), head + tail + `,"request":"-"}`},
		{access(``), head + tail + `}`},
		{access(`\x16\x03\x01`), head + tail + `,"request":"\\x16\\x03\\x01"}`},
		{access("\x16\x03\xff"), head + tail + `,"request":"\u0016\u0003` + "\uFFFD" + `"}`},
		{access(`GET /`), head + tail + `,"request":"GET /"}`},
		{access(`GET  HTTP/1.1`), head + tail + `,"request":"GET  HTTP/1.1"}`},
		{access(`G(T / HTTP/1.1`), head + tail + `,"request":"G(T / HTTP/1.1"}`},
		{access(`GET / HTTP/`), head + tail + `,"request":"GET / HTTP/"}`},
		{access(`GET / HTTP/1.1x`), head + tail + `,"request":"GET / HTTP/1.1x"}`},
		{``, "blank line"},
		{`83.149.9.216`, "not combined: want ' ' behind ip at column 13"},
		{`83.149.9.216 - - `, "not combined: want '[' behind user at column 18"},
		{`1.1.1.1 - - [17/Foo/2015:10:05:03 +0000] "-" 200 1 "-" "-"`, "not combined: want a time as 17/May/2015:10:05:03 +0000 for time at column 14"},
		{`1.1.1.1 - - [17/May/2015:10:05:61 +0000] "-" 200 1 "-" "-"`, "not combined: want a time as 17/May/2015:10:05:03 +0000 for time at column 14"},
		{`1.1.1.1 - - [17/May/2015:10:05:03 +0000] "-" 2x0 1 "-" "-"`, "not combined: want a whole number for status at column 46"},
		{`1.1.1.1 - - [17/May/2015:10:05:03 +0000] "-" 200 1 "-" "curl`, "not combined: want the closing quote of agent at column 61"},
		{`1.1.1.1 - - [17/May/2015:10:05:03 +0000] "-" 200 1 "-" "curl\"`, "not combined: want the closing quote of agent at column 63"},
		{`1.1.1.1 - - [17/May/2015:10:05:03 +0000] "-" 200 1 "-" "curl" 5`, "not combined: want the end of the line at column 62"},
		{`1.1.1.1 - - [17/May/2015:10:05:03 +0000] "-" 200 1`, `not combined: want ' "' behind bytes at column 51`},
	}.run(t, lookup(t, "combined", Options{}))
}

func TestAccessVariants(t *testing.T) {
	base := strings.TrimSuffix(access("GET / HTTP/1.1"), ` "-" "-"`)
	for _, c := range []struct{ name, line, want string }{
		{"common", base, `"status":200,"bytes":5}`},
		{"vhost-combined", "x.org:80 " + base + ` "-" "a"`, `"status":200,"bytes":5,"agent":"a","host":"x.org","port":80}`},
		{"nginx-main", base + ` "-" "a" "1.1.1.1, ::2"`, `"status":200,"bytes":5,"agent":"a","forwarded":"1.1.1.1, ::2"}`},
		{"combined-time", base + ` "-" "a" 0.250`, `"status":200,"bytes":5,"agent":"a","took":0.250}`},
		{"common-time", base + ` 12`, `"status":200,"bytes":5,"took":12}`},
	} {
		want := `{"time":"2015-05-17T10:05:03-07:30","ip":"::1","method":"GET","path":"/","proto":"HTTP/1.1",` + c.want
		cases{{c.line, want}}.run(t, lookup(t, c.name, Options{}))
		f, err := recognise([]byte(c.line + "\n" + c.line + "\nrubbish\n" + c.line[:20]))
		if err != nil || f.Name() != c.name {
			t.Errorf("%s recognised as %v, %v", c.name, f, err)
		}
		if got := parse(lookup(t, "access", Options{}).New(), c.line); got != want {
			t.Errorf("access without a sample: %s", got)
		}
	}
}

func TestRecogniseNothing(t *testing.T) {
	_, err := recognise([]byte("level=info msg=x\n"))
	if fault.CodeOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), "logfmt") {
		t.Errorf("got %v, hint %q", err, fault.HintOf(err))
	}
	if _, err = recognise([]byte("what is this\n")); !strings.Contains(fault.HintOf(err), "--explain") {
		t.Errorf("got %v, hint %q", err, fault.HintOf(err))
	}
	if f, err := recognise(nil); err != nil || f.Name() != "combined" {
		t.Errorf("empty: %v, %v", f, err)
	}
}

func TestNginx(t *testing.T) {
	for _, c := range []struct{ format, line, want string }{
		{`$remote_addr [$time_iso8601] "$request" $status $body_bytes_sent $request_time "$upstream_response_time"`,
			`1.2.3.4 [2015-05-17T10:05:03+02:00] "GET /a?b HTTP/1.1" 200 17 0.005 "0.001, 0.002"`,
			`{"time":"2015-05-17T10:05:03+02:00","ip":"1.2.3.4","method":"GET","path":"/a","query":"b","proto":"HTTP/1.1","status":200,"bytes":17,"took":0.005,"upstream_took":"0.001, 0.002"}`},
		{"log_format  main  '$remote_addr - $remote_user [$time_local] \"$request\" '\n    '$status $body_bytes_sent \"$http_referer\" '\n  '\"$http_user_agent\" \"$http_x_forwarded_for\"';",
			`1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 17 "-" "a" "-"`,
			`{"time":"2015-05-17T10:05:03Z","ip":"1.2.3.4","method":"GET","path":"/","proto":"HTTP/1.1","status":200,"bytes":17,"agent":"a"}`},
		{`log_format up escape=default '$msec|${remote_addr}x|$upstream_addr $upstream_response_time $request_method $request_uri $server_protocol $foo';`,
			`1431857103.250|::1x|10.0.0.1:80, 10.0.0.2:80 : unix:/x 0.1, - GET /a?b HTTP/1.0 bar`,
			`{"time":"2015-05-17T10:05:03.25Z","ip":"::1","method":"GET","path":"/a","query":"b","proto":"HTTP/1.0","upstream_addr":"10.0.0.1:80, 10.0.0.2:80 : unix:/x","upstream_took":"0.1, -","foo":"bar"}`},
		{`$time_local $msec "$request" $request_uri $body_bytes_sent $bytes_sent $uri`,
			`17/May/2015:10:05:03 +0000 1431857103.250 "GET /a?b HTTP/1.1" /a?b 1 2 /c`,
			`{"time":"2015-05-17T10:05:03Z","method":"GET","path":"/a","query":"b","proto":"HTTP/1.1","bytes":1,"msec":1431857103.250,"request_uri":"/a?b","bytes_sent":2,"uri":"/c"}`},
		{`'it\'s $host'`, `it's x`, `{"host":"x"}`},
	} {
		f, err := Lookup("nginx="+c.format, Options{})
		if err != nil {
			t.Errorf("%s: %v", c.format, err)
			continue
		}
		cases{{c.line, c.want}}.run(t, f)
	}
	for _, bad := range []string{"", "no variable", "$a$b", "a $ b", "${a", "'$a", "'$a' x", "log_format main", "$"} {
		if _, err := Lookup("nginx="+bad, Options{}); fault.CodeOf(err) != fault.Usage || fault.HintOf(err) == "" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestMismatchType(t *testing.T) {
	var m *Mismatch
	err := lookup(t, "common", Options{}).New().Parse([]byte("x"), new(record.Record), new(record.Arena))
	if !errors.As(err, &m) || m.Column != 2 || m.Format != "common" {
		t.Errorf("got %#v", err)
	}
}

// TestClock holds the remembered time against the plain way: minutes, zones,
// arenas and bad seconds change between lines.
func TestClock(t *testing.T) {
	f := lookup(t, "common", Options{})
	p := f.New()
	var r record.Record
	arenas := []*record.Arena{{}, {}}
	for i, at := range []string{"17/May/2015:10:05:03 +0000", "17/May/2015:10:05:03 +0000", "17/May/2015:10:05:59 +0000", "17/May/2015:10:05:60 +0000",
		"17/May/2015:10:05:59 +0000", "17/May/2015:10:05:59 +0100", "17/May/2015:10:06:59 +0100", "18/May/2015:10:06:59 +0100", "18/May/2016:10:06:59 +0100",
		"18/May/2016:11:06:59 -0130", "1x/May/2016:11:06:59 -0130", "18/May/2016:11:06:59 -0130", "18/May/2016:11:06:5x -0130", "18/May/2016:11:06:59 -01x0"} {
		line := []byte(`::1 - - [` + at + `] "-" 200 1`)
		for k := range 6 {
			a := arenas[k&1]
			if k == 4 {
				a.Buf = a.Buf[:0]
			}
			err := p.Parse(line, &r, a)
			var fresh record.Record
			wantErr := f.New().Parse(line, &fresh, new(record.Arena))
			if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(r.AppendJSON(nil), fresh.AppendJSON(nil)) {
				t.Fatalf("%d.%d %s: %s %v, want %s %v", i, k, at, r.AppendJSON(nil), err, fresh.AppendJSON(nil), wantErr)
			}
		}
	}
}

const seedLog = "../../../shared/seeds/access.log"

// seedLines returns the lines of a real log, or skips the test.
func seedLines(t testing.TB) [][]byte {
	t.Helper()
	data, err := os.ReadFile(seedLog)
	if err != nil {
		t.Skip("no real access log beside the repository: ", err)
	}
	return bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
}

// oracle reads combined lines in another way.
var oracle = regexp.MustCompile(`^(\S+) \S+ (\S+) \[([^\]]+)\] "(?:(\S+) ([^"? ]*)(?:\?([^" ]*))? (HTTP/[0-9.]+)|[^"]*)" (\d+) (\d+|-) "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"$`)

func TestRealLog(t *testing.T) {
	lines := seedLines(t)
	f, err := recognise(bytes.Join(lines[:200], []byte("\n")))
	if err != nil || f.Name() != "combined" {
		t.Fatalf("recognised as %v, %v", f, err)
	}
	p := f.New()
	var r record.Record
	var a record.Arena
	odd := 0
	for i, line := range lines {
		m := oracle.FindSubmatch(line)
		if err := p.Parse(line, &r, &a); err != nil {
			t.Logf("line %d: %v: %.100s", i+1, err, line)
			if odd++; m != nil {
				t.Errorf("line %d: %v", i+1, err)
			}
			continue
		}
		at, err := time.Parse("02/Jan/2006:15:04:05 -0700", string(m[3]))
		if err != nil {
			t.Fatal(err)
		}
		m[2], m[3] = []byte(at.Format(time.RFC3339)), m[1]
		for k, name := range []string{"time", "ip", "method", "path", "query", "proto", "status", "bytes", "referer", "agent"} {
			got, want := string(record.AppendPlain(nil, r.Get(record.FlatField(name)))), string(m[k+2])
			if want == "-" {
				want = ""
			}
			if got != want {
				t.Errorf("line %d: %s is %q, want %q", i+1, name, got, want)
			}
		}
	}
	if len(lines) != 10_000 || odd != 1 {
		t.Errorf("%d of %d lines do not fit", odd, len(lines))
	}
}

// benchLine has the length of a usual line.
var benchLine = []byte(`203.0.113.77 - - [17/May/2015:10:05:03 +0000] "GET /course/123.html?from=mail HTTP/1.1" 200 20302 "https://example.com/a" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0 Safari/537"`)

func BenchmarkCombined(b *testing.B) {
	for _, extract := range []string{"", "path=/course/{course:int}.html"} {
		name := "plain"
		f := lookup(b, "combined", Options{})
		if extract != "" {
			name = "extract"
			e, err := ParseExtract(extract)
			if err != nil {
				b.Fatal(err)
			}
			if f, err = With(f, []*Extract{e}, nil); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(name, func(b *testing.B) {
			p := f.New()
			var r record.Record
			var a record.Arena
			b.SetBytes(int64(len(benchLine)))
			b.ReportAllocs()
			line := bytes.Clone(benchLine)
			n := 0
			for b.Loop() {
				if n++; n&255 == 0 {
					a.Buf = a.Buf[:0]
				}
				if n&7 == 0 {
					line[len("203.0.113.77 - - [17/May/2015:10:05:0")] = '0' + byte(n>>3&7)
				}
				if err := p.Parse(line, &r, &a); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRealLog(b *testing.B) {
	lines := seedLines(b)
	p := lookup(b, "combined", Options{}).New()
	var r record.Record
	var a record.Arena
	size := 0
	for _, line := range lines {
		size += len(line) + 1
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		for i, line := range lines {
			if i&255 == 0 {
				a.Buf = a.Buf[:0]
			}
			_ = p.Parse(line, &r, &a)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	p := lookup(t, "combined", Options{}).New()
	var r record.Record
	var a record.Arena
	n := testing.AllocsPerRun(100, func() {
		a.Buf = a.Buf[:0]
		if err := p.Parse(benchLine, &r, &a); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations a line", n)
	}
}
