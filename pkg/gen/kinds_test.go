package gen

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

var combined = regexp.MustCompile(`^(\S+) - (\S+) \[([^\]]+)\] "(\S+) ([^ ?"]+)(?:\?([^ "]*))? (HTTP/[0-9.]+)" (\d{3}) (\d+|-) "([^"]*)" "([^"]*)"$`)

// parseAccess is an independent reading of a log line as the JSON form.
func parseAccess(t *testing.T, line string) string {
	t.Helper()
	m := combined.FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("not combined log format: %s", line)
	}
	at, err := time.Parse("02/Jan/2006:15:04:05 -0700", m[3])
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `{"time":"%s","ip":"%s"`, at.Format(time.RFC3339), m[1])
	text := func(name, value string) {
		if value != "-" && value != "" {
			fmt.Fprintf(&b, `,"%s":"%s"`, name, value)
		}
	}
	text("user", m[2])
	text("method", m[4])
	text("path", m[5])
	text("query", m[6])
	text("proto", m[7])
	fmt.Fprintf(&b, `,"status":%s`, m[8])
	if m[9] != "-" {
		fmt.Fprintf(&b, `,"bytes":%s`, m[9])
	}
	text("referer", m[10])
	text("agent", m[11])
	return b.String() + "}"
}

func TestAccessFormsAgree(t *testing.T) {
	const n = 5_000
	for _, zone := range []*time.Location{time.UTC, time.FixedZone("", -5400)} {
		o := Options{N: n, Seed: 7, Start: time.Date(2026, 3, 1, 0, 0, 0, 0, zone)}
		text := makeLines(t, "access", o)
		o.JSON = true
		for i, want := range makeLines(t, "access", o) {
			if got := parseAccess(t, text[i]); got != want {
				t.Fatalf("line %d\ntext   %s\nparsed %s\njson   %s", i, text[i], got, want)
			}
		}
	}
}

func TestAccessIsRealistic(t *testing.T) {
	const n = 30_000
	count := map[string]int{}
	agents, addrs := map[string]int{}, map[string]int{}
	for _, line := range makeLines(t, "access", Options{N: n, Seed: 3}) {
		m := combined.FindStringSubmatch(line)
		if m == nil {
			t.Fatal(line)
		}
		addr := netip.MustParseAddr(m[1])
		if addr.String() != m[1] || !addr.IsGlobalUnicast() || addr.IsPrivate() || special(addr) {
			t.Fatalf("address %s is not a public one in its canonical form", m[1])
		}
		if addr.Is6() {
			count["ipv6"]++
		}
		count[m[8]]++
		if (m[8] == "304") != (m[9] == "-") {
			t.Fatalf("size %s with status %s", m[9], m[8])
		}
		agents[m[11]]++
		addrs[m[1]]++
		for _, p := range []string{"/course/", "/video/", "/static/", "/api/"} {
			if strings.HasPrefix(m[5], p) {
				count[p]++
			}
		}
		for name, have := range map[string]bool{"query": m[6] != "", "user": m[2] != "-",
			"referer": m[10] != "-", "no agent": m[11] == "-", "POST": m[4] == "POST", "top": m[5] == "/course/1.html"} {
			if have {
				count[name]++
			}
		}
	}
	for name, share := range map[string][2]float64{
		"200": {0.75, 0.9}, "304": {0.03, 0.1}, "404": {0.02, 0.06}, "500": {0.003, 0.02}, "ipv6": {0.01, 0.1},
		"/course/": {0.42, 0.48}, "/video/": {0.3, 0.36}, "/static/": {0.05, 0.09}, "/api/": {0.06, 0.1},
		"query": {0.04, 0.06}, "user": {0.001, 0.1}, "referer": {0.6, 0.7}, "POST": {0.02, 0.04},
		"no agent": {0.0001, 0.02}, "top": {0.05, 0.09},
	} {
		if got := float64(count[name]) / n; got < share[0] || got > share[1] {
			t.Errorf("share of %s is %v, want %v", name, got, share)
		}
	}
	if len(agents) < 70 || len(addrs) < 10_000 {
		t.Errorf("%d agents, %d addresses", len(agents), len(addrs))
	}
}

