package catalog

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

type sample struct {
	count  int64
	json   bool
	quick  bool
	window time.Duration
	form   string
	by     []string
}

func (s *sample) set() *option.Set {
	var set option.Set
	set.Int64(&s.count, "count,n", 0, "count")
	set.Bool(&s.json, "json,j", "json")
	set.Bool(&s.quick, "quick,k", "quick")
	set.Duration(&s.window, "window,w", 0, "window")
	set.Choice(&s.form, "form", "short", []string{"short", "long"}, "form")
	set.Strings(&s.by, "by", "fields")
	return &set
}

func TestParseOptions(t *testing.T) {
	for _, c := range []struct {
		words, args string
		check       func(s *sample) bool
	}{
		{"--count 5 x", "x", func(s *sample) bool { return s.count == 5 }},
		{"--count=5 x", "x", func(s *sample) bool { return s.count == 5 }},
		{"x -n 5", "x", func(s *sample) bool { return s.count == 5 }},
		{"-n5 x", "x", func(s *sample) bool { return s.count == 5 }},
		{"-n=5 x", "x", func(s *sample) bool { return s.count == 5 }},
		{"-jkn5", "", func(s *sample) bool { return s.json && s.quick && s.count == 5 }},
		{"-jk x", "x", func(s *sample) bool { return s.json && s.quick }},
		{"--json x", "x", func(s *sample) bool { return s.json }},
		{"--json=false", "", func(s *sample) bool { return !s.json }},
		{"-j=false", "", func(s *sample) bool { return !s.json }},
		{"-- --json -n", "--json -n", func(s *sample) bool { return !s.json }},
		{"a -- b --json", "a b --json", func(s *sample) bool { return !s.json }},
		{"- a", "- a", func(*sample) bool { return true }},
		{"-w 1m30s", "", func(s *sample) bool { return s.window == 90*time.Second }},
		{"--by a,b --by c", "", func(s *sample) bool { return slices.Equal(s.by, []string{"a", "b", "c"}) }},
		{"--count -5", "", func(s *sample) bool { return s.count == -5 }},
		{"--form long", "", func(s *sample) bool { return s.form == "long" }},
	} {
		var s sample
		args, _, err := ParseOptions(s.set(), strings.Fields(c.words))
		if err != nil {
			t.Errorf("%s: %v", c.words, err)
			continue
		}
		if got := strings.Join(args, " "); got != c.args || !c.check(&s) {
			t.Errorf("%s: words %q, settings %+v", c.words, got, s)
		}
	}
}

func TestParseOptionsRefuses(t *testing.T) {
	for _, c := range []struct{ words, text, hint string }{
		{"--cuont 3", "unknown flag --cuont", "did you mean --count?"},
		{"--zzz", "unknown flag --zzz", ""},
		{"-x", "unknown flag -x", ""},
		{"-jx", "unknown flag -x", ""},
		{"-count 3", "unknown flag -c", "did you mean --count?"},
		{"-5", "unknown flag -5", "write --"},
		{"--count", "--count needs a value", ""},
		{"-n", "-n needs a value", ""},
		{"--form", "--form needs a value", "one of short, long"},
		{"--count many", "--count: want a whole number", ""},
		{"--form wide", "--form: want one of short, long", ""},
		{"-w x", "-w: want a duration", ""},
	} {
		var s sample
		_, _, err := ParseOptions(s.set(), strings.Fields(c.words))
		if err == nil {
			t.Errorf("%s is accepted", c.words)
			continue
		}
		if !strings.Contains(err.Error(), c.text) || !strings.Contains(fault.HintOf(err), c.hint) {
			t.Errorf("%s: %v (hint: %s)", c.words, err, fault.HintOf(err))
		}
		if fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: exit code %d", c.words, fault.CodeOf(err))
		}
	}
}
