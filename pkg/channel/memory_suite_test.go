package channel

import (
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

func TestMemorySuite(t *testing.T) {
	logpipetest.ChannelSuite{Bubble: true, Open: func(t testing.TB, _ string, capacity, transaction int, wait time.Duration) flume.Channel {
		m := newMemory(t.(*testing.T), nil)
		m.capacity, m.batch, m.keepAlive = capacity, transaction, wait
		return m
	}}.Run(t)
}
