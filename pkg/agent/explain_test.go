package agent

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/channel"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/source"
)

// promises checks that each component of a table names its guarantee.
func promises[C any](t *testing.T, table flume.Table[C]) {
	t.Helper()
	for i := range table {
		if table[i].New == nil {
			continue
		}
		text := promise(table[i].New(new(flume.Properties)))
		name, rest, found := strings.Cut(text, ":")
		known := strings.HasPrefix(name, "at least once") || strings.HasPrefix(name, "at most once") || name == "nothing"
		if !found || !known || len(rest) < 10 {
			t.Errorf("%s: %q names no guarantee", table[i].Name(), text)
		}
	}
}

// Every component names what it guarantees.
func TestPromises(t *testing.T) {
	promises(t, source.Types())
	promises(t, channel.Types())
	promises(t, sinkTypes())
}

type promising string

func (p promising) Guarantee() string { return string(p) }

// A hop is as weak as the weakest of its components.
func TestWeakest(t *testing.T) {
	for _, test := range []struct{ a, b, want string }{
		{"at least once: x", "at least once: y", "at least once"},
		{"at least once: x", "at least once unless it rains: y", "at least once unless it rains"},
		{"at most once where it waits: x", "at least once unless it rains: y", "at most once where it waits"},
		{"at most once where it waits: x", "at most once: y", "at most once"},
		{"at most once: x", "nothing: y", "nothing"},
	} {
		for _, got := range []string{weakest(promising(test.a), promising(test.b)), weakest(promising(test.b), promising(test.a))} {
			if got != test.want {
				t.Errorf("%s, %s: %s", test.a, test.b, got)
			}
		}
	}
}

// What --lenient leaves out is in the text and in the diagram, and that nothing
// empties the channel.
func TestExplainTellsWhatIsLeftOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.conf")
	if err := os.WriteFile(path, []byte(conf(netcat, "type = hbase")), 0o644); err != nil {
		t.Fatal(err)
	}
	report, err := Check(Options{Name: "a1", Files: []string{path}, Lenient: true})
	if err != nil {
		t.Fatal(err)
	}
	var text, diagram strings.Builder
	if err := errors.Join(report.Explain(&text), report.Mermaid(&diagram)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"  sink k1 is left out: " + path + ":10:20: error: sink type hbase is not", "; nothing empties it: no sink takes its events\n"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, &text)
		}
	}
	for _, want := range []string{`["sink k1<br>left out<br><small>`, "; nothing empties it: no sink takes its events<"} {
		if !strings.Contains(diagram.String(), want) {
			t.Errorf("no %q in\n%s", want, &diagram)
		}
	}
}
