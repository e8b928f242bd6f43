package source

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// Positions are written soon after the first events, so that a kill in the first
// writePosInterval does not repeat them all, and also after a pause.
func TestTaildirWritesPositionsSoon(t *testing.T) {
	x := newTailTest(t)
	r := start(t, x.source(`.*\.log`, "writePosInterval=3600000"))
	for _, want := range []int64{4, 8, 12} {
		x.add("a.log", "one\n")
		wantBodies(t, r.take(t, 1), "one")
		x.awaitThat(func() bool { return x.positions()["a.log"] == want }, func() string { return fmt.Sprint(x.positions()) })
	}
	wantBodies(t, x.end(r))
}

// A position file that a Flume has left is taken over as it is.
func TestTaildirTakesOverFromFlume(t *testing.T) {
	x := newTailTest(t)
	x.add("a.log", "old\nnew\n")
	x.add("b.log", "unknown\n")
	inode := inodeOf(t, x.path("a.log"))
	x.must(os.MkdirAll(filepath.Dir(x.pos), 0o777))
	x.must(os.WriteFile(x.pos, fmt.Appendf(nil, `[{"inode":%d,"pos":4,"file":"%s"},{"inode":1,"pos":7,"file":"/gone"}]`, inode, x.path("a.log")), 0o666))
	r := start(t, x.source(`.*\.log`))
	got := r.take(t, 2)
	slices.Sort(got)
	wantBodies(t, got, "new", "unknown")
	wantBodies(t, x.end(r))
}

func TestParsePositions(t *testing.T) {
	tests := []struct {
		data string
		want int
		err  string
	}{
		{`[]`, 0, ""},
		{`[{"inode":1,"pos":2,"file":"/a"},{"inode":3,"pos":4,"file":"/b"}]`, 2, ""},
		{`[{"inode":1,"pos":2,"file":"/a"},{"inode":3,"po`, 1, "unexpected EOF"},
		{`[{"inode":1,"pos":2,"file":"/a"}`, 1, "the end is missing"},
		{`[{"inode":1,"file":"/a"}]`, 0, "not whole"},
		{`[{"inode":1,"pos":-2,"file":"/a"}]`, 0, "not whole"},
		{`{}`, 0, "want a list"},
		{`[] x`, 0, "something follows"},
	}
	for _, test := range tests {
		got, err := parsePositions([]byte(test.data))
		if len(got) != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: %v, %v", test.data, got, err)
		}
	}
}

func FuzzTaildirPositions(f *testing.F) {
	f.Add([]byte(`[{"inode":1,"pos":2,"file":"/a"}]`))
	f.Add([]byte(`[{"dev":1,"inode":2,"size":3,"crc":4}]`))
	f.Add([]byte(`[{"dev":1,"inode":2,"file":"/a","size":3,"crc":4,"pos":5,"last":3,"end":6}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		marks := parseMarks(data)
		list, err := parsePositions(data)
		if paired := pairMarks(list, marks); len(paired) != len(list) {
			t.Fatalf("%d of %d positions are left", len(paired), len(list))
		}
		if err != nil || len(list) == 0 {
			return
		}
		text, _ := json.Marshal(list)
		again, err := parsePositions(text)
		if err != nil || len(again) != len(list) {
			t.Fatalf("%s -> %s: %v", data, text, err)
		}
	})
}

// Positions of files that are gone cost one look at their folder, not one each.
func TestTaildirStalePositions(t *testing.T) {
	const n = 2000
	x := newTailTest(t)
	var stale []tailPosition
	for i := range n {
		x.add(fmt.Sprintf("%d.log", i), "line\n")
		stale = append(stale, tailPosition{1<<40 + uint64(i), 5, x.path(fmt.Sprintf("gone-%d.log", i))})
	}
	text, err := json.Marshal(stale)
	x.must(err)
	x.must(os.MkdirAll(filepath.Dir(x.pos), 0o777))
	logpipetest.Prompt(t, 5*time.Second, func() {
		x.must(os.WriteFile(x.pos, text, 0o666))
		s := x.source(`.*\.log`)
		x.must(s.Open(flume.Env{Logf: t.Logf}))
		s.Close()
	})
}
