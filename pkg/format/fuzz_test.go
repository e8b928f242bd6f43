package format

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/logpipe/logpipe/pkg/record"
)

// checkRecord holds a record against its own output: valid JSON that scans back
// to the same fields with equal values.
func checkRecord(t *testing.T, r *record.Record, line []byte) {
	t.Helper()
	out := r.AppendJSON(nil)
	if !json.Valid(out) {
		t.Fatalf("%q printed as %q, which is not JSON", line, out)
	}
	b := make([]byte, len(out)+1, len(out)+1+record.Padding)
	b[copy(b, out)] = '\n'
	back := record.Record{Arena: new(record.Arena)}
	if next, err := record.NewScanner().Scan(b, 0, &back); err != nil || next != len(b) {
		t.Fatalf("%q printed as %q, which does not scan: %v", line, out, err)
	}
	n := 0
	r.Each(func(name string, v record.Value) {
		n++
		if got := back.Get(record.FlatField(name)); got.Kind != v.Kind || !record.Equal(got, v) {
			t.Fatalf("%q printed as %q: %s is %v, want %v", line, out, name, got, v)
		}
	})
	back.Each(func(string, record.Value) { n-- })
	if n != 0 {
		t.Fatalf("%q printed as %q: %d fields more than printed", line, out, n)
	}
}

// fuzzFormats feeds lines to each of formats, twice with one parser, because
// parsers remember things from line to line.
func fuzzFormats(f *testing.F, formats []Format, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	parsers := make([]Parser, len(formats))
	for i, g := range formats {
		parsers[i] = g.New()
	}
	var r record.Record
	f.Fuzz(func(t *testing.T, line []byte) {
		before := bytes.Clone(line)
		for i, p := range parsers {
			var a record.Arena
			err := p.Parse(line, &r, &a)
			if err == nil {
				checkRecord(t, &r, line)
			}
			first := r.AppendJSON(nil)
			err2 := p.Parse(line, &r, &a)
			if (err == nil) != (err2 == nil) || err == nil && !bytes.Equal(first, r.AppendJSON(nil)) {
				t.Fatalf("%s %q: %s %v, then %s %v", formats[i].Name(), line, first, err, r.AppendJSON(nil), err2)
			}
			if m, ok := err.(*Mismatch); ok && (m.Column < 1 || m.Column > len(line)+1) {
				t.Fatalf("%s %q: column %d", formats[i].Name(), line, m.Column)
			}
			_ = Explain(formats[i], line).String()
		}
		if !bytes.Equal(line, before) {
			t.Fatalf("the line has been changed: %q, now %q", before, line)
		}
	})
}

func FuzzAccess(f *testing.F) {
	var list []Format
	for _, n := range named {
		list = append(list, lookup(f, n.name, Options{}))
	}
	list = append(list, with(f, "combined", Options{}, "short", "path=/course/{course:int}.html", "query={k}={v:float}&{*}"), with(f, "combined", Options{}, "otel"),
		with(f, "combined", Options{}, "ecs"))
	fuzzFormats(f, list, line1, access(`-`), access(`GET /a\"?x HTTP/1.1`), "x:80 "+access("\x16\xff"), access("GET /course/7.html?a=1&b HTTP/2")+` "1, 2"`,
		`1 - - [17/May/2015:10:05:03 +0000] "" 007 - "-" "" 0.5`)
}

func FuzzNginxLine(f *testing.F) {
	var list []Format
	for _, text := range []string{`$msec $remote_addr|$upstream_addr "$request_uri" $request_time`, `$time_iso8601, $uri $request`, `${status}x $upstream_response_time $host "$args"`} {
		list = append(list, lookup(f, "nginx="+text, Options{}))
	}
	fuzzFormats(f, list, `1431857103.250 ::1|a, b : c "/a?b" 1.5`, `2015-05-17T10:05:03+02:00, /a GET / HTTP/1.1`, `200x 0.1, 0.2 h "x"`)
}

func FuzzNginxFormat(f *testing.F) {
	f.Add(`log_format main '$remote_addr' '"$request"';`, `1 "GET / HTTP/1.1"`)
	f.Add(`$time_local $msec ${args}x$uri`, `17/May/2015:10:05:03 +0000 1.5 bx/`)
	f.Fuzz(func(t *testing.T, text, line string) {
		g, err := Lookup("nginx="+text, Options{})
		if err != nil {
			return
		}
		var r record.Record
		if g.New().Parse([]byte(line), &r, new(record.Arena)) == nil {
			checkRecord(t, &r, []byte(line))
		}
	})
}

func FuzzDelimited(f *testing.F) {
	fuzzFormats(f, []Format{
		lookup(f, "delimited", Options{Fields: fieldList(f, "page,clicks:int,minutes:float,like:int")}),
		lookup(f, "delimited", Options{Comma: "\t", Fields: fieldList(f, "b:bool,t:time,j:json")}),
		lookup(f, "delimited", Options{Comma: "||", Fields: fieldList(f, "x")}),
	}, "page37|5|1.5|-1", "yes\t2015-05-17\t{\"a\":[1]}", "a|+7|NaN|007", "\t1431857103\t1e400")
}

func FuzzCSV(f *testing.F) {
	sampled, err := lookup(f, "csv", Options{Types: fieldList(f, "n:int,j:json")}).(Sampled).Sample([]byte("a,n,j\n"))
	if err != nil {
		f.Fatal(err)
	}
	fuzzFormats(f, []Format{sampled, lookup(f, "csv", Options{Comma: ";", Fields: fieldList(f, "a,t:time")}), with(f, "csv", Options{Fields: fieldList(f, "a,b")}, "short", "b=/{x:float}")},
		"a,n,j", `x,1,"{""b"":[1]}"`, `"a""b";2015-05-17T10:05:03Z`, "\"a\nb\",\"/1.50\"", `"\u00ff",/.5`)
}

