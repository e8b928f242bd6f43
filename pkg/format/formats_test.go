package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/record"
)

func fieldList(t testing.TB, text string) []Field {
	t.Helper()
	fields, err := ParseFields(text)
	if err != nil {
		t.Fatal(err)
	}
	return fields
}

func TestDelimited(t *testing.T) {
	cases{
		{"page001.html|1|0.5|1", `{"page":"page001.html","clicks":1,"minutes":0.5,"like":1}`},
		{"page37|5|1.5119122|-1\r", `{"page":"page37","clicks":5,"minutes":1.5119122,"like":-1}`},
		{"|| 007 |+1", `{"page":"","minutes":7,"like":1}`},
		{"a\"b\xff|1|.5|1", `{"page":"a\"b` + "\uFFFD" + `","clicks":1,"minutes":0.5,"like":1}`},
		{"a|99999999999999999999|NaN|1", `{"page":"a","clicks":99999999999999999999,"minutes":null,"like":1}`},
		{"a|1", "not delimited: want '|' and field minutes at column 4"},
		{"a|1|2|3|4", "not delimited: want the end of the line behind field like at column 8"},
		{"a|x|2|3", "not delimited: want a whole number for field clicks at column 3"},
		{"a|1.5|2|3", "not delimited: want a whole number for field clicks at column 3"},
		{"a|1|0x1p4|3", "not delimited: want a number for field minutes at column 5"},
		{"a|1|1_0|3", "not delimited: want a number for field minutes at column 5"},
		{"", "blank line"},
	}.run(t, lookup(t, "delimited", Options{Fields: fieldList(t, "page,clicks:int,minutes:float,like:int")}))
	cases{
		{"yes\t2015-05-17 10:05:03\t{\"a\": [1]}", `{"b":true,"t":"2015-05-17T10:05:03+02:00","j":{"a": [1]}}`},
		{"F\t17/May/2015:10:05:03 +0100\t\"x\\u0041\"", `{"b":false,"t":"2015-05-17T10:05:03+01:00","j":"xA"}`},
		{"0\t2015-05-17T10:05:03Z\tnull", `{"b":false,"t":"2015-05-17T10:05:03Z","j":null}`},
		{"0\t1431857103.25\t1.50", `{"b":false,"t":"2015-05-17T12:05:03.25+02:00","j":1.50}`},
		{"2\t\t", "not delimited: want true or false for field b at column 1"},
		{"\t2015\t", "not delimited: want a time for field t at column 2"},
		{"\t\t{\"a\":}", "not delimited: want a JSON value for field j at column 3"},
	}.run(t, lookup(t, "delimited", Options{Comma: "\t", Fields: fieldList(t, "b:bool,t:time,j:json"), Zone: time.FixedZone("", 7200)}))
	cases{
		{"a::b:c", `{"x":"a","y":"b:c"}`},
		{"a:b", "not delimited: want '::' and field y at column 4"},
	}.run(t, lookup(t, "delimited", Options{Comma: "::", Fields: fieldList(t, "x,y")}))
}

