package escape

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/logpipe/logpipe/pkg/flume"
)

func hosts() Hosts { return Hosts{"web-1", "10.0.0.7", "web-1.example.org"} }

func TestTemplate(t *testing.T) {
	zone, _ := Zone("America/New_York")
	at := time.Date(2026, 3, 4, 5, 6, 7, 89e6, zone)
	evening := time.Date(2026, 12, 31, 23, 59, 58, 0, zone)
	headers := flume.Headers{{Key: "host", Value: "h"}, {Key: "a.b-c", Value: "d"}}
	tests := []struct{ text, want string }{
		{"plain", "plain"},
		{"/logs/%{host}/x%{none}y/%{a.b-c}", "/logs/h/xy/d"},
		{"%{no name} %{} %{a/b} 100%", "%{no name} %{} %{a/b} 100%"},
		{"%-%.%{", "%-%.%{"},
		{"%%", "%"},
		{"%[localhost] %[IP] %[fqdn]", "web-1 10.0.0.7 web-1.example.org"},
		{"%a %A %b %B", "Wed Wednesday Mar March|Thu Thursday Dec December"},
		{"%c", "Wed Mar 4 05:06:07 2026|Thu Dec 31 23:59:58 2026"},
		{"%d %e %D", "04 4 03/04/26|31 31 12/31/26"},
		{"%H %I %j %k %l", "05 05 063 5 5|23 11 365 23 11"},
		{"%m %n %M %p", "03 3 06 AM|12 12 59 PM"},
		{"%s %S %t", "1772618767 07 1772618767089|1798779598 58 1798779598000"},
		{"%y %Y %z", "26 2026 -0500|26 2026 -0500"},
		{"/f/%Y-%m-%d/%H%M/%S", "/f/2026-03-04/0506/07|/f/2026-12-31/2359/58"},
	}
	for _, test := range tests {
		tmpl, err := Parse(test.text, hosts)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range strings.Split(test.want, "|") {
			when := []time.Time{at, evening}[i]
			got := string(tmpl.Append(nil, headers, Moment{when.UnixMilli(), when}))
			if got != want {
				t.Errorf("%s: %q, want %q", test.text, got, want)
			}
			if !regexp.MustCompile("^" + tmpl.Pattern() + "$").MatchString(got) {
				t.Errorf("%s: %s does not match %q", test.text, tmpl.Pattern(), got)
			}
		}
	}
	for _, bad := range []string{"%f", "x%Q", "%1", "%_", "%[hostname]"} {
		if _, err := Parse(bad, hosts); err == nil || !strings.Contains(err.Error(), "no escape") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestUse(t *testing.T) {
	tests := []struct {
		text          string
		time, headers bool
		fixed         string
	}{
		{"/a/b", false, false, "/a/b"},
		{"/a/%Y", true, false, "/a/"},
		{"/a/%{h}/%%", false, true, "/a/"},
		{"%[IP]/%{timestamp}", false, true, "10.0.0.7/"},
	}
	for _, test := range tests {
		tmpl, _ := Parse(test.text, hosts)
		if tmpl.NeedsTime() != test.time || tmpl.NeedsHeaders() != test.headers || tmpl.Fixed() != test.fixed {
			t.Errorf("%s: %v %v %q", test.text, tmpl.NeedsTime(), tmpl.NeedsHeaders(), tmpl.Fixed())
		}
	}
}

func TestRound(t *testing.T) {
	india, _ := Zone("Asia/Kolkata")
	at := time.Date(2026, 11, 20, 23, 54, 57, 890e6, india)
	tests := []struct {
		unit  string
		value int
		want  string
	}{
		{"", 1, "23:54:57.89"}, {"second", 1, "23:54:57"}, {"second", 10, "23:54:50"}, {"second", 60, "23:54:00"},
		{"minute", 1, "23:54:00"}, {"minute", 10, "23:50:00"}, {"minute", 60, "23:00:00"}, {"minute", 7, "23:49:00"},
		{"hour", 1, "23:00:00"}, {"hour", 6, "18:00:00"}, {"hour", 24, "00:00:00"},
	}
	for _, test := range tests {
		c := Clock{Zone: india, Unit: test.unit, Value: test.value, Local: true}
		m, err := c.Moment(nil, at)
		if got := m.Rounded.Format("15:04:05.999"); err != nil || got != test.want || m.Millis != at.UnixMilli() {
			t.Errorf("%s %d: %s, %v", test.unit, test.value, got, err)
		}
	}
}

func TestMoment(t *testing.T) {
	c := Clock{Zone: time.UTC}
	m, err := c.Moment(flume.Headers{{Key: "timestamp", Value: "1000"}}, time.Now())
	if err != nil || m.Millis != 1000 || m.Rounded.Unix() != 1 {
		t.Error(m, err)
	}
	if _, err := c.Moment(nil, time.Now()); !errors.Is(err, ErrNoTime) {
		t.Error(err)
	}
	for _, bad := range []string{"", "now", "1.5", "9223372036854775807"} {
		if _, err := c.Moment(flume.Headers{{Key: "timestamp", Value: bad}}, time.Now()); err == nil {
			t.Errorf("%q is a time", bad)
		}
	}
}

func TestZone(t *testing.T) {
	at := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	for name, want := range map[string]string{"UTC": "+0000", "GMT+8": "+0800", "GMT-03:30": "-0330", "PST": "-0700", "EST": "-0500", "Europe/Berlin": "+0200", "+0530": "+0530"} {
		zone, err := Zone(name)
		if err != nil || at.In(zone).Format("-0700") != want {
			t.Errorf("%s: %v %v", name, zone, err)
		}
	}
	for _, bad := range []string{"Mars/Base", "GMT+25", "local"} {
		if _, err := Zone(bad); err == nil {
			t.Errorf("%s is a zone", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"/a/%Y-%m-%d/%H", "%{host}", "%[IP]%%%", "%{a.b", "%D%t%c%z"} {
		f.Add(seed, "value", int64(1772618767089))
	}
	f.Fuzz(func(t *testing.T, text, value string, ms int64) {
		tmpl, err := Parse(text, hosts)
		if err != nil {
			return
		}
		c := Clock{Zone: time.UTC, Unit: "minute", Value: 10, Local: true}
		m, err := c.Moment(nil, time.UnixMilli(ms%4e12))
		if err != nil {
			return
		}
		got := tmpl.Append(nil, flume.Headers{{Key: "host", Value: value}}, m)
		if !strings.ContainsRune(text, '%') && string(got) != text {
			t.Fatalf("%q became %q", text, got)
		}
		p, err := regexp.Compile("(?s)^" + tmpl.Pattern() + "$")
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if utf8.ValidString(text) && utf8.ValidString(value) && !p.Match(got) {
			t.Fatalf("%q became %q, which does not match %s", text, got, p)
		}
	})
}

// What begins no escape is found with its place, and what is meant as one.
func TestFindLoose(t *testing.T) {
	for text, want := range map[string]string{
		"/x/%Y/%{h}/%[IP]/%%/%q": "",
		"größe%{a/%b":            "5 %{a true",
		"%{no name}/%":           "0 %{no name} true|11 % false",
		"%%%{":                   "2 %{ true",
		"100%-%[x y]":            "3 %-%[x y] false|5 %[x y] true",
	} {
		var got []string
		for _, l := range FindLoose(text) {
			got = append(got, fmt.Sprint(l.Offset, " ", l.Text, " ", l.Meant))
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// What looks like an escape and is none is found with its place and the words
// for what was meant.
func TestFindUnknown(t *testing.T) {
	for text, want := range map[string]string{
		"/x/%Y/%{q}/%[IP]/%%q/%-/%": "",
		"größe/%q%F":                "6 %q write %% for a percent sign|8 %F write %Y-%m-%d",
		"%%%Q/%[host]%{%f":          "2 %Q write %% for a percent sign|5 %[host] write %[localhost], %[IP] or %[FQDN]|14 %f write %% for a percent sign",
	} {
		var got []string
		for _, u := range FindUnknown(text) {
			got = append(got, fmt.Sprint(u.Offset, " ", u.Text, " ", u.Fix))
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
		if _, err := Parse(text, hosts); (err == nil) != (want == "") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