// special tells documentation, carrier and benchmark networks.
func special(a netip.Addr) bool {
	for _, p := range []string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "2001:db8::/32", "3fff::/20"} {
		if netip.MustParsePrefix(p).Contains(a) {
			return true
		}
	}
	return false
}

// Nothing that lines are put together from wants an escape in JSON, a quote in
// CSV, or breaks a log line.
func TestWordsNeedNoEscapes(t *testing.T) {
	var words []string
	for _, a := range agents {
		words = append(words, a.text)
	}
	for _, r := range referers {
		words = append(words, r.text)
	}
	for _, f := range staticFiles {
		words = append(words, f.path)
	}
	for _, list := range [][]string{terms, probes, users, firstNames[0], firstNames[1], lastNames,
		streetAdjectives, streetNouns, streetKinds} {
		words = append(words, list...)
	}
	for _, w := range words {
		if w == "-" || strings.ContainsAny(w, "\"\\\r\n\t<>") || strings.ContainsFunc(w, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q", w)
		}
	}
}

func TestBehaviorFormsAgree(t *testing.T) {
	const n = 20_000
	lines := makeLines(t, "behavior", Options{N: n})
	base := fixedStart.UnixMilli()
	late := false
	before := int64(0)
	for i, line := range makeLines(t, "behavior", Options{N: n, JSON: true}) {
		f := strings.Split(lines[i], "|")
		var ts int64
		if _, err := fmt.Sscanf(line[strings.LastIndexByte(line, ':')+1:], "%d", &ts); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf(`{"page":"%s","clicks":%s,"minutes":%s,"like":%s,"ts":%d}`, f[0], f[1], f[2], f[3], ts)
		if len(f) != 4 || line != want {
			t.Fatalf("line %d: %s and %s", i, lines[i], line)
		}
		if due := base + int64(i); ts > due || ts < due-3000 {
			t.Fatalf("line %d: ts %d, due %d", i, ts, due)
		}
		late = late || ts < before
		before = ts
		var v struct{ Minutes float64 }
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		if short, _ := json.Marshal(v.Minutes); string(short) != f[2] {
			t.Fatalf("%s is not the shortest form of %s", f[2], short)
		}
	}
	if !late {
		t.Error("event times are in order; they shall not be")
	}
}

func TestMinutes(t *testing.T) {
	for m, want := range map[uint64]string{15119122: "1.5119122", 5_000_000: "0.5", 50_000_000: "5", 100_000: "0.01", 10_000_001: "1.0000001"} {
		if got := string(appendMinutes(nil, m)); got != want {
			t.Errorf("%d: %s, want %s", m, got, want)
		}
	}
}

