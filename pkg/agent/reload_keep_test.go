package agent

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A source that gets another name and another property goes on where the one before
// has come to, also where that was not written yet.
func TestReloadRenamesTaildir(t *testing.T) {
	folder := t.TempDir()
	log, positions := filepath.Join(folder, "a.log"), filepath.Join(folder, "p.json")
	before := conf("type = TAILDIR\nfilegroups = g\nwritePosInterval = 3600000\nfilegroups.g = "+log+"\npositionFile = "+positions, "type = logger")
	e := startEdited(t, before, func(o *Options) { o.NoReload = true })
	f, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	line := 0
	for behind := false; !behind; { // the pauses between two writings of the positions get longer
		line++
		fmt.Fprintf(f, "line%d\n", line)
		e.stdout.await(t, fmt.Sprintf(`\bline%d\b`, line))
		text, err := os.ReadFile(positions)
		if err != nil {
			t.Fatal(err)
		}
		var stored []struct{ Pos int64 }
		st, statErr := f.Stat()
		if err := json.Unmarshal(text, &stored); err != nil || statErr != nil {
			t.Fatal(err, statErr)
		}
		behind = len(stored) == 1 && stored[0].Pos > 0 && stored[0].Pos < st.Size()
	}
	after := strings.ReplaceAll(before, "sources = r1", "sources = r2")
	e.write(t, strings.ReplaceAll(after, "sources.r1.", "sources.r2.")+"a1.sources.r2.batchSize = 50\n")
	e.reload <- os.Interrupt
	e.stderr.await(t, `reloaded: .*source r2 started`)
	fmt.Fprintln(f, "last")
	e.stdout.await(t, `\blast\b`)
	e.end(t)
	e.stderr.await(t, fmt.Sprintf("%d received, %d delivered, 0 left", line+1, line+1))
}

// Sources that keep their state in the same place do not work at once.
func TestCollide(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	folder := t.TempDir()
	if err := os.Symlink(folder, link); err != nil {
		t.Skip(err)
	}
	tests := []struct {
		x, y string
		want bool
	}{
		{"TAILDIR positionFile=/p/a", "TAILDIR positionFile=/p/x/../a", true},
		{"TAILDIR positionFile=" + folder + "/a", "TAILDIR positionFile=" + link + "/a", true},
		{"TAILDIR", "TAILDIR batchSize=7", true},
		{"TAILDIR positionFile=/p/a", "TAILDIR positionFile=/p/b", false},
		{"spooldir spoolDir=/in", "spooldir spoolDir=/in/ trackerDir=/t", true},
		{"spooldir spoolDir=/in trackerDir=/t", "spooldir spoolDir=/other trackerDir=/t", true},
		{"spooldir spoolDir=/in", "spooldir spoolDir=/other", false},
		{"spooldir spoolDir=/in", "TAILDIR positionFile=/in", false},
		{"netcat bind=0.0.0.0 port=1", "netcat bind=127.0.0.1 port=1", true},
		{"netcat bind=0.0.0.0 port=1", "netcat bind=0.0.0.0 port=2", false},
	}
	for _, test := range tests {
		x, y := sourceOf(t, "r1", test.x), sourceOf(t, "r2", test.y)
		if collide(x, y) != test.want || collide(y, x) != test.want {
			t.Errorf("%s, %s: want %v", test.x, test.y, test.want)
		}
	}
}

// sourceOf makes a source of its type and properties.
func sourceOf(t *testing.T, name, text string) *sourceNode {
	t.Helper()
	words := strings.Fields(text)
	if words[0] == "TAILDIR" {
		words = append(words, "filegroups=g", "filegroups.g=/x/y")
	}
	source := strings.Replace(conf("type = "+strings.Join(words, "\n"), "type = null"), "sources = r1", "sources = "+name, 1)
	source = strings.ReplaceAll(source, "sources.r1.", "sources."+name+".")
	_, p := lintFiles(Options{Name: "a1"}, []propertyFile{{"a.conf", []byte(source)}}, linter{})
	if len(p.sources) != 1 {
		t.Fatalf("no source in %s", source)
	}
	return p.sources[0]
}
