package file

import (
	"testing"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// TestKill kills the process with many segments and checkpoints going on.
func TestKill(t *testing.T) {
	logpipetest.KillChannel(t, func(t testing.TB, dir string) flume.Channel {
		c, _ := open(t, dir, "maxFileSize=100000", "checkpointInterval=20", "transactionCapacity=100", "capacity=20000")
		return c
	})
}
