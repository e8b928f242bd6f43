package main

import (
	"net"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// aSecond is a second, and what it takes here to start a few programs.
func aSecond(t *testing.T) time.Duration {
	t.Helper()
	begun := time.Now()
	logpipe(t, "", "version")
	return time.Second + 4*time.Since(begun)
}

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
			logpipetest.Prompt(t, aSecond(t), func() {
				if got := logpipe(t, "", append(append([]string{"__complete"}, words...), "-b", broker, "")...); got.code != 0 {
					t.Errorf("%v with broker %s: exit code %d", words, broker, got.code)
				}
			})
		}
	}
}
