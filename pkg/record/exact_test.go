package record

import (
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"
)

// FuzzExact holds that a text of UTF-8 is what encoding/json reads, that other bytes
// stay as they are, and that all else is as it was written.
func FuzzExact(f *testing.F) {
	for _, s := range []string{`"a\u00fc\n\"\\"`, `"\ud83d\ude00"`, `"\ud800"`, `"\ud800\ud800"`, "\"\xff\\t\xc3\"", `1.50`, `{"a":"\u0041"}`, `""`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if v := DecodeJSON(raw); v.Kind == Null || raw[0] == ' ' {
			return
		}
		got, err := AppendExact([]byte("x"), raw)
		if raw[0] != '"' {
			if string(got) != "x"+string(raw) || err != nil {
				t.Errorf("%q: %q, %v", raw, got, err)
			}
			return
		}
		var want string
		if json.Unmarshal(raw, &want) != nil {
			t.Fatalf("%q is no JSON", raw)
		}
		if err != nil { // encoding/json writes the mark of what is no character instead
			if !errors.Is(err, ErrSurrogate) {
				t.Errorf("%q: %v", raw, err)
			}
			return
		}
		if utf8.Valid(raw) && string(got) != "x"+want {
			t.Errorf("%q: %q, want %q", raw, got[1:], want)
		}
		if !utf8.Valid(raw) && utf8.Valid(got) {
			t.Errorf("%q: %q has lost bytes", raw, got)
		}
	})
}
