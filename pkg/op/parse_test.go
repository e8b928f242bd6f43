package op

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/format"
	"github.com/logpipe/logpipe/pkg/logpipetest"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Access-log lines: plain, with everything absent, an IPv6 address and a query,
// escapes and bytes that are no UTF-8, a request that is none.
var logLines = []string{
	`203.0.113.7 - ann [01/Mar/2026:10:00:05 +0100] "GET /course/131.html?from=mail HTTP/1.1" 200 5120 "https://example.com/" "curl/8.5.0"`,
	`203.0.113.8 - - [01/Mar/2026:10:00:06 +0000] "GET / HTTP/1.0" 304 - "-" "-"`,
	`2001:db8::1 - - [29/Feb/2024:23:59:59 -0730] "POST /a?b=%20&c HTTP/2.0" 500 0 "-" "Mozilla/5.0 (\"x\") \\ é"`,
	"host.example - - [01/Mar/2026:10:00:07 +0000] \"GET /\xff\xfe\tx HTTP/1.1\" 404 9007199254740993 \"-\" \"\x01\"",
	`198.51.100.1 - - [01/Mar/2026:10:00:08 +0000] "\x16\x03\x01" 400 150 "-" "-"`,
}

func TestParseFormats(t *testing.T) {
	checkCases(t, Parse, []opCase{
		{name: "combined", words: []string{"combined"}, in: append([]string{"", logLines[0] + "\r", "rubbish", "\r"}, logLines[4]), errs: 1, want: []string{
			`{"time":"2026-03-01T10:00:05+01:00","ip":"203.0.113.7","user":"ann","method":"GET","path":"/course/131.html","query":"from=mail","proto":"HTTP/1.1","status":200,"bytes":5120,"referer":"https://example.com/","agent":"curl/8.5.0"}`,
			`{"time":"2026-03-01T10:00:08Z","ip":"198.51.100.1","status":400,"bytes":150,"request":"\\x16\\x03\\x01"}`}},
		{name: "extract", words: []string{"access", "--extract", "path=/course/{course:int}.html", "--extract", "agent={tool}/{*}"}, in: logLines[:2], want: []string{
			`{"time":"2026-03-01T10:00:05+01:00","ip":"203.0.113.7","user":"ann","method":"GET","path":"/course/131.html","query":"from=mail","proto":"HTTP/1.1","status":200,"bytes":5120,"referer":"https://example.com/","agent":"curl/8.5.0","course":131,"tool":"curl"}`,
			`{"time":"2026-03-01T10:00:06Z","ip":"203.0.113.8","method":"GET","path":"/","proto":"HTTP/1.0","status":304}`}},
		{name: "ecs", words: []string{"common", "--schema", "ecs"}, in: []string{`10.0.0.9 - - [01/Mar/2026:10:00:05 +0000] "GET / HTTP/1.1" 200 5`}, want: []string{
			`{"@timestamp":"2026-03-01T10:00:05Z","client":{"address":"10.0.0.9","ip":"10.0.0.9"},"http":{"request":{"method":"GET"},"version":"1.1","response":{"status_code":200,"body":{"bytes":5}}},"url":{"path":"/"}}`}},
		{name: "nginx", words: []string{"nginx=$remote_addr [$time_local] $status"}, in: []string{`10.0.0.9 [01/Mar/2026:10:00:05 +0000] 200`}, want: []string{
			`{"time":"2026-03-01T10:00:05Z","ip":"10.0.0.9","status":200}`}},
		{name: "nginx by pattern", words: []string{"nginx", "--pattern", "$remote_addr $status"}, in: []string{`10.0.0.9 200`}, want: []string{`{"ip":"10.0.0.9","status":200}`}},
		{name: "delimited", words: []string{"delimited", "--fields", "page,clicks:int,minutes:float,like:int"}, in: []string{"a.html|1|0.5|1", "a|b", "", "b|x|1|1", "c|2||-1"}, errs: 2,
			want: []string{`{"page":"a.html","clicks":1,"minutes":0.5,"like":1}`, `{"page":"c","clicks":2,"like":-1}`}},
		{name: "tab", words: []string{"delimited", "--fields", "a,b", "--delimiter", `\t`}, in: []string{"1\t2"}, want: []string{`{"a":"1","b":"2"}`}},
		{name: "regex", words: []string{"regex", `(?P<k>\w+)=(?P<v>\d+)`, "--types", "v:int"}, in: []string{"a=1", "-", "b=22"}, errs: 1, want: []string{`{"k":"a","v":1}`, `{"k":"b","v":22}`}},
		{name: "logfmt", words: []string{"logfmt", "--types", "took:int"}, in: []string{`level=info msg="a \"b\"" took=5`, `x="`, "done=yes alone"}, errs: 1,
			want: []string{`{"level":"info","msg":"a \"b\"","took":5}`, `{"done":"yes","alone":true}`}},
		{name: "json", words: []string{"json"}, in: []string{`{"a": 1.0 }`, ` {"b":"\u0041"} `, "[1]", "", `{"a":01}`, `{"c":3`}, errs: 3, want: []string{`{"a": 1.0 }`, `{"b":"\u0041"}`}},
		{name: "spark-event", words: []string{"spark-event"}, in: []string{`{"Event":"x","Task Info":{"Task ID":3,"a b":"c d"}}`}, want: []string{`{"Event":"x","TaskInfo":{"TaskID":3,"ab":"c d"}}`}},
		{name: "text", words: []string{"text"}, in: []string{"to be", "", `"or" \ not`}, want: []string{`{"line":"to be"}`, `{"line":""}`, `{"line":"\"or\" \\ not"}`}},
		{name: "csv", words: []string{"csv", "--types", "n:int"}, in: []string{"n,text,n", `1,"a`, `b ""c""",x`, "", "n,text,n", "2,,", "3", "4,d\"e,\"f,g\"\r"}, errs: 1,
			want: []string{`{"n":1,"text":"a\nb \"c\"","n_2":"x"}`, `{"n":2,"text":"","n_2":""}`, `{"n":4,"text":"d\"e","n_2":"f,g"}`}},
		{name: "csv with fields", words: []string{"csv", "--fields", "a,b:int", "--delimiter", ";"}, in: []string{"x;1", "a;b", "y;2"}, errs: 1,
			want: []string{`{"a":"x","b":1}`, `{"a":"y","b":2}`}},
		{name: "csv with both", words: []string{"csv", "--fields", "a,b:int", "--header"}, in: []string{"one,two", "x,1", "one,two", "y,2"},
			want: []string{`{"a":"x","b":1}`, `{"a":"y","b":2}`}},
		{name: "w3c", words: []string{"w3c"}, in: []string{"#Version: 1.0", "#Fields: date time c-ip sc-status", "2026-03-01 10:00:05 10.0.0.9 200", "#Date: x", "2026-03-01 10:00:06 10.0.0.9 404"},
			want: []string{`{"time":"2026-03-01T10:00:05Z","ip":"10.0.0.9","status":200}`, `{"time":"2026-03-01T10:00:06Z","ip":"10.0.0.9","status":404}`}},
	})
}

