package timestamp

import (
	"math"
	"strings"
	"testing"
	"time"
)

func ns(t *testing.T, text string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixNano()
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Skip("no time zone database: ", err)
	}
	return loc
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"2015-05-17T10:05:03Z":            "2015-05-17T10:05:03Z",
		"2015-05-17t10:05:03z":            "2015-05-17T10:05:03Z",
		"2015-05-17 10:05:03":             "2015-05-17T10:05:03Z",
		"2015-05-17 10:05":                "2015-05-17T10:05:00Z",
		"2015-05-17 10:05:03,25":          "2015-05-17T10:05:03.25Z",
		"2015-05-17 10:05:03 UTC":         "2015-05-17T10:05:03Z",
		"2015-05-17 10:05:03.1 -0130":     "2015-05-17T11:35:03.1Z",
		"2015-05-17T10:05:03.123456789Z":  "2015-05-17T10:05:03.123456789Z",
		"2015-05-17T10:05:03.1234567899Z": "2015-05-17T10:05:03.123456789Z",
		"2015-05-17T10:05:03+02:00":       "2015-05-17T08:05:03Z",
		"2015-05-17T10:05:03+02":          "2015-05-17T08:05:03Z",
		"2016-02-29":                      "2016-02-29T00:00:00Z",
		"2000-02-29":                      "2000-02-29T00:00:00Z",
		"1969-12-31T23:59:59.5Z":          "1969-12-31T23:59:59.5Z",
		"1700-01-01":                      "1700-01-01T00:00:00Z",
		"17/May/2015:10:05:03 +0000":      "2015-05-17T10:05:03Z",
		"17/MAY/2015:10:05:03 -0700":      "2015-05-17T17:05:03Z",
		"7/May/2015:10:05:03.123 +0000":   "2015-05-07T10:05:03.123Z",
		"17/May/2015:10:05:03":            "2015-05-17T10:05:03Z",
		"Sun, 17 May 2015 10:05:03 GMT":   "2015-05-17T10:05:03Z",
		"Sun, 7 May 2015 10:05:03 +0200":  "2015-05-07T08:05:03Z",
		"1431857103":                      "2015-05-17T10:05:03Z",
		"1431857103.25":                   "2015-05-17T10:05:03.25Z",
		"1431857103250":                   "2015-05-17T10:05:03.25Z",
		"1431857103250000":                "2015-05-17T10:05:03.25Z",
		"1431857103250000000":             "2015-05-17T10:05:03.25Z",
	} {
		if got, ok := Parse([]byte(text)); !ok || got != ns(t, want) {
			t.Errorf("%q = %s %v, want %s", text, AppendRFC3339(nil, got, nil), ok, want)
		}
	}
	for _, text := range []string{"", "2015", "2015-02-29", "1900-02-29", "2015-13-01", "2015-00-01", "2015-01-00", "2015-04-31",
		"2015-05-17T", "2015-05-17T10", "2015-05-17T24:00:00Z", "2015-05-17T10:60:00Z", "2015-05-17T10:05:60Z", "2015-05-17T10:05:03.Z",
		"2015-05-17T10:05:03+2:00", "2015-05-17T10:05:03+24:00", "2015-05-17T10:05:03+02:60", "2015-05-17T10:05:03 ", "2015-05-17T10:05:03 CEST",
		"2015-05-17X10:05:03Z", "2015-05-17T10:05:03ZZ", "2015-05-17 10:05:0", "2015/05/17 10:05:03", "1600-01-01", "2262-05-01", "9999-12-31",
		"17/Mai/2015:10:05:03 +0000", "31/Apr/2015:10:05:03 +0000", "x/May/2015:10:05:03 +0000", "17/May/2015", "17/May/2015:10", "17/May/20",
		"Xxx, 17 May 2015 10:05:03 GMT", "Sun, 17 May 2015", "Sun, 17 May 2015 10:05:03 PST", "Sun, 17-May-2015 10:05 GMT",
		"12345678901", "14318571039999999999", "9999999999", "1431857103.", "1431857103.5x", "1431857103250000000.5", "-431857103"} {
		if got, ok := Parse([]byte(text)); ok {
			t.Errorf("%q accepted as %s", text, AppendRFC3339(nil, got, nil))
		}
	}
}

