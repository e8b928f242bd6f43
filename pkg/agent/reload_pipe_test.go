package agent

import (
	"fmt"
	"strings"
	"testing"
)

// What a pipe sink holds is in its channel as long as it is alone there; another
// sink at the channel ends that. The rows come out with the sink, and nothing is left.
func TestReloadHeldEvents(t *testing.T) {
	dir := t.TempDir()
	before := conf(netcat, "type = pipe\ncommand = aggregate --window 1m count", "channels.c1.type = file",
		"channels.c1.checkpointDir = "+dir+"/checkpoint", "channels.c1.dataDirs = "+dir+"/data", "channels.c1.minimumRequiredSpace = 0")
	before = strings.Replace(before, "a1.channels.c1.type = memory\n", "", 1)
	e := startEdited(t, before, nil)
	c := e.dial(t)
	say := func(times ...string) {
		for _, at := range times {
			e.say(t, c, fmt.Sprintf(`{"time":"2026-11-20T%sZ"}`, at))
		}
	}
	say("10:00:01", "10:00:02", "10:01:01")
	e.stdout.await(t, `"window_start":"2026-11-20T10:00:00Z","window_end":"2026-11-20T10:01:00Z","count":2}`)
	say("10:01:02", "10:02:03")
	e.stdout.await(t, `"window_start":"2026-11-20T10:01:00Z","window_end":"2026-11-20T10:02:00Z","count":2}`)
	e.write(t, strings.Replace(before, "a1.sinks = k1", "a1.sinks = k1 k2", 1)+"a1.sinks.k2.type = null\na1.sinks.k2.channel = c1\n")
	e.stderr.await(t, `warning: sink k1: aggregate holds the open windows in memory`)
	e.stderr.await(t, `reloaded: sink k1 restarted; sink k2 started\n`)
	e.stdout.await(t, `"window_start":"2026-11-20T10:02:00Z","window_end":"2026-11-20T10:03:00Z","count":1}`)
	e.write(t, before)
	e.stderr.await(t, `reloaded: sink k1 restarted; sink k2 stopped\n`)
	say("10:02:04", "10:02:05")
	e.end(t)
	e.stdout.await(t, `"window_start":"2026-11-20T10:02:00Z","window_end":"2026-11-20T10:03:00Z","count":2}`)
	e.stderr.await(t, "7 received, 7 delivered, 0 left")
}
