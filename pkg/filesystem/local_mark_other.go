//go:build !linux && !darwin && !freebsd

package filesystem

import "os"

// mark has nothing to do: there is nowhere to put it.
func mark(*os.File) {}

// marked cannot tell.
func marked(*os.File) bool { return false }

// unmarked cannot tell.
func unmarked(*os.File) bool { return false }
