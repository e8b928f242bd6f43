//go:build !unix

package file

func cpuSeconds() float64 { return 0 }
