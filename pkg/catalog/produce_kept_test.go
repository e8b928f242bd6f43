package catalog

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/stream"
)

// Lines that are kept for a mark are handed on in order, each with the place that it
// comes from.
func TestKept(t *testing.T) {
	var k kept
	add := func(lines string, at stream.Places) {
		t.Helper()
		if k.add([]byte(lines), at) {
			t.Fatalf("no room for %q", lines)
		}
	}
	all := func() (list []string) {
		if err := k.hand(func(lines []byte, at stream.Places) error {
			for i, line := range strings.Fields(string(lines)) {
				list = append(list, fmt.Sprintf("%s %s:%d", line, at.Name, at.At(int64(i))))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return list
	}
	want := func(list ...string) {
		t.Helper()
		if got := all(); strings.Join(got, "|") != strings.Join(list, "|") {
			t.Errorf("got %q\nwant %q", got, list)
		}
		if n := k.clear(); n != 0 {
			t.Errorf("%d lines are kept that were handed on", n)
		}
	}

	add("a\nb\n", stream.Places{Name: "f", Line: 3})
	add("c\n", stream.Places{Name: "f", Line: 5}) // goes on
	add("d\n", stream.Places{Name: "f", Line: 9})
	add("e\nf\n", stream.Places{Name: "f", Line: 10, Pos: []uint32{0, 7}})
	add("g\n", stream.Places{Name: "f", Line: 12})
	add("h\n", stream.Places{Name: "g", Line: 13})
	add("row\n", stream.Places{Name: "g"})
	add("row\n", stream.Places{Name: "g"}) // no line, as the one before
	add("i\n", stream.Places{Name: "g", Line: 14})
	want("a f:3", "b f:4", "c f:5", "d f:9", "e f:10", "f f:17", "g f:12", "h g:13", "row g:0", "row g:0", "i g:14")

	add("a\n", stream.Places{Line: 1})
	if n := k.clear(); n != 1 {
		t.Errorf("%d lines forgotten, want 1", n)
	}
	want()
}

// No more is kept than there is room for, whatever the lines are.
func TestKeptIsBounded(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []byte
		at    stream.Places
	}{
		{"long lines", append(bytes.Repeat([]byte{'x'}, 999), '\n'), stream.Places{}},
		{"empty lines from all over", bytes.Repeat([]byte{'\n'}, 3), stream.Places{Line: 1, Pos: []uint32{1, 3, 5}}},
		{"one line that is too large", append(bytes.Repeat([]byte{'x'}, mostKept), '\n'), stream.Places{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var k kept
			n := 0
			for !k.add(c.lines, c.at) {
				n++
			}
			if size := len(k.lines) + keptPartSize*len(k.parts); size > mostKept || k.count != int64(n*bytes.Count(c.lines, []byte{'\n'})) {
				t.Errorf("%d bytes and %d lines are kept of %d additions", size, k.count, n)
			}
		})
	}
}
