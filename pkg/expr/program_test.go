package expr

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/record"
)

func mustParse(t testing.TB, src string) *Expr {
	t.Helper()
	e, err := Parse(src)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	return e
}

func TestFieldsOfExpr(t *testing.T) {
	for src, want := range map[string]string{
		`a + b.c * a`: "a b.c", `['x y']['z']`: "x y.z", `1`: "", `if(a, b, c in (d))`: "a b c d", `lower(a) =~ 'x' and a is null`: "a",
	} {
		var got []string
		for _, f := range mustParse(t, src).Fields() {
			got = append(got, f.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s reads %v, want %s", src, got, want)
		}
	}
	if f, ok := mustParse(t, "(a.b)").Field(); !ok || f.String() != "a.b" {
		t.Errorf("Field: %v %v", f, ok)
	}
	if _, ok := mustParse(t, "-a").Field(); ok {
		t.Error("-a is no field")
	}
}

func TestConst(t *testing.T) {
	for src, want := range map[string]string{`3*60`: "180", `lower('A')`: `"a"`, `null`: "null", `1 in (1, 2)`: "true", `if(1 > 2, 'a', concat('b', 1))`: `"b1"`, `not 1 == 1`: "false"} {
		v, ok := mustParse(t, src).Const()
		if got := string(record.AppendValue(nil, v)); !ok || got != want {
			t.Errorf("%s: %s %v, want %s", src, got, ok, want)
		}
	}
	for _, src := range []string{`a`, `1 + a`, `now()`, `header('k')`, `hour('2026-01-01')`} {
		if v, ok := mustParse(t, src).Const(); ok {
			t.Errorf("%s: constant %v", src, v)
		}
	}
	if !mustParse(t, "epoch(now()) - epoch(time) < 60").UsesClock() {
		t.Error("now() needs the clock")
	}
}

func TestParseAssign(t *testing.T) {
	for src, want := range map[string]string{
		`a=1`: "a|1", ` heat = 0.8*clicks `: "heat|0.8 * clicks", `['a b']=x`: "a b|x", `a.b=x`: "a.b|x", `["x"] = -y`: "x|-y", `a=b==c`: "a|b == c", `a=-1`: "a|-1", `in=1`: "in|1", `['a']['b']=1`: "a.b|1", `a['b c']=1`: "a.b c|1", `é=1`: "é|1",
	} {
		name, e, err := ParseAssign(src)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if got := name + "|" + e.String(); got != want {
			t.Errorf("%s: %s, want %s", src, got, want)
		}
	}
	for _, src := range []string{``, `a`, `a==1`, `a=~'x'`, `a == 1`, `1=a`, `a b=1`, `user-agent=1`, `'a'=1`, `['a'`, `a[`, `a['b'`, `a[x]=1`, `(a)=1`, `a<=1`, `a!=1`, `$`} {
		_, e, err := ParseAssign(src)
		var se *SyntaxError
		if !errors.As(err, &se) || fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), "want NAME=EXPR") || fault.HintOf(err) == "" {
			t.Errorf("%s: %v, %v", src, e, err)
		}
	}
	var se *SyntaxError
	if _, _, err := ParseAssign(`abc = 1 +`); !errors.As(err, &se) || se.Column != 10 || se.Src != `abc = 1 +` {
		t.Errorf("error behind the equals sign: %v", err)
	}
	if name, rest, ok := SplitAssign(`p99 = p99(x)`); name != "p99" || rest != " p99(x)" || !ok {
		t.Errorf("SplitAssign: %q %q %v", name, rest, ok)
	}
	if _, _, ok := SplitAssign(`count`); ok {
		t.Error("SplitAssign: count is no assignment")
	}
}

