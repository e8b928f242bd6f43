package sink

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/flume"
)

// TestFileRollLines holds that a file has the same bytes whether the events lie
// behind one another as lines, or not.
func TestFileRollLines(t *testing.T) {
	var blocks flume.Blocks
	var events []flume.Event
	var want strings.Builder
	for n := range 300 {
		line := fmt.Sprintf("%0*d", n*7%200, n)
		block := blocks.Copy([]byte(strings.Repeat(line+"\n", n)))
		first := len(events)
		for i := range n {
			begin := i * (len(line) + 1)
			events = append(events, block.Event(begin, begin+len(line)))
		}
		block.Lend(events[first:])
		events = append(events, flume.Event{Body: []byte("alone")})
		want.WriteString(strings.Repeat(line+"\n", n) + "alone\n")
	}
	for setting, more := range map[string]func(string) string{
		"sink.serializer=TEXT": func(text string) string { return text },
		"sink.serializer.appendNewline=false": func(text string) string {
			return strings.ReplaceAll(text, "\n", "")
		},
		"sink.serializer=header_and_text": func(text string) string {
			return "{} " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n{} ") + "\n"
		},
	} {
		folder := t.TempDir()
		s := configure(t, NewFileRoll, "sink.directory="+folder, setting).(*FileRoll)
		s.Check()
		if err := s.Open(flume.Env{}); err != nil {
			t.Fatal(err)
		}
		for batch := range slices.Chunk(events, 10_000) {
			if err := s.Write(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, texts := rolled(t, folder); strings.Join(texts, "") != more(want.String()) {
			t.Errorf("%s: the file has other bytes", setting)
		}
	}
}

// TestWriteParts writes more parts than the system takes at once, and into a file
// that is closed.
func TestWriteParts(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	var parts [][]byte
	var want strings.Builder
	for n := range 3000 {
		text := strings.Repeat(fmt.Sprint(n), n%5)
		parts = append(parts, []byte(text))
		want.WriteString(text)
	}
	n, err := writeParts(f, parts)
	if err != nil || n != int64(want.Len()) {
		t.Errorf("%d bytes of %d, %v", n, want.Len(), err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(name); string(got) != want.String() {
		t.Error("the file has other bytes")
	}
	if n, err := writeParts(f, [][]byte{[]byte("a"), []byte("b")}); n != 0 || err == nil {
		t.Errorf("%d bytes into a closed file, %v", n, err)
	}
}

// diaryFile notes what is done to a file; its second sync fails.
type diaryFile struct {
	*os.File
	diary *[]string
	syncs *int
}

func (f diaryFile) Write(p []byte) (int, error) {
	*f.diary = append(*f.diary, fmt.Sprintf("write %q", p))
	return f.File.Write(p)
}

func (f diaryFile) Sync() error {
	*f.diary = append(*f.diary, "sync")
	if *f.syncs++; *f.syncs == 2 {
		return errors.New("the disk is not there")
	}
	return f.File.Sync()
}

func (f diaryFile) Truncate(n int64) error {
	*f.diary = append(*f.diary, "truncate")
	return f.File.Truncate(n)
}

// TestFileRollTellsOfBatches holds that each batch is told when it is written, and
// taken back before it is gone from the file; where that fails, it stays there.
func TestFileRollTellsOfBatches(t *testing.T) {
	for _, test := range []struct {
		name      string
		backFails bool
		want      string
		texts     string
	}{
		{"taken back", false, `write "" sync write "a\nb\n" 2 write "c\n" 3 sync 0 truncate write "a\nb\n" 2 write "c\n" 3 sync`, "a\nb\nc\n"},
		{"not taken back", true, `write "" sync write "a\nb\n" 2 write "c\n" 3 sync 0 write "" sync write "a\nb\n" 2 write "c\n" 3 sync`, "a\nb\nc\na\nb\nc\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var diary []string
			syncs, folder := 0, t.TempDir()
			s := configure(t, NewFileRoll, "sink.directory="+folder, "sink.batchSize=2").(*FileRoll)
			s.Check()
			s.newFile = func(path string) (rollFile, error) {
				f, err := os.Create(path)
				return diaryFile{f, &diary, &syncs}, err
			}
			if err := s.Open(flume.Env{}); err != nil {
				t.Fatal(err)
			}
			delivered := func(n int) error {
				diary = append(diary, fmt.Sprint(n))
				if n == 0 && test.backFails {
					return errors.New("cannot be taken back")
				}
				return nil
			}
			if err := s.WriteBatches(t.Context(), bodies("a", "b", "c"), delivered); err == nil {
				t.Fatal("no error")
			}
			if err := s.WriteBatches(t.Context(), bodies("a", "b", "c"), delivered); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(diary, " "); got != test.want {
				t.Errorf("did %s", got)
			}
			if _, texts := rolled(t, folder); strings.Join(texts, "") != test.texts {
				t.Errorf("the files have %q", texts)
			}
		})
	}
}
