package op

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/stream"
)

// committingSink keeps the rows that a mark has committed, as a transaction does:
// what came behind the last mark is taken back.
type committingSink struct {
	open, done bytes.Buffer
	said       bytes.Buffer // what was told
	mark       *stream.Control
}

func (s *committingSink) Write(_ context.Context, lines []byte) error {
	s.open.Write(lines)
	return nil
}

func (s *committingSink) Close(context.Context) error { return nil }

func (s *committingSink) Control(c *stream.Control) error {
	switch c.Kind {
	case stream.ControlMark:
		s.mark = c
		_, err := s.open.WriteTo(&s.done)
		return err
	case stream.ControlReset:
		s.open.Reset()
	}
	return nil
}

// markedLog is records of one topic, each with its partition, as lines.
type markedLog struct {
	parts   []int
	records []string
}

// read is the stream from the offsets of the mark on: every so many records a mark,
// and one at the end unless the reader is killed behind n records.
func (l markedLog) read(from *stream.Control, every, n int) string {
	var b bytes.Buffer
	b.WriteString(openStream)
	reset := stream.Control{Kind: stream.ControlReset, Token: "t", Offsets: map[string]int64{}}
	if from != nil {
		reset.Offsets, reset.Until = from.Offsets, from.Until
	}
	at := map[string]int64{}
	next := map[string]int64{}
	for i := range l.records {
		name := stream.SourceName("a", int32(l.parts[i]))
		if at[name]++; at[name] > reset.Offsets[name] && !slices.Contains(reset.Behind, name) {
			reset.Behind = append(reset.Behind, name)
		}
		next[name] = reset.Offsets[name]
	}
	b.Write(reset.AppendLine(nil))
	mark := func() {
		b.Write((&stream.Control{Kind: stream.ControlMark, Token: "t", Epoch: 1, Offsets: next}).AppendLine(nil))
	}
	clear(at)
	read := 0
	for i, line := range l.records {
		name := stream.SourceName("a", int32(l.parts[i]))
		if at[name]++; at[name] <= reset.Offsets[name] {
			continue
		}
		if read == n {
			return b.String()
		}
		read++
		b.Write((&stream.Control{Kind: stream.ControlSource, Token: "t", Source: name}).AppendLine(nil))
		b.WriteString(line)
		next[name] = at[name]
		if read%every == 0 {
			mark()
		}
	}
	b.Write((&stream.Control{Kind: stream.ControlMark, Token: "t", Epoch: 1, Offsets: next, Last: true}).AppendLine(nil))
	return b.String()
}

// TestRowsOfWindowsComeOnce kills the reader of a pipe behind each record and begins
// anew at what was committed: the rows that were committed are those of a run without
// an end between, wherever windows are cut.
func TestRowsOfWindowsComeOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		parts  int
		jitter int // of event time, seconds
		stages func() []stream.Stage
	}{
		{"windows", 1, 0, func() []stream.Stage {
			return []stream.Stage{buildStage(t, Aggregate, "--window", "10s", "count", "sum(n)")}
		}},
		{"lateness", 1, 5, func() []stream.Stage {
			return []stream.Stage{buildStage(t, Aggregate, "--window", "10s", "--lateness", "5s", "count", "sum(n)")}
		}},
		{"late records", 1, 15, func() []stream.Stage {
			return []stream.Stage{buildStage(t, Aggregate, "--window", "10s", "count", "sum(n)")}
		}},
		{"windows that slide", 1, 4, func() []stream.Stage {
			return []stream.Stage{buildStage(t, Aggregate, "--window", "10s", "--slide", "5s", "--lateness", "4s", "count", "sum(n)")}
		}},
		{"windows of windows", 1, 0, func() []stream.Stage {
			return []stream.Stage{buildStage(t, Aggregate, "--window", "5s", "count"),
				buildStage(t, Aggregate, "--window", "20s", "--time", "window_start", "sum(count)")}
		}},
		{"windows that slide over windows, of partitions", 3, 0, func() []stream.Stage {
			return []stream.Stage{buildStage(t, Aggregate, "--window", "5s", "count"),
				buildStage(t, Aggregate, "--window", "20s", "--slide", "10s", "--time", "window_start", "sum(count)")}
		}},
		{"a top of windows of windows", 1, 0, func() []stream.Stage {
			return []stream.Stage{buildStage(t, Aggregate, "--window", "5s", "--by", "k", "count"),
				buildStage(t, Aggregate, "--window", "20s", "--time", "window_start", "--by", "k", "sum(count)"),
				buildStage(t, Top, "2", "--by", "sum(count)")}
		}},
		{"a top of each", 1, 0, func() []stream.Stage {
			return []stream.Stage{buildStage(t, Aggregate, "--window", "10s", "--by", "k", "count"), buildStage(t, Top, "2", "--by", "count")}
		}},
		{"a top of rows", 1, 0, func() []stream.Stage {
			return []stream.Stage{buildStage(t, Top, "2", "--by", "n")}
		}},
		{"partitions", 3, 0, func() []stream.Stage {
			return []stream.Stage{buildStage(t, Aggregate, "--window", "10s", "count", "sum(n)")}
		}},
		{"a stage before", 1, 0, func() []stream.Stage {
			return []stream.Stage{buildStage(t, Head, "1000000"), buildStage(t, Aggregate, "--window", "10s", "count")}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(1, 2))
			var log markedLog
			for i := range 60 {
				at := time.Date(2026, 3, 1, 10, 0, i, 0, time.UTC).Add(-time.Duration(rnd.IntN(c.jitter+1)) * time.Second)
				end := at.Truncate(10 * time.Second).Add(10 * time.Second)
				line, err := json.Marshal(map[string]any{"time": at, "n": i, "k": i % 3, "window_end": end})
				if err != nil {
					t.Fatal(err)
				}
				log.records = append(log.records, string(line)+"\n")
				log.parts = append(log.parts, rnd.IntN(c.parts))
			}
			run := func(from *stream.Control, every, n int) *committingSink {
				sink := &committingSink{mark: from}
				logger := slog.New(slog.NewTextHandler(&sink.said, &slog.HandlerOptions{Level: slog.LevelWarn}))
				in := io.Reader(strings.NewReader(log.read(from, every, n)))
				_, err := stream.Run(context.Background(), stream.Pipeline{Source: stream.NewMarkedReader(in, "", nil), Stages: c.stages(), Sink: sink},
					stream.Options{Workers: 2, Env: &stream.Env{Now: time.Now, Log: logger}})
				if err != nil {
					t.Fatal(err)
				}
				return sink
			}
			want, told := run(nil, 7, -1).done.String(), false
			for _, every := range []int{1, 7, 25} {
				for n := range len(log.records) {
					first := run(nil, every, n)
					second := run(first.mark, every, n) // killed again, later
					third := run(second.mark, every, -1)
					told = told || strings.Contains(second.said.String()+third.said.String(), "had been committed before")
					got := first.done.String() + second.done.String() + third.done.String()
					if got != want {
						t.Fatalf("a mark every %d records, killed behind %d:\n%s+\n%s+\n%s\nwant:\n%s", every, n, first.done.String(), second.done.String(), third.done.String(), want)
					}
				}
			}
			if !told {
				t.Error("nobody was told of records that were left out")
			}
		})
	}
}
