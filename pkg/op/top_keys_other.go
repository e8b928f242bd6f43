//go:build !linux && !darwin

package op

import (
	"errors"
	"os"
)

// openTTY finds no keyboard beside standard input here: Ctrl-C ends a live table.
func openTTY() (*os.File, error) { return nil, errors.ErrUnsupported }

func keyByKey(*os.File) (restore func(), err error) { return nil, errors.ErrUnsupported }
