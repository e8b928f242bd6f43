package source

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

const spoolBanner = "# nightly export, format 7, "

// export is a file as it comes each night: with a beginning that is always the same.
func export(day string, from, to int) string {
	var text strings.Builder
	text.WriteString(strings.Repeat(spoolBanner, 12) + "\n")
	for i := from; i < to; i++ {
		fmt.Fprintf(&text, "%s %d\n", day, i)
	}
	return text.String()
}

// What is known of a file that failed does not apply to the next one of its name,
// whether that comes at once, after a while or between two runs.
func TestSpooldirFailedNameAgain(t *testing.T) {
	const lines = 20
	for _, how := range []string{"in its place", "after it was gone", "while nobody looked", "under its inode"} {
		t.Run(how, func(t *testing.T) {
			x := newTailTest(t)
			x.put("export.csv", export("monday", 0, lines/2)+"bad \377\n", time.Hour)
			r := start(t, x.spool())
			r.take(t, 1+lines/2)
			x.awaitFailed(true)
			switch how {
			case "after it was gone":
				x.must(os.Rename(x.path("export.csv"), x.path(".taken")))
				x.awaitFailed(false)
			case "while nobody looked", "under its inode":
				wantBodies(t, x.end(r))
			}
			if text := export("tuesday", 0, lines); how == "under its inode" {
				x.must(os.WriteFile(x.path("export.csv"), []byte(text), 0o666))
			} else {
				x.put("export.csv", text, 0)
			}
			if strings.HasPrefix(how, "while") || strings.HasPrefix(how, "under") {
				r = start(t, x.spool())
			}
			wantBodies(t, r.take(t, 1+lines), strings.Split(strings.TrimSuffix(export("tuesday", 0, lines), "\n"), "\n")...)
			x.await("export.csv.COMPLETED")
			x.awaitFailed(false)
			wantBodies(t, x.end(r))
			if told := r.diary.String(); !strings.Contains(told, "or is another file of the same name: reads it from byte 0 on") {
				t.Errorf("told %s", told)
			}
		})
	}
}

// awaitFailed waits until the list of files that cannot be read is there, or gone.
func (x *tailTest) awaitFailed(there bool) {
	x.t.Helper()
	x.awaitThat(func() bool {
		_, err := os.Stat(x.path(".flumespool/.logpipe-failed.json"))
		return (err == nil) == there
	}, func() string { return fmt.Sprintf("list of failed files: want %v", there) })
}

// A tracker that a kill has left behind, of a file that was put away, does not apply
// to the next file of its name.
func TestSpooldirTrackerLeftBehind(t *testing.T) {
	monday, tuesday := export("monday", 0, 3), export("tuesday", 0, 9)
	for policy, away := range map[string]func(path string) error{
		"trackingPolicy=rename":      func(path string) error { return os.Rename(path, path+".COMPLETED") },
		"deletePolicy=immediate":     os.Remove,
		"trackingPolicy=tracker_dir": func(string) error { return nil },
	} {
		x := newTailTest(t)
		path := x.path("export.csv")
		x.must(os.Mkdir(x.path(".flumespool"), 0o777))
		x.put("export.csv", monday, time.Hour)
		left := x.tracked(x.path(".flumespool/"+trackerName), path, path)
		x.must(left.store(int64(len(monday))))
		left.close()
		if strings.HasSuffix(policy, "tracker_dir") {
			x.must(os.WriteFile(x.path(".flumespool/export.csv.COMPLETED"), markOf(must(os.Stat(path))), 0o666))
		}
		x.must(away(path))
		x.put("export.csv", tuesday, 0)
		r := start(t, x.spool(policy))
		wantBodies(t, r.take(t, 10), strings.Split(strings.TrimSuffix(tuesday, "\n"), "\n")...)
		wantBodies(t, x.end(r))
		if told := r.diary.String(); !strings.Contains(told, "or is another file of the same name: reads it from byte 0 on") {
			t.Errorf("told %s", told)
		}
	}
}

// A damaged list of files that cannot be read costs repeats, not the start.
func TestSpooldirFailedDamaged(t *testing.T) {
	for _, damaged := range []string{"", "[{", "[{}]", `[{"path": "a.log", "pos": -1}]`, "null", `{"path": 1}`} {
		x := newTailTest(t)
		x.must(os.Mkdir(x.path(".flumespool"), 0o777))
		x.must(os.WriteFile(x.path(".flumespool/.logpipe-failed.json"), []byte(damaged), 0o666))
		x.put("a.log", "1\n2\n", time.Hour)
		r := start(t, x.spool())
		wantBodies(t, r.take(t, 2), "1", "2")
		x.await("a.log.COMPLETED")
		wantBodies(t, x.end(r))
		if told := strings.Contains(r.diary.String(), "is damaged"); told != (damaged == "" || damaged == "[{" || damaged == `{"path": 1}`) {
			t.Errorf("%q: told %s", damaged, &r.diary)
		}
	}
}

// The list of a version that kept no marks is believed about files that are as they
// were then.
func TestSpooldirFailedOfEarlierVersion(t *testing.T) {
	const text = "1\n2\nbad"
	for changed, want := range map[string]int64{text: 4, "1\n2\nnot": 0, text + "\n": 0} {
		x := newTailTest(t)
		x.put("a", text, time.Hour)
		st, err := os.Stat(x.path("a"))
		x.must(err)
		list := must(json.Marshal([]map[string]any{{"path": x.path("a"), "pos": 4, "size": st.Size(), "modified": st.ModTime(),
			"head": headOf(strings.NewReader(text), st.Size())}}))
		l := spoolFailures{name: x.path("failed.json")}
		x.must(json.Unmarshal(list, &l.list))
		if changed != text {
			x.must(os.WriteFile(x.path("a"), []byte(changed), 0o666))
			x.must(os.Chtimes(x.path("a"), st.ModTime(), st.ModTime()))
		}
		file, err := os.Open(x.path("a"))
		x.must(err)
		st, err = file.Stat()
		x.must(err)
		if at, was := l.resume(x.path("a"), file, st); at != want || was != 4 {
			t.Errorf("%q: goes on at %d of %d, want %d", changed, at, was, want)
		}
		file.Close()
	}
}
