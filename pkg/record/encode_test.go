package record

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNumbersPrintShortest(t *testing.T) {
	for f, want := range map[float64]string{
		1: "1", -0.5: "-0.5", 0.1: "0.1", 1e20: "100000000000000000000", 1e21: "1e+21", 1e-6: "0.000001", 1e-7: "1e-7",
		math.MaxFloat64: "1.7976931348623157e+308", 5e-324: "5e-324", math.Copysign(0, -1): "0",
		math.NaN(): "null", math.Inf(1): "null", math.Inf(-1): "null", 2.2: "2.2", 100: "100",
	} {
		if got := string(AppendFloat(nil, f)); got != want {
			t.Errorf("%v prints %s, want %s", f, got, want)
		}
	}
}

// TestNumbersAreCanonical holds that a value does not depend on how it was
// written, and that what a stage computes is what the next one reads.
func TestNumbersAreCanonical(t *testing.T) {
	for _, same := range [][]string{{"1", "1.0", "1e0", "10e-1", "0.1e1"}, {"0", "-0", "0.0", "-0e5"},
		{"9007199254740992", "9007199254740992.0", "9007199254740993.0"}, {"1e15", "1000000000000000"}} {
		first := DecodeJSON([]byte(same[0]))
		for _, text := range same {
			v := DecodeJSON([]byte(text))
			if v.Kind != Int || v.Num != first.Num {
				t.Errorf("%s reads as %v, %s as %v", text, v, same[0], first)
			}
			if again := DecodeJSON(AppendValue(nil, v)); again.Num != v.Num || again.Kind != v.Kind {
				t.Errorf("%s prints and reads as %v", text, again)
			}
		}
	}
	if v := DecodeJSON([]byte("9007199254740993")); v.Int() != 9007199254740993 {
		t.Errorf("an integer within int64 is not exact: %v", v)
	}
	if v := DecodeJSON([]byte("9223372036854775808")); v.Kind != Float || v.Float() != 1<<63 {
		t.Errorf("an integer beyond int64 is no float64: %v", v)
	}
	if v := DecodeJSON([]byte("1e999")); v.Kind != Null {
		t.Errorf("a number beyond float64 is not null: %v", v)
	}
}

func FuzzAppendFloat(f *testing.F) {
	for _, x := range []float64{0, 1, -1.5, 1e21, 1e-7, 5e-324, math.MaxFloat64} {
		f.Add(x)
	}
	f.Fuzz(func(t *testing.T, x float64) {
		got := AppendFloat(nil, x)
		want, err := json.Marshal(x)
		if err != nil {
			want = []byte("null")
		}
		if x == 0 {
			want = []byte("0")
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("%v prints %s, encoding/json %s", x, got, want)
		}
		if v := DecodeJSON(got); err == nil && v.Float() != x {
			t.Fatalf("%s reads back as %v", got, v.Float())
		}
	})
}

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "plain", "tab\t\"quote\" \\ \x00\x1f", "größe 中文", "\xff\xfe", "\u2028"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var got string
		printed := AppendString(nil, b)
		if err := json.Unmarshal(printed, &got); err != nil {
			t.Fatalf("%q prints %s: %v", b, printed, err)
		}
		if want := strings.ToValidUTF8(string(b), "\uFFFD"); utf8.Valid(b) && got != want {
			t.Fatalf("%q reads back as %q", b, got)
		}
		if v := DecodeJSON(printed); v.Kind != String || string(v.Bytes) != got {
			t.Fatalf("%s reads as %q, encoding/json %q", printed, v.Bytes, got)
		}
	})
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	data := line(`{"page":"p1","clicks":3,"minutes":0.25,"like":-1,"nested":{"a":[1,2]},"s":"größe"}`)
	s, r, out := NewScanner(), &Record{Arena: new(Arena)}, make([]byte, 0, 1024)
	page, minutes, added := MustField("page"), MustField("minutes"), Intern("added")
	n := testing.AllocsPerRun(100, func() {
		r.Reset(nil, r.Arena)
		r.Arena.Buf = r.Arena.Buf[:0]
		if _, err := s.Scan(data, 0, r); err != nil {
			t.Fatal(err)
		}
		if len(r.Get(page).Bytes) != 2 || r.Get(minutes).Float() != 0.25 {
			t.Fatal("wrong values")
		}
		r.Set(added, FloatValue(0.5))
		out = r.AppendJSON(out[:0])
	})
	if n != 0 {
		t.Errorf("%v allocations a record", n)
	}
}
