//go:build !windows

package op

import "io"

// acceptEscapes has nothing to do: terminals obey control sequences.
func acceptEscapes(io.Writer) {}
