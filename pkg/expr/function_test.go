package expr

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/record"
)

func TestExamplesOfHelp(t *testing.T) {
	seen := make(map[string]bool)
	for _, f := range Functions() {
		if f.Example == "" || f.Help == "" || f.Group == "" || strings.HasSuffix(f.Help, ".") || !strings.HasPrefix(f.Signature, f.Name+"(") || !strings.Contains(f.Example, f.Name+"(") {
			t.Errorf("%s: incomplete: %+v", f.Name, f)
		}
		if seen[f.Name] || f.Name != strings.ToLower(f.Name) {
			t.Errorf("%s: twice, or not in small letters", f.Name)
		}
		seen[f.Name] = true
		if got := eval(t, f.Example, `{}`); got != f.Result {
			t.Errorf("%s = %s, want %s", f.Example, got, f.Result)
		}
	}
	for name, other := range otherNames {
		if seen[name] {
			t.Errorf("%s is a function, not another name for %s", name, other)
		}
		if !seen[other] && !strings.Contains(other, " ") {
			t.Errorf("%s: there is no function %s", name, other)
		}
	}
}

// Over null every function is null, except those whose help says otherwise.
func TestNullInNullOut(t *testing.T) {
	except := map[string]bool{"if": true, "coalesce": true, "ifnull": true, "nullif": true, "is_null": true, "typeof": true, "now": true}
	for i := range functions {
		f := &functions[i]
		if except[f.Name] {
			continue
		}
		for n := max(f.min, 1); n <= max(f.max, f.min); n++ {
			args := make([]string, n)
			for i := range args {
				args[i] = "nothing"
			}
			src := f.Name + "(" + strings.Join(args, ", ") + ")"
			if f.Name == "trunc_time" {
				src = "trunc_time(nothing, '1h')"
			}
			if f.Name == "time" && n == 2 {
				src = "time(nothing, '%Y')"
			}
			if got := eval(t, src, `{}`); got != "null" {
				t.Errorf("%s = %s", src, got)
			}
		}
	}
}

func TestNumberFunctions(t *testing.T) {
	check(t, sample, []rule{
		{`abs(neg)`, `3`}, {`abs(min)`, `9223372036854776000`}, {`abs(-0.5)`, `0.5`}, {`abs(s)`, `null`},
		{`round(2.5)`, `3`}, {`round(-2.5)`, `-3`}, {`round(0.4)`, `0`}, {`round(1.005, 2)`, `1`}, {`round(2.675, 2)`, `2.68`}, {`round(1234.5678, -2)`, `1200`}, {`round(1250, -2)`, `1300`}, {`round(-1250, -2)`, `-1300`}, {`round(max, -18)`, `9000000000000000000`}, {`round(max, -19)`, `10000000000000000000`}, {`round(big, 3)`, `9007199254740993`}, {`round(huge, 2)`, `10000000000000000000`}, {`round(1e-30, 31)`, `1e-30`}, {`round(0.1, 400)`, `0.1`}, {`round(1e300, -400)`, `0`}, {`round(1e300, -300)`, `1e+300`}, {`round(0.1234567890123456, 15)`, `0.123456789012346`}, {`round(f, s)`, `null`}, {`round(s)`, `null`}, {`round(7.25, 0.5)`, `null`},
		{`floor(f)`, `0`}, {`floor(big)`, `9007199254740993`}, {`ceil(f)`, `1`}, {`ceil(-0.5)`, `0`}, {`sqrt(-1)`, `null`}, {`sqrt(16)`, `4`}, {`pow(2, 62)`, `4611686018427387904`}, {`pow(3, 39)`, `4052555153018976267`}, {`pow(2, 64)`, `18446744073709552000`}, {`pow(2, -1)`, `0.5`}, {`pow(0, -1)`, `null`}, {`pow(s, 1)`, `null`}, {`exp(1)`, `2.718281828459045`}, {`exp(1000)`, `null`}, {`ln(0)`, `null`}, {`ln(-1)`, `null`}, {`log10(0)`, `null`}, {`log10(1e15)`, `15`}, {`log10(s)`, `null`},
		{`min(i, f, neg)`, `-3`}, {`max(i, f)`, `7`}, {`max('a', s)`, `"abc"`}, {`max(i, s)`, `null`}, {`max(i, n)`, `null`}, {`max(big, 9007199254740992.0)`, `9007199254740993`},
		{`int(f)`, `0`}, {`int(-1.5)`, `-1`}, {`int('12')`, `12`}, {`int(t)`, `1`}, {`int('x')`, `null`}, {`int(arr)`, `null`}, {`int(huge)`, `10000000000000000000`}, {`float(big)`, `9007199254740992`}, {`float('x')`, `null`},
		{`number('1e3')`, `1000`}, {`number('+5')`, `5`}, {`number('.5')`, `0.5`}, {`number('5.')`, `5`}, {`number('9223372036854775807')`, `9223372036854775807`}, {`number('9223372036854775808')`, `9223372036854776000`}, {`number('1_000')`, `null`}, {`number('0x10')`, `null`}, {`number('inf')`, `null`}, {`number('NaN')`, `null`}, {`number('')`, `null`}, {`number('1 2')`, `null`}, {`number('-')`, `null`}, {`number('1e999')`, `null`}, {`number('1-2')`, `null`}, {`number(i)`, `7`}, {`number(no)`, `0`},
	})
}

