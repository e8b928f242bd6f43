package agent

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// The agent is told to end while a reload waits for a source that has no space:
// what that source has read gets the grace, as everything else.
func TestEndDuringReload(t *testing.T) {
	g := &gate{newScreen(), make(chan struct{})}
	open := sync.OnceFunc(func() { close(g.open) })
	before := conf("type = seq\ntotalEvents = 200\nbatchSize = 100", "type = logger", "channels.c1.keep-alive = 0")
	e := startEdited(t, before, func(o *Options) { o.Stdout, o.NoReload = g, true })
	t.Cleanup(open) // before the agent is waited for
	e.stderr.await(t, "source r1: waits: channel is full")
	e.write(t, strings.Replace(before, "totalEvents = 200", "totalEvents = 201", 1))
	e.reload <- os.Interrupt
	e.stop()
	time.Sleep(10 * time.Millisecond) // longer than who gives up at once takes
	open()
	e.end(t)
	e.stderr.await(t, "200 received, 200 delivered, 0 left")
}

// A source is changed while its channel is full and the sink does not deliver for
// longer than the grace: what the source has read waits on beside its successor,
// through further edits, and gets out when the sink delivers.
func TestReplacedSourceKeepsWhatItHasRead(t *testing.T) {
	g := &gate{newScreen(), make(chan struct{})}
	open := sync.OnceFunc(func() { close(g.open) })
	before := conf(netcat+"\nack-every-event = false", "type = logger", "channels.c1.capacity = 100", "channels.c1.keep-alive = 0")
	e := startEdited(t, before, func(o *Options) { o.Stdout, o.NoReload, o.Grace = g, true, 50*time.Millisecond })
	io.WriteString(e.dial(t), strings.Repeat("x\n", 249)+"end\n")
	t.Cleanup(open) // before the agent is waited for
	e.stderr.await(t, "source r1: waits: channel is full")
	e.write(t, before+"a1.sources.r1.max-line-length = 20\n")
	e.reload <- os.Interrupt
	e.stderr.await(t, `source r1: \d+ events of before wait for space\n(.*\n)*.*reloaded: source r1 restarted\n`)
	e.write(t, before+"a1.sources.r1.max-line-length = 30\n")
	e.reload <- os.Interrupt
	e.stderr.await(t, `(?s)restarted\n.*reloaded: source r1 restarted\n`)
	open()
	g.await(t, ` end `)
	e.write(t, before)
	e.reload <- os.Interrupt
	e.stderr.await(t, `(?s)(reloaded: source r1 restarted\n.*){3}`)
	e.end(t)
	e.stderr.await(t, "250 received, 250 delivered, 0 left")
}

// So does what a source has read from UDP: its successor has the port at once, and
// receives beside it.
func TestReplacedUDPSourceKeepsWhatItHasRead(t *testing.T) {
	for name, of := range map[string]struct{ source, more, text string }{
		"netcatudp": {"type = netcatudp\nbind = 127.0.0.1", "remoteAddress = from", "%s"},
		"syslogudp": {"type = syslogudp\nhost = 127.0.0.1", "keepFields = all", "<13>%s"},
	} {
		t.Run(name, func(t *testing.T) {
			g := &gate{newScreen(), make(chan struct{})}
			open := sync.OnceFunc(func() { close(g.open) })
			port := strconv.Itoa(logpipetest.FreePort(t))
			before := conf(of.source+"\nport = "+port, "type = logger\nmaxBytesToLog = 20", "channels.c1.capacity = 100", "channels.c1.keep-alive = 0")
			e := startEdited(t, before, func(o *Options) { o.Stdout, o.NoReload, o.Grace = g, true, time.Millisecond })
			t.Cleanup(open) // before the agent is waited for
			e.stderr.await(t, "listens on")
			conn, err := net.Dial("udp", "127.0.0.1:"+port)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprint(conn, strings.Repeat(fmt.Sprintf(of.text+"\n", "x"), 249)+fmt.Sprintf(of.text, "end"))
			e.stderr.await(t, "source r1: waits: channel is full")
			e.write(t, before+"a1.sources.r1."+of.more+"\n")
			e.reload <- os.Interrupt
			e.stderr.await(t, `source r1: \d+ events of before wait for space\n(.*\n)*.*reloaded: source r1 restarted\n`)
			fmt.Fprintf(conn, of.text, "late")
			open()
			g.await(t, ` 65 6E 64 `)    // end
			g.await(t, ` 6C 61 74 65 `) // late
			if n := strings.Count(g.String(), "Event: "); n != 251 {
				t.Errorf("%d events came", n)
			}
			e.end(t)
		})
	}
}
