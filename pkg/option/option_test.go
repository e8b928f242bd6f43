package option

import (
	"testing"
	"time"
)

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "500ms": 500 * time.Millisecond, "1m30s": 90 * time.Second, "2d": 48 * time.Hour,
		"1w2d": 9 * 24 * time.Hour, "1.5d": 36 * time.Hour, "1d12h": 36 * time.Hour,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%s: %v %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "10", "d", "1x", "-1d", "one", "1e300d"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
	for d, want := range map[time.Duration]string{time.Minute: "1m", 90 * time.Second: "1m30s", 2 * time.Hour: "2h", 0: "0s"} {
		if got := FormatDuration(d); got != want {
			t.Errorf("%d prints %s, want %s", d, got, want)
		}
	}
}

func TestValues(t *testing.T) {
	var (
		s       Set
		text    string
		words   []string
		kept    []string
		on      bool
		n       int
		choice  string
		timeout time.Duration
		window  time.Duration
	)
	s.String(&text, "text,t", "a", "")
	s.Strings(&words, "words", "")
	s.Repeated(&kept, "kept", "")
	s.Bool(&on, "on", "")
	s.Int(&n, "n", 3, "")
	s.Choice(&choice, "choice", "x", []string{"x", "y"}, "")
	s.Duration(&timeout, "timeout", time.Second, "")
	s.Span(&window, "window", "")
	for _, c := range []struct {
		name, value string
		ok          bool
	}{
		{"text", "b", true}, {"words", "a, b,,c", true}, {"kept", "a,b", true}, {"on", "true", true}, {"on", "yes", false},
		{"n", "4", true}, {"n", "4.5", false}, {"choice", "y", true}, {"choice", "z", false}, {"timeout", "2m", true},
		{"window", "0s", false}, {"window", "0", false}, {"window", "-1s", false}, {"window", "1m", true}, {"window", "0s", false},
	} {
		if err := s.Lookup(c.name).Value.Set(c.value); (err == nil) != c.ok {
			t.Errorf("%s = %s: %v", c.name, c.value, err)
		}
	}
	if text != "b" || len(words) != 3 || len(kept) != 1 || !on || n != 4 || choice != "y" || timeout != 2*time.Minute || window != time.Minute {
		t.Errorf("%q %q %q %v %d %q %v", text, words, kept, on, n, choice, timeout)
	}
	if o := s.Lookup("text"); o.Letter != "t" || o.Default != "a" {
		t.Errorf("%+v", o)
	}
}
