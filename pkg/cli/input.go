package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

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

// openFiles returns the source that reads files one after the other. One that
// fails is told, and the next one is read. Where there are pipes among them, d says
// what becomes of them when a signal comes.
func (a *App) openFiles(files []string, framer stream.Framer, long stream.LongTaker, d *drain) stream.Source {
	opens := make([]func() (stream.Source, error), len(files))
	for i, name := range files {
		opens[i] = func() (stream.Source, error) { return a.openFile(name, framer, long, d) }
	}
	inputs := stream.NewInputs(opens...)
	inputs.Skip = a.skipInput
	return inputs
}

// skipInput tells why an input was not read to its end. The others are read, as
// cat and grep do, but with --on-error stop.
func (a *App) skipInput(err error) error {
	if a.Shared.OnError == "stop" {
		return err
	}
	a.broken.Add(1)
	a.print(err.Error())
	if hint := fault.HintOf(err); hint != "" {
		a.Hint("%s", hint)
	}
	return nil
}

// unread is the error of a run, which else ended with err, over so many files some
// of which were not read to their end.
func (a *App) unread(err error, files int) error {
	n := a.broken.Load()
	switch {
	case n == 0 || err != nil && fault.CodeOf(err) != fault.Rejected:
		return err
	case files > 1:
		return fmt.Errorf("%d of %d files were not read to their end", n, files)
	}
	return ExitStatus(fault.Failed) // the one has been told
}

// openFile opens an input for reading; "-" is standard input.
func (a *App) openFile(name string, framer stream.Framer, long stream.LongTaker, d *drain) (stream.Source, error) {
	fed := d != nil && a.isFed(name)
	if d.ended() && !fed {
		return stream.NewInputs(), nil // nothing of it was read
	}
	if name == "-" {
		in := &expanded{in: d.reader(a.In, fed)}
		marked := stream.NewMarkedReader(in, "", framer)
		marked.Long = long
		marked.Late = func() {
			a.Say("lines of a stream with marks come, but the one that opens it did not come first: they are passed on as records, and nothing is committed")
		}
		return &file{Source: marked, name: "standard input", in: in, drain: d, fed: fed}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fileError(name, err)
	}
	in := &expanded{in: d.reader(f, fed)}
	reader := stream.NewReader(in, name, framer)
	reader.Long = long
	return &file{Source: reader, name: name, in: in, own: f, drain: d, fed: fed}, nil
}

// file is a reader of blocks that names its file in errors.
type file struct {
	stream.Source
	name string
	in   *expanded
	own  *os.File // to be closed, or nil

	drain *drain // of the pipes among the inputs, or nil
	fed   bool   // is one of them
}

func (f *file) Read(ctx context.Context) (*stream.Block, error) {
	if f.drain.ended() && !f.fed {
		return nil, io.EOF
	}
	b, err := f.Source.Read(ctx)
	if errors.Is(err, errReadingEnded) {
		return nil, io.EOF
	}
	if err != nil && err != io.EOF && ctx.Err() == nil {
		err = fileError(f.name, err)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = fault.Hint(err, "it is cut off")
		}
	}
	return b, err
}

func (f *file) Close() error {
	f.in.Close()
	if f.own == nil {
		return nil
	}
	return f.own.Close()
}
