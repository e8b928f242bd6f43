package expr

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/logpipe/logpipe/pkg/record"
)

// seeds are expressions of every kind.
func seeds(f *testing.F) []string {
	list := []string{"1", "a.b[0]['x y']", "['a b'] = 'c'", botChain, `a in (1,'2',b) or not c is null`, `-a % 3 <> "\u00e9\\"`, `x !~ '^a|b$'`, `trunc_time(time, '1w')`, "f(", "'", "a['b", "((((1"}
	for _, fn := range Functions() {
		list = append(list, fn.Example)
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "expr", "values.txt"))
	if err != nil {
		f.Fatal(err)
	}
	for row := range strings.Lines(string(text)) {
		src, _, _ := strings.Cut(row, "\t")
		list = append(list, src)
	}
	return list
}

// FuzzParse holds that no text makes Parse panic, that errors point into it, and
// that the canonical text reads back to itself.
func FuzzParse(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		e, err := Parse(src)
		if err != nil {
			var se *SyntaxError
			if !errors.As(err, &se) || se.Column < 1 || se.Column > utf8.RuneCountInString(src)+1 || err.Error() == "" {
				t.Fatalf("%q: %v", src, err)
			}
			return
		}
		again, err := Parse(e.String())
		if err != nil {
			t.Fatalf("%q: canonical %q: %v", src, e, err)
		}
		if again.String() != e.String() {
			t.Fatalf("%q: canonical %q becomes %q", src, e, again)
		}
		if _, _, err := ParseAssign("x = " + src); err != nil && src != "" && src[0] != '=' && src[0] != '~' {
			t.Fatalf("%q: no assignment: %v", src, err)
		}
		_, _, _ = ParseAssign(src)
	})
}

// FuzzEval holds that a value is what a record can hold: finite canonical
// numbers, valid text and JSON; that it is the same with and without memo, of
// the canonical text and a second time; and that it reads back from its output.
func FuzzEval(f *testing.F) {
	line, err := os.ReadFile(filepath.Join("..", "..", "testdata", "expr", "record.json"))
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range seeds(f) {
		f.Add(s, string(bytes.TrimSpace(line)))
		f.Add(s, sample)
	}
	f.Fuzz(func(t *testing.T, src, line string) {
		e, err := Parse(src)
		if err != nil || strings.Contains(src, "range") || strings.Contains(line, "\n") {
			return
		}
		b := append([]byte(line), '\n')
		b = append(b, make([]byte, record.Padding)...)[:len(b)]
		r := &record.Record{Arena: new(record.Arena)}
		if _, err := record.NewScanner().Scan(b, 0, r); err != nil {
			return
		}
		p := e.Compile(testEnv)
		got := p.Eval(r).Clone()
		holdValue(t, src, got)
		canonical, err := Parse(e.String())
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range map[string]record.Value{"again": p.Eval(r), "without memo": e.compile(testEnv, true).Eval(r), "canonical": canonical.Compile(testEnv).Eval(r)} {
			if v.Kind != got.Kind || v.Num != got.Num || !bytes.Equal(v.Bytes, got.Bytes) {
				t.Fatalf("%q over %s: %v, %s %v", src, line, got, name, v)
			}
		}
		if is := truthy(valOf(got)) == yes; p.True(r) != is || keeps(p, r) != is {
			t.Fatalf("%q: True disagrees with %v", src, got)
		}
	})
}

func holdValue(t *testing.T, src string, v record.Value) {
	t.Helper()
	switch v.Kind {
	case record.Null, record.Bool:
		if v.Bytes != nil || v.Num > 1 {
			t.Fatalf("%q: %v", src, v)
		}
	case record.Int, record.Float:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) || record.FloatValue(f).Kind != v.Kind && v.Kind == record.Float {
			t.Fatalf("%q: %v is not canonical", src, v)
		}
	case record.String:
		if !utf8.Valid(v.Bytes) {
			t.Fatalf("%q: %q is no text", src, v.Bytes)
		}
	}
	if back := record.DecodeJSON(record.AppendValue(nil, v)); back.Kind != v.Kind || back.Num != v.Num || v.Kind == record.String && !bytes.Equal(back.Bytes, v.Bytes) {
		t.Fatalf("%q: %v is read as %v", src, v, back)
	}
}
