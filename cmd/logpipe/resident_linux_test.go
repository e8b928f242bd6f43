package main

import (
	"bytes"
	"os"
	"strconv"
	"testing"
)

// TestForgetStart holds that the pages of the program's file go, and come back
// where they are needed.
func TestForgetStart(t *testing.T) {
	before := residentFile(t)
	forgetStart()
	if after := residentFile(t); after >= before {
		t.Errorf("%d KiB of files are resident, and %d were before", after, before)
	}
}

// residentFile is how many KiB of mapped files are resident.
func residentFile(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := bytes.Cut(status, []byte("RssFile:"))
	if !found {
		t.Skip("the kernel does not tell RssFile")
	}
	n, err := strconv.Atoi(string(bytes.Fields(text)[0]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
