package file

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// copyFolder is a folder as a kill at this moment would leave it.
func copyFolder(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

func put(t testing.TB, c *Channel, text string) {
	t.Helper()
	if err := c.Put(t.Context(), logpipetest.Events(text)); err != nil {
		t.Fatal(err)
	}
}

func take(t testing.TB, c *Channel, max int) (flume.Transaction, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tx, err := c.Take(ctx, max)
	if err != nil {
		t.Fatal(err)
	}
	return tx, text(tx)
}

func text(tx flume.Transaction) string {
	var words []string
	for _, e := range tx.Events() {
		words = append(words, string(e.Body))
	}
	return strings.Join(words, " ")
}

// rest takes everything and closes the channel.
func rest(t testing.TB, c *Channel) string {
	t.Helper()
	var words []string
	for c.Drain(); ; {
		tx, err := c.Take(t.Context(), 3)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		words = append(words, text(tx))
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	if c.Size() != 0 {
		t.Fatalf("size %d at the end", c.Size())
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(words, " ")
}

// hastyDisk never waits for the disk.
type hastyDisk struct{ osDisk }

type hastyFile struct{ handle }

func (hastyFile) Sync() error { return nil }

func (d hastyDisk) open(path string, flag int) (handle, error) {
	h, err := d.osDisk.open(path, flag)
	return hastyFile{h}, err
}

func openQuick(t testing.TB, dir string) (*Channel, *console) {
	c := configure(t, dir)
	c.disk = hastyDisk{}
	said := &console{}
	if err := c.Open(flume.Env{Logf: said.logf}); err != nil {
		t.Fatal(err)
	}
	return c, said
}

// history is a channel that was killed: its folder, and what is inside by the
// length of its only segment.
type history struct {
	dir     string
	segment string
	ends    []int64  // length after each step
	inside  []string // the events inside after it
}

func makeHistory(t testing.TB) history {
	dir := t.TempDir()
	c, _ := open(t, dir, "checkpointInterval=600000")
	h := history{segment: filepath.Join("data", "segment-0000000001")}
	inside := []string{}
	note := func() {
		info, err := os.Stat(filepath.Join(dir, h.segment))
		if err != nil {
			t.Fatal(err)
		}
		h.ends = append(h.ends, info.Size())
		h.inside = append(h.inside, strings.Join(inside, " "))
	}
	note()
	for i := range 7 {
		var words []string
		for j := range i%4 + 1 {
			words = append(words, fmt.Sprintf("%d.%d", i, j))
		}
		put(t, c, strings.Join(words, " "))
		inside = append(inside, words...)
		note()
		if i%3 == 2 {
			tx, _ := take(t, c, i)
			inside = inside[len(tx.Events()):]
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			note()
		}
	}
	tx, _ := take(t, c, 2) // is open at the kill
	h.dir = copyFolder(t, dir)
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return h
}

// at is what is inside when the segment has that length.
func (h history) at(length int64) string {
	inside := ""
	for i, end := range h.ends {
		if end <= length {
			inside = h.inside[i]
		}
	}
	return inside
}

// TestKillAtAnyByte holds that a log that ends anywhere opens with exactly what
// had been stored before that, and goes on from there.
func TestKillAtAnyByte(t *testing.T) {
	h := makeHistory(t)
	for length := h.ends[0]; length <= h.ends[len(h.ends)-1]; length++ {
		for _, junk := range []int{0, 50} {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(h.dir)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, h.segment)
			if err := os.Truncate(path, length); err != nil {
				t.Fatal(err)
			}
			// A file system that lost the content but not the length.
			if err := os.Truncate(path, length+int64(junk)); err != nil {
				t.Fatal(err)
			}
			c, said := openQuick(t, dir)
			torn := junk > 0
			for _, end := range h.ends {
				torn = torn || junk == 0 && end == length
			}
			if junk == 0 {
				torn = !torn
			}
			if (said.count("are cut off") == 1) != torn {
				t.Fatalf("length %d+%d: torn %v, told %v", length, junk, torn, said.lines)
			}
			put(t, c, "more")
			want := strings.TrimSpace(h.at(length) + " more")
			if got := rest(t, c); got != want {
				t.Fatalf("length %d: %s, want %s", length, got, want)
			}
			os.RemoveAll(dir)
		}
	}
}

// TestDamageAnywhere holds that a byte that is not what was written never gives
// wrong events: the channel refuses with file and offset, or, where all that
// follows may be what a kill left behind, cuts it off; with onCorruption = skip
// it goes on and counts what is lost.
func TestDamageAnywhere(t *testing.T) {
	h := makeHistory(t)
	whole, err := os.ReadFile(filepath.Join(h.dir, h.segment))
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for at := range whole {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(h.dir)); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, h.segment)
		bad := bytes.Clone(whole)
		bad[at] ^= 0x40
		if err := os.WriteFile(path, bad, 0o666); err != nil {
			t.Fatal(err)
		}
		c := configure(t, dir)
		c.disk = hastyDisk{}
		said := &console{}
		err := c.Open(flume.Env{Logf: said.logf})
		if err != nil {
			refused++
			if at >= segmentHeader && (!strings.Contains(err.Error(), path+" is damaged at offset ") ||
				!strings.Contains(fault.HintOf(err), "onCorruption")) {
				t.Fatalf("byte %d: %v (%s)", at, err, fault.HintOf(err))
			}
			if at >= segmentHeader {
				skipDamage(t, h, dir, int64(at))
			}
		} else {
			if said.count("are cut off") != 1 {
				t.Fatalf("byte %d: told %v", at, said.lines)
			}
			if got := rest(t, c); got != h.at(int64(at)) {
				t.Fatalf("byte %d: %s, want %s", at, got, h.at(int64(at)))
			}
		}
		os.RemoveAll(dir)
	}
	if refused < len(whole)*8/10 {
		t.Errorf("only %d of %d damaged bytes were found to be no torn end", refused, len(whole))
	}
}

