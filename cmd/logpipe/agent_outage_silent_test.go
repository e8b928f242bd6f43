//go:build unix

package main

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// silent listens on a port, accepts and never answers; each connection is told.
func silent(t *testing.T) (address string, accepted chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted = make(chan struct{}, 100)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			accepted <- struct{}{}
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return l.Addr().String(), accepted
}

// Servers that accept and never answer keep no agent from its end: it tells what
// is left, soon after its grace and long before a call of its sink may end by itself.
func TestOutageSilent(t *testing.T) {
	t.Parallel()
	for name, sink := range map[string]string{
		"avro":   "type = avro\nsinks.k1.hostname = 127.0.0.1\nsinks.k1.port = $PORT\nsinks.k1.request-timeout = 300000",
		"thrift": "type = thrift\nsinks.k1.hostname = 127.0.0.1\nsinks.k1.port = $PORT\nsinks.k1.request-timeout = 300000",
		"http":   "type = http\nsinks.k1.endpoint = http://127.0.0.1:$PORT/\nsinks.k1.requestTimeout = 300000\nsinks.k1.rollback.2XX = false\nsinks.k1.backoff.2XX = false",
		"kafka":  "type = org.apache.flume.sink.kafka.KafkaSink\nsinks.k1.kafka.bootstrap.servers = 127.0.0.1:$PORT\nsinks.k1.kafka.topic = t",
		"hdfs":   "type = hdfs\nsinks.k1.hdfs.path = webhdfs://127.0.0.1:$PORT/x\nsinks.k1.hdfs.callTimeout = 300000",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, accepted := silent(t)
			_, port, _ := strings.Cut(address, ":")
			f := newFleet(t)
			f.flags = []string{"--grace", "200ms"}
			a := f.agent("a", `
				sources = r1
				channels = c1
				sinks = k1
				sources.r1.type = seq
				sources.r1.channels = c1
				channels.c1.type = memory
				channels.c1.keep-alive = 0
				sinks.k1.channel = c1
				sinks.k1.`+strings.ReplaceAll(sink, "$PORT", port))
			<-accepted
			f.awaitTold(a, 0, "waits: channel is full")
			begun := time.Now()
			if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			<-a.over
			told := tailOf(a.told, 300)
			var received, left int
			_, counts, _ := strings.Cut(told, "a stopped: ")
			if _, err := fmt.Sscanf(counts, "%d received, 0 delivered, %d left", &received, &left); err != nil || received < 100 || received != left {
				t.Errorf("told %s", told)
			}
			if took := time.Since(begun); took > time.Minute || a.cmd.ProcessState.ExitCode() != 143 {
				t.Errorf("%v after %v", a.cmd.ProcessState, took)
			}
		})
	}
}

// An agent that is told to end again leaves at once, and counts first what is
// lost with it.
func TestSecondSignalCountsWhatIsLost(t *testing.T) {
	t.Parallel()
	address, accepted := silent(t)
	_, port, _ := strings.Cut(address, ":")
	f := newFleet(t)
	a := f.agent("a", `
		sources = r1
		channels = c1
		sinks = k1
		sources.r1.type = seq
		sources.r1.totalEvents = 70
		sources.r1.channels = c1
		channels.c1.type = memory
		sinks.k1.type = avro
		sinks.k1.hostname = 127.0.0.1
		sinks.k1.port = `+port+`
		sinks.k1.channel = c1`)
	<-accepted
	f.awaitTold(a, 0, "counted to 70")
	begun := time.Now()
	for over := false; !over; {
		_ = a.cmd.Process.Signal(syscall.SIGTERM) // it may have gone meanwhile
		select {
		case <-a.over:
			over = true
		case <-time.After(20 * time.Millisecond):
		}
	}
	want := "logpipe agent: channel c1: 70 events not delivered and lost with the memory channel\n" +
		"logpipe agent: a did not drain: 70 received, 0 delivered, 70 left\nlogpipe agent: left at once\n"
	if told := tailOf(a.told, 1000); !strings.HasSuffix(told, want) || a.cmd.ProcessState.ExitCode() != 143 || time.Since(begun) > 20*time.Second {
		t.Errorf("%v after %v; told %s", a.cmd.ProcessState, time.Since(begun), told)
	}
}
