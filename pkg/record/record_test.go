package record

import (
	"math"
	"math/rand/v2"
	"testing"
)

func edit(t *testing.T, text string, f func(r *Record)) string {
	t.Helper()
	r, err := scanOne(NewScanner(), text)
	if err != nil {
		t.Fatal(err)
	}
	f(r)
	return string(r.AppendJSON(nil))
}

func TestEdits(t *testing.T) {
	set := func(name string, v Value) func(*Record) { return func(r *Record) { r.Set(Intern(name), v) } }
	drop := func(name string) func(*Record) { return func(r *Record) { r.Drop(Intern(name)) } }
	for _, c := range []struct {
		line string
		do   []func(*Record)
		want string
	}{
		{`{"a": 1.0, "b":"\u0041"}`, nil, `{"a": 1.0, "b":"\u0041"}`},
		{`{"a":1.0}`, []func(*Record){set("b", IntValue(2))}, `{"a":1.0,"b":2}`},
		{`{}`, []func(*Record){set("b", IntValue(2))}, `{"b":2}`},
		{`{ }`, []func(*Record){set("b", IntValue(2)), set("c", Value{})}, `{"b":2,"c":null}`},
		{`{"a":1,"b":1e2,"c":3}`, []func(*Record){set("a", StringValue([]byte("x\ny")))}, `{"a":"x\ny","b":1e2,"c":3}`},
		{`{"a":1,"b":2}`, []func(*Record){drop("a")}, `{"b":2}`},
		{`{"a":1,"b":2}`, []func(*Record){drop("a"), drop("b")}, `{}`},
		{`{"a":1,"b":2}`, []func(*Record){drop("a"), drop("b"), set("c", BoolValue(true))}, `{"c":true}`},
		{`{"a":1}`, []func(*Record){set("b", IntValue(1)), drop("b")}, `{"a":1}`},
		{`{"a":1,"b":2}`, []func(*Record){drop("a"), set("a", IntValue(3))}, `{"b":2,"a":3}`},
		{`{"a":1}`, []func(*Record){set("b", IntValue(1)), set("c", IntValue(2)), drop("b"), set("b", IntValue(3))}, `{"a":1,"c":2,"b":3}`},
		{`{"a":1,"b":2,"a":3}`, []func(*Record){drop("a"), set("a", IntValue(4))}, `{"b":2,"a":4}`},
		{`{"a":1,"b":2,"a":3}`, []func(*Record){set("a", IntValue(9))}, `{"a":9,"b":2}`},
		{`{"a":1,"b":2,"a":3}`, []func(*Record){set("c", IntValue(9))}, `{"a":1,"b":2,"a":3,"c":9}`},
		{`{"a":1}`, []func(*Record){set("f", FloatValue(math.Inf(1))), set("g", FloatValue(3.0)), set("h", FloatValue(1e21))}, `{"a":1,"f":null,"g":3,"h":1e+21}`},
	} {
		got := edit(t, c.line, func(r *Record) {
			for _, f := range c.do {
				f(r)
			}
		})
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.line, got, c.want)
		}
	}
}

// TestPrintingBetweenEditsChangesNothing holds that a record that is printed and
// read again between two edits ends as the same bytes as one that is not: what
// makes a pipe and run equal.
func TestPrintingBetweenEditsChangesNothing(t *testing.T) {
	lines := []string{`{"a": 1, "ip":"8.8.8.8"}`, `{ "a" : 1 , "b" : "x" , "c" : [1, 2] }`, `{"\u0061":1,"b":2}`, `{}`, `{ }`,
		`{"a":1, "b":2,"a" : 3 }`, `{"b":{"x": 1} ,"c":null }`, `{"ip":"x","a":"y"}`}
	names := []string{"a", "b", "c", "ip", "x"}
	r := rand.New(rand.NewPCG(7, 7))
	for range 20_000 {
		text := lines[r.IntN(len(lines))]
		direct := text
		var edits []func(*Record)
		for range 1 + r.IntN(5) {
			name, v := Intern(names[r.IntN(len(names))]), IntValue(int64(r.IntN(9)))
			if r.IntN(2) == 0 {
				edits = append(edits, func(r *Record) { r.Drop(name) })
			} else {
				edits = append(edits, func(r *Record) { r.Set(name, v) })
			}
		}
		for _, e := range edits {
			direct = edit(t, direct, e)
		}
		once := edit(t, text, func(r *Record) {
			for _, e := range edits {
				e(r)
			}
		})
		if once != direct {
			t.Fatalf("%s after %d edits: at once %s, printed in between %s", text, len(edits), once, direct)
		}
	}
}

func TestPaths(t *testing.T) {
	const text = `{"a.b":1,"a":{"b":2,"c.d":3,"c":{"d":4,"e":[10,{"f":5}]}},"Task Info":{"Task ID":7},"x":{"y":1,"y":2},"t":"q"}`
	for name, want := range map[string]string{
		"a.b": "1", "['a']['b']": "2", "a['b']": "2", "a.c.d": "3", "['a']['c']['d']": "4", "a.c.e[1].f": "5",
		"a.c.e[0]": "10", "['Task Info']['Task ID']": "7", "x.y": "2", "x.z": "", "t.u": "", "nope": "", "a.c.e[9]": "",
	} {
		r, err := scanOne(NewScanner(), text)
		if err != nil {
			t.Fatal(err)
		}
		f, err := NewField(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(AppendPlain(nil, r.Get(f))); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	for _, bad := range []string{"", "a['b", "['a'", "a[b]"} {
		if _, err := NewField(bad); err == nil {
			t.Errorf("%q: accepted", bad)
		}
	}
}

func TestParsedShape(t *testing.T) {
	s := NewShape([]string{"ip", "user", "bytes", "agent"})
	r := &Record{}
	text := []byte(`1.2.3.4 - 17 "x"`)
	r.Begin(text, s, new(Arena))
	if got := string(r.AppendJSON(nil)); got != `{}` {
		t.Errorf("empty: %s", got)
	}
	r.Spans[0] = Span{Off: 0, End: 7, Enc: Text}
	r.Spans[2] = Span{Off: 10, End: 12, Enc: JSONInt, Mant: 17}
	r.Spans[3] = Span{Off: 13, End: 16, Enc: TextEscape}
	if got := string(r.AppendJSON(nil)); got != `{"ip":"1.2.3.4","bytes":17,"agent":"\"x\""}` {
		t.Errorf("got %s", got)
	}
	r.Set(Intern("user"), StringValue([]byte("u"))) // absent in the line: goes to the end
	r.Drop(Intern("ip"))
	r.Set(Intern("new"), IntValue(-5))
	if got := string(r.AppendJSON(nil)); got != `{"bytes":17,"agent":"\"x\"","user":"u","new":-5}` {
		t.Errorf("got %s", got)
	}
}

func TestCompare(t *testing.T) {
	order := []Value{{}, BoolValue(false), BoolValue(true), IntValue(math.MinInt64), FloatValue(-1.5), IntValue(0),
		FloatValue(0.5), IntValue(1), IntValue(math.MaxInt64 - 1), IntValue(math.MaxInt64), FloatValue(1e19),
		StringValue([]byte("")), StringValue([]byte("10")), StringValue([]byte("9"))}
	for i, a := range order {
		for j, b := range order {
			if got := Compare(a, b); sign(got) != sign(i-j) {
				t.Errorf("Compare(%v, %v) = %d, want sign of %d", a, b, got, i-j)
			}
		}
	}
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}
