package format

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/logpipe/logpipe/pkg/record"
)

// careful returns f without its short ways.
func careful(t testing.TB, f Format) Format {
	u, ok := f.(*template)
	if !ok {
		t.Fatalf("%s is no template", f.Name())
	}
	v := *u
	v.vars = slices.Clone(u.vars)
	for k := range v.vars {
		v.vars[k].way, v.vars[k].dash = noWay, false
	}
	return &v
}

// templates are formats of access logs, with all kinds of variables.
func templates(t testing.TB) (list []Format) {
	for _, text := range []string{"combined", "common", "vhost-combined", "nginx-main", "combined-time",
		`nginx=$remote_addr|$request_uri|$status|$time_iso8601|"$upstream_addr"|$request`,
		`nginx="$time_local" "$status" $msec $upstream_status - $http_x "$request_uri"`,
		"nginx=$remote_user\t$request_time\t$args"} {
		f, err := Lookup(text, Options{})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, f)
	}
	return list
}

// sameRead fails where got does not read line as want does: the same error, and
// the same fields of those that keep names.
func sameRead(t *testing.T, line []byte, want, got Parser, keep func(string) bool) {
	t.Helper()
	var a, b record.Arena
	var x, y record.Record
	err, err2 := want.Parse(line, &x, &a), got.Parse(line, &y, &b)
	if fmt.Sprint(err) != fmt.Sprint(err2) {
		t.Fatalf("%q: %v, want %v", line, err2, err)
	}
	if err != nil {
		return
	}
	x.Each(func(name string, v record.Value) {
		s, _ := x.Span(record.FlatField(name))
		s2, _ := y.Span(record.FlatField(name))
		if w := y.Get(record.FlatField(name)); keep(name) && (w.Kind != v.Kind || !record.Equal(w, v) || s.Enc != s2.Enc) {
			t.Fatalf("%q: %s is %v of encoding %d, want %v of %d", line, name, w, s2.Enc, v, s.Enc)
		}
	})
	y.Each(func(name string, _ record.Value) {
		if !x.Has(record.FlatField(name)) {
			t.Fatalf("%q: has a field %s", line, name)
		}
	})
}

func everyField(string) bool { return true }

var narrowSeeds = []string{
	`1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a?b=c HTTP/1.1" 200 12 "-" "curl/8.5.0"`,
	`1.2.3.4 - ann [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 007 - "" "a\"b"`,
	`1.2.3.4 - a b [17/May/2015:10:05:63 +0000] "-" 20x 12 "é" "` + "\xff" + `"`,
	`- x y [2015-05-17T10:05:03Z] "POST /a b HTTP/2.0" 99999999999999999999 0 "x" "y" 0.5`,
	`h:80 1.2.3.4 - - [17/May/2015:10:05:03 +0000] "\x16\x03" 400 0 "-" "-" "1.1.1.1, 2.2.2.2"`,
	`1.2.3.4|/a?b|200|2015-05-17T10:05:03+02:00|"a, b : c"|GET /x HTTP/1.0`,
	`"17/May/2015:10:05:03 +0000" "-" 1431857103.123 - - - "-"`,
	"ann\t0.001\ta=b",
	``, `-`, `"`,
}

// TestShortWays compares the short ways with the careful one on lines of all
// kinds of damage.
func TestShortWays(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, f := range templates(t) {
		want, got := careful(t, f).New(), f.New()
		for i := range 4000 {
			line := damaged(r, []byte(narrowSeeds[i%len(narrowSeeds)]))
			sameRead(t, line, want, got, everyField)
		}
	}
}

// damaged changes a few bytes of line.
func damaged(r *rand.Rand, line []byte) []byte {
	line = bytes.Clone(line)
	for range r.IntN(3) {
		if len(line) == 0 {
			break
		}
		i := r.IntN(len(line))
		switch piece := damages[r.IntN(len(damages))]; r.IntN(3) {
		case 0:
			line = slices.Insert(line, i, []byte(piece)...)
		case 1:
			line = slices.Delete(line, i, min(len(line), i+1+r.IntN(3)))
		default:
			line = append(line[:i:i], append([]byte(piece), line[min(len(line), i+len(piece)):]...)...)
		}
	}
	return line
}

