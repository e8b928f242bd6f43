package tail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
)

const (
	// lookEvery is when a file is looked at whatever its watcher says.
	lookEvery = time.Second
	// lingerFor is how long a file that was renamed is followed beyond its last
	// line: its writer keeps it open until it is told to open the new one.
	lingerFor = 10 * time.Second
)

// follower follows one path.
type follower struct {
	t     *Tail
	name  string // as given, for messages
	path  string // absolute
	now   *file  // at path; nil = there is none
	old   []*file
	watch watcher
	told  bool // that the path is waited for
	shut  bool // there is something at path that cannot be opened
}

// begin opens the file where the configuration and the positions say.
func (f *follower) begin() error {
	err := f.open()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		f.wait("is not there")
	}
	var kept []position
	if f.t.kept != nil {
		kept = f.t.kept.of(f.path)
	}
	if f.now != nil && len(kept) == 0 && !f.t.cfg.Beginning {
		if err := f.now.toEnd(); err != nil {
			return err
		}
	}
	for _, p := range kept {
		f.resume(p)
	}
	f.keep()
	return nil
}

// resume goes on at a stored position, in the file at path or in the one that
// it has been renamed to since.
func (f *follower) resume(p position) {
	for _, fits := range []func(stored, now identity) bool{sameIdentity, sameInode} {
		if f.now != nil && f.now.resume(p, fits) || f.resumeRenamed(p, fits) {
			return
		}
	}
	switch {
	case p.Offset == 0:
	case f.now == nil || f.now.identity != p.identity:
		f.t.cfg.Log.Warn(fmt.Sprintf("%s: the file that was read up to byte %d is gone: what was written behind it is lost", f.name, p.Offset))
	default:
		f.t.cfg.Log.Warn(fmt.Sprintf("%s has other bytes before byte %d than were read: reading it from its beginning", f.name, p.Offset))
	}
}

// resumeRenamed goes on in the file that was renamed within its folder.
func (f *follower) resumeRenamed(p position, fits func(stored, now identity) bool) bool {
	folder := filepath.Dir(f.path)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return false
	}
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		if path == f.path || !e.Type().IsRegular() {
			continue
		}
		st, err := e.Info()
		if err != nil {
			continue
		}
		if id, err := identifyPath(path, st); err != nil || !fits(p.identity, id) {
			continue
		}
		o, err := openFile(path, f.name)
		if err != nil {
			continue
		}
		if o.resume(p, fits) {
			o.left = time.Now()
			f.old = append(f.old, o)
			return true
		}
		o.close()
	}
	return false
}

// keep tells the positions which files there are.
func (f *follower) keep() {
	if f.t.kept == nil {
		return
	}
	list := slices.Clone(f.old)
	if f.now != nil {
		list = append(list, f.now)
	}
	f.t.kept.set(f.path, list)
}

func (f *follower) open() error {
	o, err := openFile(f.path, f.name)
	if err != nil {
		return err
	}
	f.now, f.told, f.shut = o, false, false
	return nil
}

func (f *follower) wait(why string) {
	if !f.told {
		f.told = true
		f.t.cfg.Log.Warn(fmt.Sprintf("%s %s: waiting for it", f.name, why))
	}
}

// run follows until ctx ends.
func (f *follower) run(ctx context.Context) error {
	defer f.close()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		read, err := f.read(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if !f.shut && f.watch.arm(f.now) {
			continue // it does not tell what came before it
		}
		f.watch.wait(ctx, tick.C, read)
		if ctx.Err() != nil {
			return nil
		}
	}
}

// read hands out all that there is: first of files that were renamed, so that
// lines keep their order.
func (f *follower) read(ctx context.Context) (any bool, err error) {
	for {
		for _, o := range f.old {
			if _, err := f.drain(ctx, o); err != nil {
				return any, err
			}
		}
		if err := f.retire(ctx); err != nil {
			return any, err
		}
		if f.now == nil {
			if err := f.open(); err != nil {
				// A new file may get its owner and mode a moment later.
				f.shut = !errors.Is(err, fs.ErrNotExist)
				f.wait(fmt.Sprintf("cannot be opened (%v)", cause(err)))
				return any, nil
			}
			f.keep()
		}
		n, err := f.drain(ctx, f.now)
		any = any || n
		if err != nil || !f.moved() {
			return any, err
		}
	}
}

// moved finds out whether path has become another file, or none, and then
// leaves the one that it was.
func (f *follower) moved() bool {
	st, err := os.Stat(f.path)
	switch {
	case err == nil && os.SameFile(st, f.now.info):
		return false
	case err == nil:
		f.t.cfg.Log.Info(fmt.Sprintf("%s is a new file", f.name))
	case errors.Is(err, fs.ErrNotExist):
		f.wait("was renamed or removed")
	default:
		return false // the folder may become readable again
	}
	f.now.left = time.Now()
	f.old, f.now = append(f.old, f.now), nil
	f.watch.end()
	f.keep()
	return err == nil
}

// retire closes renamed files that have been silent for a while and hands out
// a last line without its end.
func (f *follower) retire(ctx context.Context) error {
	for i := 0; i < len(f.old); i++ {
		o := f.old[i]
		if time.Since(o.left) < lingerFor {
			continue
		}
		if b := o.last(); b != nil {
			if err := f.hand(ctx, b); err != nil {
				return err
			}
		}
		o.retire()
		f.old = slices.Delete(f.old, i, i+1)
		i--
	}
	return nil
}

// drain hands out what a file has now.
func (f *follower) drain(ctx context.Context, o *file) (any bool, err error) {
	for {
		b, more, err := o.next()
		if errors.Is(err, errTruncated) {
			f.t.cfg.Log.Warn(fmt.Sprintf("%s was truncated: reading it from its beginning; what was not read of it before is lost", f.name))
			o.restart()
			continue
		}
		if err != nil {
			return any, fmt.Errorf("%s: %w", f.name, cause(err))
		}
		if b != nil {
			any = true
			o.left = time.Now()
			if err := f.hand(ctx, b); err != nil {
				return any, err
			}
		}
		if !more {
			return any, nil
		}
	}
}

func (f *follower) close() {
	f.watch.end()
	for _, o := range f.old {
		o.close()
	}
	if f.now != nil {
		f.now.close()
	}
}

// cause takes the system call and the path off an error.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// openError words why a file cannot be followed.
func openError(name string, err error) error {
	if errors.Is(err, errNoFile) {
		return fault.Hint(fmt.Errorf("%s: %w", name, err), "a pipe or a device is read as standard input: < %s", name)
	}
	return fmt.Errorf("%s: %w", name, cause(err))
}