func TestParseUsage(t *testing.T) {
	checkRefused(t, Parse, nil, []string{"nope"}, []string{"regex"}, []string{"regex", "("}, []string{"regex", "a"}, []string{"nginx"}, []string{"nginx=x"},
		[]string{"delimited"}, []string{"access", "--fields=a"}, []string{"json", "--delimiter=|"}, []string{"combined", "--types=a:int"}, []string{"delimited", "--fields=a", "--header"},
		[]string{"access", "--pattern=x"}, []string{"delimited", "--fields=a:x"}, []string{"csv", "--fields=a,a"}, []string{"csv", "--delimiter=||"}, []string{"access", "--extract=x"},
		[]string{"access", "--extract=nope={a}"}, []string{"access", "--extract=path={status}"}, []string{"access", "--schema=x"}, []string{"combined=x"})
	if s := (format.Names()); len(s) > len(parseFormats)+1 { // common-time stands beside combined-time
		t.Errorf("help does not tell all of %v", s)
	}
}

func TestParseReadsFiles(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"access", "a.log", "b.log"}, "[a.log b.log]"}, {[]string{"regex", "(?P<a>.)", "a.log"}, "[a.log]"}, {[]string{"text"}, "[]"},
	} {
		p := &parse{schema: "short"}
		if _, err := p.Build(c.args); err != nil || fmt.Sprint(p.Files()) != c.want {
			t.Errorf("%q: %v, %v", c.args, p.Files(), err)
		}
	}
}

