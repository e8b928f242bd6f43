package expr

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/record"
)

// scan makes a record of a line of JSON.
func scan(t testing.TB, line string) *record.Record {
	t.Helper()
	b := make([]byte, len(line)+1, len(line)+1+record.Padding)
	copy(b, line)
	b[len(line)] = '\n'
	r := &record.Record{Arena: new(record.Arena)}
	if _, err := record.NewScanner().Scan(b, 0, r); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return r
}

var testEnv = Env{Now: func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }}

// eval returns the value of src over line as JSON, and checks that it does not
// depend on the memo, that True agrees, and that the canonical text means the same.
func eval(t testing.TB, src, line string) string {
	t.Helper()
	e, err := Parse(src)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	r := scan(t, line)
	p := e.Compile(testEnv)
	got := string(record.AppendValue(nil, p.Eval(r)))
	if again := string(record.AppendValue(nil, p.Eval(r))); again != got {
		t.Errorf("%s: first %s, then %s", src, got, again)
	}
	if plain := string(record.AppendValue(nil, e.compile(testEnv, true).Eval(r))); plain != got {
		t.Errorf("%s: %s without memo, %s with it", src, plain, got)
	}
	if is := got != "null" && got != "false"; p.True(r) != is || keeps(p, r) != is {
		t.Errorf("%s: True is %v beside %s", src, !is, got)
	}
	canonical, err := Parse(e.String())
	if err != nil {
		t.Fatalf("%s: canonical %s: %v", src, e, err)
	}
	if canonical.String() != e.String() {
		t.Errorf("%s: canonical %s becomes %s", src, e, canonical)
	}
	if same := string(record.AppendValue(nil, canonical.Compile(testEnv).Eval(r))); same != got {
		t.Errorf("%s: %s, but canonical %s: %s", src, got, e, same)
	}
	return got
}

type rule struct{ src, want string }

func check(t *testing.T, line string, rules []rule) {
	t.Helper()
	for _, c := range rules {
		if got := eval(t, c.src, line); got != c.want {
			t.Errorf("%s = %s, want %s", c.src, got, c.want)
		}
	}
}

const sample = `{"i":7,"f":0.5,"z":0,"neg":-3,"s":"abc","e":"","q":"a\"b\\","u":"Zoë","t":true,"no":false,"n":null,` +
	`"max":9223372036854775807,"min":-9223372036854775808,"big":9007199254740993,"huge":1e19,"one":1.0,` +
	`"a.b":1,"a":{"b":2,"c":{"d":[10,{"e":"x"}]}},"arr":[1,"two",null,3.5],"Task Info":{"Task ID":9},"like":3,"time":"2015-05-17T10:05:03Z"}`

func TestLiterals(t *testing.T) {
	check(t, sample, []rule{
		{`1`, `1`}, {`-1`, `-1`}, {`1.50`, `1.5`}, {`2.0`, `2`}, {`1e3`, `1000`}, {`1E-2`, `0.01`}, {`- -5`, `5`},
		{`9223372036854775807`, `9223372036854775807`}, {`-9223372036854775808`, `-9223372036854775808`}, {`9223372036854775808`, `9223372036854776000`},
		{`'a'`, `"a"`}, {`"a"`, `"a"`}, {`'it\'s'`, `"it's"`}, {`"\"\\\n\t\r"`, `"\"\\\n\t\r"`}, {`'\d\.'`, `"\\d\\."`}, {`'\u00e9\ud83d\ude00'`, `"é😀"`},
		{`'\ud800x'`, `"�x"`}, {`'\u0001'`, `"\u0001"`}, {`''`, `""`},
		{`true`, `true`}, {`FALSE`, `false`}, {`null`, `null`}, {`Null`, `null`},
	})
}

