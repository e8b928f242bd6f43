package op

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/stream"
)

// markedSink notes records and controls in their order, and holds that the records of
// the command add up at each mark.
type markedSink struct {
	memorySink
	wrong string
}

// records is how many have come.
func (s *markedSink) records() int64 {
	text := "\n" + s.Buffer.String()
	return int64(strings.Count(text, "\n") - strings.Count(text, "\n<") - 1)
}

func (s *markedSink) Control(c *stream.Control) error {
	switch c.Kind {
	case stream.ControlMark:
		n := c.Ledger[len(c.Ledger)-1]
		if out := s.records(); n.Rest() != 0 || n.Open != 0 && c.Last || n.Out != out {
			s.wrong += fmt.Sprintf("mark %d: %+v, %d are out; ", c.Epoch, n, out)
		}
		fmt.Fprintf(&s.Buffer, "<mark %d>\n", c.Epoch)
	case stream.ControlReset:
		fmt.Fprintf(&s.Buffer, "<reset>\n")
	case stream.ControlSource:
		fmt.Fprintf(&s.Buffer, "<from %s>\n", c.Source)
	}
	return nil
}

func (s *markedSink) String() string { return s.Buffer.String() }

// runMarked runs stages over text with control lines and returns what leaves, which
// is the same whether it comes at once or byte by byte.
func runMarked(t *testing.T, text string, stages func() []stream.Stage) (string, error) {
	t.Helper()
	slow, fast, err := runMarkedTwice(t, text, stages)
	if fast != slow {
		t.Errorf("at once:\n%s\nread slowly:\n%s", fast, slow)
	}
	return slow, err
}

func runMarkedTwice(t *testing.T, text string, stages func() []stream.Stage) (slow, fast string, err error) {
	t.Helper()
	run := func(in io.Reader) (string, error) {
		sink := &markedSink{}
		l, err := stream.Run(context.Background(), stream.Pipeline{Source: stream.NewMarkedReader(in, "", nil), Stages: stages(), Sink: sink},
			stream.Options{Workers: 3, Env: &stream.Env{Now: time.Now, Log: slog.New(slog.DiscardHandler)}})
		if err == nil && l.Gaps+sink.wrong != "" {
			t.Errorf("the records do not add up: %s: %s%+v\nof %s", l.Gaps, sink.wrong, l, text)
		}
		return strings.ReplaceAll(sink.String(), "2026-03-01T10:", ""), err
	}
	slow, err = run(iotest.OneByteReader(strings.NewReader(text)))
	fast, err2 := run(strings.NewReader(text))
	return slow, fast, errors.Join(err, err2)
}

const openStream = `{"@logpipe":"open","token":"t","version":1}` + "\n"

// marked expands a short notation: M3 is mark 3, M3! the last one, R a reset, S0 records of partition
// 0, I1 an idle partition 1, and 05 a record of that second.
func marked(words string) string {
	var b strings.Builder
	b.WriteString(openStream)
	for _, w := range strings.Fields(words) {
		switch w[0] {
		case 'M':
			number, last := strings.CutSuffix(w[1:], "!")
			fmt.Fprintf(&b, `{"@logpipe":"mark","token":"t","epoch":%s,"last":%t}`+"\n", number, last)
		case 'R':
			b.WriteString(`{"@logpipe":"reset","token":"t","behind":[`)
			for i, c := range w[1:] {
				if i > 0 {
					b.WriteString(",")
				}
				fmt.Fprintf(&b, `"a/%c"`, c)
			}
			b.WriteString("]}\n")
		case 'S':
			fmt.Fprintf(&b, `{"@logpipe":"source","token":"t","source":"a/%s"}`+"\n", w[1:])
		case 'I':
			fmt.Fprintf(&b, `{"@logpipe":"watermark","token":"t","source":"a/%s","idle":true}`+"\n", w[1:])
		default:
			fmt.Fprintf(&b, `{"time":"2026-03-01T10:00:%sZ","n":%s}`+"\n", w, strings.TrimLeft(w, "0"))
		}
	}
	return b.String()
}

