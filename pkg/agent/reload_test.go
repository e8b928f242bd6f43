package agent

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// edited is an agent whose file is changed while it runs.
type edited struct {
	*testAgent
	path   string
	reload chan os.Signal
}

func startEdited(t *testing.T, conf string, change func(*Options)) *edited {
	t.Helper()
	e := &edited{path: filepath.Join(t.TempDir(), "e.conf"), reload: make(chan os.Signal)}
	e.write(t, conf)
	e.testAgent = startAgent(t, "", func(o *Options) {
		o.Files, o.Reload, o.State = []string{e.path}, e.reload, t.TempDir()
		o.Poll = 20 * time.Millisecond
		if change != nil {
			change(o)
		}
	})
	return e
}

func (e *edited) write(t *testing.T, conf string) {
	t.Helper()
	if err := os.WriteFile(e.path, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (e *edited) say(t *testing.T, c net.Conn, line string) {
	t.Helper()
	io.WriteString(c, line+"\n")
	answer := make([]byte, 3)
	if _, err := io.ReadFull(c, answer); err != nil || string(answer) != "OK\n" {
		t.Fatalf("answer %q, %v; told:\n%s", answer, err, e.stderr)
	}
}

// prints waits until logger sinks have printed n events: a short grace is not for
// the time in which a busy machine prints them.
func (e *edited) prints(t *testing.T, n int) {
	t.Helper()
	e.stdout.await(t, fmt.Sprintf(`(?s)(body: .*?){%d}`, n))
}

// A bad edit is told with its line and changes nothing; a later good one is
// picked up and restarts only what it concerns: the connection stays.
func TestReloadOnChange(t *testing.T) {
	before := conf(netcat, "type = logger")
	e := startEdited(t, before, nil)
	c := e.dial(t)
	e.say(t, c, "one")
	e.stdout.await(t, ` one `)
	e.write(t, strings.Replace(before, "sinks.k1.type = logger", "sinks.k1.type = loger", 1))
	e.stderr.await(t, `e.conf:\d+:\d+: error: unknown sink type "loger"; did you mean "logger"\?`)
	e.stderr.await(t, `e.conf: 1 error; a1 goes on as before`)
	e.say(t, c, "two")
	e.stdout.await(t, ` two `)
	e.write(t, before+"a1.sinks.k1.maxBytesToLog = 5\n")
	e.stderr.await(t, `e.conf reloaded: sink k1 restarted\n`)
	e.say(t, c, "three and more")
	e.stdout.await(t, `body: 74 68 72 65 65 +three }`)
	if n := strings.Count(e.stderr.String(), "listens on"); n != 1 {
		t.Errorf("the source was restarted:\n%s", e.stderr)
	}
	e.end(t)
	e.stderr.await(t, "3 received, 3 delivered, 0 left")
}

// SIGHUP reads the files at once, also with --no-reload-conf; a channel that
// grows keeps what is inside, and sources and sinks come and go.
func TestReloadMovesEvents(t *testing.T) {
	refused := "type = org.apache.flume.sink.kafka.KafkaSink\nkafka.bootstrap.servers = 127.0.0.1:1\nkafka.topic = t"
	before := conf("type = seq\ntotalEvents = 50\nbatchSize = 50", refused)
	e := startEdited(t, before, func(o *Options) { o.NoReload, o.Grace = true, 100*time.Millisecond })
	e.stderr.await(t, "counted to 50")
	e.stderr.await(t, "cannot deliver")
	after := conf("type = seq\ntotalEvents = 50\nbatchSize = 50", "type = logger", "channels.c1.capacity = 200", "sources = r2",
		"sources.r2.type = seq", "sources.r2.totalEvents = 3", "sources.r2.channels = c1")
	after = strings.Replace(after, "a1.sources = r1\n", "", 1)
	e.write(t, after)
	e.reload <- os.Interrupt
	e.stderr.await(t, `reloaded: sink k1, channel c1 restarted; source r1 stopped; source r2 started\n`)
	e.stderr.await(t, "counted to 3")
	e.prints(t, 53)
	e.end(t)
	e.stderr.await(t, "53 received, 53 delivered, 0 left")
	if n := strings.Count(e.stdout.String(), "body: "); n != 53 {
		t.Errorf("%d events", n)
	}
	e.reload = nil
}

func (e *edited) dialTo(t *testing.T, addr string) net.Conn {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			t.Cleanup(func() { c.Close() })
			c.SetDeadline(deadline)
			return c
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// A source that waits for space in a channel whose sink is changed does not
// hold the reload.
func TestReloadFreesAWaitingSource(t *testing.T) {
	refused := "type = org.apache.flume.sink.kafka.KafkaSink\nkafka.bootstrap.servers = 127.0.0.1:1\nkafka.topic = t"
	e := startEdited(t, conf("type = seq\ntotalEvents = 1000\nbatchSize = 10", refused), nil)
	e.stderr.await(t, "waits: channel is full")
	e.write(t, conf("type = seq\ntotalEvents = 5\nbatchSize = 5", "type = logger"))
	e.stderr.await(t, `reloaded: sink k1, source r1 restarted\n`)
	e.stderr.await(t, "counted to 5")
	e.end(t)
	if strings.Contains(e.stderr.String(), "found no space") {
		t.Errorf("lost events:\n%s", e.stderr)
	}
}

func TestMetrics(t *testing.T) {
	a := startAgent(t, conf("type = seq\ntotalEvents = 30\nbatchSize = 10", "type = logger", "sinks = k1 k2", "sinks.k2.type = kafka",
		"sinks.k2.kafka.bootstrap.servers = 127.0.0.1:1", "sinks.k2.channel = c2", "channels = c1 c2", "channels.c2.type = memory",
		"channels.c2.capacity = 120", "sources.r1.channels = c1 c2"),
		func(o *Options) {
			o.Grace = 50 * time.Millisecond
			o.Properties = map[string]string{"flume.monitoring.type": "HTTP", "flume.monitoring.port": "0"}
		})
	a.stderr.await(t, "counted to 30")
	a.stderr.await(t, "k2: cannot deliver")
	var text string
	var all map[string]map[string]string
	waitFor(t, a, func() bool { // until k1 has delivered
		_, text = a.page(t, "/metrics")
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			t.Fatal(err, text)
		}
		return all["SINK.k1"]["EventDrainSuccessCount"] == "30" && all["CHANNEL.c1"]["EventTakeSuccessCount"] == "30"
	})
	for path, want := range map[string]string{"SOURCE.r1 Type": "SOURCE", "SOURCE.r1 EventReceivedCount": "30", "SOURCE.r1 EventAcceptedCount": "30",
		"SOURCE.r1 StopTime": "0", "CHANNEL.c2 ChannelSize": "30", "CHANNEL.c2 ChannelCapacity": "120",
		"CHANNEL.c2 ChannelFillPercentage": "25.0", "CHANNEL.c1 EventPutSuccessCount": "30", "CHANNEL.c1 EventTakeSuccessCount": "30",
		"SINK.k1 EventDrainSuccessCount": "30", "SINK.k2 EventDrainSuccessCount": "0", "SINK.k2 ConnectionFailedCount": ""} {
		component, counter, _ := strings.Cut(path, " ")
		if got := all[component][counter]; got != want && want != "" {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	for _, accept := range []string{"text/plain;version=0.0.4;q=0.5,*/*;q=0.1", "application/openmetrics-text;version=1.0.0"} {
		_, text = a.pageAs(t, "/metrics", accept)
		for _, line := range []string{"# TYPE flume_source_event_received_count counter", `flume_source_event_received_count{agent="a1",source="r1"} 30`,
			`flume_channel_channel_size{agent="a1",channel="c2"} 30`, `flume_sink_working{agent="a1",sink="k2"} 0`} {
			if !strings.Contains(text, line+"\n") {
				t.Errorf("%s: no %s in\n%s", accept, line, text)
			}
		}
	}
	if code, text := a.page(t, "/"); code != 200 || !strings.Contains(text, `"./metrics"`) {
		t.Errorf("/: %d %s", code, text)
	}
	if code, text := a.page(t, "/health"); code != 503 || !strings.Contains(text, `"troubles":{"SINK.k2":"it cannot deliver: broker 127.0.0.1:1: connection refused"}`) {
		t.Errorf("health: %d %s", code, text)
	}
	a.end(t)
}

// A source has had accepted what its channel has, also while it waits: netcat
// and exec hand over what a client or a command has sent at once.
func TestMetricsOfAWaitingSource(t *testing.T) {
	refused := "type = kafka\nkafka.bootstrap.servers = 127.0.0.1:1\nkafka.topic = t"
	a := startAgent(t, conf(netcat+"\nack-every-event = false", refused, "channels.c1.capacity = 100", "channels.c1.transactionCapacity = 10", "channels.c1.keep-alive = 0", "sinks.k1.flumeBatchSize = 10"),
		func(o *Options) {
			monitored(o)
			o.Grace = 50 * time.Millisecond
		})
	c := a.dial(t)
	io.WriteString(c, strings.Repeat("x\n", 500))
	a.stderr.await(t, "source r1: waits: channel is full")
	code, text := a.page(t, "/metrics")
	var all map[string]map[string]string
	if err := json.Unmarshal([]byte(text), &all); err != nil || code != 200 {
		t.Fatal(code, err, text)
	}
	put, accepted := all["CHANNEL.c1"]["EventPutSuccessCount"], all["SOURCE.r1"]["EventAcceptedCount"]
	if received := all["SOURCE.r1"]["EventReceivedCount"]; put != "100" || accepted != put || received == accepted {
		t.Errorf("%s received, %s accepted, %s put", received, accepted, put)
	}
	a.end(t)
}

// TestTopologies runs selectors and groups by a file.
func TestTopologies(t *testing.T) {
	file := func(more ...string) string {
		return conf("type = netcat\nbind = 127.0.0.1\nport = 0\ninterceptors = i1 i2\ninterceptors.i1.type = REGEX_EXTRACTOR\n"+
			`interceptors.i1.regex = ^(\\w+)`+"\ninterceptors.i1.serializers = s1\ninterceptors.i1.serializers.s1.name = state\n"+
			"interceptors.i2.type = org.apache.flume.interceptor.RegexFilteringInterceptor$Builder\ninterceptors.i2.regex = ^drop\ninterceptors.i2.excludeEvents = true",
			"type = logger", more...)
	}
	a := startAgent(t, file("sources.r1.selector.type = multiplexing", "sources.r1.selector.header = state", "sources.r1.selector.mapping.CZ = c1",
		"sources.r1.selector.mapping.US = c2", "sources.r1.channels = c1 c2", "channels = c1 c2", "channels.c2.type = memory",
		"sinks = k1 k2 k3", "sinks.k2.type = kafka", "sinks.k2.kafka.bootstrap.servers = 127.0.0.1:1", "sinks.k2.channel = c2", "sinks.k3.type = logger",
		"sinks.k3.maxBytesToLog = 2", "sinks.k3.channel = c2", "sinkgroups = g1", "sinkgroups.g1.sinks = k2 k3", "sinkgroups.g1.processor.type = failover",
		"sinkgroups.g1.processor.priority.k2 = 10", "sinkgroups.g1.processor.priority.k3 = 5"), nil)
	c := a.dial(t)
	for _, line := range []string{"CZ1", "CZ x", "US y", "drop z"} {
		fmt.Fprintln(c, line)
		io.ReadFull(c, make([]byte, 3))
	}
	a.stdout.await(t, `headers:\{state=CZ\} body: .*CZ x }`)
	a.stdout.await(t, `headers:\{state=US\} body: 55 53 +US }`)
	a.stderr.await(t, "sink group g1: sink k2: .*; the batch goes to sink k3")
	a.stderr.await(t, "source r1: an event goes to no channel")
	a.end(t)
	a.stderr.await(t, "source r1: 1 event without a channel, by the selector")
	a.stderr.await(t, "4 received, 2 delivered, 0 left, 1 dropped by interceptors, 1 without a channel by the selector\n")
}

// A channel that cannot be opened: the agent goes back to what it was, with what
// was inside, and a later good edit is taken.
func TestReloadGoesBack(t *testing.T) {
	refused := "type = org.apache.flume.sink.kafka.KafkaSink\nkafka.bootstrap.servers = 127.0.0.1:1\nkafka.topic = t"
	before := conf("type = seq\ntotalEvents = 40\nbatchSize = 10", refused)
	e := startEdited(t, before, func(o *Options) { o.Grace = 100 * time.Millisecond })
	e.stderr.await(t, "counted to 40")
	e.stderr.await(t, "cannot deliver")
	// It cannot be opened ahead: it wants a folder of another channel, which ends.
	dir := t.TempDir()
	held := holdFolders(t, dir+"/held", dir+"/held-data")
	defer held.Close()
	second := "a1.channels = c1 c2\na1.channels.c2.type = file\na1.channels.c2.checkpointDir = " + dir + "/c\na1.channels.c2.dataDirs = " + dir + "/d\n"
	e.write(t, before+second)
	e.stderr.await(t, `reloaded: channel c2 started`)
	e.write(t, strings.Replace(conf("type = seq\ntotalEvents = 1", "type = logger", "channels.c1.checkpointDir = "+dir+"/c", "channels.c1.dataDirs = "+dir+"/held-data"),
		"type = memory", "type = file", 1))
	e.stderr.await(t, `e.conf:11:27: channel c1: .*; back to the configuration of before`)
	// A smaller channel: what does not fit waits, and holds nothing up.
	e.write(t, strings.Replace(before, "totalEvents = 40", "totalEvents = 0", 1)+"a1.channels.c1.capacity = 20\na1.channels.c1.transactionCapacity = 20\na1.channels.c1.keep-alive = 0\na1.sinks.k1.flumeBatchSize = 20\n")
	e.stderr.await(t, `reloaded: source r1, sink k1, channel c1 restarted`)
	e.stderr.await(t, `channel c1: \d+ events of before wait for space`)
	e.write(t, conf("type = seq\ntotalEvents = 0", "type = logger\nmaxBytesToLog = 4", "channels.c1.capacity = 30", "channels.c1.transactionCapacity = 20"))
	e.stderr.await(t, `(?s)reloaded: .*reloaded: source r1, sink k1, channel c1 restarted`)
	// The source began again when the agent went back: 0 to 39 twice.
	e.prints(t, 80)
	e.end(t)
	e.stderr.await(t, "80 received, 80 delivered, 0 left")
	if n := strings.Count(e.stdout.String(), "body: "); n != 80 {
		t.Errorf("%d events", n)
	}
}

// A change that comes while the agent starts is noticed too.
func TestChangeDuringTheStart(t *testing.T) {
	before := conf("type = seq\ntotalEvents = 1", "type = logger")
	var path string
	e := startEdited(t, before, func(o *Options) {
		path = o.Files[0]
		ready := o.Ready
		o.Ready = func() {
			if err := os.WriteFile(path, []byte(before+"a1.sinks.k1.maxBytesToLog = 20\n"), 0o644); err != nil {
				t.Error(err)
			}
			ready()
		}
	})
	e.stderr.await(t, "reloaded: sink k1 restarted")
	e.end(t)
}

// Events on the disk stay there where a reload makes another channel of theirs:
// the message says how to get them back, and that is how it is done.
func TestReloadSaysHowToGetEventsBack(t *testing.T) {
	dir := t.TempDir()
	folders := []string{"channels.c1.checkpointDir = " + dir + "/check", "channels.c1.dataDirs = " + dir + "/data"}
	refused := "type = kafka\nkafka.bootstrap.servers = 127.0.0.1:1\nkafka.topic = t"
	file := func(text string) string { return strings.Replace(text, "c1.type = memory", "c1.type = file", 1) }
	e := startEdited(t, file(conf("type = seq\ntotalEvents = 7\nbatchSize = 7", refused, folders...)), func(o *Options) { o.Grace = 50 * time.Millisecond })
	e.stderr.await(t, "counted to 7")
	// A larger channel has them; one in memory, or elsewhere, does not.
	e.write(t, file(conf("type = seq\ntotalEvents = 1", refused, append(folders, "channels.c1.capacity = 20000")...)))
	e.stderr.await(t, "7 events not delivered, left in the file channel\n")
	e.stderr.await(t, "7 events of earlier runs are inside")
	e.stderr.await(t, "counted to 1")
	e.write(t, conf("type = seq\ntotalEvents = 2", refused))
	e.stderr.await(t, "channel c1: 8 events not delivered, left in the file channel; a channel c1 with type = file, checkpointDir = "+
		dir+"/check, dataDirs = "+dir+"/data delivers them\n")
	e.stderr.await(t, "(?s)counted to 1,.*counted to 2")
	e.write(t, file(conf("type = seq\ntotalEvents = 0", "type = logger", folders...)))
	e.stdout.await(t, " 6 }")
	e.end(t)
}

// A file that is emptied and written a while later, as by a shell on a busy
// machine, is read once it has something to say.
func TestReloadWaitsForContent(t *testing.T) {
	before := conf(netcat, "type = logger")
	e := startEdited(t, before, nil)
	e.write(t, "")
	time.Sleep(5 * settle) // nothing is told of it
	e.write(t, before+"a1.sinks.k1.maxBytesToLog = 5\n")
	e.stderr.await(t, `e.conf reloaded: sink k1 restarted\n`)
	if text := e.stderr.String(); strings.Contains(text, "goes on as before") {
		t.Errorf("told:\n%s", text)
	}
	e.end(t)
}

// A link is led to another file, as with a ConfigMap of Kubernetes; that the file
// has the size and the time of the one before does not hide it.
func TestReloadOfALink(t *testing.T) {
	var dir, link string
	before := conf(netcat, "type = logger\nmaxBytesToLog = 5")
	at := time.Now().Add(-time.Hour)
	version := func(name, conf string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(conf), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		next := link + ".next"
		if err := os.Symlink(name, next); err != nil {
			t.Skip(err)
		}
		if err := os.Rename(next, link); err != nil {
			t.Fatal(err)
		}
	}
	dir = t.TempDir()
	link = filepath.Join(dir, "a.conf")
	version("1", before)
	a := startAgent(t, "", func(o *Options) { o.Files, o.Poll = []string{link}, 20*time.Millisecond })
	version("2", strings.Replace(before, "maxBytesToLog = 5", "maxBytesToLog = 3", 1))
	a.stderr.await(t, `a.conf reloaded: sink k1 restarted\n`)
	version("3", strings.Replace(before, "maxBytesToLog = 5", "maxBytesToLog = 4", 1))
	a.stderr.await(t, `(?s)reloaded: .*a.conf reloaded: sink k1 restarted\n`)
	a.end(t)
}

// An edit in place that leaves the size and sets the time back, as tools that copy
// files with their times do, is seen.
func TestReloadOfAnEditWithOldTime(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows tells the time of modification alone")
	}
	before := conf(netcat, "type = logger\nmaxBytesToLog = 5")
	e := startEdited(t, before, nil)
	at := time.Now().Add(-time.Hour)
	edit := func(digit string) {
		e.write(t, strings.Replace(before, "maxBytesToLog = 5", "maxBytesToLog = "+digit, 1))
		if err := os.Chtimes(e.path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	edit("3")
	e.stderr.await(t, `e.conf reloaded: sink k1 restarted\n`)
	edit("4")
	e.stderr.await(t, `(?s)reloaded: .*e.conf reloaded: sink k1 restarted\n`)
	e.end(t)
}
