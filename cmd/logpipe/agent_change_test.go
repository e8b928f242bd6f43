//go:build unix

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// The property file changes again and again while events come: other capacities,
// batches, interceptors and sinks, also mistakes;
// and SIGHUP asks for looks at any time. Nothing that was answered is lost, and
// nothing comes twice.
func TestChangesUnderLoad(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{
		"type = file\nchannels.c1.checkpointInterval = $N",
		"type = memory\nchannels.c1.capacity = $N",
		"type = SPILLABLEMEMORY\nchannels.c1.memoryCapacity = $N\nchannels.c1.overflowTimeout = 0",
	} {
		name, _, _ := strings.Cut(strings.TrimPrefix(kind, "type = "), "\n")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changeUnderLoad(t, kind)
		})
	}
}

func changeUnderLoad(t *testing.T, kind string) {
	f := newFleet(t)
	out, port := makeFolder(t, f.dir, "out"), strconv.Itoa(logpipetest.FreePort(t))
	conf := func() string {
		text := strings.Replace(httpAgent, "$PORT", port, 1)
		text = strings.Replace(text, "sinks.k1.sink.batchSize = 50", fmt.Sprint("sinks.k1.sink.batchSize = ", 1+rand.IntN(100)), 1)
		text = strings.Replace(text, "channels.c1.transactionCapacity = 100", fmt.Sprint("channels.c1.transactionCapacity = ", 100+rand.IntN(3)), 1)
		text += "channels.c1." + strings.Replace(kind, "$N", strconv.Itoa(200+rand.IntN(800)), 1) + "\n"
		if rand.IntN(3) == 0 {
			text += "sources.r1.interceptors = i1\nsources.r1.interceptors.i1.type = timestamp\n"
		}
		if rand.IntN(3) == 0 {
			text = strings.Replace(text, "sinks = k1\n", "sinks = k1 k2\n", 1) + strings.ReplaceAll(httpAgent[strings.Index(httpAgent, "sinks.k1.type"):], "k1.", "k2.")
		}
		return text
	}
	a := f.agent("a", conf())
	f.awaitTold(a, a.begun, "a runs:")
	p := post(port)
	signals, hung := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(hung)
		for {
			select {
			case <-signals:
				return
			case <-a.over:
				return
			default:
				_ = a.cmd.Process.Signal(syscall.SIGHUP) // it may have ended
				sleepUpTo(300)
			}
		}
	}()
	for n := range 2 * logpipetest.Kills(t) {
		since := a.toldSize()
		if n%4 == 3 {
			f.configure(a, strings.Replace(conf(), "sinks.k1.channel = c1", "sinks.k1.channel = c9", 1))
			f.awaitTold(a, since, "goes on as before")
			continue
		}
		f.configure(a, conf()+fmt.Sprint("sinks.k1.sink.pathManager.prefix = ", n, "-\n"))
		f.awaitTold(a, since, "reloaded: ")
		sleepUpTo(100)
	}
	close(signals)
	<-hung
	p.end()
	f.await(func() (bool, string) {
		n, examples := readCopies(t, out).missing(p.answered)
		return n == 0, fmt.Sprintf("%d of %d events are missing, such as %q", n, len(p.answered), examples)
	})
	f.stop(a)
	p.judge(t, readCopies(t, out), 0)
	if text, err := os.ReadFile(a.told); err != nil || strings.Contains(string(text), "lost") {
		t.Errorf("told %s", text)
	}
}
