//go:build unix

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// http -> file channel -> hdfs sink in a folder: what was answered with 200
// arrives, and files of dead runs get their final names.
func TestKilledHDFS(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	out, port := makeFolder(t, f.dir, "out"), strconv.Itoa(logpipetest.FreePort(t))
	conf, _, _ := strings.Cut(strings.Replace(httpAgent, "$PORT", port, 1), "sinks.k1.type")
	a := f.agent("a", conf+`channels.c1.type = file
		sinks.k1.channel = c1
		sinks.k1.type = hdfs
		sinks.k1.hdfs.path = file://$DIR/out
		sinks.k1.hdfs.fileType = DataStream
		sinks.k1.hdfs.rollCount = 300
		sinks.k1.hdfs.rollSize = 0
		sinks.k1.hdfs.rollInterval = 1
		sinks.k1.hdfs.batchSize = 50
		sinks.k1.serializer = header_and_text`)
	p := post(port)
	f.killRandomly(a)
	p.end()
	f.await(func() (bool, string) {
		n, examples := readCopies(t, out).missing(p.answered)
		return n == 0, fmt.Sprintf("%d of %d events are missing, such as %q", n, len(p.answered), examples)
	})
	// The sink looks for files of dead runs beside its work, and its end leaves the
	// rest of them to the next run.
	f.await(func() (bool, string) {
		names := notEnded(out)
		return len(names) == 0, fmt.Sprintf("these files were not ended: %q", names)
	})
	f.stop(a)
	got := readCopies(t, out)
	p.judge(t, got, len(a.kills))
	if names := notEnded(out); len(names) > 0 || got.torn > 0 {
		t.Errorf("%d lines are cut off, and these files were not ended: %q", got.torn, names)
	}
}

// notEnded are the files of an hdfs sink that have events and not their final names;
// an empty one is left alone for a minute.
func notEnded(folder string) []string {
	names, _ := filepath.Glob(filepath.Join(folder, "*.tmp"))
	return slices.DeleteFunc(names, func(name string) bool {
		st, err := os.Stat(name)
		return errors.Is(err, fs.ErrNotExist) || err == nil && st.Size() == 0 // or it has its name now
	})
}

// http -> file channel -> two avro sinks in a group -> two agents, each with a
// file channel: all three are killed, and what was answered with 200 arrives at
// one of the two.
func TestKilledGroup(t *testing.T) {
	t.Parallel()
	for _, processor := range []string{"failover", "load_balance"} {
		t.Run(processor, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t)
			port := strconv.Itoa(logpipetest.FreePort(t))
			conf, _, _ := strings.Cut(strings.Replace(httpAgent, "$PORT", port, 1), "sinks.k1.type")
			conf = strings.Replace(conf, "sinks = k1", "sinks = k1 k2", 1) + `channels.c1.type = file
				sinkgroups = g
				sinkgroups.g.sinks = k1 k2
				sinkgroups.g.processor.type = ` + processor + "\n"
			if processor == "failover" {
				conf += "sinkgroups.g.processor.priority.k1 = 2\nsinkgroups.g.processor.priority.k2 = 1\nsinkgroups.g.processor.maxpenalty = 1000\n"
			} else {
				conf += "sinkgroups.g.processor.backoff = true\nsinkgroups.g.processor.selector.maxTimeOut = 1000\n"
			}
			var receivers []*fleetAgent
			for i, name := range []string{"b1", "b2"} {
				makeFolder(t, f.dir, name)
				to := strconv.Itoa(logpipetest.FreePort(t))
				text := strings.NewReplacer("$PORT", to, "$CHECKPOINT", "100", "$DIR/b/", "$DIR/"+name+"-", "$DIR/out", "$DIR/"+name).Replace(hopReceiver)
				receivers = append(receivers, f.agent(name, text))
				conf += fmt.Sprintf("sinks.k%d.type = avro\nsinks.k%[1]d.hostname = 127.0.0.1\nsinks.k%[1]d.port = %s\nsinks.k%[1]d.batch-size = 50\nsinks.k%[1]d.channel = c1\n", i+1, to)
			}
			a := f.agent("a", conf)
			p := post(port)
			f.killRandomly(append(receivers, a)...)
			p.end()
			arrived := func() copies {
				got := readCopies(t, filepath.Join(f.dir, "b1"))
				for body, all := range readCopies(t, filepath.Join(f.dir, "b2")).events {
					got.events[body] = append(got.events[body], all...)
				}
				return got
			}
			f.await(func() (bool, string) {
				n, examples := arrived().missing(p.answered)
				return n == 0, fmt.Sprintf("%d of %d events are missing, such as %q", n, len(p.answered), examples)
			})
			f.stop(a)
			for _, b := range receivers {
				f.stop(b)
			}
			p.judge(t, arrived(), 2*logpipetest.Kills(t)) // a batch of the hop and one of the last sink
		})
	}
}
