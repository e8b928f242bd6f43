package protofield

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func list(message []byte) (string, error) {
	var s strings.Builder
	err := Each(message, func(field int, number uint64, packed []byte) error {
		if packed != nil {
			fmt.Fprintf(&s, "%d=%q ", field, packed)
			return nil
		}
		fmt.Fprintf(&s, "%d=%d ", field, number)
		return nil
	})
	return strings.TrimSpace(s.String()), err
}

func TestEach(t *testing.T) {
	for message, want := range map[string]string{
		"":                                 "",
		"\x08\x96\x01":                     "1=150", // the example of the specification
		"\x12\x07testing":                  `2="testing"`,
		"\x12\x00\x08\x01":                 `2="" 1=1`,
		"\x0d\x01\x00\x00\x00":             "1=1",
		"\x09\x02" + zeros(7):              "1=2",
		"\x80\x01\x05":                     "16=5",
		"\x32\x06\x03\x8e\x02\x9e\xa7\x05": `6="\x03\x8e\x02\x9e\xa7\x05"`, // packed
	} {
		if got, err := list([]byte(message)); got != want || err != nil {
			t.Errorf("%q: %s, %v, want %s", message, got, err, want)
		}
	}
}

func zeros(n int) string { return strings.Repeat("\x00", n) }

func TestMalformed(t *testing.T) {
	for _, message := range []string{
		"\x80",     // a tag without an end
		"\x08",     // no value
		"\x08\x80", // a varint without an end
		"\x08" + strings.Repeat("\xff", 10) + "\x01", // one above 64 bits
		"\x09" + zeros(7), // 7 of 8 bytes
		"\x0d" + zeros(3), // 3 of 4
		"\x12",            // no length
		"\x12\x02a",       // 1 of 2 bytes
		"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", // a length of 2^64-1
		"\x0b\x0c", // a group
	} {
		if got, err := list([]byte(message)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %s, %v", message, got, err)
		}
	}
	for _, b := range []string{"", "\x80", "\x02a", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"} {
		if got, n, err := Delimited([]byte(b)); !errors.Is(err, ErrMalformed) || n != 0 {
			t.Errorf("%q: %q, %d, %v", b, got, n, err)
		}
	}
	if got, n, err := Delimited([]byte("\x02abc")); string(got) != "ab" || n != 3 || err != nil {
		t.Errorf("%q, %d, %v", got, n, err)
	}
}

// TestEnd holds that the error of the caller is the end, and is handed on.
func TestEnd(t *testing.T) {
	end, calls := errors.New("end"), 0
	err := Each([]byte("\x08\x01\x08\x02"), func(int, uint64, []byte) error { calls++; return end })
	if !errors.Is(err, end) || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

// FuzzEach holds that any bytes are read within their bounds, and what is handed
// over is no more than the message.
func FuzzEach(f *testing.F) {
	f.Add([]byte("\x08\x96\x01\x12\x07testing\x0d\x01\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		fields, bytes := 0, 0
		err := Each(b, func(_ int, _ uint64, packed []byte) error {
			fields++
			bytes += len(packed)
			return nil
		})
		if 2*fields+bytes > len(b) && err == nil || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%d fields with %d bytes in %d bytes, %v", fields, bytes, len(b), err)
		}
	})
}