var damages = []string{`"`, `\`, `\"`, "-", " ", "\xff", "é", "\x01", "?", "HTTP/", "[", "] ", "\t", "\r", "|", "00", "9999999999", "+1", `" "`, " - "}

// TestNarrow reads damaged lines for some of their fields.
func TestNarrow(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	extracts := parseExtracts(t, "path=/{a}?{b}", "path=/{a}", "path=/course/{n:int}.html")
	for _, base := range templates(t) {
		formats := []Format{base}
		if slices.Contains(base.Fields(), "path") {
			x, err := With(base, extracts, nil)
			if err != nil {
				t.Fatal(err)
			}
			formats = append(formats, x)
		}
		for _, f := range formats {
			for range 40 {
				chosen := map[string]bool{}
				for _, name := range f.Fields() {
					chosen[name] = r.IntN(3) == 0
				}
				keep := func(name string) bool { return chosen[name] }
				want, got := f.New(), Narrow(f, keep).New()
				for i := range 200 {
					sameRead(t, damaged(r, []byte(narrowSeeds[i%len(narrowSeeds)])), want, got, keep)
				}
			}
		}
	}
}

func parseExtracts(t *testing.T, texts ...string) (list []*Extract) {
	for _, text := range texts {
		e, err := ParseExtract(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

// TestNarrowForgets holds what a narrowed record is: no more than was asked for.
func TestNarrowForgets(t *testing.T) {
	f, _ := Lookup("access", Options{})
	f, err := With(f, parseExtracts(t, "path=/{a}", "agent={b}/{c}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var r record.Record
	for keep, want := range map[string]string{
		"status": `{"status":200}`,
		"c":      `{"agent":"curl/8.5.0","b":"curl","c":"8.5.0"}`,
		"query":  `{"query":"b=c"}`,
		"":       `{}`,
	} {
		p := Narrow(f, func(name string) bool { return name == keep }).New()
		if err := p.Parse([]byte(narrowSeeds[0]), &r, new(record.Arena)); err != nil {
			t.Fatal(err)
		}
		if got := string(r.AppendJSON(nil)); got != want {
			t.Errorf("of %q: %s, want %s", keep, got, want)
		}
	}
}

// FuzzNarrow reads any line with all fields, carefully, and with half of them.
func FuzzNarrow(f *testing.F) {
	for _, s := range narrowSeeds {
		f.Add([]byte(s), uint32(0x5555))
	}
	type pair struct{ all, careful Format }
	var pairs []pair
	for _, t := range templates(f) {
		pairs = append(pairs, pair{t, careful(f, t)})
	}
	f.Fuzz(func(t *testing.T, line []byte, mask uint32) {
		if bytes.IndexByte(line, '\n') >= 0 {
			return
		}
		for _, p := range pairs {
			keep := func(name string) bool { return mask>>(slices.Index(p.all.Fields(), name)&31)&1 == 1 }
			want := p.careful.New()
			sameRead(t, line, want, p.all.New(), everyField)
			sameRead(t, line, want, Narrow(p.all, keep).New(), keep)
		}
	})
}

// BenchmarkNarrow reads a generated log for three of its fields.
func BenchmarkNarrow(b *testing.B) {
	data, err := os.ReadFile(os.Getenv("ACCESS_LOG"))
	if err != nil {
		b.Skip("ACCESS_LOG names no log: ", err)
	}
	lines := bytes.Split(bytes.TrimSpace(data), []byte{'\n'})
	lines = lines[:min(len(lines), 20000)]
	f, _ := Lookup("combined", Options{})
	fields := map[string]bool{"path": true, "status": true, "agent": true}
	for name, f := range map[string]Format{"all": f, "three": Narrow(f, func(n string) bool { return fields[n] })} {
		b.Run(name, func(b *testing.B) {
			p := f.New()
			var r record.Record
			var a record.Arena
			for i := 0; b.Loop(); i++ {
				if i%256 == 0 {
					a.Buf = a.Buf[:0]
				}
				if err := p.Parse(lines[i%len(lines)], &r, &a); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
