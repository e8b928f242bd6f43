package tail

import (
	"context"
	"time"

	lib "github.com/nxadm/tail/watch"
	"gopkg.in/tomb.v1"
)

const (
	// maxMissed is how many changes inotify may miss before a file is polled.
	maxMissed = 2
	// unwatchIn is how long the library may take to forget a watch.
	unwatchIn = 500 * time.Millisecond
)

// watcher tells when the file at a path may have changed. It may tell too
// often, and what it misses is found by looking every second.
type watcher struct {
	path    string
	polls   bool // inotify does not work for this file
	missed  int
	unasked bool // woken by the clock, with nothing told
	tomb    *tomb.Tomb
	told    *lib.FileChanges // of a file that is there
	appears chan error       // of one that is not
}

// arm starts the watcher for the file that is there, or for its coming; it
// tells whether it was not running.
func (w *watcher) arm(now *file) bool {
	if w.tomb != nil && (now != nil) == (w.told != nil) {
		return false
	}
	w.end()
	w.tomb = new(tomb.Tomb)
	if now == nil {
		w.awaitFile()
		return true
	}
	told, err := w.library().ChangeEvents(w.tomb, now.pos)
	if err != nil && !w.polls {
		w.polls = true
		told, err = w.library().ChangeEvents(w.tomb, now.pos)
	}
	if err != nil { // it is gone already, which the next look finds
		told = lib.NewFileChanges()
	}
	w.told = told
	return true
}

func (w *watcher) library() lib.FileWatcher {
	if w.polls {
		return lib.NewPollingFileWatcher(w.path)
	}
	return lib.NewInotifyFileWatcher(w.path)
}

// awaitFile waits for the file to appear. Where inotify cannot, because the
// folder is missing too, it polls.
func (w *watcher) awaitFile() {
	appears, t, watch := make(chan error, 1), w.tomb, w.library()
	poll := lib.NewPollingFileWatcher(w.path)
	go func() {
		err := watch.BlockUntilExists(t)
		if err != nil && err != tomb.ErrDying {
			err = poll.BlockUntilExists(t)
		}
		appears <- err
	}()
	w.appears = appears
}

// wait waits until it is worth to look at the file. read tells whether the look
// before found something.
func (w *watcher) wait(ctx context.Context, look <-chan time.Time, read bool) {
	if w.unasked && read && !w.polls {
		if w.missed++; w.missed > maxMissed {
			w.polls = true
			w.end()
			return
		}
	}
	w.unasked = false
	var modified, truncated, deleted chan bool
	if w.told != nil {
		modified, truncated, deleted = w.told.Modified, w.told.Truncated, w.told.Deleted
	}
	select {
	case <-modified:
	case <-truncated:
	case <-deleted:
		w.end()
	case err := <-w.appears:
		w.appears <- err // for end
		w.end()
	case <-look:
		w.unasked = len(modified)+len(truncated)+len(deleted) == 0
	case <-ctx.Done():
	}
}

// end stops watching. The library keeps one list for the whole process by path
// and takes a watch from it in its own time: a new one must not come before.
func (w *watcher) end() {
	if w.tomb == nil {
		return
	}
	w.tomb.Kill(nil)
	if w.appears != nil {
		<-w.appears
	}
	if w.told != nil && !w.polls {
		until := time.Now().Add(unwatchIn)
		for lib.Events(w.path) != nil && time.Now().Before(until) {
			time.Sleep(time.Millisecond)
		}
		w.polls = lib.Events(w.path) != nil
	}
	w.tomb, w.told, w.appears = nil, nil, nil
}
