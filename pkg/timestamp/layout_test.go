package timestamp

import (
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
)

func TestStrftime(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	at := ns(t, "2015-05-07T08:05:03.012Z")
	for pattern, want := range map[string]string{
		"%Y-%m-%dT%H:%M:%S%:z": "2015-05-07T10:05:03+02:00",
		"%F %T %z %Z":          "2015-05-07 10:05:03 +0200 CEST",
		"%a %A %b %B %e %j":    "Thu Thursday May May  7 127",
		"%I:%M %p %l %k":       "10:05 AM 10 10",
		"%L %f %N":             "012 012000 012000000",
		"%u %w %G-W%V %U":      "4 4 2015-W19 18",
		"%s %% %n%t %D %R %y":  "1430985903 % \n\t 05/07/15 10:05 15",
		"%c":                   "Thu May  7 10:05:03 2015",
		"%Q %":                 "%Q %",
		"":                     "",
	} {
		if got := string(Strftime(nil, at, berlin, pattern)); got != want {
			t.Errorf("%q = %q, want %q", pattern, got, want)
		}
	}
	if got := string(Strftime(nil, -1, nil, "%s %F %I%p")); got != "-1 1969-12-31 11PM" {
		t.Errorf("before 1970: %q", got)
	}
}

func TestLayout(t *testing.T) {
	for _, c := range []struct{ layout, text, want string }{
		{"%d.%m.%Y %H:%M:%S", "17.05.2015 10:05:03", "2015-05-17T10:05:03Z"},
		{"%d.%m.%Y %H:%M:%S", "7.5.2015 1:05:03", "2015-05-07T01:05:03Z"},
		{"%d.%m.%Y %H:%M:%S", "31.04.2015 10:05:03", ""},
		{"%d.%m.%Y %H:%M:%S", "17.05.2015 10:05:03 ", ""},
		{"%d.%m.%Y", "17.05.15", ""},
		{"%a %b %e %T %Y", "Sun May  7 10:05:03 2015", "2015-05-07T10:05:03Z"},
		{"%A, %d %B %Y %I:%M %p", "Sunday, 17 september 2015 12:05 am", "2015-09-17T00:05:00Z"},
		{"%I:%M %p %F", "12:05 PM 2015-05-17", "2015-05-17T12:05:00Z"},
		{"%I:%M %p %F", "11:05 pm 2015-05-17", "2015-05-17T23:05:00Z"},
		{"%Y-%j", "2016-366", "2016-12-31T00:00:00Z"},
		{"%Y-%j", "2015-366", ""},
		{"%y%m%d %H%M%S,%f", "150517 100503,25", "2015-05-17T10:05:03.25Z"},
		{"%F %T%z", "2015-05-17 10:05:03+02:00", "2015-05-17T08:05:03Z"},
		{"%F %T%:z", "2015-05-17 10:05:03-0130", "2015-05-17T11:35:03Z"},
		{"%F %T %Z", "2015-05-17 10:05:03 UTC", "2015-05-17T10:05:03Z"},
		{"[%s.%L]", "[1431857103.5]", "2015-05-17T10:05:03.5Z"},
		{"%Y%%", "2015%", "2015-01-01T00:00:00Z"},
		{"02.01.2006 15:04:05", "17.05.2015 10:05:03", "2015-05-17T10:05:03Z"},
		{"02.01.2006 15:04:05", "17.05.2015", ""},
		{"2006", "3000", ""},
		{"s", "1431857103.25", "2015-05-17T10:05:03.25Z"},
		{"ms", "1431857103250", "2015-05-17T10:05:03.25Z"},
		{"us", "1431857103250000", "2015-05-17T10:05:03.25Z"},
		{"ns", "-1", "1969-12-31T23:59:59.999999999Z"},
		{"s", "9999999999", ""},
		{"s", "x", ""},
		{"s", "1.x", ""},
	} {
		l, err := NewLayout(c.layout)
		if err != nil {
			t.Errorf("%s: %v", c.layout, err)
			continue
		}
		got, ok := l.Parse([]byte(c.text), nil)
		if ok != (c.want != "") || ok && got != ns(t, c.want) {
			t.Errorf("%s: %q = %s %v, want %q", c.layout, c.text, AppendRFC3339(nil, got, nil), ok, c.want)
		}
	}
	for _, bad := range []string{"", "%", "%Q", "nonsense", "%Y-%"} {
		if _, err := NewLayout(bad); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%q: %v", bad, err)
		}
	}
	l, err := NewLayout("%F %T")
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := l.Parse([]byte("2015-05-17 10:05:03"), zone(t, "Europe/Berlin")); got != ns(t, "2015-05-17T08:05:03Z") {
		t.Errorf("zone: %d", got)
	}
}

func FuzzLayout(f *testing.F) {
	f.Add("%d.%m.%Y %H:%M:%S", "17.05.2015 10:05:03")
	f.Add("%a %b %e %T %Y %z", "Sun May  7 10:05:03 2015 +0200")
	f.Add("%I %p %j %y %s.%f", "12 am 366 15 1431857103.25")
	f.Fuzz(func(t *testing.T, layout, text string) {
		l, err := NewLayout(layout)
		if err != nil {
			return
		}
		at, ok := l.Parse([]byte(text), time.UTC)
		if ok && l.parts != nil {
			Strftime(nil, at, nil, layout)
		}
	})
}

func FuzzStrftime(f *testing.F) {
	f.Add(int64(1431857103123456789))
	f.Add(int64(-1))
	f.Fuzz(func(t *testing.T, at int64) {
		if s := at / second; s <= -maxSeconds || s >= maxSeconds {
			return
		}
		const both, layout = "%F %T.%N %a %j", "2006-01-02 15:04:05.000000000 Mon 002"
		got := string(Strftime(nil, at, nil, both))
		if want := time.Unix(0, at).UTC().Format(layout); got != want {
			t.Fatalf("%d = %s, want %s", at, got, want)
		}
	})
}