// rows reads a CSV form.
func rows(t *testing.T, name string, o Options) [][]string {
	t.Helper()
	all, err := csv.NewReader(strings.NewReader(strings.Join(makeLines(t, name, o), "\n"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestTracksAndCustomersFitTogether(t *testing.T) {
	customers := rows(t, "customers", Options{N: defaultCustomers, Seed: 5})
	tracks := rows(t, "tracks", Options{N: 10_000, Seed: 5})
	home := 0
	for _, f := range tracks {
		var id int
		if _, err := fmt.Sscan(f[1], &id); err != nil || id < 1 || id > len(customers) {
			t.Fatalf("customer %q", f[1])
		}
		if c := customers[id-1]; c[0] != f[1] {
			t.Fatalf("row %d has id %s", id, c[0])
		} else if c[4] == f[5] {
			home++
		}
		if _, err := time.Parse(time.DateTime, f[3]); err != nil || len(f[5]) != 5 {
			t.Fatalf("date or zip of %v", f)
		}
	}
	if home < 8000 || home == len(tracks) {
		t.Errorf("%d of %d tracks at home", home, len(tracks))
	}
}

func TestCSVFormsAgree(t *testing.T) {
	types := map[string]string{"zip": "string", "name": "string", "address": "string", "sign_date": "string", "time": "string"}
	for _, name := range []string{"tracks", "customers"} {
		k, err := find(name)
		if err != nil {
			t.Fatal(err)
		}
		text := rows(t, name, Options{N: 3000})
		for i, line := range makeLines(t, name, Options{N: 3000, JSON: true}) {
			var v map[string]any
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Fatal(err)
			}
			for j, field := range k.Fields {
				want := text[i][j]
				if field == "time" {
					want = strings.Replace(want, " ", "T", 1) + "Z"
				}
				if got := fmt.Sprint(v[field]); got != want {
					t.Fatalf("%s line %d: %s is %s, in the text %s", name, i, field, got, want)
				}
				kind := "float64"
				if types[field] != "" {
					kind = types[field]
				}
				if got := reflect.TypeOf(v[field]).String(); got != kind {
					t.Fatalf("%s: %s is a %s", name, field, got)
				}
			}
		}
	}
}

func TestCustomers(t *testing.T) {
	zero := false
	for _, f := range rows(t, "customers", Options{N: 5000}) {
		if len(f) != 11 || len(f[4]) != 5 {
			t.Fatal(f)
		}
		zero = zero || f[4][0] == '0'
		if signed, err := time.Parse("01/02/2006", f[6]); err != nil || signed.Year() < 2012 || signed.Year() > 2014 {
			t.Fatalf("sign date %s", f[6])
		}
		if f[2] != "0" && f[2] != "1" {
			t.Fatalf("gender %s", f[2])
		}
	}
	if !zero {
		t.Error("no zip begins with 0")
	}
}

type sparkEvent struct {
	Event string
	Info  struct {
		ID       int64  `json:"Task ID"`
		Launch   int64  `json:"Launch Time"`
		Finish   int64  `json:"Finish Time"`
		Executor string `json:"Executor ID"`
		Host     string
	} `json:"Task Info"`
}

func TestSparkEvents(t *testing.T) {
	const n = 12_000
	for _, o := range []Options{{N: n}, {N: n, Rate: 500, Start: fixedStart}, {N: n, Every: time.Second, BatchMax: 900, Start: fixedStart}} {
		open := map[int64]sparkEvent{}
		last, starts, running := int64(0), 0, 0
		for _, line := range makeLines(t, "spark-events", o) {
			var e sparkEvent
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			at := e.Info.Launch
			if e.Event == "SparkListenerTaskStart" {
				if e.Info.Finish != 0 || e.Info.ID != int64(starts) {
					t.Fatal(line)
				}
				starts++
				open[e.Info.ID] = e
			} else {
				at = e.Info.Finish
				start, ok := open[e.Info.ID]
				start.Event, start.Info.Finish = e.Event, at
				if !ok || start != e || at < e.Info.Launch {
					t.Fatalf("end without its start: %s", line)
				}
				delete(open, e.Info.ID)
			}
			running = max(running, len(open))
			if at < last {
				t.Fatalf("not in order of time: %s", line)
			}
			last = at
		}
		if lost := float64(len(open)) / float64(starts); lost < 0.006 || lost > 0.014 {
			t.Errorf("%+v: share of tasks without an end is %v", o, lost)
		}
		if running < 100 {
			t.Errorf("%+v: at most %d tasks ran at a time", o, running)
		}
	}
}

// However few lines there are, at most one task that was not lost stays open.
func TestSparkEventsEndWithN(t *testing.T) {
	for n := int64(1); n < 60; n++ {
		lines := makeLines(t, "spark-events", Options{N: n, Seed: 2})
		ends := strings.Count(strings.Join(lines, "\n"), "SparkListenerTaskEnd")
		if starts := len(lines) - ends; starts-ends > 2 {
			t.Errorf("%d lines: %d starts, %d ends", n, starts, ends)
		}
	}
}