// TestRoundAsDuckDB holds round against what DuckDB 2.0.0 gives for DOUBLE.
func TestRoundAsDuckDB(t *testing.T) {
	check(t, `{}`, []rule{
		{`round(1.005, 2)`, `1`}, {`round(2.675, 2)`, `2.68`}, {`round(0.285, 2)`, `0.28`}, {`round(1.015, 2)`, `1.01`},
		{`round(-1.005, 2)`, `-1`}, {`round(8.345, 2)`, `8.35`},
	})
}

func TestTextFunctions(t *testing.T) {
	check(t, sample, []rule{
		{`length(s)`, `3`}, {`length(u)`, `3`}, {`length(arr)`, `4`}, {`length(a)`, `2`}, {`length(i)`, `null`}, {`length(e)`, `0`},
		{`lower('ÄB')`, `"äb"`}, {`upper(u)`, `"ZOË"`}, {`lower(s)`, `"abc"`}, {`lower(i)`, `null`}, {`concat(upper(s), lower('X'), upper('y'))`, `"ABCxY"`},
		{`trim('\u00a0 a\n')`, `"a"`}, {`ltrim(' a ')`, `"a "`}, {`rtrim(' a ')`, `" a"`}, {`trim(i)`, `null`},
		{`substr(s, 1)`, `"bc"`}, {`substr(s, 0, 2)`, `"ab"`}, {`substr(s, -2)`, `"bc"`}, {`substr(s, -9)`, `"abc"`}, {`substr(s, 9)`, `""`}, {`substr(s, 1, 0)`, `""`}, {`substr(s, 1, -1)`, `""`}, {`substr(u, 2)`, `"ë"`}, {`substr(u, -1, 1)`, `"ë"`}, {`substr(s, 0.5)`, `null`}, {`substr(i, 0)`, `null`}, {`substr(s, 0, f)`, `null`}, {`substr(s, min, max)`, `"abc"`},
		{`replace(s, 'b', 'xx')`, `"axxc"`}, {`replace(s, '', 'x')`, `"abc"`}, {`replace('aaa', 'a', '')`, `""`}, {`replace(s, 'z', 'x')`, `"abc"`}, {`replace(s, i, 'x')`, `null`},
		{`starts_with(s, 'ab')`, `true`}, {`starts_with(s, 'b')`, `false`}, {`ends_with(s, 'bc')`, `true`}, {`contains(s, 'b')`, `true`}, {`contains(s, e)`, `true`}, {`contains(s, i)`, `null`}, {`contains(i, 'b')`, `null`}, {`contains(n, 'b')`, `null`}, {`contains(s, u)`, `false`}, {`contains('xabcx', s)`, `true`}, {`contains(lower('ABC'), 'b')`, `true`},
		{`index_of(s, 'c')`, `2`}, {`index_of(u, 'ë')`, `2`}, {`index_of('ëx', 'x')`, `1`}, {`index_of(s, 'x')`, `null`}, {`index_of(s, i)`, `null`},
		{`concat(s, i, f, t)`, `"abc70.5true"`}, {`concat(s, n)`, `null`}, {`concat('a')`, `"a"`}, {`concat('x', arr)`, `"x[1,\"two\",null,3.5]"`},
		{`lpad('ab', 5, 'xyz')`, `"xyzab"`}, {`rpad('ab', 6, 'xyz')`, `"abxyzx"`}, {`lpad(s, 2)`, `"abc"`}, {`lpad(s, 4)`, `" abc"`}, {`lpad(s, 5, '')`, `"abc"`}, {`rpad('ë', 2, 'ü')`, `"ëü"`}, {`lpad(s, 1e9)`, `null`}, {`lpad(i, 3)`, `null`}, {`lpad(s, -1)`, `"abc"`}, {`rpad(s, 4, i)`, `null`},
		{`split('a b', ' ')`, `["a","b"]`}, {`split('a  b', ' ')`, `["a","","b"]`}, {`split(' a  b ')`, `["a","b"]`}, {`split('', ',')`, `[""]`}, {`split('')`, `[]`}, {`split('aë', '')`, `["a","ë"]`}, {`split('a"b,c\\', ',')`, `["a\"b","c\\"]`}, {`split(i, ',')`, `null`}, {`split(s, n)`, `null`}, {`split('a,b', ',')[1]`, `"b"`},
		{`string(i)`, `"7"`}, {`string(f)`, `"0.5"`}, {`string(t)`, `"true"`}, {`string(s)`, `"abc"`}, {`string(a)`, `"{\"b\":2,\"c\":{\"d\":[10,{\"e\":\"x\"}]}}"`},
		{`concat(substr(upper(s), 1), replace('x-y', '-', lower('Z')))`, `"BCxzy"`},
	})
}

