//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// The agents of the way from the logs of one machine to the files of another.
// Each event gets an id when it is read, and another one when it is received,
// so that copies tell where they were made.
const (
	hopBatch    = 50
	hopInterval = 200 // ms between two writes of the position file

	hopSender = `
		sources = r1
		channels = c1
		sinks = k1
		sources.r1.type = TAILDIR
		sources.r1.filegroups = app web cut
		sources.r1.filegroups.app = $DIR/logs/app\.log.*
		sources.r1.filegroups.web = $DIR/logs/web\.log
		sources.r1.filegroups.cut = $DIR/logs/cut\.log
		sources.r1.positionFile = $DIR/position.json
		sources.r1.writePosInterval = 200
		sources.r1.maxBackoffSleep = 300
		sources.r1.idleTimeout = 1500
		sources.r1.batchSize = 50
		sources.r1.channels = c1
		sources.r1.interceptors = time id
		sources.r1.interceptors.time.type = timestamp
		sources.r1.interceptors.id.type = org.apache.flume.sink.solr.morphline.UUIDInterceptor$Builder
		sources.r1.interceptors.id.headerName = read
		channels.c1.type = file
		channels.c1.checkpointDir = $DIR/a/checkpoint
		channels.c1.dataDirs = $DIR/a/data
		channels.c1.minimumRequiredSpace = 1048576
		channels.c1.checkpointInterval = $CHECKPOINT
		channels.c1.maxFileSize = 300000
		sinks.k1.type = avro
		sinks.k1.hostname = 127.0.0.1
		sinks.k1.port = $PORT
		sinks.k1.batch-size = 50
		sinks.k1.channel = c1`

	hopReceiver = `
		sources = r1
		channels = c1
		sinks = k1
		sources.r1.type = avro
		sources.r1.bind = 127.0.0.1
		sources.r1.port = $PORT
		sources.r1.channels = c1
		sources.r1.interceptors = id
		sources.r1.interceptors.id.type = org.apache.flume.sink.solr.morphline.UUIDInterceptor$Builder
		sources.r1.interceptors.id.headerName = received
		channels.c1.type = file
		channels.c1.checkpointDir = $DIR/b/checkpoint
		channels.c1.dataDirs = $DIR/b/data
		channels.c1.minimumRequiredSpace = 1048576
		channels.c1.checkpointInterval = $CHECKPOINT
		channels.c1.transactionCapacity = 100
		channels.c1.maxFileSize = 300000
		sinks.k1.type = file_roll
		sinks.k1.sink.directory = $DIR/out
		sinks.k1.sink.rollInterval = 1
		sinks.k1.sink.batchSize = 50
		sinks.k1.sink.serializer = header_and_text
		sinks.k1.channel = c1`
)

