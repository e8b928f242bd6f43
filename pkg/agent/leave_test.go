package agent

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// An agent that is left while a sink is stuck counts what is lost, once.
func TestLeavingTellsWhatIsLost(t *testing.T) {
	g := &gate{newScreen(), make(chan struct{})}
	leave := make(chan func(), 1)
	a := startAgent(t, conf("type = seq\ntotalEvents = 150\nbatchSize = 100", "type = logger"), func(o *Options) {
		o.Stdout = g
		o.AtLeave = func(f func()) func() {
			leave <- f
			return func() {}
		}
	})
	a.stderr.await(t, "source r1: waits: channel is full")
	a.stop()
	left := <-leave
	left()
	a.stderr.await(t, "source r1: 50 events found no space\n.*channel c1: 100 events not delivered and lost with the memory channel\n"+
		".*a1 did not drain: 150 received, 0 delivered, 150 left\n")
	close(g.open)
	a.end(t)
	left()
	if told := a.stderr.String(); strings.Count(told, "150 received") != 1 {
		t.Errorf("told:\n%s", told)
	}
}

// What a spillable channel has in memory is lost, what it has on disk is not.
func TestLeavingTellsWhatSpills(t *testing.T) {
	dir := t.TempDir()
	leave := make(chan func(), 1)
	refused := "type = avro\nhostname = 127.0.0.1\nport = 1"
	text := strings.Replace(conf("type = seq\ntotalEvents = 30\nbatchSize = 10", refused, "channels.c1.memoryCapacity = 20",
		"channels.c1.overflowTimeout = 0", "channels.c1.checkpointDir = "+dir+"/check", "channels.c1.dataDirs = "+dir+"/data"),
		"channels.c1.type = memory", "channels.c1.type = spillablememory", 1)
	a := startAgent(t, text, func(o *Options) {
		o.Grace = 0
		o.AtLeave = func(f func()) func() {
			leave <- f
			return func() {}
		}
	})
	a.stderr.await(t, "counted to 30")
	a.stderr.await(t, "cannot deliver .attempt 1., tries again in 1s")
	(<-leave)()
	a.stderr.await(t, "(?i)channel c1: 20 events not delivered and lost with the memory of the spillablememory channel\n(.*\n)*"+
		".*channel c1: 10 events not delivered, left in the spillablememory channel\n(.*\n)*.*a1 did not drain: 30 received, 0 delivered, 30 left\n")
	a.end(t)
}

// What is stuck keeps nobody from leaving.
func TestLeavingWaitsForNothing(t *testing.T) {
	r := newRunning(Options{Stderr: io.Discard})
	r.mu.Lock()
	defer r.mu.Unlock()
	begun := time.Now()
	r.leave()
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("it took %v", took)
	}
}

// A cluster that takes calls and never answers: the agent ends within its grace,
// and not when the calls give up.
func TestSilentClusterHoldsNoAgent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // nobody accepts: the system connects, and keeps what is sent
	a := startAgent(t, conf("type = seq\ntotalEvents = 7\nbatchSize = 7", "type = hdfs\nhdfs.path = hdfs://"+l.Addr().String()+"/x\nhdfs.callTimeout = 600000"),
		func(o *Options) { o.Grace = 50 * time.Millisecond })
	a.stderr.await(t, "counted to 7")
	a.end(t)
	a.stderr.await(t, "7 received, 0 delivered, 7 left")
	if text := a.stderr.String(); strings.Contains(text, "dead run") {
		t.Errorf("told:\n%s", text)
	}
}

// An orderly end stores all that a spillable channel has, beyond what it may
// have on disk otherwise; one without disk says that it is lost.
func TestEndSavesWhatSpills(t *testing.T) {
	dir := t.TempDir()
	spilling := func(from, to, onDisk string) string {
		text := conf(from, to, "channels.c1.memoryCapacity = 20", "channels.c1.overflowCapacity = "+onDisk, "channels.c1.transactionCapacity = 10",
			"channels.c1.overflowTimeout = 0", "channels.c1.checkpointDir = "+dir+"/check", "channels.c1.dataDirs = "+dir+"/data",
			"channels.c1.minimumRequiredSpace = 0")
		return strings.Replace(text, "channels.c1.type = memory", "channels.c1.type = SPILLABLEMEMORY", 1)
	}
	const refused = "type = avro\nhostname = 127.0.0.1\nport = 1\nbatch-size = 10"
	soon := func(o *Options) { o.Grace = time.Millisecond }
	a := startAgent(t, spilling("type = seq\ntotalEvents = 30\nbatchSize = 10", refused, "10"), soon)
	a.stderr.await(t, "counted to 30")
	a.end(t)
	a.stderr.await(t, "channel c1: 30 events not delivered, left in the SPILLABLEMEMORY channel\n.*a1 stopped: 30 received, 0 delivered, 30 left\n")
	a = startAgent(t, spilling("type = seq\ntotalEvents = 1", "type = null\nbatchSize = 10", "10"), nil)
	a.stderr.await(t, "counted to 1")
	a.end(t)
	a.stderr.await(t, "a1 stopped: 1 received, 31 delivered, 0 left\n")
	a = startAgent(t, spilling("type = seq\ntotalEvents = 20\nbatchSize = 10", refused, "0"), soon)
	a.stderr.await(t, "counted to 20")
	a.end(t)
	a.stderr.await(t, "channel c1: 20 events not delivered and lost with the SPILLABLEMEMORY channel\n.*a1 stopped: 20 received, 0 delivered, 20 left\n")
}
