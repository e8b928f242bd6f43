package record

import (
	"encoding/json"
	"strings"
	"testing"
)

func FuzzNumberSpan(f *testing.F) {
	for _, s := range []string{"0", "-1", "1.5e3", "007", "+1", ".5", "1.", "", "-", "1e", "9223372036854775808", "1e400",
		strings.Repeat("1234567890", 9), "1\n", "12 "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, ok := NumberSpan([]byte(text), 3)
		var n json.Number
		want := strings.TrimSpace(text) == text && !strings.HasPrefix(text, `"`) && text != "null" && json.Unmarshal([]byte(text), &n) == nil
		if ok != want {
			t.Fatalf("%q: ok %v, want %v", text, ok, want)
		}
		if !ok {
			return
		}
		r := Record{Line: append([]byte("abc"), text...), Arena: new(Arena)}
		if got := r.decode(&s); !Equal(got, ParseNumber([]byte(text))) {
			t.Fatalf("%q = %v", text, got)
		}
	})
}
