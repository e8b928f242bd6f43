package cli

import (
	"errors"
	"io"
	"os"
)

// wake cannot be had here: nothing ends a read that waits.
type wake struct{}

func newWake() (*wake, error) { return nil, errors.ErrUnsupported }

func (*wake) up() {}

func (*wake) reader(f *os.File) io.Reader { return f }
