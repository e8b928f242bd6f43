//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// outageLines is what each source gets to read while its sink is gone: more than
// its channel, the buffers of the system and those of the source hold.
const outageLines = 8000

const outageAgent = `
	sources = exec spool tail netcat http syslog avro
	channels = exec spool tail netcat http syslog avro
	sinks = exec spool tail netcat http syslog avro
	sources.exec.type = exec
	sources.exec.shell = /bin/sh -c
	sources.exec.command = sed 's/^/exec /' $DIR/lines
	sources.spool.type = spooldir
	sources.spool.spoolDir = $DIR/spool
	sources.spool.pollDelay = 20
	sources.tail.type = TAILDIR
	sources.tail.filegroups = all
	sources.tail.filegroups.all = $DIR/logs/.*
	sources.tail.positionFile = $DIR/position.json
	sources.netcat.type = netcat
	sources.http.type = http
	sources.syslog.type = syslogtcp
	sources.avro.type = avro
	`

// outageConf completes the property file: each source has a channel and a sink of
// its own.
func outageConf(ports map[string]int, receiver int) string {
	var b strings.Builder
	b.WriteString(outageAgent)
	for _, name := range []string{"exec", "spool", "tail", "netcat", "http", "syslog", "avro"} {
		if port := ports[name]; port > 0 {
			host := "bind"
			if name == "syslog" {
				host = "host"
			}
			fmt.Fprintf(&b, "sources.%s.%s = 127.0.0.1\nsources.%[1]s.port = %[3]d\n", name, host, port)
		}
		fmt.Fprintf(&b, "sources.%s.channels = %[1]s\nchannels.%[1]s.type = memory\nchannels.%[1]s.capacity = 1000\nchannels.%[1]s.keep-alive = 1\n", name)
		fmt.Fprintf(&b, "sinks.%s.type = avro\nsinks.%[1]s.hostname = 127.0.0.1\nsinks.%[1]s.port = %d\nsinks.%[1]s.channel = %[1]s\n", name, receiver)
	}
	return b.String()
}

// outage is an agent whose sinks cannot deliver, with seven sources that wait.
type outage struct {
	*fleet
	agent    *fleetAgent
	receiver int        // the port to which all sinks send
	senders  chan error // results of those that send to the sources
}

// beginOutage returns when all channels are full.
func beginOutage(t *testing.T, flags ...string) *outage {
	t.Helper()
	o := &outage{fleet: newFleet(t), receiver: logpipetest.FreePort(t)}
	spool, logs := makeFolder(t, o.dir, "spool"), makeFolder(t, o.dir, "logs")
	var numbers, spooled, tailed strings.Builder
	for i := range outageLines {
		fmt.Fprintf(&numbers, "%d\n", i)
		fmt.Fprintf(&spooled, "spool %d\n", i)
		fmt.Fprintf(&tailed, "tail %d\n", i)
	}
	write(t, filepath.Join(o.dir, "lines"), numbers.String())
	write(t, filepath.Join(spool, "a"), spooled.String())
	write(t, filepath.Join(logs, "a"), tailed.String())
	ports := map[string]int{"netcat": logpipetest.FreePort(t), "http": logpipetest.FreePort(t), "syslog": logpipetest.FreePort(t), "avro": logpipetest.FreePort(t)}
	metrics := logpipetest.FreePort(t)
	o.flags = append(flags, "-Dflume.monitoring.type=http", "-Dflume.monitoring.port="+strconv.Itoa(metrics))
	o.agent = o.fleet.agent("a", outageConf(ports, o.receiver))
	o.flags = nil
	o.awaitTold(o.agent, 0, "a runs:")
	o.senders = sendAll(t, ports)
	o.await(func() (bool, string) { return allBlocked(metrics) })
	return o
}

// The place to which all sinks send is gone: sources wait, nothing is dropped,
// memory stays as it is, stderr stays short; and all goes on by itself.
func TestOutage(t *testing.T) {
	t.Parallel()
	o := beginOutage(t)
	if kb := resident(t, o.agent.cmd.Process.Pid); kb > 120<<10 {
		t.Errorf("the agent has %d KB while all of its sources wait", kb)
	}
	out := makeFolder(t, o.dir, "out")
	o.fleet.agent("b", fmt.Sprintf(`
		sources = r1
		channels = c1
		sinks = k1
		sources.r1.type = avro
		sources.r1.bind = 127.0.0.1
		sources.r1.port = %d
		sources.r1.channels = c1
		channels.c1.type = memory
		channels.c1.capacity = 1000
		sinks.k1.type = file_roll
		sinks.k1.sink.directory = %s
		sinks.k1.sink.rollInterval = 0
		sinks.k1.sink.serializer = header_and_text
		sinks.k1.channel = c1`, o.receiver, out))
	o.judge(t, out)
}

