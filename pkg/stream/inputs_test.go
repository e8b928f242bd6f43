package stream

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// TestInputsGoOn holds that the inputs behind one that cannot be opened or read to
// its end are read, each with lines of its own, unless the error is to end it.
func TestInputsGoOn(t *testing.T) {
	broken, missing := errors.New("broken"), errors.New("missing")
	inputs := func() *Inputs {
		open := func(in io.Reader) func() (Source, error) {
			return func() (Source, error) { return NewReader(in, "", nil), nil }
		}
		return NewInputs(open(strings.NewReader("a\n")), open(io.MultiReader(strings.NewReader("b\n"), iotest.ErrReader(broken))),
			func() (Source, error) { return nil, missing }, open(strings.NewReader("c\nd\n")))
	}
	read := func(s *Inputs) (text string, err error) {
		for {
			b, err := s.Read(context.Background())
			if err != nil {
				return text, err
			}
			if b.Line != 1 {
				t.Errorf("%q begins on line %d", b.Data, b.Line)
			}
			text += string(b.Data)
		}
	}
	s := inputs()
	var told []error
	s.Skip = func(err error) error { told = append(told, err); return nil }
	if text, err := read(s); text != "a\nb\nc\nd\n" || err != io.EOF || len(told) != 2 || told[0] != broken || told[1] != missing {
		t.Errorf("%q, %v, told %v", text, err, told)
	}
	s = inputs()
	s.Skip = func(err error) error { return err }
	if text, err := read(s); text != "a\nb\n" || err != broken {
		t.Errorf("%q, %v", text, err)
	}
	if text, err := read(inputs()); text != "a\nb\n" || err != broken {
		t.Errorf("without Skip: %q, %v", text, err)
	}
}