func TestFields(t *testing.T) {
	check(t, sample, []rule{
		{`i`, `7`}, {`f`, `0.5`}, {`one`, `1`}, {`s`, `"abc"`}, {`q`, `"a\"b\\"`}, {`n`, `null`}, {`nothing`, `null`},
		{`a.b`, `1`}, {`['a']['b']`, `2`}, {`a['b']`, `2`}, {`a.c.d`, `[10,{"e":"x"}]`}, {`a.c.d[0]`, `10`}, {`a.c.d[1].e`, `"x"`}, {`a.c.d.1.e`, `"x"`},
		{`arr[-1]`, `3.5`}, {`arr[-4]`, `1`}, {`arr[-5]`, `null`}, {`arr[ -1 ]`, `3.5`}, {`a.c.d[-1].e`, `"x"`}, {`a['c'].d[-2]`, `10`}, {`a['c']['d'][-1]['e']`, `"x"`}, {`split('a b')[-1]`, `"b"`}, {`i[-1]`, `null`}, {`arr[0] + arr[-1]`, `4.5`}, {`json('[{"a":{"b":[7]}}]')[-1].a.b[-1]`, `7`}, {`i -1`, `6`},
		{`arr[1]`, `"two"`}, {`arr[9]`, `null`}, {`['Task Info']['Task ID']`, `9`}, {`['a.b']`, `1`}, {`["s"]`, `"abc"`}, {`['no']`, `false`},
		{`a`, `{"b":2,"c":{"d":[10,{"e":"x"}]}}`}, {`like`, `3`}, {`time`, `"2015-05-17T10:05:03Z"`}, {`['in']`, `null`},
	})
}

func TestArithmetic(t *testing.T) {
	check(t, sample, []rule{
		{`1+2*3`, `7`}, {`(1+2)*3`, `9`}, {`10-4-3`, `3`}, {`i+1`, `8`}, {`1+i`, `8`}, {`i+i`, `14`}, {`i-f`, `6.5`}, {`f*2`, `1`}, {`-i`, `-7`}, {`-f`, `-0.5`}, {`-(i+1)`, `-8`},
		{`7/2`, `3.5`}, {`8/2`, `4`}, {`i/0`, `null`}, {`i/z`, `null`}, {`i%0`, `null`}, {`f%z`, `null`}, {`z/i`, `0`},
		{`7%3`, `1`}, {`-7%3`, `-1`}, {`i%neg`, `1`}, {`7.5%2`, `1.5`}, {`min%-1`, `0`},
		{`max+1`, `9223372036854776000`}, {`max+0`, `9223372036854775807`}, {`max-1+1`, `9223372036854775807`}, {`min-1`, `-9223372036854775808`}, {`-min`, `9223372036854776000`},
		{`max*2`, `18446744073709552000`}, {`max*-1`, `-9223372036854775807`}, {`big+0`, `9007199254740993`}, {`big*1`, `9007199254740993`}, {`min*-1`, `9223372036854776000`},
		{`3037000500*3037000500`, `9223372037000250000`}, {`3037000499*3037000499`, `9223372030926249001`},
		{`f+f+big`, `9007199254740994`}, {`big-(f+f)`, `9007199254740992`}, {`(f*2)*big`, `9007199254740993`}, {`big%(f*4)`, `1`}, {`-(-f-f)+big`, `9007199254740994`},
		{`huge*huge`, `1e+38`}, {`1e300*1e300`, `null`}, {`1e300*1e300*0`, `null`}, {`5/(1e300*1e300)`, `null`}, {`1e300/1e-300`, `null`}, {`1/(1e300/1e-300)`, `null`}, {`0*neg`, `0`}, {`f*z*neg`, `0`},
		{`0.1+0.2`, `0.30000000000000004`}, {`0.8*i+0.8*f+like`, `9`},
		{`s+1`, `null`}, {`1+s`, `null`}, {`t+1`, `null`}, {`n+1`, `null`}, {`nothing*2`, `null`}, {`-s`, `null`}, {`a+1`, `null`}, {`arr*2`, `null`}, {`'1'+1`, `null`}, {`-nothing`, `null`}, {`s/2`, `null`}, {`2%s`, `null`}, {`s-f`, `null`},
	})
}

