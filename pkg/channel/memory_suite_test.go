package channel

import (
	"testing"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

func TestMemorySuite(t *testing.T) {
	logpipetest.ChannelSuite{Bubble: true, Open: func(t testing.TB, _ string, capacity, transaction int, wait bool) flume.Channel {
		m := newMemory(t.(*testing.T), nil)
		m.capacity, m.batch, m.keepAlive = capacity, transaction, 0
		if wait {
			m.keepAlive = 1e9
		}
		return m
	}}.Run(t)
}
