package logpipetest

import (
	"fmt"
	"testing"
)

// TestRealFlume starts an agent and sends it a line by Flume's own client.
func TestRealFlume(t *testing.T) {
	f := NewFlumeTools(t)
	port := FreePort(t)
	f.Start(t, fmt.Sprintf(`a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = avro
a1.sources.r1.bind = 127.0.0.1
a1.sources.r1.port = %d
a1.sources.r1.channels = c1
a1.channels.c1.type = memory
a1.sinks.k1.type = null
a1.sinks.k1.channel = c1
`, port), "Component type: SOURCE, name: r1 started")
	f.AvroClient(t, "one\n", "-H", "127.0.0.1", "-p", fmt.Sprint(port))
}