func TestComparison(t *testing.T) {
	check(t, sample, []rule{
		{`1==1`, `true`}, {`1=1`, `true`}, {`1==1.0`, `true`}, {`i!=7`, `false`}, {`i<>8`, `true`}, {`i<8`, `true`}, {`8<i`, `false`}, {`i<=7`, `true`}, {`i>=8`, `false`}, {`i>f`, `true`}, {`f<i`, `true`}, {`7==i`, `true`}, {`7!=i`, `false`}, {`6<i`, `true`}, {`7<=i`, `true`}, {`7>=i`, `true`}, {`7>i`, `false`},
		{`big==9007199254740993`, `true`}, {`big==9007199254740992`, `false`}, {`big>9007199254740992.0`, `true`}, {`max<9223372036854775808`, `true`}, {`f*2==one`, `true`}, {`f*4>one`, `true`},
		{`s=='abc'`, `true`}, {`'abc'==s`, `true`}, {`s!='abc'`, `false`}, {`s<'abd'`, `true`}, {`s<'abc'`, `false`}, {`'10'<'9'`, `true`}, {`q=='a"b\\'`, `true`}, {`lower(s)=='abc'`, `true`}, {`s==u`, `false`}, {`s==s`, `true`}, {`s!=u`, `true`},
		{`'1'==1`, `false`}, {`'1'!=1`, `true`}, {`'1'<1`, `null`}, {`1>='1'`, `null`}, {`s==1`, `false`}, {`s!=1`, `true`}, {`s<1`, `null`}, {`i=='7'`, `false`}, {`i!='7'`, `true`}, {`i<'8'`, `null`}, {`t=='true'`, `false`}, {`t==1`, `false`}, {`t!=1`, `true`}, {`i+1=='8'`, `false`}, {`i<s`, `null`}, {`s!=i`, `true`},
		{`t==true`, `true`}, {`no<t`, `true`}, {`t!=no`, `true`}, {`arr==arr`, `true`}, {`arr<arr`, `null`}, {`a==arr`, `false`},
		{`n==n`, `null`}, {`n==null`, `null`}, {`n!=1`, `null`}, {`nothing==1`, `null`}, {`nothing=='a'`, `null`}, {`nothing!='a'`, `null`}, {`nothing<1`, `null`}, {`i/0==1`, `null`}, {`null==null`, `null`}, {`s==null`, `null`},
		{`n is null`, `true`}, {`nothing is null`, `true`}, {`i is null`, `false`}, {`i is not null`, `true`}, {`n IS NOT NULL`, `false`}, {`i+n is null`, `true`}, {`not i is null`, `true`},
	})
}

func TestLogic(t *testing.T) {
	check(t, sample, []rule{
		{`t and t`, `true`}, {`t and no`, `false`}, {`no and t`, `false`}, {`no and n`, `false`}, {`n and no`, `false`}, {`t and n`, `null`}, {`n and t`, `null`}, {`n and n`, `null`},
		{`no or no`, `false`}, {`no or t`, `true`}, {`t or n`, `true`}, {`n or t`, `true`}, {`no or n`, `null`}, {`n or no`, `null`}, {`n or n`, `null`},
		{`not t`, `false`}, {`not no`, `true`}, {`not n`, `null`}, {`!t`, `false`}, {`!(i==7)`, `false`}, {`! i == 8`, `true`}, {`not not t`, `true`},
		{`t && no || t`, `true`}, {`t OR no AND no`, `true`}, {`(t or no) and no`, `false`}, {`not no and t`, `true`},
		// Only null is unknown and only false is false.
		{`z and t`, `true`}, {`e and t`, `true`}, {`not z`, `false`}, {`not e`, `false`}, {`a or no`, `true`}, {`nothing or no`, `null`}, {`s and i`, `true`}, {`if(z, 1, 2)`, `1`}, {`if(e, 1, 2)`, `1`}, {`if(n, 1, 2)`, `2`}, {`if(nothing, 1, 2)`, `2`}, {`if(no, 1, 2)`, `2`},
	})
}

