package format

import (
	"bytes"
	"testing"

	"github.com/logpipe/logpipe/pkg/gen"
)

// TestBadLinesOfGen holds that no access-log format reads a bad line that gen
// makes, and that every good line is read.
func TestBadLinesOfGen(t *testing.T) {
	for _, bad := range []float64{0, 1} {
		g, err := gen.New("access", gen.Options{N: 2000, Seed: 7, Bad: bad})
		if err != nil {
			t.Fatal(err)
		}
		for range 2000 {
			line, ok := g.Next(nil)
			if !ok {
				t.Fatal("too few lines")
			}
			fits := 0
			for _, n := range named {
				fits += countFits(lookup(t, n.name, Options{}), [][]byte{bytes.TrimSuffix(line, []byte("\n"))})
			}
			if want := 1 - int(bad); fits != want {
				t.Fatalf("%d formats read %s", fits, line)
			}
		}
	}
}
