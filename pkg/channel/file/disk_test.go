package file

import (
	"errors"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// badDisk is a disk that fails on request.
type badDisk struct {
	mu       sync.Mutex
	largest  int64            // that a file may be; 0 = any size
	room     map[string]int64 // bytes that fit in files below a folder; others have no bound
	space    int64            // that free tells
	sync     error
	truncate error
	opened   map[string]int // files that are open, by path
}

// readers is how many handles of a file are open.
func (d *badDisk) readers(path string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.opened[path]
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
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.opened == nil {
		d.opened = map[string]int{}
	}
	d.opened[path]++
	return &badFile{h, d, path}, nil
}

type badFile struct {
	handle
	d    *badDisk
	path string
}

func (f *badFile) WriteAt(p []byte, at int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.d.largest > 0 && at+int64(len(p)) > f.d.largest {
		return 0, syscall.EFBIG
	}
	room, bound := f.d.room[filepath.Dir(f.path)]
	if bound && int64(len(p)) > room {
		n, _ := f.handle.WriteAt(p[:room], at) // cut off again by the caller
		return n, syscall.ENOSPC
	}
	if bound {
		f.d.room[filepath.Dir(f.path)] -= int64(len(p))
	}
	return f.handle.WriteAt(p, at)
}

func (f *badFile) Close() error {
	f.d.mu.Lock()
	f.d.opened[f.path]--
	f.d.mu.Unlock()
	return f.handle.Close()
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
