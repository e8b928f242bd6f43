package agent

import (
	"fmt"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// A datanode that takes a block and then neither reads nor answers: a call ends
// with hdfs.callTimeout, the batch goes back into the channel and comes again;
// and the agent ends with its grace, however long a call may take.
func TestHangingDatanode(t *testing.T) {
	const hour = 3_600_000
	for _, test := range []struct {
		name    string
		source  string
		events  int
		timeout int // ms
		told    string
	}{
		{"no acknowledgement", "type = seq\ntotalEvents = 20\nbatchSize = 20", 20, 200, `sink k1: cannot deliver \(attempt 2\)`},
		{"no place for the data", "type = org.apache.flume.source.StressSource\nmaxTotalEvents = 1\nsize = 1000000", 1, 200, `sink k1: cannot deliver \(attempt 2\)`},
		{"no acknowledgement at the end", "type = seq\ntotalEvents = 20\nbatchSize = 20", 20, hour, ""},
		{"no place for the data at the end", "type = org.apache.flume.source.StressSource\nmaxTotalEvents = 1\nsize = 1000000", 1, hour, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			cluster := logpipetest.StartStuckHDFS(t)
			a := startAgent(t, conf(test.source, fmt.Sprintf("type = hdfs\nhdfs.path = %s/logs\nhdfs.callTimeout = %d", cluster.Root, test.timeout)),
				func(o *Options) { o.Grace = 50 * time.Millisecond })
			select {
			case <-cluster.Stuck:
			case <-time.After(time.Minute):
				t.Fatalf("no data come to the datanode; told:\n%s", a.stderr)
			}
			if test.told != "" {
				a.stderr.await(t, test.told)
			}
			a.end(t)
			a.stderr.await(t, fmt.Sprintf("%d received, 0 delivered, %[1]d left", test.events))
		})
	}
}