func TestIn(t *testing.T) {
	long := `(1,2,3,4,5,6,7,8,9,10,'abc')`
	check(t, sample, []rule{
		{`i in (1,7)`, `true`}, {`i in (1,2)`, `false`}, {`i not in (1,2)`, `true`}, {`not i in (1,2)`, `true`}, {`s in ('x','abc')`, `true`}, {`i in ('7')`, `false`}, {`s in (1, 'abc', true)`, `true`},
		{`one in (1)`, `true`}, {`f in (0.5)`, `true`}, {`i in (8, null)`, `null`}, {`i in (7, null)`, `true`}, {`i not in (8, null)`, `null`}, {`n in (1)`, `null`}, {`nothing not in (1)`, `null`},
		{`i in (like, i)`, `true`}, {`i in (like, nothing)`, `null`}, {`i in (like, 1+6)`, `true`}, {`i in (like, s)`, `false`}, {`n in (i)`, `null`},
		{`i in ` + long, `true`}, {`s in ` + long, `true`}, {`f in ` + long, `false`}, {`t in ` + long, `false`}, {`one in ` + long, `true`}, {`'7' in ` + long, `false`}, {`a in ` + long, `false`},
	})
}

func TestRegexp(t *testing.T) {
	check(t, sample, []rule{
		{`s =~ 'b'`, `true`}, {`s =~ '^b'`, `false`}, {`s =~ '^a.c$'`, `true`}, {`s !~ 'b'`, `false`}, {`s !~ 'x'`, `true`}, {`i =~ '7'`, `null`}, {`n =~ 'a'`, `null`}, {`n !~ 'a'`, `null`}, {`s =~ s`, `true`}, {`s =~ e`, `true`}, {`s =~ '(?i)ABC'`, `true`}, {`s =~ null`, `null`}, {`s =~ concat('a', 'b')`, `true`}, {`s =~ n`, `null`}, {`s =~ concat('(', e)`, `null`}, {`s =~ q`, `null`},
		{`matches(s, '^a')`, `true`}, {`u =~ 'o.$'`, `true`}, {`time =~ '^\d{4}-'`, `true`},
		{`extract(time, '(\d+)-(\d+)')`, `"2015"`}, {`extract(time, '(\d+)-(\d+)', 2)`, `"05"`}, {`extract(time, '(?P<y>\d+)-(?P<m>\d+)', 'm')`, `"05"`}, {`extract(time, '\d+')`, `"2015"`}, {`extract(time, '(\d+)-', 0)`, `"2015-"`}, {`extract(s, '\d')`, `null`}, {`extract(s, '(x)?a')`, `null`}, {`extract(n, 'a')`, `null`}, {`extract(i, 'a')`, `null`}, {`extract(s, e, 5)`, `null`}, {`extract(s, n)`, `null`},
		{`replace_re(s, '[ab]', 'x')`, `"xxc"`}, {`replace_re(s, '(a)(b)', '$2$1')`, `"bac"`}, {`replace_re(s, 'x', 'y')`, `"abc"`}, {`replace_re(n, 'x', 'y')`, `null`},
	})
}

