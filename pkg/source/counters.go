package source

import (
	"fmt"
	"sync/atomic"

	"github.com/logpipe/logpipe/pkg/flume"
)

// counters are the counters that Flume keeps for every source that reads
// batches.
type counters struct {
	received, accepted               *atomic.Int64 // events
	receivedBatches, acceptedBatches *atomic.Int64
	readFail, writeFail, failed      *atomic.Int64
}

func newCounters(env flume.Env) counters {
	return counters{
		received: env.Counter("EventReceivedCount"), accepted: env.Counter("EventAcceptedCount"),
		receivedBatches: env.Counter("AppendBatchReceivedCount"), acceptedBatches: env.Counter("AppendBatchAcceptedCount"),
		readFail: env.Counter("EventReadFail"), writeFail: env.Counter("ChannelWriteFail"),
		failed: env.Counter("GenericProcessingFail"),
	}
}

// put is Output.Put, counted.
func (c *counters) put(out *Output, events []flume.Event) error {
	return c.putBatches(out, events, max(1, len(events)))
}

// putBatches is Output.PutBatches, counted.
func (c *counters) putBatches(out *Output, events []flume.Event, size int) error {
	n, batches := int64(len(events)), int64((len(events)+size-1)/size)
	c.received.Add(n)
	c.receivedBatches.Add(batches)
	if err := out.PutBatches(events, size); err != nil {
		c.writeFail.Add(1)
		return err
	}
	c.accepted.Add(n)
	c.acceptedBatches.Add(batches)
	return nil
}

// plural is a number of things in words.
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