// Fields may move from record to record, be edited, parsed from another format
// or missing; a Program follows.
func TestShapesAndEdits(t *testing.T) {
	p := mustParse(t, "a + b").Compile(Env{})
	s := mustParse(t, "name == 'x' and a < 5").Compile(Env{})
	for _, c := range []struct{ line, sum string }{
		{`{"a":1,"b":2,"name":"x"}`, "3"}, {`{"b":2,"name":"x","a":1.5}`, "3.5"}, {`{"a":1,"name":"x"}`, "null"}, {`{"a":1,"b":"2","name":"x"}`, "null"}, {`{"a":1,"a":2,"b":1,"name":"x"}`, "3"}, {`{"a":-4.25,"b":-0.75,"name":"\u0078"}`, "-5"}, {`{"a":0.000000000000000000000000000001,"b":1e-30,"name":"x"}`, "2e-30"}, {`{"a":12345678901234567890,"b":0,"name":"y"}`, "12345678901234567000"}, {`{"a":99999999999999999.5,"b":0,"name":"x"}`, "100000000000000000"},
	} {
		r := scan(t, c.line)
		if got := string(record.AppendValue(nil, p.Eval(r))); got != c.sum {
			t.Errorf("%s: %s, want %s", c.line, got, c.sum)
		}
		if got, want := s.True(r), !strings.Contains(c.line, `"y"`) && c.sum != "100000000000000000"; got != want {
			t.Errorf("%s: True is %v", c.line, got)
		}
		r.Set(record.Intern("b"), record.IntValue(100))
		r.Set(record.Intern("a"), record.FloatValue(0.5))
		if got := string(record.AppendValue(nil, p.Eval(r))); got != "100.5" {
			t.Errorf("%s edited: %s", c.line, got)
		}
		r.Drop(record.Intern("a"))
		if got := p.Eval(r); got.Kind != record.Null {
			t.Errorf("%s without a: %v", c.line, got)
		}
	}
	r := &record.Record{}
	r.Begin([]byte("x 17"), record.NewShape([]string{"name", "a", "b"}), new(record.Arena))
	r.Spans[0] = record.Span{End: 1, Enc: record.Text}
	r.Spans[1] = record.Span{Off: 2, End: 4, Enc: record.JSONInt, Mant: 17}
	r.Spans[2] = record.Span{Off: 2, End: 4, Enc: record.JSONInt, Mant: 17, Neg: true}
	if got := p.Eval(r); got.Kind != record.Int || got.Int() != 0 {
		t.Errorf("parsed: %v", got)
	}
	r.Reset([]byte("not indexed"), r.Arena)
	if got := p.Eval(r); got.Kind != record.Null {
		t.Errorf("not indexed: %v", got)
	}
}

// The value that a stage computes is the value that the next one reads from
// its output, so that a pipe and a run agree.
func TestResultsSurvivePrinting(t *testing.T) {
	r := scan(t, sample)
	for _, src := range []string{`max+1`, `min-1`, `max*max`, `0.1+0.2`, `i/3`, `f*2`, `-min`, `1e300*10`, `huge`, `big*1.0`, `pow(2,63)`, `pow(2,63)-1`, `round(i/3, 5)`, `concat(u, q)`, `split(q, '"')`, `substr(u, -1)`, `lower('ÄÖ')`} {
		v := mustParse(t, src).Compile(Env{}).Eval(r)
		next := scan(t, `{"v":`+string(record.AppendValue(nil, v))+`}`)
		got := next.Get(record.MustField("v"))
		if got.Kind != v.Kind || got.Num != v.Num || string(got.Bytes) != string(v.Bytes) && v.Kind == record.String {
			t.Errorf("%s: %v is read as %v", src, v, got)
		}
	}
}

func TestResultOfLastEvalOnly(t *testing.T) {
	p := mustParse(t, "upper(s)").compile(Env{}, true)
	a := p.Eval(scan(t, `{"s":"abc"}`))
	kept := a.Clone()
	if b := p.Eval(scan(t, `{"s":"xyz"}`)); string(b.Bytes) != "XYZ" || string(kept.Bytes) != "ABC" {
		t.Errorf("%s %s", b.Bytes, kept.Bytes)
	}
	long := strings.Repeat("a", maxKept+1)
	if v := p.Eval(scan(t, `{"s":"`+long+`"}`)); len(v.Bytes) != len(long) {
		t.Error("long text")
	}
	p.Eval(scan(t, `{"s":"a"}`))
	if cap(p.buf) > maxKept {
		t.Error("the buffer of a long text is kept")
	}
}

const botChain = `if(contains(lower(agent),'googlebot'),'google',contains(lower(agent),'bingbot'),'bing',contains(lower(agent),'yandex'),'yandex',` +
	`contains(lower(agent),'baidu'),'baidu',contains(lower(agent),'facebook'),'facebook',contains(lower(agent),'twitter'),'twitter',contains(lower(agent),'slurp'),'slurp',` +
	`contains(lower(agent),'edg/'),'edge',contains(lower(agent),'opr/'),'opera',contains(lower(agent),'firefox'),'firefox',contains(lower(agent),'chrome'),'chrome',` +
	`contains(lower(agent),'safari'),'safari',contains(lower(agent),'curl'),'curl',contains(lower(agent),'bot'),'bot',upper(agent))`