// Two agents, TAILDIR -> file channel -> avro -> file channel -> file_roll, are
// killed again and again while logs are written, renamed and truncated, the
// last sink fails and the property files change. Every line arrives; each copy
// too many was made where a kill allows it.
func TestKilledHop(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	for _, name := range []string{"logs", "out"} {
		if err := os.Mkdir(filepath.Join(f.dir, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	port := strconv.Itoa(logpipetest.FreePort(t))
	sender, receiver := strings.NewReplacer("$PORT", port, "$CHECKPOINT", "50").Replace(hopSender),
		strings.NewReplacer("$PORT", port, "$CHECKPOINT", "50").Replace(hopReceiver)
	b := f.agent("b", receiver)
	a := f.agent("a", sender)
	w := &logWriters{t: t, dir: filepath.Join(f.dir, "logs"), positions: filepath.Join(f.dir, "position.json"), stop: make(chan struct{})}
	w.start()

	for n := range logpipetest.Kills(t) {
		switch {
		case n%7 == 4:
			f.breakFolder(b, filepath.Join(f.dir, "out"))
		case n%7 == 6:
			f.edit(a, sender, 50+n)
			f.edit(b, receiver, 50+n)
		}
		time.Sleep(rand.N(400 * time.Millisecond))
		f.killAndStart([]*fleetAgent{a, b}[n%2])
	}
	want := w.end(f)
	var got copies
	f.await(func() (bool, string) {
		got = readCopies(t, filepath.Join(f.dir, "out"))
		n, examples := got.missing(want)
		return n == 0, fmt.Sprintf("%d of %d lines are missing, such as %q", n, len(want), examples)
	})
	f.stop(a)
	f.stop(b)
	judgeHop(t, a, b, readCopies(t, filepath.Join(f.dir, "out")), want, w.late)
}

// judgeHop counts what arrived more than once, and where that was made.
func judgeHop(t *testing.T, a, b *fleetAgent, got copies, want, late []string) {
	wanted := map[string]bool{}
	for _, line := range slices.Concat(want, late) {
		wanted[line] = true
	}
	reads, total, odd := 0, 0, 0
	for line, all := range got.events {
		if !wanted[line] {
			t.Errorf("nobody wrote %q", line)
		}
		total += len(all)
		ids := map[string]int64{}
		for _, e := range all {
			ids[e.headers["read"]], _ = strconv.ParseInt(e.headers["timestamp"], 10, 64)
		}
		reads += len(ids) - 1
		if times := slices.Collect(maps.Values(ids)); !readSoon(a, times) {
			if odd++; odd == 1 {
				t.Errorf("%q was read at %d, and nobody had killed the agent within the time of a position after that; its kills: %d", line, times, killTimes(a))
			}
		}
	}
	written := got.again("received")
	sent := got.again("read") - written
	t.Logf("%d kills of the sender, %d of the receiver, %d other troubles: %d lines written, %d arrived; "+
		"%d came again from the last sink, %d from the hop, %d from reading again; %d cut off at the end of a file",
		len(a.kills), len(b.kills), a.shocks+b.shocks, len(want), total, written, sent, reads, got.torn)
	if most := hopBatch * (len(b.kills) + b.shocks); written > most {
		t.Errorf("the last sink wrote %d events again, want at most %d: a batch for each kill", written, most)
	}
	if most := hopBatch * (len(a.kills) + len(b.kills) + a.shocks + b.shocks); sent > most {
		t.Errorf("%d events were sent again, want at most %d: a batch for each kill", sent, most)
	}
	if odd > 1 {
		t.Errorf("so were %d lines", odd)
	}
	if got.torn > len(b.kills) {
		t.Errorf("%d files end within a line after %d kills", got.torn, len(b.kills))
	}
}

// readSoon tells whether a line that was read more than once was so only where
// the sender was killed soon after: within the interval in which positions are
// written, and what a busy machine adds to it.
func readSoon(a *fleetAgent, times []int64) bool {
	slices.Sort(times)
	for _, at := range times[:len(times)-1] {
		if !slices.ContainsFunc(a.kills, func(kill time.Time) bool {
			after := kill.UnixMilli() - at
			return after >= 0 && after < hopInterval+30_000
		}) {
			return false
		}
	}
	return true
}

func killTimes(a *fleetAgent) (all []int64) {
	for _, kill := range a.kills {
		all = append(all, kill.UnixMilli())
	}
	return all
}

// breakFolder takes the folder of a sink away, until the sink has told of it.
func (f *fleet) breakFolder(a *fleetAgent, folder string) {
	f.t.Helper()
	f.awaitTold(a, a.begun, a.name+" runs:")
	since := a.toldSize()
	if err := os.Rename(folder, folder+".away"); err != nil {
		f.t.Fatal(err)
	}
	f.await(func() (bool, string) {
		all, _ := os.ReadFile(a.told)
		text := string(all[since:])
		return strings.Contains(text, "cannot roll") || strings.Contains(text, "cannot deliver") || strings.Contains(text, "cannot start"),
			"the sink does not fail"
	})
	if err := os.Rename(folder+".away", folder); err != nil {
		f.t.Fatal(err)
	}
	a.shocks++
}

// edit changes a property file to something that is wrong, and then to
// something good.
func (f *fleet) edit(a *fleetAgent, conf string, checkpoint int) {
	f.t.Helper()
	// The file that it has begun with must be its first one.
	f.awaitTold(a, a.begun, a.name+" runs:")
	since := a.toldSize()
	f.configure(a, strings.Replace(conf, "channels.c1.type = file", "channels.c1.type = fil", 1))
	f.awaitTold(a, since, "goes on as before")
	since = a.toldSize()
	f.configure(a, strings.Replace(conf, "checkpointInterval = 50", "checkpointInterval = "+strconv.Itoa(checkpoint), 1))
	f.awaitTold(a, since, "reloaded: ")
	a.shocks++
}

// logWriters write three logs: app is renamed at any time to names that are
// followed too; web to one that is not followed, once its file is known; cut is
// copied and truncated, once all of it was read.
type logWriters struct {
	t              *testing.T
	dir, positions string
	stop           chan struct{}
	all            sync.WaitGroup
	mu             sync.Mutex
	want           []string
	late           []string // lines that may be missing
	cut            int64    // size at which cut.log was truncated the last time
}

func (w *logWriters) start() {
	for name, turn := range map[string]func(path string, round int) time.Time{"app.log": w.renamed, "web.log": w.renamedAway, "cut.log": w.truncated} {
		w.all.Go(func() { w.write(name, turn) })
	}
}

// end ends the writing and returns all lines.
func (w *logWriters) end(f *fleet) []string {
	close(w.stop)
	w.all.Wait()
	return w.want
}

func (w *logWriters) stopped() bool {
	select {
	case <-w.stop:
		return true
	default:
		return false
	}
}

// hurry is how soon the last line has to be in a file that has got a name that is not
// followed. It is read for its idleTimeout, and where the agent starts just then only if
// the line is in it already.
const hurry = 50 * time.Millisecond

// write writes a log, and turns it now and then: turn tells when it has taken it away.
func (w *logWriters) write(name string, turn func(path string, round int) time.Time) {
	path := filepath.Join(w.dir, name)
	for round := 0; !w.stopped(); round++ {
		file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
		if err != nil {
			w.t.Error(err)
			return
		}
		for i := range 50 + rand.IntN(400) {
			w.line(file, "%s %d line %d", name, round, i)
			if i%10 == 0 {
				time.Sleep(rand.N(8 * time.Millisecond))
			}
		}
		if st, err := file.Stat(); name == "cut.log" && err == nil && st.Size() == w.cut { // or its position may be the one of before
			w.line(file, "%s %d one more", name, round)
		}
		away := turn(path, round)
		if name != "cut.log" { // its writer has not heard of the new name yet
			line := w.line(file, "%s %d last", name, round)
			if !away.IsZero() && time.Since(away) > hurry {
				w.excuse(line)
			}
		}
		if err := file.Close(); err != nil {
			w.t.Error(err)
		}
	}
}

func (w *logWriters) line(file *os.File, format string, args ...any) (line string) {
	line = fmt.Sprintf(format, args...)
	if _, err := file.WriteString(line + "\n"); err != nil {
		w.t.Error(err)
	}
	w.mu.Lock()
	w.want = append(w.want, line)
	w.mu.Unlock()
	return line
}

// excuse notes that a line came too late to be waited for.
func (w *logWriters) excuse(line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.want = slices.DeleteFunc(w.want, func(other string) bool { return other == line })
	w.late = append(w.late, line)
}

func (w *logWriters) renamed(path string, round int) (never time.Time) {
	if err := os.Rename(path, fmt.Sprintf("%s.%d", path, round)); err != nil {
		w.t.Error(err)
	}
	return never
}

// renamedAway waits until the file is known: one that is made and renamed while
// the agent is down is not in the pattern at any time that the agent sees.
func (w *logWriters) renamedAway(path string, round int) (away time.Time) {
	if !w.awaitPosition(path, func(int64, int64) bool { return true }) {
		return time.Time{}
	}
	away = time.Now()
	if err := os.Rename(path, fmt.Sprintf("%s.old-%d", path, round)); err != nil {
		w.t.Error(err)
	}
	return away
}

func (w *logWriters) truncated(path string, _ int) (never time.Time) {
	size := int64(0)
	if !w.awaitPosition(path, func(pos, now int64) bool { size = now; return pos == now && now != w.cut }) {
		return never
	}
	w.cut = size
	if err := os.Truncate(path, 0); err != nil {
		w.t.Error(err)
	}
	return never
}

// awaitPosition waits until the position file has a file with a fitting
// position; false is the end of all writing.
func (w *logWriters) awaitPosition(path string, fits func(pos, size int64) bool) bool {
	for !w.stopped() {
		var list []struct {
			Inode uint64 `json:"inode"`
			Pos   int64  `json:"pos"`
		}
		text, _ := os.ReadFile(w.positions)
		st, err := os.Stat(path)
		if err == nil && json.Unmarshal(text, &list) == nil {
			for _, p := range list {
				if p.Inode == st.Sys().(*syscall.Stat_t).Ino && fits(p.Pos, st.Size()) {
					return true
				}
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	return false
}
