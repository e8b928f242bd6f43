package file

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// TestCheckpointLost holds that the log alone tells what is inside.
func TestCheckpointLost(t *testing.T) {
	for _, what := range []string{"deleted", "damaged", "cut", "old"} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "checkpoint", checkpointName)
			c, _ := open(t, dir, "maxFileSize=200")
			put(t, c, "a b c")
			put(t, c, "d e f")
			if err := c.checkpoint(); err != nil {
				t.Fatal(err)
			}
			old, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			tx, _ := take(t, c, 2)
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			put(t, c, "g h i")
			put(t, c, "j k l")
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			switch what {
			case "deleted":
				err = os.Remove(path)
			case "damaged":
				err = os.WriteFile(path, bytes.Repeat([]byte("x"), len(old)), 0o666)
			case "cut":
				err = os.Truncate(path, 100)
			case "old":
				err = os.WriteFile(path, old, 0o666)
			}
			if err != nil {
				t.Fatal(err)
			}
			c, _ = open(t, dir)
			if got := rest(t, c); got != "c d e f g h i j k l" {
				t.Errorf("took %s", got)
			}
		})
	}
}

// TestSegmentMissing holds that a folder that is not there is no empty channel.
func TestSegmentMissing(t *testing.T) {
	dir := t.TempDir()
	c, _ := open(t, dir, "maxFileSize=200")
	for _, text := range []string{"a b c", "d e f", "g h i", "j k l", "m n o", "p q r"} {
		put(t, c, text)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "data", "segment-*"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%v %v", files, err)
	}
	refuses := func(part string) {
		t.Helper()
		err := configure(t, dir).Open(flume.Env{})
		if err == nil || !strings.Contains(err.Error(), part) || !strings.Contains(fault.HintOf(err), "mounted") {
			t.Errorf("%v (%s), want %s", err, fault.HintOf(err), part)
		}
	}
	for i, file := range files {
		if err := os.Rename(file, file+".away"); err != nil {
			t.Fatal(err)
		}
		refuses(filepath.Base(files[i]) + " is missing")
		if err := os.Rename(file+".away", file); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	if err := os.Rename(data, data+".away"); err != nil {
		t.Fatal(err)
	}
	refuses("are missing")
	if err := os.Remove(filepath.Join(data, lockName)); err != nil {
		t.Fatal(err)
	}
	if err := errorsOf(os.Remove(data), os.Rename(data+".away", data)); err != nil {
		t.Fatal(err)
	}
	c, _ = open(t, dir)
	if got := rest(t, c); got != "a b c d e f g h i j k l m n o p q r" {
		t.Errorf("took %s", got)
	}
}

// TestLogMissing starts a channel whose dataDirs are an empty mount point, after a
// kill that its checkpoint knows as little of as it can: it says so, and has
// everything when the disk is there again.
func TestLogMissing(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(dir string)
		want string
	}{
		{"killed in its first run", func(dir string) {
			c, _ := open(t, dir, "checkpointInterval=600000")
			put(t, c, "a b c")
			killed(t, c)
		}, "a b c"},
		{"killed behind an empty checkpoint", func(dir string) {
			c, _ := open(t, dir)
			rest(t, c)
			c, _ = open(t, dir, "checkpointInterval=600000")
			put(t, c, "a b c")
			killed(t, c)
		}, "a b c"},
		{"empty and closed", func(dir string) {
			c, _ := open(t, dir)
			put(t, c, "a b c")
			rest(t, c)
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			data := filepath.Join(dir, "data")
			c.make(dir)
			if err := errorsOf(os.Rename(data, data+".away"), os.Mkdir(data, 0o777)); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				err := configure(t, dir).Open(flume.Env{})
				if err == nil || !strings.Contains(err.Error(), "segment-0000000001 is missing") ||
					!strings.Contains(fault.HintOf(err), "mounted") || !strings.Contains(fault.HintOf(err), "delete "+checkpointName) {
					t.Fatalf("%v (%s)", err, fault.HintOf(err))
				}
			}
			if err := errorsOf(os.RemoveAll(data), os.Rename(data+".away", data)); err != nil {
				t.Fatal(err)
			}
			again, _ := open(t, dir)
			if got := rest(t, again); got != c.want {
				t.Errorf("took %s", got)
			}
			// The way out that the error names.
			if err := errorsOf(os.RemoveAll(data), os.Remove(filepath.Join(dir, "checkpoint", checkpointName))); err != nil {
				t.Fatal(err)
			}
			again, _ = open(t, dir)
			if got := rest(t, again); got != "" {
				t.Errorf("took %s", got)
			}
		})
	}
}