// TestParseAccessByLinesAlone recognises an access log however its lines arrive:
// one by one, in pieces, at once; alone and behind another stage.
func TestParseAccessByLinesAlone(t *testing.T) {
	base := strings.TrimSuffix(logLines[1], ` "-" "-"`)
	lines := map[string]string{"combined": logLines[1], "common": base, "vhost": "x.org:80 " + logLines[1], "main": logLines[1] + ` "1.1.1.1"`,
		"time": base + " 0.5", "cut": base[:40], "json": `{"a":1}`, "blank": "", "directive": "#Fields: c-ip sc-status", "comment": "# x", "w3c": "10.0.0.9 200"}
	many := func(what string, n int) []string { return slices.Repeat([]string{what}, n) }
	for _, c := range []struct {
		name     string
		in       []string
		out, bad int64
		err      string
	}{
		{"one common line before combined ones", append(many("common", 1), many("combined", 150)...), 151, 0, ""},
		{"a hundred decide", append(append(many("common", 49), many("combined", 51)...), "common", "combined", "vhost"), 101, 2, ""},
		{"a tie is combined", append(append(many("common", 50), many("combined", 50)...), "common", "combined"), 101, 1, ""},
		{"virtual hosts", append([]string{"comment", "cut", "blank"}, many("vhost", 120)...), 120, 1, ""},
		{"others", append(many("main", 3), many("time", 3)...), 6, 0, ""},
		{"none of a few", many("json", 99), 0, 99, ""},
		{"none of a hundred", many("json", 100), 0, 0, "none of the first 100 lines fits a known access-log format"},
		{"a log of W3C", append([]string{"comment", "directive"}, many("w3c", 200)...), 200, 0, ""},
		{"directives too late", append([]string{"combined", "directive"}, many("w3c", 3)...), 1, 4, ""},
	} {
		var in strings.Builder
		for _, k := range c.in {
			in.WriteString(lines[k] + "\n")
		}
		var first string
		for _, way := range []struct {
			reader io.Reader
			behind bool
		}{{strings.NewReader(in.String()), false}, {iotest.OneByteReader(strings.NewReader(in.String())), false}, {strings.NewReader(in.String()), true}} {
			stages := []stream.Stage{buildStage(t, Parse, "access", "--extract", "agent={x}/{*}", "--schema", "ecs")}
			if way.behind {
				stages = append([]stream.Stage{buildStage(t, Head, "1000")}, stages...)
			}
			sink := &memorySink{}
			l, err := stream.Run(t.Context(), stream.Pipeline{Source: stream.NewReader(way.reader, "", nil), Stages: stages, Sink: sink}, stream.Options{Workers: 2, Env: &stream.Env{}})
			if c.err != "" {
				if fault.CodeOf(err) != fault.Usage || !strings.Contains(fmt.Sprint(err), c.err) || sink.Len() > 0 {
					t.Errorf("%s: %v", c.name, err)
				}
				continue
			}
			if err != nil || l.Out != c.out || l.Rejected != c.bad {
				t.Errorf("%s: %+v, %v", c.name, l, err)
			}
			if first == "" {
				first = sink.String()
			}
			if sink.String() != first {
				t.Errorf("%s: the output depends on the way", c.name)
			}
		}
	}
}

// TestParseAccessAnyBlocks recognises formats with bad lines among the good ones,
// the first one too.
func TestParseAccessAnyBlocks(t *testing.T) {
	for _, tail := range []string{"", ` 0.25`, ` "10.1.1.1"`} {
		var in strings.Builder
		for i := range 2000 {
			if i%100 == 0 {
				in.WriteString("bad line\n\n")
			}
			in.WriteString(strings.TrimSpace(logLines[i%len(logLines)]) + tail + "\n")
		}
		o := everyWay(t, strings.TrimPrefix(in.String(), "bad line\n\n"), func() []stream.Stage { return []stream.Stage{buildStage(t, Parse, "access")} })
		if o.ledger.Out != 2000 || o.ledger.Rejected != 19 || !strings.HasPrefix(o.errs[0], "101: not ") {
			t.Errorf("%q: %+v %v", tail, o.ledger, o.errs[:1])
		}
	}
	in := "bad line\n" + strings.Repeat(logLines[0]+"\n", 100)
	o := everyWay(t, in, func() []stream.Stage { return []stream.Stage{buildStage(t, Parse, "access")} })
	if o.ledger.Out != 100 || o.ledger.Rejected != 1 {
		t.Errorf("%+v %v", o.ledger, o.errs)
	}
}