func TestCSV(t *testing.T) {
	f, err := lookup(t, "csv", Options{Types: fieldList(t, "n:int,f:float")}).(Sampled).Sample([]byte("\xef\xbb\xbfname,n,,n,\"f\"\r\nx,1,2,3,4\n"))
	if err == nil {
		cases{
			{"x,1,2,3,4.50", `{"name":"x","n":1,"column3":"2","n_2":"3","f":4.50}`},
			{"\"a \"\"b\"\",\nc\",\"7\",\"\",01234,", `{"name":"a \"b\",\nc","n":7,"column3":"","n_2":"01234"}`},
			{"name,n,,n,\"f\"", "header line"},
			{"5\" disk,1,,,\"1\"", `{"name":"5\" disk","n":1,"column3":"","n_2":"","f":1}`},
			{"a,b", "not csv: want a whole number for field n at column 3"},
			{"a,1", `not csv: want ',' and field column3 at column 4`},
			{"a,1,2,3,4,5", "not csv: want the end of the record behind field f, the last of 5 at column 10"},
			{"\"a,1,2,3,4", "not csv: want a closing quote, with ',' or the line end behind it, for the one at column 1; the next line begins a record again"},
			{"\"a\"x,1,2,3,4", `not csv: want ',' or the end of the record behind the closing quote at column 4`},
			{"", "blank line"},
		}.run(t, f)
	} else {
		t.Error(err)
	}
	plain := lookup(t, "csv", Options{Comma: ";", Fields: fieldList(t, "a,b:int")})
	cases{{"x;1", `{"a":"x","b":1}`}, {"a;b", "not csv: want a whole number for field b at column 3"}}.run(t, plain)
	if g, err := plain.(Sampled).Sample([]byte("x;1\n")); err != nil || parse(g.New(), "x;1") != `{"a":"x","b":1}` {
		t.Errorf("fields without header: %v", err)
	}
	blank, err := lookup(t, "csv", Options{}).(Sampled).Sample([]byte("\n\r\n"))
	if err != nil || blank.(Sampled).Settled() {
		t.Errorf("a header of blank lines: %v", err)
	}
	cases{{"\r", "blank line"}, {"a,b", "header line"}, {"1,2", `{"a":"1","b":"2"}`}}.run(t, blank)
	headed, err := lookup(t, "csv", Options{Header: true, Fields: fieldList(t, "a,b:int")}).(Sampled).Sample([]byte("A,B\n1,2\n"))
	if err != nil {
		t.Fatal(err)
	}
	cases{{"A,B", "header line"}, {"x,1", `{"a":"x","b":1}`}}.run(t, headed)
	cases{{"A,B", "header line"}, {"x,1", `{"A":"x","B":"1"}`}, {"A,B", "header line"}}.run(t, lookup(t, "csv", Options{}))
	for _, o := range []Options{{Comma: "::"}, {Comma: `"`}, {Fields: fieldList(t, "a"), Types: fieldList(t, "b:int")}} {
		if _, err := Lookup("csv", o); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%v: %v", o, err)
		}
	}
	if _, err := lookup(t, "csv", Options{Types: fieldList(t, "z:int")}).(Sampled).Sample([]byte("a,b\n")); fault.CodeOf(err) != fault.Usage {
		t.Errorf("type of a missing column: %v", err)
	}
}

func TestCSVRecords(t *testing.T) {
	f := lookup(t, "csv", Options{}).(Framer)
	for _, c := range []struct {
		data string
		cut  int    // of data with more behind it
		want string // records of data alone, with | between them
	}{
		{"", 0, ""}, {"a,b", 0, "a,b"}, {"a,b\nc", 4, "a,b|c"}, {"a\nb\n", 4, "a|b"}, {"a\r\n\r\nb\r", 5, "a||b\r"},
		{"a,\"b\nc\"\nd", 8, "a,\"b\nc\"|d"}, {"a,\"b\r\nc\"\r\n\nd,e\n", 15, "a,\"b\r\nc\"||d,e"},
		{"5\" disk\nx\n", 10, "5\" disk|x"}, {"\"\"\n\"\"\"\n\"\n", 9, "\"\"|\"\"\"\n\""},
		{"a,\"b\nc", 0, "a,\"b|c"}, {"x\na,\"b\nc\n", 2, "x|a,\"b|c"}, // not closed
		{"a,\"b\nc,\"d\"\ne\n", 13, "a,\"b|c,\"d\"|e"},                   // closed by the next opening one
		{"a,\"b\"c\nd\n", 9, "a,\"b\"c|d"},                               // closed with more behind it
		{"\"a\nb\",\"c\nd\ne\"x\n", 15, "\"a\nb\",\"c|d|e\"x"},           // on a later line of its record
		{"a,\"b\n\"", 0, "a,\"b\n\""}, {"a,\"b\n\"\r", 0, "a,\"b\n\"\r"}, // perhaps the first of two
		{"a,\"b\"\rc\n", 8, "a,\"b\"\rc"}, {"\"a", 0, "\"a"}, {"\"a\"b", 0, "\"a\"b"},
	} {
		if n := f.Cut([]byte(c.data)); n != c.cut {
			t.Errorf("%q is cut at %d, want %d", c.data, n, c.cut)
		}
		var got []string
		for i := 0; i < len(c.data); {
			line, n := f.Next([]byte(c.data)[i:])
			got = append(got, string(line))
			i += n
		}
		if strings.Join(got, "|") != c.want {
			t.Errorf("%q: records %q, want %q", c.data, got, c.want)
		}
	}
}

