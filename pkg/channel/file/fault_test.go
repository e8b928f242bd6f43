package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// TestMinimumRequiredSpace holds that puts wait while the disk has less, which
// is told once, and that takes go on.
func TestMinimumRequiredSpace(t *testing.T) {
	d := &badDisk{space: 100 << 20}
	c, said := openBad(t, t.TempDir(), d, "minimumRequiredSpace=50000000", "keep-alive=0")
	put(t, c, "a b")
	d.set(func() { d.space = 40 << 20 })
	c.journal.mu.Lock()
	clear(c.journal.space) // as after a second
	c.journal.mu.Unlock()
	for range 3 {
		err := c.Put(t.Context(), logpipetest.Events("c"))
		if !errors.Is(err, flume.ErrFull) || !strings.Contains(err.Error(), "has 40 MiB of free space, minimumRequiredSpace keeps 47") {
			t.Fatalf("put: %v", err)
		}
	}
	tx, got := take(t, c, 2)
	if err := tx.Commit(); err != nil || got != "a b" {
		t.Fatal(err, got)
	}
	c.keepAlive = 20 * time.Second
	done := make(chan error)
	go func() { done <- c.Put(t.Context(), logpipetest.Events("d")) }()
	time.Sleep(5 * time.Millisecond)
	d.set(func() { d.space = 60 << 20 })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := rest(t, c); got != "d" {
		t.Errorf("took %s", got)
	}
	if said.count("puts wait, nothing is lost") != 1 || said.count("there is space again") != 1 {
		t.Errorf("told %v", said.lines)
	}
}

// TestDiskFull fills a disk up to each byte of a log: what was acknowledged is
// there, in this run and after a kill, and the rest when there is space again.
func TestDiskFull(t *testing.T) {
	words := strings.Fields("a b c d e f g h i j k l")
	for room := int64(2*segmentHeader + 1); room < 1000; room += 7 {
		dir := t.TempDir()
		data := filepath.Join(dir, "data")
		d := &badDisk{space: 1 << 40, room: map[string]int64{data: room}}
		c, said := openBad(t, dir, d, "keep-alive=0", "maxFileSize=400")
		taken := ""
		acked := 0
		for i, word := range words {
			err := c.Put(t.Context(), logpipetest.Events(word))
			if err == nil {
				if acked != i {
					t.Fatalf("room %d: %s found space when %s had not", room, word, words[acked])
				}
				acked++
			} else if !errors.Is(err, flume.ErrFull) {
				t.Fatalf("room %d: %v", room, err)
			}
			if i%5 == 4 && acked > i/5 {
				tx, text := take(t, c, 1)
				if err := tx.Commit(); err != nil { // also on the full disk
					t.Fatalf("room %d: %v", room, err)
				}
				taken += text
			}
		}
		killed := copyFolder(t, dir)
		if acked < len(words) && said.count("puts wait, nothing is lost") != 1 {
			t.Fatalf("told %v", said.lines)
		}
		d.set(func() { d.room = nil })
		for _, word := range words[acked:] {
			put(t, c, word)
		}
		if got := taken + strings.ReplaceAll(rest(t, c), " ", ""); got != strings.Join(words, "") {
			t.Fatalf("room %d: %s", room, got)
		}
		// Only the takes that the disk had no space for may come again.
		after, _ := openQuick(t, killed)
		all := strings.Join(words[:acked], "")
		got := strings.ReplaceAll(rest(t, after), " ", "")
		if !strings.HasSuffix(all, got) || len(got) < acked-len(taken) || acked == len(words) && len(got) != acked-len(taken) {
			t.Fatalf("room %d: after the kill %s; put %s, taken %s", room, got, all, taken)
		}
	}
}