// An agent that cannot deliver ends after its grace, and tells what it has left.
func TestOutageEnds(t *testing.T) {
	t.Parallel()
	o := beginOutage(t, "--grace", "300ms")
	if err := o.agent.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-o.agent.over:
	case <-time.After(time.Minute):
		t.Fatal("the agent does not end")
	}
	told := tailOf(o.agent.told, 400)
	var received, left int
	_, counts, _ := strings.Cut(told, "a stopped: ")
	if _, err := fmt.Sscanf(counts, "%d received, 0 delivered, %d left", &received, &left); err != nil || received < 7*900 || received != left {
		t.Errorf("told %s", told)
	}
	if code := o.agent.cmd.ProcessState.ExitCode(); code != 143 {
		t.Errorf("exit code %d", code)
	}
}

// judge waits for all lines and holds that each came once.
func (o *outage) judge(t *testing.T, out string) {
	t.Helper()
	var want []string
	for _, name := range []string{"exec", "spool", "tail", "netcat", "http", "syslog", "avro"} {
		for i := range outageLines {
			want = append(want, fmt.Sprintf("%s %d", name, i))
		}
	}
	var got copies
	o.await(func() (bool, string) {
		got = readCopies(t, out)
		n, examples := got.missing(want)
		return n == 0, fmt.Sprintf("%d of %d lines are missing, such as %q", n, len(want), examples)
	})
	for range 4 {
		if err := <-o.senders; err != nil {
			t.Error(err)
		}
	}
	for body, all := range got.events {
		if len(all) != 1 {
			t.Fatalf("%q came %d times", body, len(all))
		}
	}
	for _, agent := range o.agents {
		o.stop(agent)
	}
	told, err := os.ReadFile(o.agent.told)
	if err != nil {
		t.Fatal(err)
	}
	// A source says that it waits for each batch for which it waits a second, as where the
	// agent behind it is held up: far less often than for each of its 80 batches or more.
	for _, c := range []struct {
		text string
		most int
	}{{"cannot deliver (attempt 1)", 7}, {"cannot deliver", 7 * 4}, {"waits: channel is full", 7 * 10}, {"delivers again", 7}} {
		if n := bytes.Count(told, []byte(c.text)); n > c.most || n == 0 {
			t.Errorf("%q was told %d times, want 1 to %d:\n%s", c.text, n, c.most, told)
		}
	}
}

// allBlocked tells whether all channels are full and all sinks have tried more
// than once.
func allBlocked(metrics int) (bool, string) {
	answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", metrics))
	if err != nil {
		return false, err.Error()
	}
	defer answer.Body.Close()
	var all map[string]map[string]string
	if err := json.NewDecoder(answer.Body).Decode(&all); err != nil {
		return false, err.Error()
	}
	full, tried, stored := 0, 0, 0
	for name, values := range all {
		if n, _ := strconv.Atoi(values["EventPutSuccessCount"]); strings.HasPrefix(name, "CHANNEL.") {
			stored += n
		}
		if size, _ := strconv.Atoi(values["ChannelSize"]); strings.HasPrefix(name, "CHANNEL.") && size > 900 {
			full++
		}
		if n, _ := strconv.Atoi(values["ConnectionFailedCount"]); strings.HasPrefix(name, "SINK.") && n > 1 {
			tried++
		}
	}
	return full == 7 && tried == 7, fmt.Sprintf("%d of 7 channels are full with %d events, %d of 7 sinks have failed", full, stored, tried)
}

// sendAll sends to the sources that listen, each as its clients do; four results
// come when all has been taken.
func sendAll(t *testing.T, ports map[string]int) chan error {
	done := make(chan error, 4)
	go func() { done <- sendLines(ports["netcat"], "netcat %d", true) }()
	go func() { done <- sendLines(ports["syslog"], "<13>Oct 11 22:14:15 host syslog %d", false) }()
	go func() {
		url := fmt.Sprintf("http://127.0.0.1:%d", ports["http"])
		for i := 0; i < outageLines; {
			answer, err := http.Post(url, "application/json", strings.NewReader(fmt.Sprintf(`[{"body":"http %d"},{"body":"http %d"}]`, i, i+1)))
			if err != nil {
				done <- err
				return
			}
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				i += 2
			}
		}
		done <- nil
	}()
	var lines strings.Builder
	for i := range outageLines {
		fmt.Fprintf(&lines, "avro %d\n", i)
	}
	cmd := start(t, "logpipe", "avro-client", "-H", "127.0.0.1", "-p", strconv.Itoa(ports["avro"]))
	cmd.Stdin = strings.NewReader(lines.String())
	go func() {
		text, err := cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("avro-client: %w: %s", err, text)
		}
		done <- err
	}()
	return done
}

// sendLines writes lines and reads their answers, if there are any.
func sendLines(port int, format string, answers bool) error {
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	defer conn.Close()
	written := make(chan error, 1)
	go func() {
		w := bufio.NewWriter(conn)
		for i := range outageLines {
			fmt.Fprintf(w, format+"\n", i)
		}
		written <- w.Flush()
	}()
	if answers {
		r := bufio.NewReader(conn)
		for i := range outageLines {
			if line, err := r.ReadString('\n'); line != "OK\n" {
				return fmt.Errorf("line %d was answered with %q: %w", i, line, err)
			}
		}
	}
	return <-written
}