func TestNullAndJSONFunctions(t *testing.T) {
	check(t, sample, []rule{
		{`coalesce(n, nothing, i)`, `7`}, {`coalesce(n)`, `null`}, {`ifnull(i, 1)`, `7`}, {`ifnull(n, 1)`, `1`}, {`nullif(i, 7)`, `null`}, {`nullif(i, 8)`, `7`}, {`nullif(i, '7')`, `7`}, {`nullif(n, 1)`, `null`}, {`nullif(i, n)`, `7`}, {`is_null(n)`, `true`},
		{`if(i > 5, 'big')`, `"big"`}, {`if(i > 9, 'big')`, `null`}, {`if(i > 9, 'big', i > 5, 'medium', 'small')`, `"medium"`}, {`if(i > 9, 'big', i > 8, 'medium', 'small')`, `"small"`}, {`if(i > 9, 1, i > 8, 2)`, `null`}, {`if(s < 1, 1, 2)`, `2`},
		{`typeof(n)`, `"null"`}, {`typeof(t)`, `"boolean"`}, {`typeof(i)`, `"number"`}, {`typeof(f)`, `"number"`}, {`typeof(s)`, `"string"`}, {`typeof(arr)`, `"array"`}, {`typeof(a)`, `"object"`},
		{`bool(z)`, `false`}, {`bool(f)`, `true`}, {`bool(t)`, `true`}, {`bool('false')`, `false`}, {`bool('yes')`, `null`}, {`bool(arr)`, `null`},
		{`get(a, 'b')`, `2`}, {`get(a, 'x')`, `null`}, {`get(arr, 0)`, `1`}, {`get(arr, -1)`, `3.5`}, {`get(arr, -4)`, `1`}, {`get(arr, -5)`, `null`}, {`get(arr, 4)`, `null`}, {`get(arr, 2)`, `null`}, {`get(arr, 'b')`, `null`}, {`get(a, 0)`, `null`}, {`get(s, 0)`, `null`}, {`get(get(a, 'c'), 'd')`, `[10,{"e":"x"}]`},
		{`json(' 1.50 ')`, `1.5`}, {`json('"x')`, `null`}, {`json('{"a" 1}')`, `null`}, {`json('')`, `null`}, {`json('"\\u0041"')`, `"A"`}, {`json('1 2')`, `null`}, {`json('[1,')`, `null`}, {`json(i)`, `null`},
		{`keys(a)`, `["b","c"]`}, {`keys(arr)`, `null`}, {`join(arr, ', ')`, `"1, two, 3.5"`}, {`join(split(s, ''), '-')`, `"a-b-c"`}, {`join(s, '-')`, `null`},
		{`range(3)`, `[0,1,2]`}, {`range(2, 4)`, `[2,3]`}, {`range(4, 2)`, `[]`}, {`range(0.5)`, `null`}, {`range(-1, 1)`, `[-1,0]`}, {`range(min, max)`, `null`}, {`length(range(1000000))`, `1000000`}, {`range(1000001)`, `null`},
		{`hash(s)`, `"e71fa2190541574b"`}, {`hash('')`, `"cbf29ce484222325"`}, {`hash(i) == hash('7')`, `true`}, {`header('k')`, `null`}, {`header(i)`, `null`},
	})
	check(t, `{"d":{"k":1,"k":2,"\u006b2":3},"x":[[1,2],{}]}`, []rule{
		{`get(d, 'k')`, `2`}, {`keys(d)`, `["k","k2"]`}, {`length(d)`, `2`}, {`get(d, 'k2')`, `3`}, {`length(get(x, 1))`, `0`}, {`join(x, ';')`, `"[1,2];{}"`},
	})
}