// TestFullDiskOfSeveral holds that a segment in the next folder follows.
func TestFullDiskOfSeveral(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	d := &badDisk{space: 1 << 40, room: map[string]int64{one: 300}}
	c, said := openBad(t, dir, d, "dataDirs="+one+" , "+two, "keep-alive=0")
	for i := range 20 {
		put(t, c, fmt.Sprint(i))
	}
	files, err := filepath.Glob(filepath.Join(two, "segment-*"))
	if err != nil || len(files) != 1 || said.count("space") > 0 {
		t.Errorf("%v %v %v", files, err, said.lines)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c, _ = open(t, dir, "dataDirs="+two+","+one)
	if got := rest(t, c); len(strings.Fields(got)) != 20 {
		t.Errorf("took %s", got)
	}
}

// TestFileSizeLimit holds that a limit on the size of files (ulimit -f) begins a
// new segment.
func TestFileSizeLimit(t *testing.T) {
	dir := t.TempDir()
	d := &badDisk{space: 1 << 40}
	c, _ := openBad(t, dir, d, "keep-alive=20")
	d.set(func() { d.largest = 250 })
	var want []string
	for i := range 20 {
		put(t, c, fmt.Sprint(i))
		want = append(want, fmt.Sprint(i))
	}
	d.set(func() { d.largest = 0 })
	if got := rest(t, c); got != strings.Join(want, " ") {
		t.Errorf("took %s", got)
	}
}

// TestSyncFails holds that nothing counts as stored that a failed sync leaves in
// doubt: the put fails, and its events never come, not even after a kill.
func TestSyncFails(t *testing.T) {
	for _, truncates := range []bool{true, false} {
		dir := t.TempDir()
		d := &badDisk{space: 1 << 40}
		c, _ := openBad(t, dir, d)
		put(t, c, "a b")
		tx, _ := take(t, c, 1)
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		d.set(func() {
			d.sync = errBroken
			if !truncates {
				d.truncate = errBroken
			}
		})
		for range 2 {
			if err := c.Put(t.Context(), logpipetest.Events("c d")); !errors.Is(err, errBroken) {
				t.Fatalf("put: %v", err)
			}
			if n, err := c.PutAll(t.Context(), logpipetest.Events("c d"), 1); n != 0 || !errors.Is(err, errBroken) {
				t.Fatalf("batches: %d events are stored, %v", n, err)
			}
		}
		if c.Size() != 1 {
			t.Errorf("size %d", c.Size())
		}
		d.set(func() { d.sync = nil })
		put(t, c, "e")
		killed := copyFolder(t, dir)
		if got := rest(t, c); got != "b e" {
			t.Errorf("took %s", got)
		}
		c, _ = open(t, killed)
		if got := rest(t, c); got != "b e" {
			t.Errorf("after a kill took %s", got)
		}
	}
}

// TestSpaceOfTakenEvents holds that a disk that is full of events that were taken
// gets its space back.
func TestSpaceOfTakenEvents(t *testing.T) {
	dir := t.TempDir()
	d := &badDisk{space: 1 << 40}
	c, _ := openBad(t, dir, d, "keep-alive=20")
	first := filepath.Join(dir, "data", "segment-0000000001")
	big := []flume.Event{{Body: make([]byte, renewShort)}}
	if err := c.Put(t.Context(), big); err != nil {
		t.Fatal(err)
	}
	tx, _ := take(t, c, 1)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	// A sink that has taken all waits for more.
	waiting, stop := context.WithCancel(t.Context())
	taken := make(chan struct{})
	go func() {
		defer close(taken)
		if tx, err := c.Take(waiting, 1); err == nil {
			tx.Rollback()
		}
	}()
	d.set(func() { d.room = map[string]int64{filepath.Dir(first): 2000} })
	done := make(chan error, 1)
	go func() { done <- c.Put(t.Context(), big) }()
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(first); errors.Is(err, os.ErrNotExist) {
			break
		}
		if time.Since(start) > time.Minute {
			t.Fatal("the segment is still there")
		}
	}
	if why := c.Trouble(); why == "" {
		t.Error("a channel whose puts wait for space has no trouble")
	}
	for start := time.Now(); d.readers(first) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > time.Minute {
			t.Fatal("the deleted segment is still open: its space is not free")
		}
	}
	d.set(func() { d.room = nil })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if why := c.Trouble(); why != "" {
		t.Error(why)
	}
	stop()
	<-taken
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestGroupCommit holds that puts at the same time share a sync, and batches that
// are put together.
func TestGroupCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that no second is over meanwhile, and housekeeping syncs nothing
		d := &slowDisk{}
		c := configure(t, t.TempDir())
		c.disk = d
		if err := c.Open(flume.Env{}); err != nil {
			t.Fatal(err)
		}
		before := d.count()
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { put(t, c, "a") })
		}
		all.Wait()
		if n := d.count() - before; n > 2 { // that of the first one, and that of those who came meanwhile
			t.Errorf("20 puts at once took %d syncs", n)
		}
		before = d.count()
		batches := logpipetest.Events(strings.Repeat("b ", 2*mostTogether))
		if n, err := c.PutAll(t.Context(), batches, 1); n != len(batches) || err != nil {
			t.Fatalf("batches: %d events are stored, %v", n, err)
		}
		if n := d.count() - before; n != 2 {
			t.Errorf("%d batches of a source took %d syncs", len(batches), n)
		}
		if got := rest(t, c); len(strings.Fields(got)) != 20+len(batches) {
			t.Errorf("took %s", got)
		}
	})
}

