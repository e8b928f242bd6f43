package flume

import (
	"maps"
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