func TestTimeFunctions(t *testing.T) {
	check(t, sample, []rule{
		{`time(time)`, `"2015-05-17T10:05:03Z"`}, {`time(1431857103)`, `"2015-05-17T10:05:03Z"`}, {`time(1431857103123)`, `"2015-05-17T10:05:03.123Z"`}, {`time(1431857103.5)`, `"2015-05-17T10:05:03.5Z"`}, {`time('2015-05-17 10:05:03')`, `"2015-05-17T10:05:03Z"`}, {`time('x')`, `null`}, {`time(t)`, `null`}, {`time(huge)`, `null`}, {`time(s)`, `null`},
		{`time('17.05.2015', '%d.%m.%Y')`, `"2015-05-17T00:00:00Z"`}, {`time(20150517, '%Y%m%d')`, `"2015-05-17T00:00:00Z"`}, {`time(1431857103, 'ms')`, `"1970-01-17T13:44:17.103Z"`}, {`time('x', '%Y')`, `null`}, {`time(n, '%Y')`, `null`}, {`time(arr, '%Y')`, `null`},
		{`epoch(time)`, `1431857103`}, {`epoch('2015-05-17T10:05:03.123Z')`, `1431857103.123`}, {`epoch('1969-12-31T23:59:59.5Z')`, `-0.5`}, {`epoch(s)`, `null`}, {`epoch_ms(time)`, `1431857103000`}, {`epoch_ms('2015-05-17T10:05:03.1239Z')`, `1431857103123`}, {`epoch_ms('1969-12-31T23:59:59.9999Z')`, `-1`},
		{`strftime(time, '%Y-%m-%d %H')`, `"2015-05-17 10"`}, {`strftime(s, '%Y')`, `null`}, {`strftime(time, s)`, `"abc"`}, {`year(time)`, `2015`}, {`month(time)`, `5`}, {`day(time)`, `17`}, {`hour(time)`, `10`}, {`minute(time)`, `5`}, {`second(time)`, `3`}, {`weekday(time)`, `7`}, {`weekday('2015-05-18')`, `1`}, {`year(s)`, `null`},
		{`trunc_time(time, '1m')`, `"2015-05-17T10:05:00Z"`}, {`trunc_time(time, '6h')`, `"2015-05-17T06:00:00Z"`}, {`trunc_time(time, '1d')`, `"2015-05-17T00:00:00Z"`}, {`trunc_time(time, '1w')`, `"2015-05-11T00:00:00Z"`}, {`trunc_time('2015-05-11', '1w')`, `"2015-05-11T00:00:00Z"`}, {`trunc_time('1969-12-31T23:59:59Z', '1m')`, `"1969-12-31T23:59:00Z"`}, {`trunc_time(s, '1m')`, `null`}, {`trunc_time(max, '1m')`, `null`}, {`trunc_time('2015-05-17T10:05:03.25Z', '500ms')`, `"2015-05-17T10:05:03Z"`},
		{`now()`, `"2026-03-01T12:00:00Z"`},
	})
}

