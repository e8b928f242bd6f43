package flume

import (
	"maps"
	"slices"
	"sync"
	"testing"
)

func TestCounters(t *testing.T) {
	var c Counters
	e := Env{Counters: &c}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				e.Counter("EventReceivedCount").Add(1)
			}
		})
	}
	e.Gauge("ChannelSize", func() int64 { return 7 })
	all.Wait()
	want := map[string]int64{"EventReceivedCount": 400, "ChannelSize": 7}
	if got := c.Values(); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	var alone Env
	alone.Counter("x").Add(1)
	alone.Gauge("y", nil)
}

// A snapshot never shows more of what is done than of what was begun: what is
// done is read first.
func TestCountersInOrder(t *testing.T) {
	names := []string{"EventPutAttemptCount", "EventReceivedCount", "ChannelSize", "EventTakeSuccessCount", "AppendBatchReceivedCount",
		"EventPutSuccessCount", "EventAcceptedCount", "AppendBatchAcceptedCount"}
	var c Counters
	var read []string
	for _, name := range names {
		c.Gauge(name, func() int64 { read = append(read, name); return 0 })
	}
	c.Values()
	for _, pair := range [][2]string{{"EventAcceptedCount", "EventReceivedCount"}, {"AppendBatchAcceptedCount", "AppendBatchReceivedCount"},
		{"EventPutSuccessCount", "EventPutAttemptCount"}, {"EventTakeSuccessCount", "EventPutSuccessCount"}} {
		if slices.Index(read, pair[0]) > slices.Index(read, pair[1]) {
			t.Errorf("%s is read before %s", pair[1], pair[0])
		}
	}
}
