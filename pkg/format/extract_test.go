package format

import (
	"slices"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/record"
)

// with decorates the format called name.
func with(t testing.TB, name string, o Options, schema string, extracts ...string) Format {
	t.Helper()
	var list []*Extract
	for _, text := range extracts {
		e, err := ParseExtract(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	s, err := LookupSchema(schema)
	if err != nil {
		t.Fatal(err)
	}
	f, err := With(lookup(t, name, o), list, s)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestExtract(t *testing.T) {
	line := func(target string) string { return access("GET " + target + " HTTP/1.1") }
	out := func(path, more string) string {
		return `{"time":"2015-05-17T10:05:03-07:30","ip":"::1","method":"GET",` + path + `,"proto":"HTTP/1.1","status":200,"bytes":5` + more + `}`
	}
	cases{
		{line("/course/12.html"), out(`"path":"/course/12.html"`, `,"course":12`)},
		{line("/course/007.html?lang=de&x=1.50"), out(`"path":"/course/007.html","query":"lang=de&x=1.50"`, `,"course":7,"lang":"de","x":1.50`)},
		{line("/course/x.html"), out(`"path":"/course/x.html"`, "")},
		{line("/course/.html"), out(`"path":"/course/.html"`, "")},
		{line("/course/12.htm"), out(`"path":"/course/12.htm"`, "")},
		{line("/lesson/5/of/9"), out(`"path":"/lesson/5/of/9"`, `,"course":9`)},
		{line("/u/a.b/p.html.html"), out(`"path":"/u/a.b/p.html.html"`, `,"name":"a.b","page":"p.html"`)},
		{line("/u/a\xff\\\"/p.html"), out(`"path":"/u/a`+"\uFFFD"+`\\\"/p.html"`, `,"name":"a`+"\uFFFD"+`\\\"","page":"p"`)},
		{line("/q?lang=de&x=y"), out(`"path":"/q","query":"lang=de&x=y"`, "")},
		{access("rubbish"), `{"time":"2015-05-17T10:05:03-07:30","ip":"::1","status":200,"bytes":5,"request":"rubbish"}`},
	}.run(t, with(t, "combined", Options{}, "short", "path=/course/{course:int}.html", "path=/lesson/{*}/of/{course:int}",
		"path=/u/{name}/{page}.html", "query=lang={lang}&x={x:float}"))
	cases{{`path=/a/7 x=1`, `{"path":"/a/7","x":"1","id":7}`}, {`x=1`, `{"x":"1"}`}, {`path`, "not logfmt: want key=value at column 5"},
		{`path="/a/\u0037" id=x`, `{"path":"/a/7","id":7}`}}.run(t, with(t, "logfmt", Options{}, "short", "path=/a/{id:int}"))
	cases{{`{"path":"/a/7"}`, `{"path":"/a/7","id":7}`}, {`{"path":"\/a\/7","id":1}`, `{"path":"\/a\/7","id":7}`}, {`{"path":5}`, `{"path":5}`}}.run(t,
		with(t, "json", Options{}, "short", "path=/a/{id:int}"))
	f := with(t, "access", Options{}, "short", "path=/a/{id:int}")
	if !slices.Contains(f.Fields(), "id") {
		t.Errorf("fields %v", f.Fields())
	}
	sampled, err := f.(Sampled).Sample([]byte(strings.Repeat("x.org:80 "+line("/a/5")+"\n", 100)))
	if err != nil || sampled.Name() != "vhost-combined" {
		t.Fatalf("%v %v", sampled, err)
	}
	cases{{"x.org:80 " + line("/a/5"), out(`"path":"/a/5"`, `,"host":"x.org","port":80,"id":5`)}}.run(t, sampled)
}

func TestExtractCSV(t *testing.T) {
	f, err := with(t, "csv", Options{}, "short", "url=/a/{id:int}/{{{x}}}").(Sampled).Sample([]byte("n,url\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := f.(Framer); !ok {
		t.Error("a CSV format must stay a Framer")
	}
	cases{{`1,/a/2/{q}`, `{"n":"1","url":"/a/2/{q}","id":2,"x":"q"}`}, {`1,"/a/2/{""}"`, `{"n":"1","url":"/a/2/{\"}","id":2,"x":"\""}`}, {"n,url", "header line"}}.run(t, f)
	if _, err := with(t, "csv", Options{}, "short", "nope=/a/{id:int}").(Sampled).Sample([]byte("n,url\n")); fault.CodeOf(err) != fault.Usage {
		t.Errorf("missing field: %v", err)
	}
}

func TestExtractErrors(t *testing.T) {
	for _, bad := range []string{"", "path", "=x{a}", "path=/x", "path={a}{b}", "path={a", "path=a}", "path={a:zip}", "path={a,b}", "path={*}", "path={}"} {
		if _, err := ParseExtract(bad); fault.CodeOf(err) != fault.Usage || fault.HintOf(err) == "" {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, text := range []string{"nope=/{a}", "path=/{status}"} {
		e, err := ParseExtract(text)
		if err != nil || e.String() != text {
			t.Fatal(err)
		}
		if _, err := With(lookup(t, "combined", Options{}), []*Extract{e}, nil); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestSchemas(t *testing.T) {
	line := strings.Replace(access("GET /course/7?x HTTP/1.1"), `"-" "-"`, `"http://r/" "curl"`, 1)
	cases{
		{line, `{"timestamp":"2015-05-17T10:05:03-07:30","client":{"address":"::1"},"http":{"request":{"method":"GET","header":{"referer":["http://r/"]}},"response":{"status_code":200,"body":{"size":5}}},"url":{"path":"/course/7","query":"x"},"network":{"protocol":{"version":"1.1"}},"user_agent":{"original":"curl"},"course":7}`},
		{access("FOO / HTTP/2"), `{"timestamp":"2015-05-17T10:05:03-07:30","client":{"address":"::1"},"http":{"request":{"method":"_OTHER","method_original":"FOO"},"response":{"status_code":200,"body":{"size":5}}},"url":{"path":"/"},"network":{"protocol":{"version":"2"}}}`},
		{access("-"), `{"timestamp":"2015-05-17T10:05:03-07:30","client":{"address":"::1"},"http":{"response":{"status_code":200,"body":{"size":5}}},"request":"-"}`},
		{"x", "not combined: want ' ' behind ip at column 2"},
	}.run(t, with(t, "combined", Options{}, "otel-1.44", "path=/course/{course:int}"))
	cases{
		{line, `{"@timestamp":"2015-05-17T10:05:03-07:30","client":{"address":"::1","ip":"::1"},"http":{"request":{"method":"GET","referrer":"http://r/"},"version":"1.1","response":{"status_code":200,"body":{"bytes":5}}},"url":{"path":"/course/7","query":"x"},"user_agent":{"original":"curl"},"client_":7}`},
		{strings.Replace(access("FOO / HTTP/2"), "::1", "h.org", 1), `{"@timestamp":"2015-05-17T10:05:03-07:30","client":{"address":"h.org"},"http":{"request":{"method":"FOO"},"version":"2","response":{"status_code":200,"body":{"bytes":5}}},"url":{"path":"/"}}`},
	}.run(t, with(t, "combined", Options{}, "ecs", "path=/course/{client:int}"))
	cases{{`::1 0.250`, `{"client":{"address":"::1"},"event":{"duration":250000000}}`}}.run(t, with(t, "nginx=$remote_addr $request_time", Options{}, "otel"))
	cases{
		{`{"status":200,"x":1,"time":"t","url":{"a":1},"path":"/"}`, `{"x":1,"url":{"a":1},"path":"/","timestamp":"t","http":{"response":{"status_code":200}}}`},
		{`{"user":"u","bot":"b"}`, `{"user":{"name":"u"},"user_agent":{"synthetic":{"type":"b"}}}`},
		{`{"x":1}`, `{"x":1}`},
	}.run(t, with(t, "json", Options{}, "otel"))
	if got := parse(with(t, "text", Options{}, "ecs").New(), "a"); got != `{"event":{"original":"a"}}` {
		t.Error(got)
	}
	if got := strings.Join(with(t, "combined", Options{}, "otel").Fields(), " "); got != "timestamp client user http url network user_agent request" {
		t.Errorf("fields %s", got)
	}
}

func TestSchemaNames(t *testing.T) {
	for _, name := range SchemaNames() {
		s, err := LookupSchema(name)
		if err != nil || s.Name() != name {
			t.Errorf("%s: %v", name, err)
		}
		if got := s.Rename("status"); (got == "status") != (name == "short") {
			t.Errorf("%s: status is %s", name, got)
		}
		if s.Rename("nothing") != "nothing" {
			t.Errorf("%s renames what it does not know", name)
		}
	}
	for _, bad := range []string{"", "ecs-1.44", "otel-1.0"} {
		if _, err := LookupSchema(bad); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestExplainText(t *testing.T) {
	for _, c := range []struct{ format, line, want string }{
		{"common", access("GET /ü HTTP/1.1"), "\n                                                            ^ want the end of the line (column 62)\ndoes not fit common\nfits combined\n"},
		{"combined", `level=info msg=x`, "level=info msg=x\n                ^ want ' ' behind ident (column 17)\n"},
		{"access", `level=info msg=x`, "fits logfmt\n"},
		{"logfmt", `{"Event":"SparkListenerLogStart"}`, "fits spark-event\n"},
		{"json", "{\x01\"ü\":}", "{.\"ü\":}\n ^ want a JSON object (unexpected control byte 0x01) (column 2)\ndoes not fit json\n"},
		{"combined", line1[:150] + "\xff" + line1[150:] + " x", " x\n"},
		{"text", "a", "    1  line  \"a\"\nfits text\n"},
		{"json", "", "does not fit json: blank line\n"},
	} {
		if got := Explain(lookup(t, c.format, Options{}), []byte(c.line)).String(); !strings.Contains(got, c.want) {
			t.Errorf("%s %s\n%s\nwant in it\n%s", c.format, c.line, got, c.want)
		}
	}
}

func TestExplainFields(t *testing.T) {
	e := Explain(lookup(t, "access", Options{}), []byte(line1))
	if e.Err != nil || e.Format != "combined" || len(e.Fields) != 9 || e.Fields[0] != (Reading{"time", `"2015-05-17T10:05:03Z"`, 0}) ||
		e.Fields[1] != (Reading{"ip", `"83.149.9.216"`, 1}) {
		t.Errorf("%+v", e)
	}
}

func BenchmarkSchema(b *testing.B) {
	p := with(b, "combined", Options{}, "otel").New()
	var r record.Record
	var a record.Arena
	b.ReportAllocs()
	for b.Loop() {
		a.Buf = a.Buf[:0]
		if err := p.Parse(benchLine, &r, &a); err != nil {
			b.Fatal(err)
		}
	}
}