// TestTakenSegmentsComeAgain brings back the first of several segments that were
// taken and deleted, as a loss of power or a disk that was away may: nothing is
// missing.
func TestTakenSegmentsComeAgain(t *testing.T) {
	dir := t.TempDir()
	c, _ := open(t, dir, "maxFileSize=200", "checkpointInterval=600000")
	for _, text := range []string{"a b c", "d e f", "g h i", "j k l", "m n o", "p q r"} {
		put(t, c, text)
	}
	first := c.journal.segments[0].path
	text, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	tx, _ := take(t, c, 100)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	put(t, c, "s t u")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(strings.Replace(first, "01", "02", 1)); err == nil {
		t.Fatal("the second segment is there")
	}
	if err := os.WriteFile(first, text, 0o666); err != nil {
		t.Fatal(err)
	}
	c, _ = open(t, dir)
	if _, err := os.Stat(first); err == nil {
		t.Error("the first segment is there")
	}
	if got := rest(t, c); got != "s t u" {
		t.Errorf("took %s", got)
	}
}

// TestMountedOver puts the log of another channel where that of an open one was, as
// a disk that is mounted late does: nothing of it is overwritten or deleted.
func TestMountedOver(t *testing.T) {
	dir := t.TempDir()
	older, data := filepath.Join(dir, "older"), filepath.Join(dir, "data")
	c, _ := open(t, older, "maxFileSize=200")
	for _, text := range []string{"a b c", "d e f", "g h i", "j k l"} {
		put(t, c, text)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		taken bool
		there int // segments of the older channel
	}{{"not taken", false, 2}, {"taken", true, 1}} {
		t.Run(test.name, func(t *testing.T) {
			c, _ := open(t, dir, "maxFileSize=200", "checkpointInterval=600000")
			put(t, c, "A B C")
			if test.taken {
				tx, _ := take(t, c, 10)
				if err := tx.Commit(); err != nil {
					t.Fatal(err)
				}
			}
			files, err := filepath.Glob(filepath.Join(older, "data", "segment-*"))
			if err != nil || len(files) < test.there {
				t.Fatalf("%v %v", files, err)
			}
			if err := errorsOf(os.Rename(data, data+".hidden"), os.Mkdir(data, 0o777)); err != nil {
				t.Fatal(err)
			}
			had := map[string][]byte{}
			for _, name := range files[:test.there] {
				text, err := os.ReadFile(name)
				over := filepath.Join(data, filepath.Base(name))
				if err := errorsOf(err, os.WriteFile(over, text, 0o666)); err != nil {
					t.Fatal(err)
				}
				had[over] = text
			}
			err = nil
			for range 3 {
				err = errors.Join(err, c.Put(t.Context(), logpipetest.Events("D E F")))
			}
			if test.there > 1 && (err == nil || !strings.Contains(err.Error(), "segment-0000000002: it is there already") ||
				!strings.Contains(fault.HintOf(err), "mounted")) {
				t.Errorf("%v (%s)", err, fault.HintOf(err))
			}
			if test.there == 1 && (err != nil || c.journal.number() < 2) {
				t.Errorf("%v, the log ends in segment %d", err, c.journal.number())
			}
			if err := c.Close(); err != nil { // with a checkpoint, which deletes
				t.Fatal(err)
			}
			for name, want := range had {
				if text, err := os.ReadFile(name); err != nil || !bytes.Equal(text, want) {
					t.Errorf("%s is another file now: %v", name, err)
				}
			}
			if err := errorsOf(os.RemoveAll(data), os.RemoveAll(data+".hidden"), os.RemoveAll(filepath.Join(dir, "checkpoint"))); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestRolledIsChecked waits for the checkpoint that knows a new segment, long
// before its interval: the folder that has it may be missing at the next start.
func TestRolledIsChecked(t *testing.T) {
	dir := t.TempDir()
	c, _ := open(t, dir, "maxFileSize=200", "checkpointInterval=600000")
	for _, text := range []string{"a b c", "d e f", "g h i"} {
		put(t, c, text)
	}
	last := c.journal.number()
	if last < 2 {
		t.Fatalf("%d segments", last)
	}
	for end := time.Now().Add(time.Minute); savedEnd(t, dir) != last; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the checkpoint ends in segment %d, the log in %d", savedEnd(t, dir), last)
		}
		c.kicked <- struct{}{}
	}
	killed(t, c)
}

// savedEnd is the segment in which the log ended for the newest checkpoint.
func savedEnd(t *testing.T, dir string) uint64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "checkpoint", checkpointName))
	if err != nil {
		t.Fatal(err)
	}
	var newest checkpoint
	for ; len(text) >= slotBytes; text = text[slotBytes:] {
		if c := decodeCheckpoint(text[:slotBytes]); c != nil && c.generation > newest.generation {
			newest = *c
		}
	}
	return newest.end.segment
}

// killed ends a channel with the checkpoint that it has.
func killed(t *testing.T, c *Channel) {
	t.Helper()
	c.checkpointClose = false
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}
