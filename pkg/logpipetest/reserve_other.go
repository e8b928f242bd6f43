//go:build !linux

package logpipetest

import "testing"

// reserve says whether nobody listens at a port of 127.0.0.1 now.
func reserve(_ testing.TB, port int) (ok bool, err error) { return !listens(loopback(port)), nil }
