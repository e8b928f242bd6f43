package agent

import (
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// refusedSink is a sink that nobody listens to.
const refusedSink = "type = avro\nhostname = 127.0.0.1\nport = 1"

// second is a second channel of r1, with its sink.
func second(sink string) []string {
	all := []string{"channels = c1 c2", "channels.c2.type = memory", "sinks = k1 k2", "sinks.k2.channel = c2", "sources.r1.channels = c1 c2"}
	for line := range strings.SplitSeq(sink, "\n") {
		all = append(all, "sinks.k2."+line)
	}
	return all
}

// listening is a netcat source at a port, and a client that speaks to it.
func listening(t *testing.T) (source string, say func(*edited, string)) {
	port := strconv.Itoa(logpipetest.FreePort(t))
	return "type = netcat\nbind = 127.0.0.1\nport = " + port, func(e *edited, line string) {
		t.Helper()
		e.say(t, e.dialTo(t, "127.0.0.1:"+port), line)
	}
}

// aMinute is a grace that no reload of a test may wait for.
func aMinute(o *Options) { o.Grace = time.Minute }

// shortly is a grace that a test waits for, and a reload on a busy machine is not
// done after: it would tell that the channel has stopped, and not that it drains.
const shortly = 4 * time.Second

// A channel that is dropped drains beside what runs then: the source takes its new
// wiring at once. An edit that brings the channel back has its events again.
func TestDroppedChannelDrainsBeside(t *testing.T) {
	source, say := listening(t)
	before := conf(source, "type = null", second(refusedSink)...)
	e := startEdited(t, before, func(o *Options) {
		monitored(o)
		aMinute(o)
	})
	say(e, "one")
	e.stderr.await(t, "sink k2: cannot deliver")
	e.write(t, conf(source, "type = null"))
	e.stderr.await(t, `e.conf reloaded: source r1 restarted; sink k2, channel c2 drain for at most 1m0s\n`)
	say(e, "two")
	if code, text := e.page(t, "/health"); code != 200 {
		t.Errorf("health: %d %s", code, text)
	}
	if _, text := e.page(t, "/metrics"); !strings.Contains(text, `"CHANNEL.c2"`) || !strings.Contains(text, `"SINK.k2"`) {
		t.Errorf("metrics: %s", text)
	}
	e.write(t, conf(source, "type = null", second("type = logger")...))
	e.stderr.await(t, `e.conf reloaded: sink k2, channel c2, source r1 restarted\n`)
	e.stdout.await(t, ` one }`)
	e.write(t, conf(source, "type = null"))
	e.stderr.await(t, `sink k2, channel c2 stopped\n`) // it is empty
	e.end(t)
	e.stderr.await(t, "2 received, 3 delivered, 0 left")
}

// The agent is told to end while a dropped channel drains: it is drained on, for
// no longer than its grace, and what is left is told and counted.
func TestEndWhileADroppedChannelDrains(t *testing.T) {
	for name, opens := range map[string]bool{"delivers": true, "stuck": false} {
		t.Run(name, func(t *testing.T) {
			g := &gate{newScreen(), make(chan struct{})}
			open := sync.OnceFunc(func() { close(g.open) })
			source, say := listening(t)
			sink := map[bool]string{true: "type = logger", false: refusedSink}[opens]
			e := startEdited(t, conf(source, "type = null", second(sink)...), func(o *Options) {
				o.Stdout = g
				if o.Grace = time.Minute; !opens {
					o.Grace = shortly
				}
			})
			t.Cleanup(open) // before the agent is waited for
			say(e, "one")
			e.write(t, conf(source, "type = null"))
			e.stderr.await(t, `sink k2, channel c2 drain for at most`)
			e.stop()
			if opens {
				open()
			}
			e.end(t)
			if opens {
				e.stderr.await(t, `sink k2, channel c2 stopped\n(.*\n)*.*a1 stopped: 1 received, 2 delivered, 0 left\n`)
				g.await(t, ` one }`)
				return
			}
			e.stderr.await(t, `channel c2: 1 event not delivered and lost with the memory channel\n(.*\n)*.*a1 stopped: 1 received, 1 delivered, 1 left\n`)
		})
	}
}

// A sink that moves to another channel first empties the one of before, which is
// dropped: there are not two of it at once.
func TestMovedSinkEmptiesTheDroppedChannelFirst(t *testing.T) {
	g := &gate{newScreen(), make(chan struct{})}
	open := sync.OnceFunc(func() { close(g.open) })
	source, say := listening(t)
	before := conf(source, "type = logger")
	e := startEdited(t, before, func(o *Options) {
		o.Stdout = g
		aMinute(o)
	})
	t.Cleanup(open) // before the agent is waited for
	say(e, "one")
	e.write(t, strings.ReplaceAll(before, "c1", "c2"))
	e.stderr.await(t, `e.conf reloaded: source r1 restarted; channel c2 started; sink k1, channel c1 drain for at most 1m0s; sink k1 waits for that\n`)
	say(e, "two")
	e.stop() // while both wait
	open()
	e.end(t)
	g.await(t, `(?s) one }.* two }`)
	e.stderr.await(t, "2 received, 2 delivered, 0 left")
}

// A channel on a disk is let go at once where its sink does not deliver; one that
// has only another name then goes on with its events.
func TestDroppedFileChannelIsLetGo(t *testing.T) {
	dir := t.TempDir()
	at := func(source, sink, channel, folder string) string {
		text := conf(source, sink, "channels.c1.checkpointDir = "+dir+"/"+folder, "channels.c1.dataDirs = "+dir+"/"+folder+"-data")
		return strings.ReplaceAll(strings.Replace(text, "c1.type = memory", "c1.type = file", 1), "c1", channel)
	}
	source, say := listening(t)
	e := startEdited(t, at(source, refusedSink, "c1", "x"), aMinute)
	say(e, "one")
	e.stderr.await(t, "cannot deliver")
	e.write(t, at(source, refusedSink, "c2", "x"))
	e.stderr.await(t, `channel c1: 1 event not delivered, left in the file channel\n(.*\n)*.*channel c2: 1 events? of earlier runs`)
	e.stderr.await(t, `e.conf reloaded: source r1, sink k1 restarted; channel c1 stopped; channel c2 started\n`)
	say(e, "two")
	e.stderr.await(t, "(?s)reloaded.*cannot deliver")
	e.write(t, at(source, "type = logger", "c3", "y"))
	e.stderr.await(t, `channel c2: 2 events not delivered, left in the file channel; a channel c2 with type = file, checkpointDir = `+dir+`/x, `)
	say(e, "three")
	e.stdout.await(t, ` three }`)
	e.write(t, at(source, "type = logger", "c4", "x"))
	e.stdout.await(t, `(?s) one }.* two }`)
	e.end(t)
}

// A source that waits for space in a channel that is dropped holds up no port.
func TestSourceWaitsBesideForADroppedChannel(t *testing.T) {
	source, say := listening(t)
	source += "\nack-every-event = true"
	before := conf(source, "type = logger", second(refusedSink)...)
	before += "a1.channels.c2.capacity = 100\na1.channels.c2.transactionCapacity = 100\na1.channels.c2.keep-alive = 0\n"
	e := startEdited(t, before, func(o *Options) { o.Grace = shortly })
	port := source[strings.Index(source, "port = ")+len("port = "):]
	port, _, _ = strings.Cut(port, "\n")
	io.WriteString(e.dialTo(t, "127.0.0.1:"+port), strings.Repeat("x\n", 150))
	e.stderr.await(t, "source r1: waits: channel is full")
	e.write(t, conf(source, "type = logger"))
	e.stderr.await(t, `source r1: \d+ events? of before wait for space\n(.*\n)*.*reloaded: source r1 restarted; sink k2, channel c2 drain for`)
	say(e, "new")
	e.stdout.await(t, ` new }`)
	e.end(t)
	e.stderr.await(t, `channel c2: 100 events not delivered and lost with the memory channel\n(.*\n)*.*source r1: \d+ events? found no space\n`)
}

// Where a new channel cannot be opened, one that was to be dropped goes on.
func TestGoingBackKeepsWhatWasDropped(t *testing.T) {
	source, say := listening(t)
	dir := t.TempDir()
	held := holdFolders(t, dir+"/held", dir+"/held-data")
	defer held.Close()
	third := func(name, data string) string {
		all := "a1.channels = c1 c2 " + name + "\n"
		for _, line := range []string{"type = file", "checkpointDir = " + dir + "/c", "dataDirs = " + dir + "/" + data} {
			all += "a1.channels." + name + "." + line + "\n"
		}
		return all
	}
	e := startEdited(t, conf(source, "type = null", second("type = logger")...)+third("c3", "d"), aMinute)
	// c4 cannot be opened ahead: it wants a folder of c3, which ends.
	e.write(t, conf(source, "type = null")+third("c4", "held-data")+"a1.channels = c1 c4\n")
	e.stderr.await(t, `channel c4: .*; back to the configuration of before`)
	say(e, "one")
	e.stdout.await(t, ` one }`)
	if text := e.stderr.String(); strings.Contains(text, "drain") {
		t.Errorf("told:\n%s", text)
	}
	e.end(t)
	e.stderr.await(t, "1 received, 2 delivered, 0 left")
}
