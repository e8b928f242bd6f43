package source

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// lead makes a name lead to a target, at once in place of what it led to.
func lead(t *testing.T, name, target string) {
	t.Helper()
	if err := os.Symlink(target, name+".new"); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

// nowhere is a target of which no system can tell whether it is there; root's
// permissions, with which tests may run, hide nothing.
var nowhere = strings.Repeat("n", 300)

// While nobody can tell what is in a folder, or what a name leads to, its files are
// neither forgotten, which would repeat them from their beginning, nor is it kept
// silent.
func TestTaildirUnseen(t *testing.T) {
	for _, test := range []struct{ name, link, target, pattern, told string }{
		{"folder", "logs", "there", "logs/.*log", "cannot list"},
		{"folders", "top", ".", "top/the*/.*log", "cannot list"},
		{"file", "there/link.log", "a.log", "there/link.*", "cannot look at"},
	} {
		t.Run(test.name, func(t *testing.T) {
			x := newTailTest(t)
			x.must(os.Mkdir(x.path("there"), 0o777))
			x.add("there/a.log", "one\n")
			link := x.path(test.link)
			lead(t, link, test.target)
			r := start(t, x.source(test.pattern))
			wantBodies(t, r.take(t, 1), "one")
			wantBodies(t, x.end(r))

			s := x.source(test.pattern).(*Taildir) // has its position, and opens nothing before it grows
			var told diary
			x.must(s.Open(flume.Env{Name: "r1", Logf: told.logf}))
			defer s.Close()
			look := func(want string) {
				t.Helper()
				s.scan(false)
				s.relist(map[string]bool{x.path("logs"): true, x.path("top/there"): true, x.path("there"): true})
				if got := s.Trouble(); (got == "") != (want == "") || !strings.Contains(got, want) {
					t.Fatalf("health: %q, want %q; told %s", got, want, &told)
				}
				if all := s.snapshot().positions; len(all) != 1 || all[0].Pos != 4 {
					t.Fatalf("positions %v; told %s", all, &told)
				}
			}
			look("")
			lead(t, link, nowhere)
			look(test.told)
			look(test.told)
			lead(t, link, test.target)
			look("")
			if n := strings.Count(told.String(), test.told); n != 1 {
				t.Errorf("told %d times: %s", n, &told)
			}
		})
	}
}

// A folder of a pattern whose name a file has got is gone with its files.
func TestTaildirFolderIsAFile(t *testing.T) {
	x := newTailTest(t)
	x.must(os.MkdirAll(x.path("jobs/a"), 0o777))
	x.add("jobs/a/a.log", "one\n")
	s := x.source("jobs/*/.*log").(*Taildir)
	var told diary
	x.must(s.Open(flume.Env{Name: "r1", Logf: told.logf}))
	defer s.Close()
	x.must(os.RemoveAll(x.path("jobs/a")))
	x.add("jobs/a", "")
	for range 2 {
		s.scan(false)
		if got := s.Trouble(); got != "" || len(s.files) != 0 {
			t.Fatalf("health: %q; follows %d files; told %s", got, len(s.files), &told)
		}
	}
}

// A spooldir source tells of a file that it cannot look at, and takes it once it can.
func TestSpooldirUnseen(t *testing.T) {
	x := newTailTest(t)
	x.add("b.log", "two\n")
	x.must(os.Mkdir(x.path("spool"), 0o777))
	hop := x.path("hop") // outside of the folder: each name in it is taken
	lead(t, hop, nowhere)
	lead(t, x.path("link"), hop)
	x.must(os.Rename(x.path("link"), x.path("spool/a.log")))
	s := configure(t, NewSpooldir, "spoolDir="+x.path("spool"), "pollDelay=1")
	r := start(t, s)
	awaitTrouble(t, s, r, "a.log: file name too long; tries again")
	lead(t, hop, "b.log")
	awaitTrouble(t, s, r, "")
	wantBodies(t, r.take(t, 1), "two")
	wantBodies(t, x.end(r))
	if n := strings.Count(r.diary.String(), "cannot look at"); n != 1 {
		t.Errorf("told %d times: %s", n, &r.diary)
	}
}

// A folder that could not be listed is listed again, though its time says that
// nothing has changed: permissions change without it.
func TestTaildirListsAgain(t *testing.T) {
	x := newTailTest(t)
	x.must(os.Mkdir(x.path("there"), 0o777))
	x.add("there/a.log", "one\n")
	x.add("none", "")
	before := time.Now().Add(-time.Hour)
	for _, name := range []string{"there", "none"} {
		x.must(os.Chtimes(x.path(name), before, before))
	}
	folder := x.path("logs")
	g, err := newTailGroup("g", filepath.Join(folder, ".*log"), nil)
	x.must(err)
	lead(t, folder, "none") // a file, which cannot be listed
	for range 2 {
		if names, err := g.list(folder, true); err == nil {
			t.Fatalf("a file was listed: %q", names)
		}
	}
	lead(t, folder, "there")
	for range 2 {
		names, err := g.list(folder, true)
		x.must(err)
		wantBodies(t, names, "a.log")
	}
}
