package stream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

type takenLine struct {
	bytes.Buffer
	most   int // of one piece
	closed bool
}

func (l *takenLine) Write(p []byte) (int, error) {
	l.most = max(l.most, len(p))
	return l.Buffer.Write(p)
}

func (l *takenLine) Close() error {
	l.closed = true
	return nil
}

// TestLongLinesAreTaken reads lines that are longer than the limit: each goes to who
// takes it, piece by piece and without its end, and its neighbours are read.
func TestLongLinesAreTaken(t *testing.T) {
	long := strings.Repeat("long ", 1<<18)
	for _, c := range []struct {
		name, in, out string
		want          []string
		err           error
	}{
		{"between", "a\n" + long + "\nb\n", "a\nb\n", []string{long}, io.EOF},
		{"two", long + "\n" + long + "!\n", "", []string{long, long + "!"}, io.EOF},
		{"without an end", "a\n" + long, "a\n", []string{long}, io.EOF},
		{"carriage return", long + "\r\n", "", []string{long + "\r"}, io.EOF},
		{"cut off", "a\n" + long, "a\n", []string{long}, io.ErrUnexpectedEOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := io.Reader(strings.NewReader(c.in))
			if c.err != io.EOF {
				in = io.MultiReader(in, iotest.ErrReader(c.err))
			}
			var lines []*takenLine
			r := NewReader(pages{in}, "", nil)
			r.maxLen = 1000
			r.Long = func() io.WriteCloser {
				lines = append(lines, new(takenLine))
				return lines[len(lines)-1]
			}
			var out []byte
			told := 0
			for {
				b, err := r.Read(context.Background())
				if err != nil {
					if !errors.Is(err, c.err) {
						t.Errorf("ended with %v", err)
					}
					break
				}
				out = append(out, b.Data...)
				for _, l := range b.Long {
					if told++; !l.Taken || l.Size != int64(len(c.want[told-1])) {
						t.Errorf("told of %+v", l)
					}
				}
			}
			if string(out) != c.out || told != len(c.want) || len(lines) != len(c.want) {
				t.Fatalf("read %q, told %d, taken %d", out, told, len(lines))
			}
			for i, l := range lines {
				if l.String() != c.want[i] || !l.closed || l.most > BlockSize {
					t.Errorf("taken: %d bytes, closed %v, pieces of %d", l.Len(), l.closed, l.most)
				}
			}
		})
	}
}

// pages reads 4 KiB at a time.
type pages struct{ io.Reader }

func (c pages) Read(p []byte) (int, error) { return c.Reader.Read(p[:min(len(p), 4096)]) }