func TestParseAccessRefusesOtherInput(t *testing.T) {
	_, err := stream.Run(t.Context(), stream.Pipeline{Source: stream.NewReader(strings.NewReader(strings.Repeat("{\"a\":1}\n", 100)), "", nil),
		Stages: []stream.Stage{buildStage(t, Parse, "access")}, Sink: &memorySink{}}, stream.Options{Env: &stream.Env{}})
	if fault.CodeOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), "json") {
		t.Errorf("%v, hint %s", err, fault.HintOf(err))
	}
	for _, words := range [][]string{{"access"}, {"csv"}, {"w3c"}} {
		if o := runStages(t, "", 3, 100, buildStage(t, Parse, words...)); o.out != "" || len(o.errs) > 0 {
			t.Errorf("%v of nothing: %+v", words, o)
		}
	}
}

// TestParseIsTheSamePipedOrRun puts stages behind parse that touch every field,
// once in one process and once behind the printed records.
func TestParseIsTheSamePipedOrRun(t *testing.T) {
	access := strings.Join(logLines, "\n") + "\n"
	if seeds, err := os.ReadFile("../../../shared/seeds/access.log"); err == nil {
		access += string(seeds[:strings.LastIndexByte(string(seeds[:300<<10]), '\n')+1])
	}
	for _, c := range []struct {
		words []string
		in    string
	}{
		{[]string{"access"}, access},
		{[]string{"access", "--schema", "otel"}, access},
		{[]string{"combined", "--extract", "path=/{first}/{*}", "--extract", "ip={a:int}.{b:int}.{*}"}, access},
		{[]string{"csv", "--types", "i:int,f:float,b:bool,t:time,j:json"}, "i,f,b,t,j,s\n007,.5,yes,17/May/2015:10:05:03 +0200,\"[1, \"\"x\"\"]\",\"a\n\"\"\xff\"\n" +
			"99999999999999999999,1e400,0,2026-03-01,1.50,é\n-0,-0.0,t,1772323200,\"{\"\"k\"\": 1.0}\",\n,,,,,\n"},
		{[]string{"logfmt", "--types", "n:float"}, "a=1 n=2.50 msg=\"x\\ty \\u00e9\"\nn=-1 b\nmsg=\"\xff\" a=\"\" a=2\n"},
		{[]string{"json"}, "{\"a\": 1.0, \"b\":\"\\u0041\\ud800\", \"a\":2}\n{ \"c\":{\"d\": [1.0]},\"e\":1e400}\n"},
		{[]string{"spark-event"}, "{\"a b\": 1.0, \"c\":{\"d e\": \"f g\"}}\n"},
		{[]string{"text"}, "a \"b\" \\ \t\x00\xffé\n\n"},
	} {
		parsed := runStages(t, c.in, 1, 1<<20, buildStage(t, Parse, c.words...))
		if parsed.ledger.Rejected > 0 {
			t.Errorf("%v: %v", c.words, parsed.errs[:1])
		}
		names := fieldsOf(t, parsed.out)
		for _, f := range names {
			q := "['" + f + "']"
			uses := [][]any{{Where, q}, {Where, "not " + q}, {Set, "x=" + q, "n=length(" + q + ")"}, {Select, q, "z=1"}, {Drop, f},
				{Enrich, "--ip", q, "--agent", q}, {Set, q + "=" + q + "+1"}, {Set, q + "=concat(" + q + ",'é')"}}
			for _, behind := range uses {
				d, words := behind[0].(Definition), []string{}
				for _, w := range behind[1:] {
					words = append(words, w.(string))
				}
				run := runStages(t, c.in, 3, 3000, buildStage(t, Parse, c.words...), buildStage(t, d, words...))
				piped := runStages(t, parsed.out, 3, 3000, buildStage(t, d, words...))
				if run.out != piped.out {
					t.Fatalf("parse %v | %s %v:\nrun\n%spiped\n%s", c.words, d.Name, words, firstDifference(run.out, piped.out), firstDifference(piped.out, run.out))
				}
			}
		}
	}
}

