package gen

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
)

var update = flag.Bool("update", false, "write the goldens anew")

const goldens = "../../testdata/gen"

// makeLines returns the lines of a generator, without their newlines.
func makeLines(t testing.TB, name string, o Options) []string {
	t.Helper()
	g, err := New(name, o)
	if err != nil {
		t.Fatal(err)
	}
	var text []byte
	for more := true; more; {
		text, more = g.Next(text)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func forms(name string, visit func(form string, o Options)) {
	visit(name+".txt", Options{Seed: 1})
	visit(name+".ndjson", Options{Seed: 1, JSON: true})
}

// The sums reach further than the five lines that people read: they hold that
// every platform makes the same bytes.
func TestGolden(t *testing.T) {
	var sums strings.Builder
	for _, k := range Kinds() {
		forms(k.Name, func(form string, o Options) {
			o.N = 5
			few := makeLines(t, k.Name, o)
			o.N = 10_000
			lines := makeLines(t, k.Name, o)
			o.Bad = 0.1
			bad := makeLines(t, k.Name, o)
			all := strings.Join(append(lines, bad...), "\n")
			fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256([]byte(all)), form)
			compare(t, form, strings.Join(few, "\n")+"\n")
		})
	}
	compare(t, "sums.txt", sums.String())
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	file = filepath.Join(goldens, file)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what is made now:\n%s", file, got)
	}
}

func TestNextEndsAtN(t *testing.T) {
	for _, k := range Kinds() {
		for _, n := range []int64{1, 2, 3, 1000} {
			if got := len(makeLines(t, k.Name, Options{N: n})); int64(got) != n {
				t.Errorf("%s: %d lines instead of %d", k.Name, got, n)
			}
		}
	}
	g, err := New("behavior", Options{N: 1})
	if err != nil {
		t.Fatal(err)
	}
	g.Next(nil)
	if dst, more := g.Next([]byte("kept")); more || string(dst) != "kept" {
		t.Errorf("after the last line: %q, %v", dst, more)
	}
}

// The beginning does not depend on how much is wanted, but for the end of a
// Spark log.
func TestFirstLinesDoNotDependOnN(t *testing.T) {
	for _, k := range Kinds() {
		if k.Name == "spark-events" {
			continue
		}
		few, many := makeLines(t, k.Name, Options{N: 20}), makeLines(t, k.Name, Options{N: 500})
		if a, b := strings.Join(few, "\n"), strings.Join(many[:20], "\n"); a != b {
			t.Errorf("%s:\n%s\n---\n%s", k.Name, a, b)
		}
	}
}

func TestSeedsDiffer(t *testing.T) {
	for _, k := range Kinds() {
		seen := map[string]uint64{}
		for seed := range uint64(20) {
			text := strings.Join(makeLines(t, k.Name, Options{N: 20, Seed: seed}), "\n")
			if other, ok := seen[text]; ok {
				t.Errorf("%s: seeds %d and %d give the same lines", k.Name, seed, other)
			}
			seen[text] = seed
		}
	}
}

// JSON lines are valid, have the fields that Kinds tells, in that order.
func TestJSONFields(t *testing.T) {
	for _, k := range Kinds() {
		seen := map[string]bool{}
		for _, line := range makeLines(t, k.Name, Options{N: 5000, JSON: true}) {
			next := 0
			for _, name := range topNames(t, line) {
				for next < len(k.Fields) && k.Fields[next] != name {
					next++
				}
				if next == len(k.Fields) {
					t.Fatalf("%s: field %q is unknown or out of order in %s", k.Name, name, line)
				}
				seen[name] = true
			}
		}
		if len(seen) != len(k.Fields) {
			t.Errorf("%s: fields %v, told %v", k.Name, seen, k.Fields)
		}
	}
}