// TestCSVFarQuotes tells rows behind a stray quote from a long text, by the same
// bytes however many of them there are.
func TestCSVFarQuotes(t *testing.T) {
	f := lookup(t, "csv", Options{}).(Framer)
	const opening = "7,\"stray\n"
	for name, c := range map[string]struct {
		row  string
		cuts bool
	}{"rows": {"1,row\n", true}, "text": {"a, b, c\n", false}, "no commas": {"abc\n", false}} {
		behind := strings.Repeat(c.row, strayAfter/len(c.row)+10)
		for _, end := range []string{"", "\"", "\"\n", "x\",\"y\"\n"} {
			want := 0
			if c.cuts {
				want = len(opening)
			}
			if n, whole := f.(*csvFormat).recordAt([]byte(opening + behind + end)); c.cuts != (n == want && whole) {
				t.Errorf("%s, then %q: %d %v", name, end, n, whole)
			}
		}
		if n := f.Cut([]byte(opening + behind)[:strayAfter]); n != 0 {
			t.Errorf("%s: cut at %d too early", name, n)
		}
	}
}

// TestCSVSkip reads over records in one piece and byte by byte.
func TestCSVSkip(t *testing.T) {
	f := lookup(t, "csv", Options{}).(Framer)
	for _, c := range []struct {
		data  string
		n     int // 0: the record does not end
		fault string
	}{
		{"abc\nd", 4, ""}, {"a\"b,\"c\"\nd", 8, ""}, {"a,\"b\nc\"\"\n\",d\r\ne", 14, ""}, {"\"a\nb\"\r\nc", 7, ""},
		{"a,\"b\nc\nd", 0, "the quote that opens on line 1 of it is not closed"}, {"\"a\n\",\"b\n", 0, "the quote that opens on line 2 of it is not closed"},
		{"a,\"b\nc,\"d\"\ne\n", 11, "behind the quote that closes the one on line 1 of it stands neither ',' nor a line end"}, {"\"a\"\rb\nc", 6, "behind the quote that closes the one on line 1 of it stands neither ',' nor a line end"},
	} {
		for _, size := range []int{1, 100} {
			step, got := f.Skip(), 0
			var fault string
			var ended bool
			for piece := range slices.Chunk([]byte(c.data), size) {
				var n int
				n, ended, fault = step(piece)
				if got += n; ended {
					break
				}
			}
			if ended != (c.n > 0) || ended && got != c.n || fault != c.fault {
				t.Errorf("%q in pieces of %d: %d %v %q", c.data, size, got, ended, fault)
			}
		}
	}
}

