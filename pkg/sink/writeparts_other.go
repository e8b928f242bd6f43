//go:build !linux

package sink

import "io"

// writeParts writes all parts.
func writeParts(w io.Writer, parts [][]byte) (int64, error) { return writeEach(w, parts) }