// fieldsOf are the top-level names of some records.
func fieldsOf(t *testing.T, lines string) (names []string) {
	seen := map[string]bool{}
	s := record.NewScanner()
	for line := range strings.Lines(lines) {
		r := record.Record{Arena: new(record.Arena)}
		if _, err := s.Scan(padded(strings.TrimSuffix(line, "\n")), 0, &r); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		r.Each(func(name string, _ record.Value) {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		})
	}
	return names
}

// firstDifference is the line of a where b begins to differ.
func firstDifference(a, b string) string {
	other := strings.SplitAfter(b, "\n")
	for i, line := range strings.SplitAfter(a, "\n") {
		if i >= len(other) || other[i] != line {
			return line
		}
	}
	return "(nothing)\n"
}

func TestParseBehindOtherStages(t *testing.T) {
	rows := `{"a":"x,\"y\"","n":1}` + "\n" + `{"a":"two\nlines","n":2}` + "\n"
	for _, c := range []struct {
		name   string
		in     string
		stages func() []stream.Stage
		want   string
	}{
		{"an edited object", rows, func() []stream.Stage {
			return []stream.Stage{buildStage(t, Set, "n=n+1"), buildStage(t, Parse, "json"), buildStage(t, Drop, "a")}
		}, `{"n":2}` + "\n" + `{"n":3}` + "\n"},
		{"the text of an object", rows, func() []stream.Stage {
			return []stream.Stage{buildStage(t, Select, "n"), buildStage(t, Parse, "text"), buildStage(t, Set, "m=length(line)")}
		}, `{"line":"{\"n\":1}","m":7}` + "\n" + `{"line":"{\"n\":2}","m":7}` + "\n"},
		{"a table", rows, func() []stream.Stage {
			return []stream.Stage{buildStage(t, Table, "--csv"), buildStage(t, Parse, "csv", "--types", "n:int")}
		}, rows},
	} {
		if o := everyWay(t, c.in, c.stages); o.out != c.want {
			t.Errorf("%s: got\n%s", c.name, o.out)
		}
	}
	o := runStages(t, strings.Repeat(logLines[1]+"\n", 5), 3, 100, buildStage(t, Head, "2"), buildStage(t, Parse, "access"), buildStage(t, Select, "status"))
	if o.out != "{\"status\":304}\n{\"status\":304}\n" {
		t.Errorf("behind head: %s", o.out)
	}
	o = everyWay(t, rows+rows, func() []stream.Stage {
		return []stream.Stage{buildStage(t, Where, "n > 0"), buildStage(t, Select, "n"), buildStage(t, Parse, "csv")}
	})
	if want := "{\"{\\\"n\\\":1}\":\"{\\\"n\\\":2}\"}\n"; o.out != want+want {
		t.Errorf("a header behind stages on several cores: %s", o.out)
	}
}