func TestRegex(t *testing.T) {
	cases{
		{"2015-05-17 10:05:03 ERROR disk full", `{"at":"2015-05-17T10:05:03Z","level":"ERROR","msg":"disk full"}`},
		{"2015-05-17 10:05:03 disk \"full\"", `{"at":"2015-05-17T10:05:03Z","msg":"disk \"full\""}`},
		{"2015-55-17 10:05:03 disk full", `not regex: want a time for field at at column 1`},
		{"x", `not regex: want a line that matches ^(?P<at>\S+ \S+) (?:(?P<level>[A-Z]+) )?(?P<msg>.*)$ at column 1`},
		{"", "blank line"},
	}.run(t, lookup(t, `regex=^(?P<at>\S+ \S+) (?:(?P<level>[A-Z]+) )?(?P<msg>.*)$`, Options{Types: fieldList(t, "at:time")}))
	for _, bad := range []string{"regex", "regex=", "regex=(", "regex=a(b)c"} {
		if _, err := Lookup(bad, Options{}); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestLogfmt(t *testing.T) {
	list := cases{
		{`level=info msg="a \"b\"\u0041\n" took=5 ok`, `{"level":"info","msg":"a \"b\"A\n","took":5,"ok":true}`},
		{`level=info msg="a \x" took=5 ok`, `{"level":"info","msg":"a \\x","took":5,"ok":true}`},
		{` a=1	b="" c= d=x=y `, `{"a":"1","b":"","c":"","d":"x=y"}`},
		{`took=`, `{}`},
		{"a=\xff b=\"\xff\"", "{\"a\":\"\uFFFD\",\"b\":\"\uFFFD\"}"},
		{"k\xff=1", "{\"k\uFFFD\":\"1\"}"},
		{`a=b"c`, `{"a":"b\"c"}`},
		{`a="b`, "not logfmt: want a closing quote at column 5"},
		{`a="b\"`, "not logfmt: want a closing quote at column 7"},
		{`a="`, "not logfmt: want a closing quote at column 4"},
		{`a="b"c`, "not logfmt: want a blank behind the closing quote at column 6"},
		{`=b`, "not logfmt: want a key at column 1"},
		{`a"b=c`, "not logfmt: want = or a blank behind the key at column 2"},
		{`just words`, "not logfmt: want key=value at column 11"},
		{`took=x`, "not logfmt: want a whole number for field took at column 6"},
		{`  `, "blank line"},
	}
	f := lookup(t, "logfmt", Options{Types: fieldList(t, "took:int")})
	list.run(t, f)
	// The same through JSON, as when there is no room for more keys.
	p := f.New().(*logfmtParser)
	p.nodes = maxKeyNodes
	for _, c := range list {
		if got := parse(p, c.line); got != c.want {
			t.Errorf("without room: %s\ngot  %s\nwant %s", c.line, got, c.want)
		}
	}
}

func TestJSON(t *testing.T) {
	cases{
		{`{"a":1}`, `{"a":1}`},
		{"  {\"a\": 1, \"b\" :[1,{}]} \r", `{"a": 1, "b" :[1,{}]}`},
		{`{"a":1`, "not json: want a JSON object (line ends inside the object) at column 7"},
		{`{"a":1}x`, `not json: want a JSON object (unexpected 'x') at column 8`},
		{`[1]`, "not json: want a JSON object (want an object, found another JSON value) at column 1"},
		{"", "blank line"},
	}.run(t, lookup(t, "json", Options{}))
	p := lookup(t, "json", Options{}).New()
	var r record.Record
	if err := p.Parse([]byte(" {\"a\":17,\"b\":\"x\"}"), &r, new(record.Arena)); err != nil {
		t.Fatal(err)
	}
	if v := r.Get(record.MustField("b")); string(v.Bytes) != "x" {
		t.Errorf("b is %v", v)
	}
}

func TestSparkEvent(t *testing.T) {
	cases{
		{`{"Event":"A B","Task Info":{"Task ID" : 7,"x":[{"Launch Time":"a b: c"}]}}`, `{"Event":"A B","TaskInfo":{"TaskID" : 7,"x":[{"LaunchTime":"a b: c"}]}}`},
		{`{"a \" b":1,"c d":"\"e f\":"}`, `{"a \" b":1,"cd":"\"e f\":"}`},
		{`{"a\ b":1}`, `not spark-event: want a JSON object (unexpected ' ') at column 5`},
		{`{"Task Info":}`, `not spark-event: want a JSON object (unexpected '}') at column 14`},
		{`{"Task Info`, `not spark-event: want a JSON object (line ends inside the object) at column 12`},
	}.run(t, lookup(t, "spark-event", Options{}))
	data, err := os.ReadFile("../../../shared/seeds/spark-event-log.json")
	if err != nil {
		t.Skip("no real event log beside the repository: ", err)
	}
	p := lookup(t, "spark-event", Options{}).New()
	for line := range bytes.Lines(data) {
		var want, got any
		text := parse(p, string(bytes.TrimSuffix(line, []byte("\n"))))
		if json.Unmarshal(line, &want) != nil || json.Unmarshal([]byte(text), &got) != nil {
			t.Fatalf("not JSON: %s", text)
		}
		a, _ := json.Marshal(tight(want))
		if b, _ := json.Marshal(got); !bytes.Equal(a, b) {
			t.Fatalf("got %s\nwant %s", b, a)
		}
	}
}

// tight takes the blanks out of keys.
func tight(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for k, e := range v {
			m[strings.ReplaceAll(k, " ", "")] = tight(e)
		}
		return m
	case []any:
		for i := range v {
			v[i] = tight(v[i])
		}
	}
	return v
}

func TestText(t *testing.T) {
	cases{{"a \"b\" \xff\t\r", "{\"line\":\"a \\\"b\\\" \uFFFD\\t\"}"}, {"", `{"line":""}`}}.run(t, lookup(t, "text", Options{}))
}

func TestW3C(t *testing.T) {
	const directive = "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status time-taken"
	f, err := recognise([]byte("#Software: Microsoft Internet Information Services 10.0\r\n#Version: 1.0\r\n" + directive + "\r\n2015-05-17 x\r\n"))
	if err != nil || f.Name() != "w3c" {
		t.Fatalf("%v %v", f, err)
	}
	list := cases{
		{"2015-05-17 10:05:03 10.0.0.1 GET /a b=c 443 - ::1 Mozilla/5.0+(X11) - 200 250",
			`{"time":"2015-05-17T10:05:03Z","ip":"::1","method":"GET","path":"/a","query":"b=c","status":200,"agent":"Mozilla/5.0 (X11)","s-ip":"10.0.0.1","port":443,"took":0.25}`},
		{"2015-05-17 10:05:03 10.0.0.1 GET /a - 443 - ::1 - - 2x 250", "not w3c: want a whole number for sc-status at column 53"},
		{"2015-05-17 10:05:03 10.0.0.1", "not w3c: want a separator and cs-method at column 29"},
		{"2015-55-17 10:05:03 10.0.0.1 GET /a - 443 - ::1 - - 200 250", "not w3c: want date and time as 2015-05-17 10:05:03 at column 1"},
		{"2015-05-17 10:05:03 10.0.0.1 GET /a - 443 - ::1 - - 200 250 9", "not w3c: want the end of the line behind time-taken at column 60"},
		{directive, "header line"}, {"#Date: 2015", "header line"}, {"#Fields: date", "not w3c: want the columns of the first #Fields: line at column 10"}, {"", "blank line"},
	}
	list.run(t, f)
	late := lookup(t, "w3c", Options{}).New()
	parse(late, directive)
	if got := parse(late, list[0].line); got != list[0].want {
		t.Errorf("without a sample: %s", got)
	}
	if _, err := lookup(t, "w3c", Options{}).(Sampled).Sample([]byte("x\n")); fault.CodeOf(err) != fault.Usage {
		t.Errorf("no directive: %v", err)
	}
	f = lookup(t, "w3c", Options{})
	for _, piece := range []string{"", "#Software: IIS\n", "\r\n#Version: 1.0\n", directive + "\r\n", "x\n"} {
		if f, err = f.(Sampled).Sample([]byte(piece)); err != nil {
			t.Fatalf("%q: %v", piece, err)
		}
	}
	list.run(t, f)
}

func TestLookup(t *testing.T) {
	for _, name := range Names() {
		o := Options{Fields: fieldList(t, "a")}
		text := name
		switch name {
		case "nginx":
			text += "=$status"
		case "regex":
			text += "=(?P<a>.*)"
		case "logfmt":
			o.Fields = nil
		}
		if f := lookup(t, text, o); f.Name() != name {
			t.Errorf("%s is called %s", name, f.Name())
		}
	}
	for text, hint := range map[string]string{"comb": "did you mean combined", "combined=x": "did you mean combined", "$status": "nginx='$status'",
		"zzz": "formats are", "regex": "as in regex=", "delimited": "--fields"} {
		_, err := Lookup(text, Options{})
		if fault.CodeOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), hint) {
			t.Errorf("%s: %v, hint %q", text, err, fault.HintOf(err))
		}
	}
	for _, bad := range []string{"", "a,", "a,a", "a:number", ":int"} {
		if _, err := ParseFields(bad); fault.CodeOf(err) != fault.Usage {
			t.Errorf("fields %q: %v", bad, err)
		}
	}
}