func TestLocation(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skipf("no time zone database: %v", err)
	}
	r := scan(t, `{"plain":"2026-03-29 12:00:00","utc":"2026-03-29T12:00:00Z"}`)
	for src, want := range map[string]string{
		`time(plain)`: `"2026-03-29T12:00:00+02:00"`, `time(utc)`: `"2026-03-29T14:00:00+02:00"`, `hour(utc)`: `14`,
		// The night of the change is an hour short.
		`trunc_time(utc, '1d')`: `"2026-03-29T00:00:00+01:00"`, `trunc_time(utc, '1h')`: `"2026-03-29T14:00:00+02:00"`, `epoch(plain)`: `1774778400`,
		`strftime(utc, '%H:%M %z')`: `"14:00 +0200"`, `time('2026-01-01')`: `"2026-01-01T00:00:00+01:00"`,
	} {
		e, err := Parse(src)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := e.Const(); ok {
			t.Errorf("%s: constant, though it depends on the zone", src)
		}
		if got := string(record.AppendValue(nil, e.Compile(Env{Location: zone}).Eval(r))); got != want {
			t.Errorf("%s = %s, want %s", src, got, want)
		}
	}
}

func TestHeader(t *testing.T) {
	e, err := Parse(`header('host')`)
	if err != nil {
		t.Fatal(err)
	}
	r := scan(t, `{}`)
	r.Meta = &record.Meta{Headers: []record.Header{{Key: "host", Value: []byte("a")}, {Key: "x", Value: nil}, {Key: "host", Value: []byte("b\xff")}}}
	if got := string(e.Compile(Env{}).Eval(r).Bytes); got != "b\uFFFD" {
		t.Errorf("got %q", got)
	}
	own := Env{Header: func(_ *record.Record, name string) ([]byte, bool) { return []byte("own " + name), name == "host" }}
	if got := string(e.Compile(own).Eval(r).Bytes); got != "own host" {
		t.Errorf("got %q", got)
	}
	if !e.UsesHeaders() || e.UsesClock() {
		t.Error("traits")
	}
}

// A pattern that is taken apart agrees with the engine.
func TestMatcherAgreesWithRegexp(t *testing.T) {
	texts := []string{"", "a", "ab", "abc", "bot", "crawl", "xboty", "Bot", "foo\nbar", "/course/12.html", "/course/", "x/course/", "a.html", "ahtml", "é", "aé", "ca", "cb", "cd", "abab", "\n", "bots", "spiders"}
	for _, pattern := range []string{``, `a`, `^a`, `a$`, `^a$`, `^$`, `^`, `$`, `bot|crawl|spider`, `^(?:bot|crawl)`, `(bot|spider)s?$`, `bots?`, `[abc]`, `c[ab]`, `[^a]`, `(?i)bot`, `(?i)a`, `\.html$`, `/course/\d+`, `^/course/`, `é`, `a|`, `(a)(b)`, `a.c`, `(?m)^bar`, `(?s)foo.bar`, `foo.bar`, `\bbot\b`, `a+b`, `(ab){2}`, `(ab){0}c`, `x*`, `a$b`, `\A\z`, `(?m)$`, `[a-z]bot`, `(ab|cd)+`, `^abc|bot$`, `\x{FFFD}`, `[\x{FFFC}-\x{FFFE}]`, `ab??c?`, `a{1}`, `a{3}`} {
		match := matcher(pattern)
		e, err := Parse("x =~ " + string(appendQuoted(nil, pattern)))
		if err != nil {
			t.Fatal(err)
		}
		p := e.Compile(Env{})
		for _, s := range texts {
			want := regexp.MustCompile(pattern).MatchString(s)
			if got := match([]byte(s)); got != want {
				t.Errorf("%s on %q: %v, want %v", pattern, s, got, want)
			}
			if got := p.True(scan(t, `{"x":`+string(record.AppendString(nil, []byte(s)))+`}`)); got != want {
				t.Errorf("x =~ %s on %q: %v, want %v", pattern, s, got, want)
			}
		}
	}
}
