//go:build !linux

package filesystem

// whoWrites cannot tell.
func whoWrites(string) error { return nil }