// skipDamage opens a damaged channel all the same. What comes out is what was
// put, in order, but for the events of one record; takes of a damaged record
// come again.
func skipDamage(t *testing.T, h history, dir string, at int64) {
	t.Helper()
	var counters flume.Counters
	c := configure(t, dir, "onCorruption=skip")
	c.disk = hastyDisk{}
	said := &console{}
	if err := c.Open(flume.Env{Logf: said.logf, Counters: &counters}); err != nil {
		t.Fatalf("byte %d: %v", at, err)
	}
	size := c.Size()
	got := strings.Fields(rest(t, c))
	want := strings.Fields(h.inside[len(h.inside)-1])
	lost := int(counters.Values()["EventLostCount"])
	have := map[string]bool{}
	last := 0.0
	for _, word := range got {
		number, _ := strconv.ParseFloat(word, 64)
		if have[word] || number < last {
			t.Fatalf("byte %d: %s comes twice or late", at, word)
		}
		have[word], last = true, number
	}
	missing := 0
	for _, word := range want {
		if !have[word] {
			missing++
		}
	}
	if missing != lost || lost > 4 || size != len(got)+lost {
		t.Fatalf("byte %d: %d missing, %d told, size was %d, got %s\n%s", at, missing, lost, size, got, strings.Join(said.lines, "\n"))
	}
	if said.count("left out") == 0 && said.count("are lost") == 0 {
		t.Fatalf("byte %d: told %v", at, said.lines)
	}
}

// TestDamageBehindCheckpoint holds that a take tells where it cannot read, and
// that puts go on meanwhile.
func TestDamageBehindCheckpoint(t *testing.T) {
	dir := t.TempDir()
	c, _ := open(t, dir)
	put(t, c, "a b c")
	put(t, c, "d e f")
	put(t, c, "g h i")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "data", "segment-0000000001")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	offset := bytes.Index(whole, []byte("\x01e"))
	whole[offset]++
	if err := os.WriteFile(path, whole, 0o666); err != nil {
		t.Fatal(err)
	}
	c, _ = open(t, dir)
	tx, got := take(t, c, 5)
	if got != "a b c" {
		t.Fatalf("took %s", got)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := c.Take(t.Context(), 5); err == nil || !strings.Contains(err.Error(), path+" is damaged at offset ") {
			t.Fatalf("take: %v", err)
		}
	}
	put(t, c, "j")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c, said := open(t, dir, "onCorruption=skip")
	if c.Size() != 7 {
		t.Errorf("size %d", c.Size())
	}
	if got := rest(t, c); got != "g h i j" || said.count("3 events are lost") != 1 {
		t.Errorf("took %s, told %v", got, said.lines)
	}
}

func errorsOf(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}