func FuzzCSVHeader(f *testing.F) {
	f.Add("a,b\n1,2\n")
	f.Add("\"a\nb\",,\n1,2,3\n")
	f.Fuzz(func(t *testing.T, text string) {
		g, err := lookup(t, "csv", Options{}).(Sampled).Sample([]byte(text))
		if err != nil {
			return
		}
		framer := g.(Framer)
		p := g.New()
		data := []byte(text)
		for i, end := 0, framer.Cut(data); i < end; {
			line, n := framer.Next(data[i:end])
			if n <= 0 || i+n > end {
				t.Fatalf("%q at %d: %d bytes", text, i, n)
			}
			var r record.Record
			if p.Parse(line, &r, new(record.Arena)) == nil {
				checkRecord(t, &r, line)
			}
			i += n
		}
	})
}

// FuzzCSVRecords holds that the records of a text do not depend on how it comes:
// cut anywhere, the records before the cut and behind it are those of the whole.
// One that is read over ends where it would have ended.
func FuzzCSVRecords(f *testing.F) {
	f.Add("a,\"b\nc\"\"\nd\"\ne", 9)
	f.Add("a,\"b\nc,\"d\"\ne\n", 5)
	f.Add("\"a\nb\",\"c\nd\ne\"x\r\n\"\"\r\n", 11)
	g := lookup(f, "csv", Options{}).(Framer)
	records := func(text string) (list []string) {
		for i := 0; i < len(text); {
			_, n := g.Next([]byte(text)[i:])
			list = append(list, text[i:i+n])
			i += n
		}
		return list
	}
	f.Fuzz(func(t *testing.T, text string, at int) {
		if at < 0 || at > len(text) {
			return
		}
		whole := records(text)
		head := g.Cut([]byte(text[:at]))
		parts := append(records(text[:head]), records(text[head:])...)
		if head > at || head > 0 && text[head-1] != '\n' || !slices.Equal(whole, parts) {
			t.Fatalf("%q: records %q, cut at %d %q", text, whole, head, parts)
		}
		step := g.Skip()
		if n, ended, fault := step([]byte(text)); ended && fault == "" && text[:n] != whole[0] {
			t.Fatalf("%q: read over %q instead of %q", text, text[:n], whole[0])
		}
	})
}

func FuzzLogfmt(f *testing.F) {
	small := lookup(f, "logfmt", Options{Types: fieldList(f, "n:int,j:json,t:time")})
	fuzzFormats(f, []Format{small, with(f, "logfmt", Options{}, "otel", "path=/{x}/{y:int}")},
		`level=info msg="a \"b\"\u0041" n=5 ok`, `j={"a":1} t=2015-05-17`, `path="/a\/7" status=5`, `a=1 a=2 a`)
}

// FuzzLogfmtViaJSON holds the way without room for keys against the usual one.
func FuzzLogfmtViaJSON(f *testing.F) {
	f.Add(`level=info msg="a \"b\"\u0041" n=5 ok`)
	f.Fuzz(func(t *testing.T, line string) {
		g := lookup(t, "logfmt", Options{Types: fieldList(t, "n:int,j:json")})
		full := g.New().(*logfmtParser)
		full.nodes = maxKeyNodes
		a, b := parse(g.New(), line), parse(full, line)
		if a != b && !bytes.Contains([]byte(a), []byte("not logfmt")) {
			t.Fatalf("%q: %s, without room %s", line, a, b)
		}
	})
}

func FuzzJSON(f *testing.F) {
	fuzzFormats(f, []Format{lookup(f, "json", Options{}), lookup(f, "spark-event", Options{}), with(f, "json", Options{}, "ecs", "path=/{x:int}")},
		`{"a":1}`, ` {"Task Info":{"Task ID":[1,"a b: c"]}} `, `{"a\ b":1}`, `{"path":"\/7","status":2,"user":"x","client":1}`, "{}\n{}")
}

func FuzzRegexTextW3C(f *testing.F) {
	w3c, err := lookup(f, "w3c", Options{}).(Sampled).Sample([]byte("#Fields: date time c-ip cs-uri-stem cs(User-Agent) sc-status time-taken\n"))
	if err != nil {
		f.Fatal(err)
	}
	fuzzFormats(f, []Format{w3c, lookup(f, "text", Options{}), lookup(f, `regex=(?P<a>\S+)(?: (?P<n>[0-9.]+))?`, Options{Types: fieldList(f, "n:float")})},
		"2015-05-17 10:05:03 ::1 /a Mozilla+x 200 15", "a 1.5", "#Fields: date time", "\xff\"\\")
}

func FuzzExtract(f *testing.F) {
	f.Add("path=/course/{course:int}.html", "/course/7.html")
	f.Add("path={a}-{*}-{b:float}", "x-y-1.5")
	f.Fuzz(func(t *testing.T, text, path string) {
		e, err := ParseExtract(text)
		if err != nil {
			return
		}
		g, err := With(jsonFormat{}, []*Extract{e}, nil)
		if err != nil {
			t.Fatal(err)
		}
		line, err := json.Marshal(map[string]string{e.source: path})
		if err != nil {
			t.Fatal(err)
		}
		var r record.Record
		if err := g.New().Parse(line, &r, new(record.Arena)); err != nil {
			t.Fatal(err)
		}
		checkRecord(t, &r, line)
	})
}