// The memo changes no result: over repeating texts, over more texts than it
// keeps, and over values that are no texts.
func TestMemoChangesNothing(t *testing.T) {
	for _, src := range []string{botChain, botChain + ` == 'bot'`, `length(` + botChain + `) + n`, `extract(agent, 'v(\d+)') is null`, `number(extract(agent, 'v(\d+)')) * 2 + n`, `split(agent, 'o')`} {
		e := mustParse(t, src)
		with, without := e.Compile(Env{}), e.compile(Env{}, true)
		s, lines := record.NewScanner(), benchLines(3*memoEntries, func(i int) string {
			switch {
			case i%50 == 0:
				return fmt.Sprintf(`{"agent":%d,"n":1}`, i)
			case i%51 == 0:
				return `{"agent":null,"n":1}`
			case i%2 == 0 || i > memoEntries:
				return fmt.Sprintf(`{"agent":"Robot v%d (Chrome)","n":%d}`, i, i)
			}
			return fmt.Sprintf(`{"agent":"Curl\/v%d \u00e9","n":%d}`, i%7, i)
		})
		r := &record.Record{Arena: new(record.Arena)}
		for pos := 0; pos < len(lines); {
			next, err := s.Scan(lines, pos, r)
			if err != nil {
				t.Fatal(err)
			}
			a, b := with.Eval(r), without.Eval(r)
			if a.Kind != b.Kind || a.Num != b.Num || string(a.Bytes) != string(b.Bytes) {
				t.Fatalf("%s over %s: %v with memo, %v without", src, r.Line, a, b)
			}
			pos, r.Arena.Buf = next, r.Arena.Buf[:0]
		}
	}
}

// Within the package values have another form, which must mean the same.
func TestValuesRoundTrip(t *testing.T) {
	for _, v := range []record.Value{{}, record.BoolValue(true), record.BoolValue(false), record.IntValue(math.MinInt64), record.FloatValue(0.5), record.StringValue([]byte("a")), record.StringValue(nil), {Kind: record.Array, Bytes: []byte("[1]")}, {Kind: record.Object, Bytes: []byte("{}")}} {
		if got := valOf(v).record(); got.Kind != v.Kind || got.Num != v.Num || string(got.Bytes) != string(v.Bytes) {
			t.Errorf("%v becomes %v", v, got)
		}
	}
	for _, f := range []float64{0, math.Copysign(0, -1), 1, -1.5, 1 << 53, 1 << 62, -1 << 63, 1 << 63, -1 << 64, 1e300, math.MaxFloat64, 5e-324, math.Inf(1), math.Inf(-1), math.NaN(), math.Nextafter(1<<63, 0)} {
		if got, want := floatVal(f).record(), record.FloatValue(f); got.Kind != want.Kind || got.Num != want.Num {
			t.Errorf("%v: %v, want %v", f, got, want)
		}
	}
}

// The loop over the terms of a sum gives what single steps give.
func TestLinearAgreesWithSteps(t *testing.T) {
	values := []string{`0`, `-0.0`, `1`, `-7`, `0.5`, `2.5e-3`, `9007199254740991`, `9007199254740992`, `9007199254740993`, `-9007199254740993`, `4503599627370496.5`, `9223372036854775807`, `-9223372036854775808`, `1e15`, `1e19`, `1e300`, `null`, `"x"`, `true`, `0.1`, `3`}
	var sources []*Expr
	for _, src := range []string{`a+b`, `a-b`, `a+b-c`, `2*a`, `a*0.1`, `a*b`, `0.8*a+0.8*b+c`, `a-0.5*b-c*3`, `1+a`, `a-1+b`, `9007199254740993*a`, `a+9007199254740992`, `a*9007199254740991+b`, `-3*a+b`, `c-a*1e300`, `a*b*c`, `(a+b)*(c-a)`, `a/b+c`, `a%b*c`, `-(a+b)*c`, `a-(b-c)*2`, `(a+b)%c`, `a/(b-b)`, `a*b/c-a`} {
		sources = append(sources, mustParse(t, src))
	}
	for _, a := range values {
		for _, b := range values {
			for _, c := range []string{`0.2`, `1`, `9007199254740993`, `null`} {
				r := scan(t, `{"a":`+a+`,"b":`+b+`,"c":`+c+`}`)
				for _, e := range sources {
					p := &Program{}
					if got, want := p.number(e.root)(r).value(), p.steps(e.root)(r).value(); got != want {
						t.Errorf("%s over %s: %v, step by step %v", e, r.Line, got.record(), want.record())
					}
				}
			}
		}
	}
	if _, ok := mustParse(t, `0.8*a+0.8*b+c-1`).root.linear(); !ok {
		t.Error("a weighted sum is linear")
	}
}

// steps compiles arithmetic without the loop, in the plainest way.
func (p *Program) steps(n *node) numberFunc {
	if n.op < opAdd {
		f := p.value(n)
		return func(r *record.Record) num { return numOf(f(r)) }
	}
	operations := map[op]func(a, b num) num{opAdd: add, opSub: sub, opMul: mul, opDiv: div, opMod: mod}
	a := p.steps(n.args[0])
	if n.op == opNeg {
		return func(r *record.Record) num { return numOf(neg(a(r)).value()) }
	}
	b, operation := p.steps(n.args[1]), operations[n.op]
	return func(r *record.Record) num { return numOf(operation(a(r), b(r)).value()) } // canonical at each step
}