func TestParseIn(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	for text, want := range map[string]string{
		"2015-05-17 10:05:03":       "2015-05-17T08:05:03Z",
		"2015-01-17 10:05:03.5":     "2015-01-17T09:05:03.5Z",
		"2015-05-17T10:05:03Z":      "2015-05-17T10:05:03Z",
		"2015-05-17":                "2015-05-16T22:00:00Z",
		"17/May/2015:10:05:03":      "2015-05-17T08:05:03Z",
		"2015-03-29 02:30:00":       "2015-03-29T01:30:00Z", // in the gap: as time.Date
		"17/May/2015:10:05:03 +000": "",
	} {
		got, ok := ParseIn([]byte(text), berlin)
		if want == "" && ok || want != "" && got != ns(t, want) {
			t.Errorf("%q = %s %v, want %s", text, AppendRFC3339(nil, got, nil), ok, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{
		0: "1970-01-01T00:00:00Z", -1: "1969-12-31T23:59:59Z", 1431857103: "2015-05-17T10:05:03Z", 1431857103123: "2015-05-17T10:05:03.123Z",
		1431857103123456: "2015-05-17T10:05:03.123456Z", 1431857103123456789: "2015-05-17T10:05:03.123456789Z",
		9_999_999_999_999: "2286-11-20T17:46:39.999Z", 10_000_000_000: "1970-04-26T17:46:40Z", 10_000_000_000_000: "1970-04-26T17:46:40Z",
	} {
		got, ok := FromInt(n)
		if wantOK := !strings.HasPrefix(want, "2286"); ok != wantOK || ok && got != ns(t, want) {
			t.Errorf("FromInt(%d) = %s %v, want %s", n, AppendRFC3339(nil, got, nil), ok, want)
		}
		if float64(n) > 1e15 || !ok {
			continue
		}
		if f, ok := FromNumber(float64(n)); !ok || f != got {
			t.Errorf("FromNumber(%d) = %d %v, want %d", n, f, ok, got)
		}
	}
	for f, want := range map[float64]string{
		1431857103.123: "2015-05-17T10:05:03.123Z", 1431857103123.5: "2015-05-17T10:05:03.1235Z", -0.5: "1969-12-31T23:59:59.5Z",
		1431857103.999999: "2015-05-17T10:05:03.999999Z",
	} {
		if got, ok := FromNumber(f); !ok || got != ns(t, want) {
			t.Errorf("FromNumber(%f) = %s %v, want %s", f, AppendRFC3339(nil, got, nil), ok, want)
		}
	}
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e19, -1e30, 9_300_000_000.5} {
		if got, ok := FromNumber(f); ok {
			t.Errorf("FromNumber(%g) = %d", f, got)
		}
	}
	for _, n := range []int64{9_223_372_037, math.MinInt64, math.MaxInt64} {
		if _, ok := FromInt(n); ok != (n < -1e16 || n > 1e16) {
			t.Errorf("FromInt(%d): ok %v", n, ok)
		}
	}
}

func TestAppendRFC3339(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	for _, text := range []string{"2015-05-17T10:05:03Z", "2015-05-17T10:05:03.5Z", "2016-02-29T23:59:59.999999999Z",
		"1969-12-31T23:59:59.000000001Z", "1677-09-22T00:00:00Z", "2262-04-11T00:00:00Z", "2000-03-01T00:00:00Z", "1999-12-31T00:00:00.01Z"} {
		at := time.Unix(0, ns(t, text))
		if got := string(AppendRFC3339(nil, at.UnixNano(), nil)); got != text {
			t.Errorf("got %s, want %s", got, text)
		}
		got := AppendRFC3339(nil, at.UnixNano(), berlin)
		if want := at.In(berlin).Format(time.RFC3339Nano); string(got) != want && at.Year() > 1893 {
			t.Errorf("got %s, want %s", got, want)
		}
		if back, ok := Parse(got); !ok || back != at.UnixNano() {
			t.Errorf("%s reads back as %d, want %d", got, back, at.UnixNano())
		}
	}
}

func TestAppendParsed(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	for text, want := range map[string]string{
		"17/May/2015:10:05:03 +0000":     "2015-05-17T10:05:03Z",
		"17/May/2015:10:05:03 -0730":     "2015-05-17T10:05:03-07:30",
		"17/May/2015:10:05:03":           "2015-05-17T10:05:03+02:00",
		"2015-05-17 10:05:03,250 +02:00": "2015-05-17T10:05:03.25+02:00",
		"2015-01-17":                     "2015-01-17T00:00:00+01:00",
		"1431857103.5":                   "2015-05-17T12:05:03.5+02:00",
		"no time":                        "",
		"no time at all":                 "",
		"3000-01-01":                     "",
	} {
		got, ok := AppendParsed(nil, []byte(text), berlin)
		if string(got) != want || ok != (want != "") {
			t.Errorf("%q = %s %v, want %s", text, got, ok, want)
		}
	}
}

func TestAllocations(t *testing.T) {
	line, buf := []byte("17/May/2015:10:05:03 +0000"), make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() {
		at, _ := Parse(line)
		buf = AppendRFC3339(buf[:0], at, nil)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// layouts are the forms that package time knows too.
var layouts = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05Z0700", "2006-01-02", "2006-01-02 15:04:05 -0700",
	"02/Jan/2006:15:04:05 -0700", "Mon, 02 Jan 2006 15:04:05 -0700", "Mon, 02 Jan 2006 15:04:05 GMT"}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"2015-05-17T10:05:03.5Z", "2016-02-29 23:59:59", "2015-05-17T10:05:03+02:00", "17/May/2015:10:05:03 +0000",
		"Sun, 17 May 2015 10:05:03 GMT", "1431857103.5", "2015-05-17 10:05:03,1 -0700", "2100-02-29", "17/Feb/1900:10:05:03 -2359"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := Parse([]byte(text))
		if !ok {
			got = 0
		}
		digits := ok && strings.Trim(text, "0123456789.") == ""
		known := false
		for _, layout := range layouts {
			at, err := time.Parse(layout, text)
			if err != nil {
				continue
			}
			known = true
			switch s := at.Unix(); {
			case s < -maxSeconds || s >= maxSeconds || looser(text):
			case !ok:
				t.Fatalf("%q refused, %s reads %s", text, layout, at)
			case got != at.UnixNano():
				t.Fatalf("%q = %d, %s reads %d", text, got, layout, at.UnixNano())
			}
		}
		if ok && !known && !digits && !ours(text) {
			t.Fatalf("%q accepted as %s, package time refuses it", text, AppendRFC3339(nil, got, nil))
		}
		if ok {
			if back, ok := Parse(AppendRFC3339(nil, got, nil)); !ok || back != got {
				t.Fatalf("%q printed and read back: %d, want %d", text, back, got)
			}
		}
	})
}

