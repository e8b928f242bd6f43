package main

import (
	"net"
	"testing"
	"time"
)

// TestCompletionDoesNotWait holds that the tabulator comes back within a second
// where the broker is gone, and where something takes connections and is silent.
func TestCompletionDoesNotWait(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, broker := range []string{"127.0.0.1:1", silent.Addr().String()} {
		for _, words := range [][]string{{"topic", "describe"}, {"group", "describe"}, {"consume"}, {"group", "reset", "x", "--topic"}} {
			begun := time.Now()
			got := logpipe(t, "", append(append([]string{"__complete"}, words...), "-b", broker, "")...)
			if took := time.Since(begun); took > time.Second || got.code != 0 {
				t.Errorf("%v with broker %s: %v, exit code %d", words, broker, took, got.code)
			}
		}
	}
}
