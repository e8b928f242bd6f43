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