// looser tells what package time takes and we do not: an hour of one digit,
// offsets of 24 hours or 60 minutes, blanks before the day.
func looser(text string) bool {
	if i := strings.LastIndexAny(text, "+-"); i > 0 {
		rest := strings.ReplaceAll(text[i+1:], ":", "")
		if strings.HasPrefix(rest, "24") || len(rest) == 4 && rest[2] == '6' {
			return true
		}
	}
	if strings.Contains(text, "  ") || strings.Contains(text, ", ") && len(text) < len("Sun, 17 May 2015 10:05:03 GMT") {
		return true
	}
	i := strings.IndexByte(text, ':')
	if strings.Contains(text, "/") && i >= 0 {
		i += 3
	}
	return i > 2 && i < len(text) && (text[i-2]-'0' > 9 || text[i] != ':')
}

// ours tells what we take beyond package time: no seconds, zones after blanks or
// in other forms, lower case, a comma, days of one digit, long fractions.
func ours(text string) bool {
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02T15:04Z0700", "2006-01-02T15:04:05Z07:00",
		"2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04Z07"} {
		for _, date := range []string{"2006-01-02T", "2006-01-02 ", "2/Jan/2006:", "Mon, 2 Jan 2006 "} {
			for _, blank := range []string{"", " "} {
				l := date + strings.Replace(layout[len("2006-01-02T"):], "Z07", blank+"Z07", 1)
				for _, text := range []string{text, strings.ToUpper(text[:len(text)-1]) + strings.ToUpper(text[len(text)-1:])} {
					text = strings.NewReplacer("UTC", "Z", "GMT", "Z").Replace(text)
					if len(text) > 11 && text[10] == 'T' && date[10:] == " " {
						text = text[:10] + " " + text[11:]
					}
					if _, err := time.Parse(l, text); err == nil {
						return true
					}
					if _, err := time.Parse(strings.ToUpper(l), text); err == nil {
						return true
					}
				}
			}
		}
	}
	return false
}

func BenchmarkParse(b *testing.B) {
	for _, text := range []string{"2015-05-17T10:05:03Z", "2015-05-17T10:05:03.123+02:00", "17/May/2015:10:05:03 +0000", "2015-05-17 10:05:03"} {
		b.Run(text, func(b *testing.B) {
			line := []byte(text)
			for b.Loop() {
				if _, ok := Parse(line); !ok {
					b.Fatal("refused")
				}
			}
		})
	}
}

func BenchmarkAppendRFC3339(b *testing.B) {
	var buf [64]byte
	for b.Loop() {
		AppendRFC3339(buf[:0], 1431857103123000000, nil)
	}
}
