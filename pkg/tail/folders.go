package tail

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
	lib "github.com/nxadm/tail"
)

// settle is how long Folders collects after the first change: a busy writer
// changes a file thousands of times a second, and the system joins what nobody
// has asked for.
const settle = 5 * time.Millisecond

// Folders tells which files changed in folders, at a cost that does not grow
// with the files that do not change. What the system cannot watch is not told:
// whoever uses Folders looks by himself now and then.
type Folders struct {
	system  *fsnotify.Watcher // nil where the system has no watches left
	watched map[string]bool
	refused map[string]bool // cannot be watched; not asked for again
	closed  bool
}

// Change is what happened since the last look.
type Change struct {
	Written []string        // files whose content may have changed
	Listed  map[string]bool // folders in which files came, went or changed their names
	Missed  bool            // more than the system remembers: look at everything
}

// NewFolders makes a watcher of no folder.
func NewFolders() (*Folders, error) {
	system, err := fsnotify.NewWatcher()
	return &Folders{system: system, watched: map[string]bool{}, refused: map[string]bool{}}, err
}

// Watch sets the folders to watch; it is cheap where nothing changes. It
// returns false where one of them cannot be watched.
func (w *Folders) Watch(folders []string) bool {
	if w.system == nil {
		return len(folders) == 0
	}
	want := make(map[string]bool, len(folders))
	all := true
	for _, folder := range folders {
		want[folder] = true
		if w.watched[folder] {
			continue
		}
		if w.refused[folder] || w.system.Add(folder) != nil {
			w.refused[folder], all = true, false
			continue
		}
		w.watched[folder] = true
	}
	for folder := range w.watched {
		if !want[folder] {
			w.system.Remove(folder) // fails where the folder is gone, and the watch with it
			delete(w.watched, folder)
		}
	}
	return all
}

// Forget makes the next Watch ask anew for a folder, which may be another one
// under the same name.
func (w *Folders) Forget(folder string) {
	if w.watched[folder] {
		w.system.Remove(folder)
	}
	delete(w.watched, folder)
	delete(w.refused, folder)
}

// Wait waits for a change, but no longer than for atMost.
func (w *Folders) Wait(ctx context.Context, atMost time.Duration) Change {
	var c Change
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	var events <-chan fsnotify.Event
	var errs <-chan error
	if w.system != nil {
		events, errs = w.system.Events, w.system.Errors
	}
	select {
	case e := <-events:
		c.add(e)
	case err := <-errs:
		c.Missed = errors.Is(err, fsnotify.ErrEventOverflow)
	case <-timer.C:
		return c
	case <-ctx.Done():
		return c
	}
	pause(ctx, min(settle, atMost))
	for range 1 << 16 { // for a writer that is faster than this loop
		select {
		case e := <-events:
			c.add(e)
		case err := <-errs:
			c.Missed = c.Missed || errors.Is(err, fsnotify.ErrEventOverflow)
		default:
			return c
		}
	}
	return c
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (c *Change) add(e fsnotify.Event) {
	if e.Has(fsnotify.Write) && (len(c.Written) == 0 || c.Written[len(c.Written)-1] != e.Name) {
		c.Written = append(c.Written, e.Name)
	}
	if e.Has(fsnotify.Create) || e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename) {
		if c.Listed == nil {
			c.Listed = map[string]bool{}
		}
		// The folder itself may have come or gone too.
		c.Listed[e.Name], c.Listed[filepath.Dir(e.Name)] = true, true
	}
}

// Close ends the watching.
func (w *Folders) Close() error {
	if w.system == nil || w.closed {
		return nil
	}
	w.closed = true
	return w.system.Close()
}

// FileID tells files apart on this machine.
type FileID = identity

// Identify tells which file is open. The result of its Stat is given too.
func Identify(f *os.File, st os.FileInfo) (FileID, error) { return identify(f, st) }

// IdentifyPath tells which file is at a path, without opening it where the
// system can do that.
func IdentifyPath(path string, st os.FileInfo) (FileID, error) { return identifyPath(path, st) }

// OpenFile opens a file so that others may rename and delete it meanwhile.
func OpenFile(path string) (*os.File, error) { return lib.OpenFile(path) }
