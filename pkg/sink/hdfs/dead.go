package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/logpipe/logpipe/pkg/filesystem"
)

// asidePrefix is in front of the names of files with what dead runs have left
// behind their last whole events. Hadoop's jobs do not see such names.
const asidePrefix = ".torn."

// concludeDead ends a file that a dead run has left, if it is surely one. All
// bytes stay: it cannot be known that this sink has written them, with these
// settings. Where its writer may live unseen, the file itself stays too.
func (s *Sink) concludeDead(o *orphan) error {
	gone, err := s.isGone(o.name)
	var whole, size int64
	if err == nil {
		err = s.look(o.name, func(r io.ReaderAt, n int64) (int64, error) {
			var err error
			size = n
			whole, err = s.judge(r, n)
			return n, err
		})
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		o.gone = true
		return nil
	case err != nil:
		return err
	case whole == size && size > 0:
		return s.rename(o)
	case whole > 0 && gone:
		err = s.cutDead(o, whole, size)
	case whole > 0:
		err = s.partDead(o, whole, size)
	case !gone || size > 0 && s.fileType == compressedStream: // a piece of the first part
		return s.renameAside(o)
	default:
		o.empty = true
		return s.remove(o.name)
	}
	if err != nil {
		return err
	}
	return s.rename(o)
}

// isGone reports whether the writer of a file is surely gone.
func (s *Sink) isGone(name string) (bool, error) {
	unsure, ok := s.fs.(filesystem.Unsure)
	if !ok {
		return true, nil // it ends the rights of a writer
	}
	ctx, done := s.call()
	defer done()
	return unsure.Gone(ctx, name)
}

// partDead lets a file whose writer may live go on under the name aside, and puts a
// copy of what is whole in its place. A copy takes its time: only the end of the
// sink interrupts it.
func (s *Sink) partDead(o *orphan, whole, size int64) error {
	ctx, done := context.WithCancel(s.calls.now())
	defer done()
	defer context.AfterFunc(s.life, done)()
	for aside := asideName(o.target); ; aside = s.next(aside) {
		err := s.fs.(filesystem.Unsure).Part(ctx, o.name, aside, whole, size)
		switch {
		case err == nil:
			o.parted, o.aside = true, aside
			return nil
		case errors.Is(err, filesystem.ErrNoLink):
			return &strangeError{fmt.Sprintf("it ends in half an event, nothing proves that its writer is gone, and it cannot be kept beside a copy (%v)", err), size - whole}
		case !errors.Is(err, fs.ErrExist):
			return fmt.Errorf("keep it beside its whole events: %w", err)
		}
	}
}

// renameAside gives a file that has no whole event a name beside its final one.
func (s *Sink) renameAside(o *orphan) error {
	final := o.target
	o.target = asideName(final)
	err := s.rename(o)
	if err != nil {
		o.target = final
	}
	return err
}

// look shows a file to judge, which returns the size that it has to get.
func (s *Sink) look(name string, judge func(io.ReaderAt, int64) (int64, error)) error {
	ctx, done := s.call()
	defer done()
	_, err := s.fs.Adopt(ctx, name, judge)
	return err
}

func (s *Sink) remove(name string) error {
	ctx, done := s.call()
	defer done()
	return ignoreMissing(s.fs.Remove(ctx, name))
}

// cutDead shortens a file to what is whole, once the rest of it is safe in
// another one.
func (s *Sink) cutDead(o *orphan, whole, size int64) error {
	if o.aside == "" || o.torn != size-whole { // not tried before
		aside, err := s.setAside(o, whole, size)
		if err != nil {
			return fmt.Errorf("keep what is behind its last whole event: %w", err)
		}
		o.aside, o.torn = aside, size-whole
	}
	return s.look(o.name, func(_ io.ReaderAt, n int64) (int64, error) {
		if n != size {
			return n, filesystem.ErrBusy
		}
		return whole, nil
	})
}

// asideName is the name of what has no whole event, beside a final name.
func asideName(target string) string {
	return path.Join(path.Dir(target), asidePrefix+strings.TrimPrefix(path.Base(target), asidePrefix))
}

// asidePiece is how much is copied at once.
const asidePiece = 4 << 20

// setAside copies the end of a file into one of its own.
func (s *Sink) setAside(o *orphan, from, size int64) (_ string, err error) {
	name, f, err := s.createAside(o)
	if err != nil {
		return "", err
	}
	defer func() {
		ctx, done := s.call()
		defer done()
		if err = errors.Join(err, f.Close(ctx)); err != nil {
			s.remove(name) // nothing is cut: a piece of a copy is of no use
		}
	}()
	buf := make([]byte, min(size-from, asidePiece))
	for from < size {
		part := buf[:min(size-from, asidePiece)]
		if err := s.look(o.name, func(r io.ReaderAt, n int64) (int64, error) {
			if n != size {
				return n, filesystem.ErrBusy
			}
			if got, err := r.ReadAt(part, from); got < len(part) {
				return n, err
			}
			return n, nil
		}); err != nil {
			return "", err
		}
		ctx, done := s.call()
		_, err := f.Write(ctx, part)
		done()
		if err != nil {
			return "", err
		}
		from += int64(len(part))
	}
	ctx, done := s.call()
	defer done()
	return name, f.Sync(ctx)
}

// createAside makes the file for the end of another one.
func (s *Sink) createAside(o *orphan) (string, filesystem.File, error) {
	for name := asideName(o.target); ; name = s.next(name) {
		ctx, done := s.call()
		f, err := s.fs.Create(ctx, name)
		done()
		if !errors.Is(err, fs.ErrExist) {
			return name, f, err
		}
	}
}
