package source

import (
	"context"
	"os"
	"slices"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

const (
	// mostSettle is how long the last change of a file has to be past, at most,
	// before the file is put away: its writer may only pause. A shorter pollDelay
	// is enough.
	mostSettle = 500 * time.Millisecond
	// settleLook is how often a file that settles is looked at.
	settleLook = 50 * time.Millisecond
	// retiredFor is how long a file that was put away is looked at, and
	// mostRetired how many are.
	retiredFor  = time.Minute
	mostRetired = 500
)

// unsettled is how long a file that changed last at a time is still too young to
// be put away. A time to come counts as now: clocks differ.
func (s *Spooldir) unsettled(modified time.Time) time.Duration {
	whole := min(s.poll, s.settle)
	return whole - max(0, time.Since(modified))
}

// settled looks at the end of a file whether it has changed since it was looked
// at, or is so young that it still may. Then it waits, and reading goes on with
// what was added.
func (s *Spooldir) settled(ctx context.Context, r *reading) (bool, error) {
	st, err := r.f.Stat()
	if err != nil {
		return false, err
	}
	if sameState(st, r.st) {
		if !r.waited && !s.await(ctx, r) {
			return false, nil
		}
		if r.changed.IsZero() || r.tracker.mark.kept(r.f) {
			return true, nil
		}
		return false, s.anew(r, "written over")
	}
	s.counters.failed.Add(1)
	s.mention("change", r.path, "%s changes while it is read; files should be moved into spoolDir when they are whole: waits until it is", r.path)
	shrunk := st.Size() < r.st.Size()
	r.st, r.changed, r.waited = st, time.Now(), false
	if shrunk {
		return false, s.anew(r, "truncated")
	}
	if !r.tracker.mark.kept(r.f) {
		return false, nil // it is read anew when it is whole
	}
	return false, r.tracker.renew(r.f, st)
}

// anew reads a file from its beginning, where something else stands now.
func (s *Spooldir) anew(r *reading, what string) error {
	s.env.Logf("%s was %s while it was read: reads it from its beginning", r.path, what)
	r.tracker.pos = 0
	if err := r.tracker.renew(r.f, r.st); err != nil {
		return err
	}
	return s.open(r, 0)
}

// await waits until the last change of a file is long enough past, by its time
// and, since file systems may keep that coarsely, by when it was seen; a further
// change ends it. It returns true where there was nothing to wait for: what may
// have come meanwhile has to be looked for.
func (s *Spooldir) await(ctx context.Context, r *reading) bool {
	left := max(s.unsettled(r.st.ModTime()), s.poll-time.Since(r.changed))
	if left <= 0 {
		return true
	}
	for end := time.Now().Add(left); flume.Pause(ctx, max(time.Millisecond, min(settleLook, time.Until(end)))); {
		if st, err := r.f.Stat(); err != nil || !sameState(st, r.st) {
			return false // settled says what
		}
		if !time.Now().Before(end) {
			r.waited = true
			return false
		}
	}
	return false
}

// sameState tells whether a file has not been written to between two looks.
func sameState(a, b os.FileInfo) bool {
	return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// retired is a file that was read to its end and put away under another name.
type retired struct {
	path  string
	st    os.FileInfo // when it was read to its end
	until time.Time   // looked at so long
}

// retire begins to look at a file that was put away. Of very many files the
// oldest are left.
func (s *Spooldir) retire(path string, st os.FileInfo) {
	if len(s.retired) >= mostRetired {
		s.retired = slices.Delete(s.retired, 0, len(s.retired)-mostRetired+1)
	}
	s.retired = append(s.retired, retired{path, st, time.Now().Add(retiredFor)})
}

// lookBack tells of files that were put away and have grown since: their writer
// was not done with them, and pauses longer than a file is waited for.
func (s *Spooldir) lookBack() {
	s.retired = slices.DeleteFunc(s.retired, func(f retired) bool {
		st, err := os.Stat(f.path)
		if err != nil || !os.SameFile(st, f.st) {
			return true // somebody took it away
		}
		if more := st.Size() - f.st.Size(); more > 0 {
			s.counters.readFail.Add(1)
			s.env.Logf("%s: the file was put away when it was read to its end (byte %d), and has grown since; what follows (%s so far) is not read; "+
				"move files into spoolDir when they are whole, or follow files that are written to with type TAILDIR; "+
				"to have the rest of this one read: tail -c +%d %s, into a new file of spoolDir",
				f.path, f.st.Size(), plural(int(more), "byte"), f.st.Size()+1, f.path)
			return true
		}
		return time.Now().After(f.until)
	})
}
