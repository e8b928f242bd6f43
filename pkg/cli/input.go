package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/stream"
)

// ExpandFiles replaces patterns by the files that they match, and sees that all
// files are there and may be read before anything is read: what is wrong with
// one is an error of usage. A name that is a file stays as it is; "-" is standard
// input.
func ExpandFiles(names []string) ([]string, error) {
	var files []string
	for _, name := range names {
		if name == "-" {
			files = append(files, name)
			continue
		}
		st, err := os.Stat(name)
		if err != nil && strings.ContainsAny(name, "*?[") {
			matches, globErr := filepath.Glob(name)
			if globErr != nil {
				return nil, fault.Usagef("file pattern %q is malformed", name)
			}
			if len(matches) > 0 {
				files = append(files, matches...)
				continue
			}
			return nil, fault.Usagef("no file matches %q", name)
		}
		if err == nil && st.IsDir() {
			return nil, fault.Hint(fault.Usagef("%s is a folder", fault.Visible(name)), "name its files: '%s'", filepath.Join(name, "*"))
		}
		if err == nil && st.Mode().IsRegular() { // a pipe would wait for who writes into it
			err = mayRead(name)
		}
		if err != nil {
			return nil, fault.With(fault.Usage, fileError(name, err))
		}
		files = append(files, name)
	}
	return files, nil
}

func mayRead(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return f.Close()
}

// ReadFile reads a file that says what to do; "-" is standard input. What is
// wrong with it is an error of usage.
func (a *App) ReadFile(name string) ([]byte, error) {
	if name == "-" {
		b, err := io.ReadAll(a.In)
		return b, fault.With(fault.Usage, err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fault.With(fault.Usage, fileError(name, err))
	}
	return b, nil
}

// fileError names a file that cannot be read, without the system call's name.
func fileError(name string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("%s: %w", fault.Visible(name), err)
}

// openFiles returns the source that reads files one after the other.
func (a *App) openFiles(files []string, framer stream.Framer) stream.Source {
	opens := make([]func() (stream.Source, error), len(files))
	for i, name := range files {
		opens[i] = func() (stream.Source, error) {
			if name == "-" {
				return &file{Reader: stream.NewReader(a.In, "", framer), name: "standard input", closer: func() error { return nil }}, nil
			}
			r, closer, err := openFile(name)
			if err != nil {
				return nil, err
			}
			return &file{Reader: stream.NewReader(r, name, framer), name: name, closer: closer}, nil
		}
	}
	return stream.NewInputs(opens...)
}

// file is a reader of blocks that names its file in errors.
type file struct {
	*stream.Reader
	name   string
	closer func() error
}

func (f *file) Read(ctx context.Context) (*stream.Block, error) {
	b, err := f.Reader.Read(ctx)
	if err != nil && err != io.EOF && ctx.Err() == nil {
		err = fileError(f.name, err)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = fault.Hint(err, "the file is cut off")
		}
	}
	return b, err
}

func (f *file) Close() error { return f.closer() }

var (
	gzipMagic = []byte("\x1f\x8b\x08")
	zstdMagic = []byte("\x28\xb5\x2f\xfd")
)

// openFile opens a file for reading. What it begins with tells whether it is
// compressed with gzip or zstd, whatever it is called.
func openFile(name string) (io.Reader, func() error, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, fileError(name, err)
	}
	head := make([]byte, 4)
	n, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return f, f.Close, nil // a pipe or a device: it cannot be read twice
	}
	switch head = head[:n]; {
	case bytes.HasPrefix(head, gzipMagic):
		z, err := gzip.NewReader(f)
		if err != nil {
			f.Close()
			return nil, nil, fileError(name, err)
		}
		return z, func() error { return errors.Join(z.Close(), f.Close()) }, nil
	case bytes.HasPrefix(head, zstdMagic):
		z, err := zstd.NewReader(f)
		if err != nil {
			f.Close()
			return nil, nil, fileError(name, err)
		}
		return z, func() error { z.Close(); return f.Close() }, nil
	}
	return f, f.Close, nil
}