// A slot reads what Record.Get reads, in every encoding.
func TestSlotAgreesWithGet(t *testing.T) {
	values := []string{`0`, `-0`, `1`, `-1`, `9223372036854775807`, `-9223372036854775808`, `9223372036854775808`, `0.1`, `-0.5`, `1.0`, `-0.0`, `1e3`, `1e-3`, `0.00000000000000000000001`, `9007199254740993.5`, `9007199254740991.5`, `90071992547409915e-1`, `0.1234567890123456789`, `1e18`, `9007199254740992e0`, `-0e5`, `1e22`, `1e-22`, `1e-23`, `123456789012345678901234567890`, `1e999`, `1e-999`,
		`""`, `"a"`, `"\u0041"`, `"\""`, `"é"`, "\"\xff\"", `true`, `false`, `null`, `[]`, `{"a":1}`}
	f := record.MustField("v")
	for _, text := range values {
		r := scan(t, `{"v":`+text+`}`)
		for range 2 { // as read, then as an edit
			want := r.Get(f)
			s := newSlot(f)
			if got := s.value(r).record(); got.Kind != want.Kind || got.Num != want.Num || string(got.Bytes) != string(want.Bytes) {
				t.Errorf("%s: %v, want %v", text, got, want)
			}
			n := newSlot(f)
			if got := n.number(r); got.isNumber() != want.IsNumber() || got.isNumber() && got.value() != valOf(want) || !got.isNumber() && got.kind != want.Kind {
				t.Errorf("%s: number %v, want %v", text, got, want)
			} else if next, to := add(got, num{1, record.Int}), add(numOf(valOf(want)), num{1, record.Int}); next.value() != to.value() {
				t.Errorf("%s + 1: %v, want %v", text, next.value(), to.value())
			}
			r.Set(record.Intern("v"), want.Clone())
		}
	}
}

// Expressions and their values, one a line with a tab between, over one record.
func TestGoldens(t *testing.T) {
	dir := filepath.Join("..", "..", "testdata", "expr")
	line, err := os.ReadFile(filepath.Join(dir, "record.json"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "values.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for row := range strings.Lines(string(text)) {
		if row = strings.TrimRight(row, "\n"); row == "" || row[0] == '#' {
			continue
		}
		src, want, ok := strings.Cut(row, "\t")
		if !ok {
			t.Fatalf("no tab in %q", row)
		}
		if got := eval(t, src, strings.TrimSpace(string(line))); got != want {
			t.Errorf("%s = %s, want %s", src, got, want)
		}
	}
}

// Programs of one expression work side by side.
func TestWorkersShareAnExpr(t *testing.T) {
	e := mustParse(t, botChain)
	done := make(chan string)
	for range 4 {
		go func() {
			p, r, out := e.Compile(Env{}), scan(t, `{"agent":"Mozilla Chrome"}`), ""
			for range 1000 {
				out = string(p.Eval(r).Bytes)
			}
			done <- out
		}()
	}
	var got []string
	for range 4 {
		got = append(got, <-done)
	}
	if !slices.Equal(got, []string{"chrome", "chrome", "chrome", "chrome"}) {
		t.Errorf("got %v", got)
	}
}

func benchLines(n int, line func(i int) string) []byte {
	var b []byte
	for i := range n {
		b = append(append(b, line(i)...), '\n')
	}
	return append(b, make([]byte, record.Padding)...)[:len(b)]
}

// TestKeepComparesFieldsWithIntegers holds the comparison in place against the
// general one.
func TestKeepComparesFieldsWithIntegers(t *testing.T) {
	lines := []string{`{"x":4}`, `{"x":5}`, `{"x":6}`, `{"x":-5}`, `{"x":5.0}`, `{"x":5.5}`, `{"x":1e1}`, `{"x":null}`, `{}`, `{"x":"5"}`,
		`{"x":9223372036854775807}`, `{"x":-9223372036854775808}`, `{"x":99999999999999999999}`, `{"x":[5]}`, `{"x":true}`, `{"x":4,"x":5}`}
	for _, src := range []string{"x == 5", "x != 5", "x < 5", "x <= 5", "x > 5", "x >= 5", "5 > x", "5 <= x", "x > -5", "x >= 9223372036854775807", "-9223372036854775808 == x"} {
		e, err := Parse(src)
		if err != nil {
			t.Fatal(err)
		}
		p := e.Compile(Env{})
		if p.quick == nil {
			t.Errorf("%s is not compared in place", src)
		}
		var all, want []*record.Record
		for _, l := range lines {
			r := scan(t, l)
			all = append(all, r)
			if p.True(r) {
				want = append(want, r)
			}
		}
		if got, left := p.Keep(all); !slices.Equal(got, want) || left != len(all)-len(want) {
			t.Errorf("%s keeps %d of %d records", src, len(got), len(want))
		}
	}
}
