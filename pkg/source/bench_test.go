package source

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/logpipe/logpipe/pkg/flume"
)

// countingChannel counts events and wakes up when there are enough.
type countingChannel struct {
	left int
	done func()
}

func (c *countingChannel) Open(flume.Env) error { return nil }
func (c *countingChannel) Put(_ context.Context, batch []flume.Event) error {
	if c.left -= len(batch); c.left <= 0 {
		c.done()
	}
	return nil
}
func (c *countingChannel) Take(context.Context, int) (flume.Transaction, error) { return nil, io.EOF }
func (c *countingChannel) Drain()                                               {}
func (c *countingChannel) MaxBatch() int                                        { return 1000 }
func (c *countingChannel) Size() int                                            { return 0 }
func (c *countingChannel) Close() error                                         { return nil }

const benchLines = 200_000

// benchFile writes lines of 250 bytes.
func benchFile(b *testing.B, path string) {
	b.Helper()
	line := append(bytes.Repeat([]byte("x"), 249), '\n')
	if err := os.WriteFile(path, bytes.Repeat(line, benchLines), 0o666); err != nil {
		b.Fatal(err)
	}
}

func benchSource(b *testing.B, s Source) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	if err := runInto(ctx, s, &countingChannel{benchLines, cancel}); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkTaildir(b *testing.B) {
	folder := b.TempDir()
	benchFile(b, filepath.Join(folder, "a.log"))
	b.SetBytes(250 * benchLines)
	for b.Loop() {
		var p flume.Properties
		s := NewTaildir(&p).(*Taildir)
		s.groupNames, s.patterns["g"] = "g", filepath.Join(folder, ".*log")
		s.positionFile = filepath.Join(b.TempDir(), "pos")
		benchSource(b, s)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchLines), "ns/event")
}

func BenchmarkSpooldir(b *testing.B) {
	b.SetBytes(250 * benchLines)
	for range b.N {
		b.StopTimer()
		folder := b.TempDir()
		benchFile(b, filepath.Join(folder, "a.log"))
		b.StartTimer()
		var p flume.Properties
		s := NewSpooldir(&p).(*Spooldir)
		s.folder = folder
		benchSource(b, s)
	}
}