func TestHeaderIsNoMismatch(t *testing.T) {
	var m *Mismatch
	if errors.As(ErrHeader, &m) {
		t.Error("a header line must not count as rejected")
	}
}

func BenchmarkFormats(b *testing.B) {
	csv, err := lookup(b, "csv", Options{Types: fieldList(b, "n:int")}).(Sampled).Sample([]byte("a,n,c,d\n"))
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		f    Format
		line string
	}{
		{lookup(b, "delimited", Options{Fields: fieldList(b, "page,clicks:int,minutes:float,like:int")}), "page37|5|1.5119122|-1"},
		{csv, `some text,1234,"quoted, text",more text here`},
		{lookup(b, "logfmt", Options{Types: fieldList(b, "took:int")}), `time=2015-05-17T10:05:03Z level=info msg="request done" path=/a/b took=15`},
		{lookup(b, "json", Options{}), `{"time":"2015-05-17T10:05:03Z","level":"info","path":"/a/b","took":15}`},
		{lookup(b, "spark-event", Options{}), `{"Event":"SparkListenerTaskStart","Stage ID":0,"Task Info":{"Task ID":0,"Launch Time":1795222094633}}`},
		{lookup(b, `regex=^(?P<at>\S+) (?P<level>\S+) (?P<msg>.*)$`, Options{}), "2015-05-17T10:05:03Z INFO request done in 15 ms"},
		{lookup(b, "text", Options{}), "2015-05-17T10:05:03Z INFO request done in 15 ms"},
	} {
		b.Run(c.f.Name(), func(b *testing.B) {
			p, line := c.f.New(), []byte(c.line)
			var r record.Record
			var a record.Arena
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				a.Buf = a.Buf[:0]
				if err := p.Parse(line, &r, &a); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