func TestCanonicalText(t *testing.T) {
	for src, want := range map[string]string{
		`a=1`: `a == 1`, `a<>1&&b||!c`: `a != 1 and b or not c`, `( (a) )`: `a`, `(a+b)+c`: `a + b + c`, `a+(b+c)`: `a + (b + c)`, `a-(b-c)`: `a - (b - c)`, `(a*b)/c`: `a * b / c`, `a*(b+c)`: `a * (b + c)`,
		`-(5)`: `-5`, `-(a+b)`: `-(a + b)`, `-a*b`: `-a * b`, `a- -5`: `a - -5`, `-(-a)`: `--a`, `not(a and b)`: `not (a and b)`, `not (a==b)`: `not a == b`, `(not a) == b`: `(not a) == b`, `(a and b) or c`: `a and b or c`, `a and (b or c)`: `a and (b or c)`,
		`x in(1,"a")`: `x in (1, 'a')`, `x not in (1)`: `x not in (1)`, `(a==b)==c`: `(a == b) == c`, `(a is null) is null`: `(a is null) is null`, `LOWER(x)`: `lower(x)`, `if(a,1,2)`: `if(a, 1, 2)`,
		`['a']`: `a`, `['a b']`: `['a b']`, `a['b'][0].c`: `a['b'][0]['c']`, `['in']`: `['in']`, `['a.b']`: `['a.b']`, `a.b`: `a.b`, `"it's"`: `'it\'s'`, `'\d'`: `'\\d'`, `1.0`: `1`, `1e2`: `100`, `split(a)[0]`: `get(split(a), 0)`, `(a)['k']`: `a['k']`, `a[-1].b`: `get(get(a, -1), 'b')`, `split(a)[0]['k'] == 1`: `get(get(split(a), 0), 'k') == 1`,
		`x =~ '^a\.b'`: `x =~ '^a\\.b'`, `TRUE`: `true`, `a.0`: `a.0`,
	} {
		e, err := Parse(src)
		if err != nil {
			if src == `(a)['k']` { // a field in parentheses takes no step
				continue
			}
			t.Errorf("%s: %v", src, err)
			continue
		}
		if e.String() != want {
			t.Errorf("%s prints as %s, want %s", src, e, want)
		}
		if again, err := Parse(e.String()); err != nil || again.String() != want {
			t.Errorf("%s: reads back as %v, %v", want, again, err)
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	deep := strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000)
	for _, c := range []struct {
		src    string
		column int
		msg    string
		hint   string
	}{
		{``, 1, "want an expression, found the end", "status >= 400"}, {`1 +`, 4, "want a value, found the end", ""}, {`(1`, 3, "want ), found the end", ""}, {`1 2`, 3, "want an operator or the end, found 2", ""},
		{`a like 'b%'`, 3, "found like", "=~ 'regex'"}, {`a between 1 and 2`, 3, "found between", "x >= a"}, {`lenght(a)`, 1, "unknown function lenght", "did you mean length?"}, {`strlen(a)`, 1, "unknown function strlen", "length"}, {`sum(a)`, 1, "unknown function sum", "aggregate"}, {`frobnicate(a)`, 1, "unknown function", "logpipe help expressions"},
		{`min(a)`, 1, "min takes 2 values or more, found 1", "aggregate"}, {`lower()`, 1, "lower takes 1 value, found 0", "lower(s)"}, {`substr(a)`, 1, "substr takes 2 to 3 values", "substr(s, from[, n])"},
		{`a =~ '('`, 6, "bad regular expression", "Go's package regexp"}, {`a =~ 5`, 6, "want a regular expression in quotes", ""}, {`matches(a, '[')`, 12, "matches: bad regular expression", ""}, {`extract(a, 'x', 3)`, 17, "no group 3", ""}, {`extract(a, 'x', b)`, 17, "want a literal", ""}, {`extract(a, '(?P<k>x)', 'm')`, 24, "no group m", ""},
		{`lower(5)`, 7, "lower: want a text, found 5", ""}, {`round('a')`, 7, "round: want a number, found 'a'", ""}, {`trunc_time(a, 'x')`, 15, "span of time", ""}, {`trunc_time(a, b)`, 15, "want a literal", ""}, {`time(a, 5)`, 9, "want a literal", ""}, {`trunc_time(a, '-1h')`, 15, "span of time", ""},
		{`a == b == c`, 8, "comparisons do not chain", "a < b and b < c"}, {`a < b in (1)`, 7, "do not chain", ""}, {`a in [1]`, 6, "want ( behind in, found [", "in (1, 2, 'a')"}, {`a in ()`, 3, "empty list", ""}, {`a not b`, 7, "want in behind not, found b", ""}, {`a is 5`, 6, "want null or not null", "=="}, {`1 + not a`, 5, "want a value, found not", "(not a)"},
		{`in`, 1, "want a value, found in", "['in']"}, {`+1`, 1, "want a value, found +", "concat"}, {`a ++ b`, 3, "unknown operator ++", "concat"}, {`a === b`, 3, "unknown operator ===", "=="}, {`a | b`, 3, "unexpected '|'", "or is written or"}, {`a ? b : c`, 3, "unexpected '?'", "if(c, a, b)"}, {`‘a’`, 1, "unexpected '‘'", "quoted"}, {`a ** 2`, 3, "unknown operator **", "pow"},
		{`'abc`, 1, "text without its closing '", ""}, {`'\u12'`, 2, "four hexadecimal digits", ""}, {`1.`, 1, "digits on both sides", ""}, {`.5`, 1, "digits on both sides", ""}, {`007`, 1, "leading zero", "'007'"}, {`5m`, 2, `unexpected "m" behind a number`, "'5m'"}, {`1e`, 2, `unexpected "e"`, ""}, {`1e999`, 1, "out of range", ""},
		{`a['b'`, 6, "want ], found the end", ""}, {`a[b]`, 3, "want 'name' or a number behind [", "['a b']"}, {`[-1]`, 1, "want the name of an array before [", "a[-1]"}, {`a[-x]`, 4, "want a number behind [-, found x", "a[-1]"}, {`a[-1.5]`, 4, "want a number behind [-", ""}, {`a[-1`, 5, "want ], found the end", ""}, {`a[1.5]`, 3, "want 'name' or a number", ""}, {`a, b`, 2, "want an operator or the end, found ,", "calls and lists"}, {`f(a b)`, 1, "unknown function f", ""}, {`lower(a b)`, 9, "want , or ), found b", ""}, {`max(a,)`, 7, "want a value, found )", ""},
		{`é + ü ?`, 7, "unexpected '?'", ""}, {"a +\n\tb ?", 8, "unexpected '?'", ""}, {deep, 251, "nested deeper than 250", ""}, {strings.Repeat("-", 9999) + "a", 251, "nested deeper", ""}, {strings.Repeat("not ", 9999) + "a", 1001, "nested deeper", ""}, {"1" + strings.Repeat("+a", 9999), 10000, "nested deeper than 5000", ""},
		{`['x\']"]']['y']`, 1, "cannot be addressed", ""},
	} {
		_, err := Parse(c.src)
		var se *SyntaxError
		if !errors.As(err, &se) {
			t.Errorf("%.40s: %v", c.src, err)
			continue
		}
		if se.Column != c.column || !strings.Contains(se.Msg, c.msg) || !strings.Contains(se.Hint, c.hint) || fault.HintOf(err) != se.Hint || fault.CodeOf(err) != fault.Usage || se.Src != c.src {
			t.Errorf("%.40s: column %d, %q, hint %q", c.src, se.Column, se.Msg, se.Hint)
		}
	}
}

func TestErrorShowsThePlace(t *testing.T) {
	for src, want := range map[string]string{
		"a + lenght(b)":                      "expression: unknown function lenght at column 5\n    a + lenght(b)\n        ^",
		"a +\n\té + ?":                       "expression: unexpected '?' at column 10\n    \té + ?\n    \t    ^",
		strings.Repeat("aaaa or ", 50) + "?": "expression: unexpected '?' at column 401\n    " + strings.Repeat("aaaa or ", 50)[340:] + "?\n    " + strings.Repeat(" ", 60) + "^",
	} {
		if _, err := Parse(src); err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}

// keeps reports whether Keep keeps r, and counts it in one of its two results.
func keeps(p *Program, r *record.Record) bool {
	kept, left := p.Keep([]*record.Record{r})
	return len(kept) == 1 && left == 0
}
