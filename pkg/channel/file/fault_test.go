package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// badDisk is a disk that fails on request.
type badDisk struct {
	mu       sync.Mutex
	largest  int64            // that a file may be; 0 = any size
	room     map[string]int64 // bytes that fit in files below a folder; others have no bound
	space    int64            // that free tells
	sync     error
	truncate error
}

var errBroken = errors.New("input/output error")

func (d *badDisk) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

func (d *badDisk) free(string) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.space, nil
}

func (d *badDisk) open(path string, flag int) (handle, error) {
	h, err := osDisk{}.open(path, flag)
	if err != nil {
		return nil, err
	}
	return &badFile{h, d, filepath.Dir(path)}, nil
}

type badFile struct {
	handle
	d   *badDisk
	dir string
}

func (f *badFile) WriteAt(p []byte, at int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.d.largest > 0 && at+int64(len(p)) > f.d.largest {
		return 0, syscall.EFBIG
	}
	room, bound := f.d.room[f.dir]
	if bound && int64(len(p)) > room {
		n, _ := f.handle.WriteAt(p[:room], at) // cut off again by the caller
		return n, syscall.ENOSPC
	}
	if bound {
		f.d.room[f.dir] -= int64(len(p))
	}
	return f.handle.WriteAt(p, at)
}

func (f *badFile) Sync() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return f.d.sync
}

func (f *badFile) Truncate(size int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.d.truncate != nil {
		return f.d.truncate
	}
	return f.handle.Truncate(size)
}

func openBad(t testing.TB, dir string, d *badDisk, properties ...string) (*Channel, *console) {
	t.Helper()
	c := configure(t, dir, properties...)
	c.disk = d
	said := &console{}
	if err := c.Open(flume.Env{Logf: said.logf}); err != nil {
		t.Fatal(err)
	}
	return c, said
}

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
	d.set(func() { d.room = map[string]int64{filepath.Dir(first): 2000} })
	done := make(chan error, 1)
	go func() { done <- c.Put(t.Context(), big) }()
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(first); errors.Is(err, os.ErrNotExist) {
			break
		}
		if time.Since(start) > 10*time.Second {
			t.Fatal("the segment is still there")
		}
	}
	d.set(func() { d.room = nil })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestGroupCommit holds that puts at the same time share a sync, and batches that
// are put together.
func TestGroupCommit(t *testing.T) {
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
	if n := d.count() - before; n > 10 {
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
}

// slowDisk counts syncs, each of which takes a while.
type slowDisk struct {
	osDisk
	mu    sync.Mutex
	syncs int
}

type slowFile struct {
	handle
	d *slowDisk
}

func (d *slowDisk) open(path string, flag int) (handle, error) {
	h, err := d.osDisk.open(path, flag)
	return slowFile{h, d}, err
}

func (d *slowDisk) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.syncs
}

func (f slowFile) Sync() error {
	f.d.mu.Lock()
	f.d.syncs++
	f.d.mu.Unlock()
	time.Sleep(10 * time.Millisecond)
	return nil
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
