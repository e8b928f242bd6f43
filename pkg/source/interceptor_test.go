package source

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/flume"
)

// intercept sends bodies through an interceptor and writes what goes on as
// `body{k=v}`. A body may be led by headers: k=v|body.
func intercept(t *testing.T, i Interceptor, in ...string) string {
	t.Helper()
	if c, ok := i.(flume.Checker); ok {
		if problems := c.Check(); len(problems) > 0 {
			t.Fatal(problems)
		}
	}
	if err := i.Open(flume.Env{Logf: t.Logf}); err != nil {
		t.Fatal(err)
	}
	var events []flume.Event
	for _, text := range in {
		var e flume.Event
		for {
			header, rest, found := strings.Cut(text, "|")
			if !found {
				break
			}
			key, value, _ := strings.Cut(header, "=")
			e.Headers.Set(key, value)
			text = rest
		}
		e.Body = []byte(text)
		events = append(events, e)
	}
	var out []string
	for _, e := range i.Intercept(events) {
		text := string(e.Body)
		for _, h := range e.Headers {
			text += fmt.Sprintf("{%s=%s}", h.Key, h.Value)
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func TestInterceptorTable(t *testing.T) {
	const millis = "serializers.s1.type=" + millisOfTime
	tests := []struct {
		name     string
		build    func(*flume.Properties) Interceptor
		settings []string
		in       []string
		want     string
	}{
		{"filter keeps", newRegexFilter, []string{`regex=b\d`}, []string{"ab1", "b", "b22c"}, "ab1 b22c"},
		{"filter drops", newRegexFilter, []string{"regex=^b", "excludeEvents=true"}, []string{"ab1", "b", "b22c"}, "ab1"},
		{"filter default", newRegexFilter, nil, []string{"a", ""}, "a "},
		{"extract", newRegexExtractor, []string{`regex=(\d):(\d):(\d)`, "serializers=s1 s2 s3", "serializers.s1.name=one", "serializers.s2.name=two", "serializers.s3.name=three"},
			[]string{"1:2:3.4foobar5", "none"}, "1:2:3.4foobar5{one=1}{two=2}{three=3} none"},
		{"extract some", newRegexExtractor, []string{`regex=(a)?(.*)`, "serializers=s1 s2", "serializers.s1.name=a", "serializers.s2.name=rest", "serializers.s1.type=DEFAULT"},
			[]string{"xyz\r", "a=old|axyz"}, "xyz\r{rest=xyz} axyz{a=a}{rest=xyz}"},
		{"extract a time", newRegexExtractor, []string{`regex=^(\S+ \S+ \S+)`, "serializers=s1", "serializers.s1.name=timestamp", millis, "serializers.s1.pattern=yyyy-MM-dd HH:mm:ss Z"},
			[]string{"2012-10-16 12:34:56 +0000 x", "2012-10-16 noon today"}, "2012-10-16 12:34:56 +0000 x{timestamp=1350390896000} 2012-10-16 noon today"},
		{"extract a time of short numbers", newRegexExtractor, []string{`regex=^(.*)`, "serializers=s1", "serializers.s1.name=timestamp", millis, "serializers.s1.pattern=yyyy-M-d kk:m:s.S z"},
			[]string{"2012-10-16 24:3:6.5 UTC"}, "2012-10-16 24:3:6.5 UTC{timestamp=1350345786500}"},
		{"replace", newSearchReplace, []string{`searchPattern=^[A-Za-z0-9_]+ `, "replaceString="}, []string{"word the rest of word it"}, "the rest of word it"},
		{"replace with groups", newSearchReplace, []string{`searchPattern=(\w+)@(?<host>\w+)`, `replaceString=${host}\$$1`}, []string{"a@b, c@d"}, "b$a, d$c"},
		{"replace, no more groups", newSearchReplace, []string{`searchPattern=(x)`, `replaceString=$12`}, []string{"axb"}, "ax2b"},
		{"remove one", newRemoveHeader, []string{"withName=a"}, []string{"a=1|b=2|x"}, "x{b=2}"},
		{"remove a list", newRemoveHeader, []string{"fromList=a , b"}, []string{"a=1|b=2|c=3|x"}, "x{c=3}"},
		{"remove with separator", newRemoveHeader, []string{"fromList=a;b", "fromListSeparator=;"}, []string{"a=1|b=2|c=3|x"}, "x{c=3}"},
		{"remove by pattern", newRemoveHeader, []string{"matching=t.*"}, []string{"t=1|tt=2|at=3|x"}, "x{at=3}"},
		{"uuid kept", newUUID, []string{"headerName=k"}, []string{"k=1|x"}, "x{k=1}"},
	}
	for _, test := range tests {
		if got := intercept(t, configure(t, test.build, test.settings...), test.in...); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	i := configure(t, newUUID, "prefix=p-", "preserveExisting=false")
	got := intercept(t, i, "id=1|a", "b")
	m := regexp.MustCompile(`^a\{id=p-(\S+)\} b\{id=p-(\S+)\}$`).FindStringSubmatch(got)
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	if m == nil || m[1] == m[2] || !form.MatchString(m[1]) || !form.MatchString(m[2]) {
		t.Errorf("uuid: %s", got)
	}
}

func TestInterceptorMistakes(t *testing.T) {
	tests := []struct {
		build    func(*flume.Properties) Interceptor
		settings []string
		want     string
	}{
		{newRegexFilter, []string{"regex=(a"}, "a ( is not closed"},
		{newRemoveHeader, []string{"matching=["}, "a [ is not closed"},
		{newSearchReplace, []string{"searchPattern=a", "replaceString=$1"}, "the pattern has no group 1"},
		{newSearchReplace, []string{"searchPattern=a", "replaceString=$x"}, "a group number has to follow $"},
		{newRegexExtractor, []string{"regex=(a)", "serializers=s1"}, "serializer s1 has no name"},
		{newRegexExtractor, []string{"regex=a", "serializers=s1", "serializers.s1.name=x"}, "1 serializers, but the pattern has 0 groups"},
		{newRegexExtractor, []string{"regex=(a)", "serializers=s1", "serializers.s1.name=x", "serializers.s1.type=y"}, `unknown type "y"`},
		{newRegexExtractor, []string{"regex=(a)", "serializers=s1", "serializers.s1.name=x", "serializers.s1.type=" + millisOfTime}, "want the pattern of a time"},
	}
	for _, test := range tests {
		problems := configure(t, test.build, test.settings...).(flume.Checker).Check()
		if len(problems) != 1 || !strings.Contains(problems[0].Message, test.want) {
			t.Errorf("%v: %v, want %s", test.settings, problems, test.want)
		}
	}
}

// Flume starts with more serializers than groups: what has none sets no header.
func TestExtractorWithoutGroup(t *testing.T) {
	i := configure(t, newRegexExtractor, `regex=^(\d)`, "serializers=s1 s2", "serializers.s1.name=a", "serializers.s2.name=b")
	problems := i.(flume.Checker).Check()
	if len(problems) != 1 || !problems[0].Harmless {
		t.Errorf("%v, want one that is harmless", problems)
	}
	if err := i.Open(flume.Env{Logf: t.Logf}); err != nil {
		t.Fatal(err)
	}
	events := i.Intercept([]flume.Event{{Body: []byte("7x")}})
	if got := fmt.Sprint(events[0].Headers); got != "[{a 7}]" {
		t.Errorf("headers %s, want a alone", got)
	}
}

// Flume's timestamp interceptor knows headerName alone: a file with another word
// has its times in timestamp.
func TestTimestampHeaderName(t *testing.T) {
	var p flume.Properties
	newTimestamp(&p)
	for name, want := range map[string]bool{"headerName": true, "header": false} {
		if q, _ := p.Lookup(name); (q != nil) != want {
			t.Errorf("property %s: %v, want %v", name, q != nil, want)
		}
	}
}

// Patterns are Java's: what Go's have not, and what they mean otherwise.
func TestJavaPatterns(t *testing.T) {
	tests := []struct {
		build    func(*flume.Properties) Interceptor
		settings []string
		in, want string // bodies, and what becomes of them with their headers
	}{
		{newRegexFilter, []string{`regex=^(?!.*DEBUG)`}, "INFO a|DEBUG b", "INFO a"},
		{newRegexFilter, []string{`regex=(?<=user=)(?!root)\w++`, "excludeEvents=true"}, "user=root|user=me", "user=root"},
		{newRegexFilter, []string{`regex=done$`}, "done\r|done\n|done x", "done\r|done\n"},
		{newRegexFilter, []string{`regex=(\w)\1`}, "abba|abab", "abba"},
		{newSearchReplace, []string{`searchPattern=(?<=\d{4})\d(?=\d{4})`, "replaceString=*"}, "1234567890123", "1234*****0123"},
		{newSearchReplace, []string{`searchPattern=(?<key>\w+)=(\w+)`, `replaceString=${key}:$2`}, "a=1, b=2", "a:1, b:2"},
		{newSearchReplace, []string{`searchPattern=\p{Alpha}++\p{Punct}`, "replaceString=."}, "ab! c", ". c"},
		{newSearchReplace, []string{`searchPattern=x*`, "replaceString=-"}, "axb", "-a--b-"},
		{newRegexExtractor, []string{`regex=(?<=id=)(\d+)(?!\d|;)`, "serializers=s1", "serializers.s1.name=id"}, "id=12,|id=12;", "[{id 12}]id=12,|id=12;"},
		{newRemoveHeader, []string{`matching=(?!id).*`}, "x", "x"},
	}
	for _, test := range tests {
		i := configure(t, test.build, test.settings...)
		if problems := i.(flume.Checker).Check(); len(problems) > 0 {
			t.Errorf("%v: %v", test.settings, problems)
			continue
		}
		if err := i.Open(flume.Env{Logf: t.Logf}); err != nil {
			t.Fatal(err)
		}
		var events []flume.Event
		for _, body := range strings.Split(test.in, "|") {
			events = append(events, flume.Event{Body: []byte(body)})
		}
		var got []string
		for _, e := range i.Intercept(events) {
			text := string(e.Body)
			if len(e.Headers) > 0 {
				text = fmt.Sprint(e.Headers) + text
			}
			got = append(got, text)
		}
		if text := strings.Join(got, "|"); text != test.want {
			t.Errorf("%v: %q, want %q", test.settings, text, test.want)
		}
	}
}

// An event for which a pattern takes too long goes on, and that is told.
func TestSlowPattern(t *testing.T) {
	var told []string
	i := configure(t, newRegexFilter, `regex=^(a+)+(?=b)`)
	if err := i.Open(flume.Env{Logf: func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }}); err != nil {
		t.Fatal(err)
	}
	slow := []byte(strings.Repeat("a", 60))
	if kept := i.Intercept([]flume.Event{{Body: slow}, {Body: []byte("x")}, {Body: []byte("ab")}}); len(kept) != 2 || string(kept[1].Body) != "ab" {
		t.Errorf("%v", kept)
	}
	if len(told) != 1 || !strings.HasPrefix(told[0], "pattern ^(a+)+(?=b): given up after 1s: the event is kept (1 so far)") {
		t.Errorf("%q", told)
	}
}

func TestSplit(t *testing.T) {
	for text, want := range map[string]string{"a, b ,c": "[a b c]", "a,,": "[a]", ",a": "[ a]", "": "[]"} {
		p, err := newPattern(`\s*,\s*`)
		if got := fmt.Sprint(p.split(text)); err != nil || got != want {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
}

func FuzzReplacement(f *testing.F) {
	for _, seed := range []string{`$1${x}\`, `\$$2`, `${`, `$12x`} {
		f.Add(seed)
	}
	p, err := newPattern("(a)(?<x>b)?")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if by, err := parseReplacement(text, p.re); err == nil {
			p.replace([]byte("xabaay"), by)
		}
	})
}

func route1(t *testing.T, s Selector, channels string, headers ...string) string {
	t.Helper()
	if problems := s.Bind(strings.Fields(channels)); len(problems) > 0 {
		t.Fatal(problems)
	}
	e := &flume.Event{}
	for _, h := range headers {
		key, value, _ := strings.Cut(h, "=")
		e.Headers.Set(key, value)
	}
	return fmt.Sprint(s.Route(e))
}

func TestSelectors(t *testing.T) {
	multi := []string{"header=state", "mapping.CZ=c1", "mapping.US=c2 c3", "default=c4", "optional.US=c3 c4", "optional.DE=c1"}
	tests := []struct {
		build    func(*flume.Properties) Selector
		settings []string
		headers  []string
		want     string
	}{
		{newReplicating, nil, nil, "[0 1 2 3] []"},
		{newReplicating, []string{"optional=c3 c1"}, nil, "[1 3] [2 0]"},
		{newMultiplexing, multi, []string{"state=CZ"}, "[0] []"},
		{newMultiplexing, multi, []string{"state=US"}, "[1 2] [3]"},
		{newMultiplexing, multi, []string{"state=DE"}, "[3] [0]"},
		{newMultiplexing, multi, []string{"state=FR"}, "[3] []"},
		{newMultiplexing, multi, nil, "[3] []"},
		{newMultiplexing, []string{"mapping.a=c1"}, []string{"flume.selector.header=b"}, "[] []"},
	}
	for _, test := range tests {
		if got := route1(t, configure(t, test.build, test.settings...), "c1 c2 c3 c4", test.headers...); got != test.want {
			t.Errorf("%v %v: %s, want %s", test.settings, test.headers, got, test.want)
		}
	}
	s := configure(t, newBalancing)
	s.Bind([]string{"c1", "c2"})
	got := ""
	for range 4 {
		required, _ := s.Route(nil)
		got += fmt.Sprint(required)
	}
	if got != "[0][1][0][1]" {
		t.Errorf("round robin: %s", got)
	}
	for text, settings := range map[string][]string{
		`the source has no channel "c9"`:    {"mapping.a=c9"},
		`the source has no channel "c1,c2"`: {"default=c1,c2"},
		"without mapping and default":       {"header=x"},
	} {
		problems := configure(t, newMultiplexing, settings...).Bind([]string{"c1", "c2"})
		if len(problems) != 1 || !strings.Contains(problems[0].Message, text) || problems[0].Fix == "" {
			t.Errorf("%v: %v", settings, problems)
		}
	}
}

// A time that cannot be read is told with the pattern that the file has.
func TestExtractorTellsItsPattern(t *testing.T) {
	i := configure(t, newRegexExtractor, `regex=(.*)`, "serializers=s1", "serializers.s1.name=timestamp",
		"serializers.s1.type="+millisOfTime, "serializers.s1.pattern=yyyy-MM-dd HH:mm:ss")
	var told diary
	if err := i.Open(flume.Env{Logf: told.logf}); err != nil {
		t.Fatal(err)
	}
	i.Intercept([]flume.Event{{Body: []byte("yesterday")}})
	if want := `header timestamp is left out of 1 event: "yesterday" is no time as yyyy-MM-dd HH:mm:ss`; told.String() != want {
		t.Errorf("told %s\nwant %s", &told, want)
	}
}

// The name of a host is the one of its address, as Java has it, and its own where
// the address has none.
func TestCanonicalName(t *testing.T) {
	names := map[string][]string{"10.0.0.5": {"web1.example.com.", "web1"}}
	lookup := func(_ context.Context, ip string) ([]string, error) {
		if all, found := names[ip]; found {
			return all, nil
		}
		return nil, errors.New("no such host")
	}
	for ip, want := range map[string]string{"10.0.0.5": "web1.example.com", "10.0.0.6": "web1"} {
		if got := canonicalName(t.Context(), lookup, ip, "web1"); got != want {
			t.Errorf("%s: %s, want %s", ip, got, want)
		}
	}
}