func TestParseKeepsMetadataAndRefusedLines(t *testing.T) {
	s := buildStage(t, Parse, "logfmt").(*parseStage)
	op, err := s.Parallel(nil)
	if err != nil {
		t.Fatal(err)
	}
	b, meta := stream.NewBatch(), &record.Meta{Topic: "logs"}
	for _, line := range []string{"a=1\r", "rubbish\r", "b=2"} {
		r := b.New()
		r.Reset([]byte(line), &b.Arena)
		r.Meta = meta
	}
	if err := op.Process(b, func(*stream.Batch) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if len(b.Records) != 2 || b.Records[1].Meta != meta || len(b.Rejected) != 1 || string(b.Rejected[0].Line) != "rubbish\r" {
		t.Errorf("%d records, refused %+v", len(b.Records), b.Rejected)
	}
	if m := (*format.Mismatch)(nil); !errors.As(b.Rejected[0].Err, &m) || m.Column == 0 {
		t.Errorf("refused for %v", b.Rejected[0].Err)
	}
}

func TestParseZone(t *testing.T) {
	zone := time.FixedZone("", 3600)
	for _, words := range [][]string{{"delimited", "--fields", "t:time,x"}, {"csv", "--types", "t:time"}} {
		sink := &memorySink{}
		_, err := stream.Run(t.Context(), stream.Pipeline{Source: stream.NewReader(strings.NewReader("t,x\n2026-03-01 10:00:05,1\n2026-03-01 10:00:05|1\n"), "", nil),
			Stages: []stream.Stage{buildStage(t, Parse, words...)}, Sink: sink}, stream.Options{Env: &stream.Env{Location: zone}})
		if want := `{"t":"2026-03-01T10:00:05+01:00","x":"1"}` + "\n"; err != nil || sink.String() != want {
			t.Errorf("%v: %s, %v", words, sink, err)
		}
	}
}

func TestParseExplain(t *testing.T) {
	for _, c := range []struct{ format, line, want string }{
		{"combined", logLines[1], "fits combined\n"}, {"access", logLines[1], "fits combined\n"},
		{"combined", strings.TrimSuffix(logLines[1], ` "-" "-"`), "fits common\n"}, {"access", "x", "does not fit"},
	} {
		p := &parse{schema: "short", explain: c.line}
		if _, err := p.Build([]string{c.format}); err != nil {
			t.Fatal(err)
		}
		if answer, ok, err := p.Explain(); err != nil || !ok || !strings.Contains(answer, c.want) {
			t.Errorf("%s: %v %v\n%s", c.format, ok, err, answer)
		}
	}
	p := &parse{schema: "short", explain: "a,b"}
	if _, err := p.Build([]string{"csv"}); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := p.Explain(); !ok || fault.CodeOf(err) != fault.Usage {
		t.Errorf("csv without fields: %v %v", ok, err)
	}
	if _, ok, _ := new(parse).Explain(); ok {
		t.Error("an answer without a question")
	}
}

func TestParseDoesNotAllocate(t *testing.T) {
	op, err := buildStage(t, Parse, "combined", "--extract", "path=/course/{course:int}.html").(*parseStage).Parallel(nil)
	if err != nil {
		t.Fatal(err)
	}
	b, line := stream.NewBatch(), []byte(logLines[0])
	emit := func(*stream.Batch) error { return nil }
	step := func() {
		b.Reset()
		for range 10 {
			b.New().Reset(line, &b.Arena)
		}
		op.Process(b, emit)
	}
	step()
	if n := logpipetest.Allocs(100, step); n > 0 {
		t.Errorf("%v allocations in 10 records", n)
	}
}

// FuzzParseAnyBlocks: where blocks are cut and how many workers there are makes
// no difference, and what is printed are records.
func FuzzParseAnyBlocks(f *testing.F) {
	for i, in := range []string{strings.Join(logLines, "\n"), "a,b\n1,\"x\ny\"\n\"", "a=1 b=\"c\"\n=", "{\"a\":1}\n{", "\x00\n\r\n\"\n", "1|2\n|\n"} {
		f.Add(uint8(i), in)
	}
	uses := [][]string{{"combined"}, {"csv", "--fields", "a,b"}, {"logfmt"}, {"json"}, {"text"}, {"delimited", "--fields", "a,b:json"}, {"regex", "(?P<a>.)"}, {"spark-event"}}
	f.Fuzz(func(t *testing.T, use uint8, in string) {
		in = in[:min(len(in), 2000)] // pieces of 7 bytes make many blocks
		words := uses[int(use)%len(uses)]
		build := func() stream.Stage { return buildStage(t, Parse, words...) }
		want := runStages(t, in, 1, 1<<20, build())
		got := runStages(t, in, 3, 7, build())
		if got.out != want.out || fmt.Sprint(got.errs) != fmt.Sprint(want.errs) || got.ledger != want.ledger {
			t.Fatalf("%v: %q %v, want %q %v", words, got.out, got.errs, want.out, want.errs)
		}
		if again := runStages(t, want.out, 1, 1<<20, buildStage(t, Where, "true")); again.out != want.out {
			t.Fatalf("%v: %q is read as %q %v", words, want.out, again.out, again.errs)
		}
	})
}