// TestLock holds that no two channels have a folder, in one agent or in two.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	c, _ := open(t, dir)
	other := filepath.Join(dir, "other")
	for _, properties := range [][]string{{}, {"checkpointDir=" + other}, {"dataDirs=" + other}, {"dataDirs=" + other + "," + dir + "/data", "checkpointDir=" + other + "/c"}} {
		err := configure(t, dir, properties...).Open(flume.Env{})
		if err == nil || !strings.Contains(err.Error(), "is in use by another channel of this agent") {
			t.Errorf("%v: %v", properties, err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c, _ = open(t, dir)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	other = t.TempDir()
	a, _ := open(t, other)
	put(t, a, "a")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	err := configure(t, dir, "dataDirs="+filepath.Join(other, "data")).Open(flume.Env{})
	if err == nil || !strings.Contains(err.Error(), "another channel than the segments") {
		t.Errorf("folders of two channels: %v", err)
	}
}

// TestCloseWakes holds that nobody waits for a channel that is gone.
func TestCloseWakes(t *testing.T) {
	c, _ := open(t, t.TempDir(), "capacity=1", "transactionCapacity=1", "keep-alive=60")
	put(t, c, "a")
	tx, _ := take(t, c, 1)
	ended := make(chan error)
	go func() {
		_, err := c.Take(context.Background(), 1)
		ended <- err
	}()
	go func() { ended <- c.Put(context.Background(), logpipetest.Events("b")) }()
	time.Sleep(5 * time.Millisecond)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := <-ended; !errors.Is(err, errClosed) {
			t.Error(err)
		}
	}
	if err := tx.Rollback(); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// A checkpoint that cannot be written is counted apart from its copy, and an open
// channel says that it is.
func TestCheckpointCounters(t *testing.T) {
	dir := t.TempDir()
	copied := filepath.Join(dir, "copy")
	d := &badDisk{space: 1 << 40}
	c := configure(t, dir, "useDualCheckpoints=true", "backupCheckpointDir="+copied, "checkpointInterval=3600000")
	c.disk = d
	counters := &flume.Counters{}
	want := func(open, shut, own, backup int64) {
		t.Helper()
		got := counters.Values()
		for name, n := range map[string]int64{"Open": open, "Closed": shut, "CheckpointWriteErrorCount": own, "CheckpointBackupWriteErrorCount": backup} {
			if got[name] != n {
				t.Errorf("%s %d, want %d", name, got[name], n)
			}
		}
	}
	if err := c.Open(flume.Env{Logf: t.Logf, Counters: counters}); err != nil {
		t.Fatal(err)
	}
	want(1, 0, 0, 0)
	put(t, c, "a")
	dirs, err := c.folders()
	if err != nil {
		t.Fatal(err)
	}
	for _, full := range []string{dirs.backup, dirs.checkpoint} {
		d.set(func() { d.room = map[string]int64{full: 0} })
		if err := c.checkpoint(); err == nil {
			t.Errorf("a checkpoint is written where %s is full", full)
		}
		want(1, 0, map[string]int64{dirs.checkpoint: 1}[full], 1)
	}
	d.set(func() { d.room = nil })
	if err := c.checkpoint(); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	want(0, 1, 1, 1)
}
