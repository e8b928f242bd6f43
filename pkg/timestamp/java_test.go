package timestamp

import (
	"testing"
	"time"
)

func TestFromJava(t *testing.T) {
	tests := []struct{ pattern, want, text string }{
		{"yyyy-MM-dd'T'HH:mm:ss.SSSZ", "%Y-%m-%dT%H:%M:%S.%L%z", "2012-10-18T18:47:57.614+0000"},
		{"yyyy-MM-dd HH:mm", "%Y-%m-%d %H:%M", "2012-10-18 18:47"},
		{"dd/MMM/yyyy:HH:mm:ss ZZ", "%d/%b/%Y:%H:%M:%S %:z", "18/Oct/2012:18:47:57 +00:00"},
		{"EEE, d MMMM yy hh a 'o''clock' 100%", "%a, %d %B %y %I %p o'clock 100%%", "Thu, 18 October 12 06 PM o'clock 100%"},
	}
	at := time.Date(2012, 10, 18, 18, 47, 57, 614e6, time.UTC).UnixNano()
	for _, test := range tests {
		got, err := FromJava(test.pattern)
		if err != nil || got != test.want {
			t.Errorf("%s: %q %v, want %q", test.pattern, got, err, test.want)
		}
		if text := string(Strftime(nil, at, nil, got)); text != test.text {
			t.Errorf("%s: %q, want %q", test.pattern, text, test.text)
		}
	}
	for _, bad := range []string{"yyyy G", "'open", "SS"} {
		if got, err := FromJava(bad); err == nil {
			t.Errorf("%s: %q", bad, got)
		}
	}
}

// Patterns as Joda-Time reads them: the results are its own.
func TestNewJavaLayout(t *testing.T) {
	tests := []struct {
		pattern, text string
		want          int64 // ms; -1 = no time
	}{
		{"yyyy-MM-dd HH:mm:ss.S", "2020-09-06 18:11:14.1", 1599415874100},
		{"yyyy-MM-dd HH:mm:ss,SS", "2020-09-06 18:11:14,12", 1599415874120},
		{"yyyy-MM-dd HH:mm:ss.SSS", "2020-09-06 18:11:14.123", 1599415874123},
		{"yyyy-M-d H:m:s", "2016-10-11 7:8:5", 1476169685000},
		{"yyyy-MM-dd HH:mm:ss", "2016-10-11 7:8:5", 1476169685000},
		{"yyyyMMddHHmmss", "20161011070805", 1476169685000},
		{"kk:mm", "24:05", 300_000},
		{"kk:mm", "5:34", 20_040_000},
		{"kk:mm", "0:34", -1},
		{"K:mm a", "0:36 AM", 2_160_000},
		{"K:mm a", "0:36 PM", 45_360_000},
		{"K:mm a", "12:36 PM", -1},
		{"yyyy-MM-dd HH:mm:ss z", "1991-05-19 16:45:03 PST", 674_696_703_000},
		{"yyyy-MM-dd HH:mm:ss z", "1991-05-19 16:45:03 EDT", 674_685_903_000},
		{"yyyy-MM-dd HH:mm:ss z", "1991-05-19 16:45:03 UTC", 674_671_503_000},
		{"yyyy-MM-dd HH:mm:ss z", "1991-05-19 16:45:03 XST", -1},
		{"s", "7", 7000},
	}
	for _, test := range tests {
		l, err := NewJavaLayout(test.pattern)
		if err != nil {
			t.Errorf("%s: %v", test.pattern, err)
			continue
		}
		ns, ok := l.Parse([]byte(test.text), time.UTC)
		if ms := ns / 1e6; ok && ms != test.want || ok != (test.want >= 0) {
			t.Errorf("%s: %s = %d %v, want %d", test.pattern, test.text, ms, ok, test.want)
		}
	}
	for _, bad := range []string{"G yyyy", "'open", "ww"} {
		if _, err := NewJavaLayout(bad); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
