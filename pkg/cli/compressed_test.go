package cli

import (
	"io"
	"testing"
	"testing/iotest"
)

// TestExpandedPasses holds that what is not compressed passes as it comes, also
// where it begins as if it were.
func TestExpandedPasses(t *testing.T) {
	for _, text := range []string{"", "(", "(\xb5/", "\x1f", "\x1f\x8b", "{\"a\":1}\n", "(\xb5\n"} {
		in, out := io.Pipe()
		go func() {
			_, _ = io.WriteString(out, text)
			out.Close()
		}()
		got, err := io.ReadAll(&expanded{in: iotest.OneByteReader(in)})
		if err != nil || string(got) != text {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if _, err := io.ReadAll(&expanded{in: iotest.ErrReader(io.ErrClosedPipe)}); err != io.ErrClosedPipe {
		t.Errorf("an error: %v", err)
	}
	in, out := io.Pipe()
	go func() { _, _ = io.WriteString(out, "(a") }() // and no more for now
	b := make([]byte, 10)
	if n, err := (&expanded{in: in}).Read(b); err != nil || string(b[:n]) != "(a" {
		t.Errorf("%q, %v", b[:n], err)
	}
}