// topNames lists the names of an object's members in their order.
func topNames(t *testing.T, line string) []string {
	t.Helper()
	if !json.Valid([]byte(line)) {
		t.Fatalf("no JSON: %s", line)
	}
	d := json.NewDecoder(strings.NewReader(line))
	d.Token() // the opening brace of what is valid
	var names []string
	for d.More() {
		name, _ := d.Token()
		names = append(names, name.(string))
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

func TestUnknownKind(t *testing.T) {
	for name, want := range map[string]string{
		"acces": "did you mean access?",
		"track": "did you mean tracks?",
		"spark": "did you mean spark-events?",
		"zzz":   "the kinds are access, behavior, tracks, customers, spark-events",
		"":      "the kinds are",
	} {
		_, err := New(name, Options{})
		if fault.CodeOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), want) {
			t.Errorf("%q: %v, hint %q", name, err, fault.HintOf(err))
		}
	}
}

func TestOptionsRefused(t *testing.T) {
	nan := 0.0
	nan /= nan
	for _, o := range []Options{
		{N: -1}, {Rate: -1}, {Rate: nan}, {Every: -1}, {Rate: 1, Every: time.Second},
		{Every: 1, BatchMin: 2, BatchMax: 1}, {Every: 1, BatchMin: -1, BatchMax: 1}, {BatchMax: 5},
		{Bad: -0.1}, {Bad: 1.1}, {Bad: nan}, {Step: -1}, {Cardinality: -1},
		{Start: time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC)}, {Start: time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		if _, err := New("access", o); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestStartStepCardinality(t *testing.T) {
	start := time.Date(2030, 5, 6, 7, 8, 9, 0, time.FixedZone("", 8*3600))
	o := Options{N: 3, Start: start, Step: time.Hour}
	lines := makeLines(t, "access", o)
	for i, want := range []string{"[06/May/2030:07:08:09 +0800]", "[06/May/2030:08:08:09 +0800]", "[06/May/2030:09:08:09 +0800]"} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("line %d: %s", i, lines[i])
		}
	}
	if got := makeLines(t, "tracks", o)[0]; !strings.Contains(got, ",2030-05-05 23:08:09,") {
		t.Errorf("tracks have no zone and so must be in UTC: %s", got)
	}
	o.JSON = true
	if got := makeLines(t, "access", o)[0]; !strings.Contains(got, `{"time":"2030-05-06T07:08:09+08:00",`) {
		t.Error(got)
	}
	pages := map[string]bool{}
	for _, line := range makeLines(t, "behavior", Options{N: 2000, Cardinality: 7}) {
		pages[line[:strings.IndexByte(line, '|')]] = true
	}
	if len(pages) != 7 || !pages["page1"] || !pages["page7"] {
		t.Errorf("pages %v", pages)
	}
}

func TestNextAllocatesNothing(t *testing.T) {
	for _, k := range Kinds() {
		forms(k.Name, func(form string, o Options) {
			o.Bad = 0.01
			g, err := New(k.Name, o)
			if err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 0, 8<<10)
			if n := testing.AllocsPerRun(2000, func() { buf, _ = g.Next(buf[:0]) }); n != 0 {
				t.Errorf("%s: %v allocations a line", form, n)
			}
		})
	}
}

// Whatever the seed, a line ends in its only newline and JSON is JSON.
func FuzzNext(f *testing.F) {
	f.Add(uint64(1), uint16(100), uint8(0), true)
	f.Add(uint64(0), uint16(1), uint8(255), false)
	f.Fuzz(func(t *testing.T, seed uint64, cardinality uint16, bad uint8, form bool) {
		for _, k := range Kinds() {
			g, err := New(k.Name, Options{N: 20, Seed: seed, Cardinality: int(cardinality), Bad: float64(bad) / 255, JSON: form})
			if err != nil {
				t.Fatal(err)
			}
			for line, more := g.Next(nil); more; line, more = g.Next(nil) {
				if bytes.IndexByte(line, '\n') != len(line)-1 || len(line) < 2 {
					t.Fatalf("%s: %q", k.Name, line)
				}
				if bad == 0 && form && !json.Valid(line) {
					t.Fatalf("%s: %s", k.Name, line)
				}
			}
		}
	})
}

func BenchmarkNext(b *testing.B) {
	for _, k := range Kinds() {
		forms(k.Name, func(form string, o Options) {
			b.Run(form, func(b *testing.B) {
				g, err := New(k.Name, o)
				if err != nil {
					b.Fatal(err)
				}
				var buf []byte
				for b.Loop() {
					buf, _ = g.Next(buf[:0])
				}
			})
		})
	}
}