func TestMarksWaitForWhatRecordsHaveGoneInto(t *testing.T) {
	counts := func() stream.Stage {
		return buildStage(t, Aggregate, "--window", "10s", "count")
	}
	row := func(from, count int) string {
		return fmt.Sprintf(`{"window_start":"00:%02dZ","window_end":"00:%02dZ","count":%d}`+"\n", from, from+10, count)
	}
	record := func(n int) string { return fmt.Sprintf(`{"time":"00:%02dZ","n":%d}`+"\n", n, n) }
	for _, c := range []struct {
		name, in string
		stages   func() []stream.Stage
		want     string
	}{
		{"records that pass", "R S0 01 02 M1 03 S1 04 M2",
			func() []stream.Stage { return []stream.Stage{buildStage(t, Where, "n != 2")} },
			"<reset>\n<from a/0>\n" + record(1) + "<mark 1>\n" + record(3) + "<from a/1>\n" + record(4) + "<mark 2>\n"},
		{"windows", "R0 S0 01 02 M1 05 M2 12 M3 25 M4!",
			func() []stream.Stage { return []stream.Stage{counts()} },
			"<reset>\n" + row(0, 3) + "<mark 2>\n" + row(10, 1) + "<mark 3>\n" + row(20, 1) + "<mark 4>\n"},
		{"a top of each window ends with the window", "R0 S0 01 M1 12 M2 13 25 M3!",
			func() []stream.Stage { return []stream.Stage{counts(), buildStage(t, Top, "1", "--by", "count")} },
			"<reset>\n" + strings.Replace(row(0, 1), "}", `,"rank":1}`, 1) + "<mark 1>\n" +
				strings.Replace(row(10, 2), "}", `,"rank":1}`, 1) + "<mark 2>\n" + strings.Replace(row(20, 1), "}", `,"rank":1}`, 1) + "<mark 3>\n"},
		{"sort has nothing before the end", "R0 S0 03 M1 02 M2!",
			func() []stream.Stage { return []stream.Stage{buildStage(t, Sort, "n")} },
			"<reset>\n" + record(2) + record(3) + "<mark 2>\n"},
		{"a table neither", "R0 S0 03 M1!",
			func() []stream.Stage { return []stream.Stage{buildStage(t, Table, "n")} }, "<reset>\nn\n3\n<mark 1>\n"},
		{"head passes what comes before its last record", "R S0 01 M1 02 M2 03 M3",
			func() []stream.Stage { return []stream.Stage{buildStage(t, Head, "2")} },
			"<reset>\n<from a/0>\n" + record(1) + "<mark 1>\n" + record(2)},
		{"what is in open windows at a reset comes again", "R0 S0 01 M1 02 R0 S0 01 02 M2 15",
			func() []stream.Stage { return []stream.Stage{counts()} },
			"<reset>\n<reset>\n" + row(0, 2) + "<mark 2>\n" + row(10, 1)},
		{"sort forgets at a reset", "R0 S0 01 M1 R0 S0 01 02 M2!",
			func() []stream.Stage { return []stream.Stage{buildStage(t, Sort, "n")} },
			"<reset>\n<reset>\n" + record(1) + record(2) + "<mark 2>\n"},
		{"a window waits for every partition", "R01 S0 01 15 35 S1 02 12 22",
			func() []stream.Stage { return []stream.Stage{counts()} },
			"<reset>\n" + row(0, 2) + row(10, 2) + row(20, 1) + row(30, 1)},
		{"but not for one that is idle", "R01 S0 01 15 I1 25 S1 02 28",
			func() []stream.Stage { return []stream.Stage{counts()} }, // 02 is late
			"<reset>\n" + row(0, 1) + row(10, 1) + row(20, 2)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := runMarked(t, marked(c.in), c.stages)
			if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

func TestAggregateWithoutWindowsRefusesMarks(t *testing.T) {
	_, err := runMarked(t, marked("R0 S0 01 M1"), func() []stream.Stage { return []stream.Stage{buildStage(t, Aggregate, "count")} })
	if fault.CodeOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), "--window") {
		t.Errorf("%v (hint %q)", err, fault.HintOf(err))
	}
}

// TestRecordsAddUpAtMarks runs pipelines over streams in which records, marks, resets and
// idle partitions come in any order; markedSink holds the sums.
func TestRecordsAddUpAtMarks(t *testing.T) {
	window := func(words ...string) stream.Stage {
		return buildStage(t, Aggregate, append([]string{"--window", "10s"}, words...)...)
	}
	for name, stages := range map[string]func() []stream.Stage{
		"where": func() []stream.Stage { return []stream.Stage{buildStage(t, Where, "n % 2 == 0")} },
		"each": func() []stream.Stage {
			return []stream.Stage{buildStage(t, Each, "m=n"), buildStage(t, Where, "n > 9")}
		},
		"window":      func() []stream.Stage { return []stream.Stage{window("--by", "n", "count")} },
		"window late": func() []stream.Stage { return []stream.Stage{buildStage(t, Where, "n != 7"), window("count")} },
		"slide":       func() []stream.Stage { return []stream.Stage{window("--slide", "5s", "--lateness", "3s", "count")} },
		"window top": func() []stream.Stage {
			return []stream.Stage{window("--by", "n", "count"), buildStage(t, Top, "2", "--by", "n")}
		},
		"window where top": func() []stream.Stage {
			return []stream.Stage{window("--by", "n", "count"), buildStage(t, Where, "n > 5"), buildStage(t, Top, "1", "--by", "n", "--key", "n")}
		},
		"window window": func() []stream.Stage {
			return []stream.Stage{window("--by", "n", "count"), buildStage(t, Aggregate, "--window", "20s", "--time", "window_start", "c=count")}
		},
		"top":   func() []stream.Stage { return []stream.Stage{buildStage(t, Top, "2", "--by", "n", "--per", "time")} },
		"sort":  func() []stream.Stage { return []stream.Stage{buildStage(t, Sort, "n"), buildStage(t, Where, "n > 20")} },
		"table": func() []stream.Stage { return []stream.Stage{buildStage(t, Table, "n")} },
		"head":  func() []stream.Stage { return []stream.Stage{buildStage(t, Head, "20")} },
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(30) {
				r := rand.New(rand.NewPCG(seed, 7))
				words, mark := "R01 S0", 0
				for at := 1; at < 55; at += r.IntN(3) {
					switch r.IntN(12) {
					case 0, 1, 2:
						mark++
						words += fmt.Sprintf(" M%d", mark)
					case 3:
						words += fmt.Sprintf(" S%d", r.IntN(2))
					case 4:
						words += " I1"
					case 5:
						if r.IntN(4) == 0 {
							words += " R0 S0"
						}
					default:
						words += fmt.Sprintf(" %02d", max(1, at-r.IntN(10)))
					}
				}
				if seed%4 > 0 {
					words += fmt.Sprintf(" M%d!", mark+1)
				}
				// Rows right before a reset are out or forgotten, as blocks are cut.
				if _, _, err := runMarkedTwice(t, marked(words), stages); err != nil {
					t.Fatalf("%s: %v", words, err)
				}
			}
		})
	}
}
