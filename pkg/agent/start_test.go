package agent

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// monitored has an agent serve its counters and its health.
func monitored(o *Options) {
	o.Properties = map[string]string{"flume.monitoring.type": "http", "flume.monitoring.port": "0"}
}

// page asks an agent that is monitored for a page.
func (a *testAgent) page(t *testing.T, path string) (code int, text string) {
	t.Helper()
	return a.pageAs(t, path, "")
}

// pageAs asks for a page in the form that the Accept header names; "" = any.
func (a *testAgent) pageAs(t *testing.T, path, accept string) (code int, text string) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		"http://127.0.0.1:"+a.stderr.await(t, `serves /metrics, /prometheus and /health on \S+:(\d+)`)[1]+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if accept != "" {
		q.Header.Set("Accept", accept)
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// health asks a monitored agent how it is.
func (a *testAgent) health(t *testing.T) (code int, status string, troubles map[string]string) {
	t.Helper()
	code, text := a.page(t, "/health")
	var body struct {
		Status   string
		Troubles map[string]string
	}
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		t.Fatal(err)
	}
	return code, body.Status, body.Troubles
}

// awaitUp waits until nothing is in trouble.
func (a *testAgent) awaitUp(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		code, status, troubles := a.health(t)
		if code == http.StatusOK && status == "up" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("health: %d %s %v; told:\n%s", code, status, troubles, a.stderr)
		}
	}
}

func lenient(o *Options) {
	monitored(o)
	o.Lenient = true
}

// takePort takes a port that nobody else is given between its release and its use.
func takePort(t *testing.T) (l net.Listener, port string) {
	t.Helper()
	port = strconv.Itoa(logpipetest.FreePort(t))
	l = logpipetest.ListenAt(t, "127.0.0.1:"+port)
	t.Cleanup(func() { l.Close() })
	return l, port
}

// Flume starts with a port in use, a folder that is missing and a channel that
// cannot be opened: it tries each again every 3 s while the rest runs.
func TestLenientStartsWhatItCan(t *testing.T) {
	l, port := takePort(t)
	dir := t.TempDir()
	missing, blocked := filepath.Join(dir, "missing"), filepath.Join(dir, "blocked")
	if err := os.WriteFile(blocked, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	a := startAgent(t, conf("type = netcat\nbind = 127.0.0.1\nport = "+port, "type = logger",
		"sources = r1 r2 r3", "sinks = k1 k2 k3", "channels = c1 c2 c3",
		"channels.c2.type = memory", "channels.c3.type = file", "channels.c3.checkpointDir = "+blocked+"/check", "channels.c3.dataDirs = "+blocked+"/data",
		"sources.r2.type = seq", "sources.r2.totalEvents = 3", "sources.r2.channels = c1 c2",
		"sources.r3.type = seq", "sources.r3.totalEvents = 5", "sources.r3.channels = c3",
		"sinks.k2.type = file_roll", "sinks.k2.sink.directory = "+missing, "sinks.k2.channel = c2",
		"sinks.k3.type = logger", "sinks.k3.channel = c3"), lenient)
	a.stderr.await(t, `a\.conf:9:22: source r1: listen on 127\.0\.0\.1:`+port+`: address already in use; tries again every 3s; end the program`)
	a.stderr.await(t, `a\.conf:25:30: sink k2: sink\.directory: .*no such file or directory; tries again every 3s; make the folder`)
	a.stderr.await(t, `a\.conf:16:32: channel c3: mkdir .*not a directory; tries again every 3s`)
	a.stderr.await(t, "a1 runs: .*; not yet: source r1, source r3, channel c3, sink k2, sink k3\n")
	a.stdout.await(t, ` 2 }`) // the rest runs
	code, status, troubles := a.health(t)
	if code != http.StatusServiceUnavailable || status != "degraded" || len(troubles) != 5 ||
		!strings.Contains(troubles["SOURCE.r1"], "a.conf:9:22: source r1: listen on") ||
		!strings.Contains(troubles["SINK.k2"], "sink.directory") ||
		!strings.Contains(troubles["CHANNEL.c3"], "not a directory") ||
		troubles["SOURCE.r3"] != "it waits for channel c3" || troubles["SINK.k3"] != "it waits for channel c3" {
		t.Errorf("health: %d %s %v", code, status, troubles)
	}
	l.Close()
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(missing, 0o755); err != nil {
		t.Fatal(err)
	}
	a.awaitUp(t)
	a.stderr.await(t, "r3: counted to 5")
	a.end(t)
	a.stderr.await(t, "a1 stopped: 8 received, 11 delivered, 0 left")
	for _, once := range []string{"source r1: listen on", "sink k2: sink.directory: stat", "channel c3: mkdir"} {
		if n := strings.Count(a.stderr.String(), once); n != 1 {
			t.Errorf("%q told %d times:\n%s", once, n, a.stderr)
		}
	}
}

// What never starts holds up neither the others nor the end.
func TestLenientEndsWithoutThem(t *testing.T) {
	_, port := takePort(t)
	dir := t.TempDir()
	blocked := filepath.Join(dir, "blocked")
	if err := os.WriteFile(blocked, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	a := startAgent(t, conf("type = netcat\nbind = 127.0.0.1\nport = "+port, "type = file_roll\nsink.directory = "+blocked,
		"sources = r1 r2", "sinks = k1 k2", "channels = c1 c2", "channels.c2.type = file",
		"channels.c2.checkpointDir = "+blocked+"/check", "channels.c2.dataDirs = "+blocked+"/data",
		"sources.r2.type = seq", "sources.r2.channels = c2", "sinks.k2.type = null", "sinks.k2.channel = c2"), lenient)
	a.stderr.await(t, "a1 runs")
	begin := time.Now()
	a.end(t)
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("the end took %v", took)
	}
	a.stderr.await(t, "a1 stopped: 0 received, 0 delivered, 0 left")
}

// What --lenient leaves out is no agent that is up.
func TestHealthNamesWhatIsLeftOut(t *testing.T) {
	a := startAgent(t, conf("type = seq\ntotalEvents = 1", "type = logger", "sinks = k1 k2", "sinks.k2.type = com.example.Sink", "sinks.k2.channel = c1"), lenient)
	a.stdout.await(t, " 0 }")
	code, status, troubles := a.health(t)
	if code != http.StatusServiceUnavailable || status != "degraded" || len(troubles) != 1 ||
		!strings.HasPrefix(troubles["SINK.k2"], "it is left out: ") || !strings.Contains(troubles["SINK.k2"], "a.conf:11:20: error: ") {
		t.Errorf("health: %d %s %v", code, status, troubles)
	}
	a.end(t)
}

// With --lenient the agent runs without its metrics until their port is free.
func TestLenientWaitsForThePortOfMetrics(t *testing.T) {
	l, err := net.Listen("tcp", ":"+strconv.Itoa(logpipetest.FreePort(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	a := startAgent(t, conf("type = seq\ntotalEvents = 1", "type = logger"), func(o *Options) {
		lenient(o)
		o.Properties["flume.monitoring.port"] = strconv.Itoa(port)
	})
	a.stderr.await(t, "serve metrics: listen tcp :"+strconv.Itoa(port)+": .*address already in use; tries again every 3s; choose another port with")
	a.stdout.await(t, " 0 }")
	l.Close()
	a.awaitUp(t)
	a.end(t)
}

// Without --lenient an agent that cannot start says where its file asks for what
// is not there.
func TestStartErrorsHaveAPlace(t *testing.T) {
	_, port := takePort(t)
	for name, c := range map[string]struct{ conf, want string }{
		"port":    {conf("type = netcat\nbind = 127.0.0.1\nport = "+port, "type = logger"), ":9:22: source r1: listen on"},
		"address": {conf("type = http\nbind = 192.0.2.1\nport = 0", "type = logger"), ":8:22: source r1: listen on"},
		"name":    {conf("type = syslogtcp\nhost = no.such.host.invalid\nport = 0", "type = logger"), ":8:22: source r1: listen on"},
		"program": {conf("type = exec\ncommand = no-such-program -x", "type = logger"), ":8:25: error: source r1: command: there is no program no-such-program"},
	} {
		t.Run(name, func(t *testing.T) {
			a := startAgent(t, c.conf, nil)
			err := <-a.ended
			a.ended <- nil
			if err == nil || !strings.Contains(err.Error()+a.stderr.String(), "a.conf"+c.want) {
				t.Errorf("error %v, want %s in\n%s", err, c.want, a.stderr)
			}
		})
	}
}

// A service may start the agent before its file is there. Without the property
// by which it says so a missing file ends the agent, and an end while it waits is
// no error.
func TestServiceWaitsForItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "late.conf")
	begin := func(properties map[string]string) *testAgent {
		a := &testAgent{stdout: newScreen(), stderr: newScreen(), ended: make(chan error, 1)}
		ctx, stop := context.WithCancel(t.Context())
		a.stop = stop
		go func() {
			a.ended <- Run(ctx, Options{Name: "a1", Files: []string{path}, Grace: time.Second, Stdout: a.stdout, Stderr: a.stderr,
				Poll: 10 * time.Millisecond, Properties: properties})
		}()
		return a
	}
	if err := <-begin(nil).ended; fault.CodeOf(err) != fault.Usage {
		t.Errorf("without the property: %v", err)
	}
	service := map[string]string{"flume.called.from.service": ""}
	a := begin(service)
	a.stderr.await(t, "late.conf: no such file or directory; waits for it, as -Dflume.called.from.service asks for")
	a.end(t)
	a = begin(service)
	a.stderr.await(t, "waits for it")
	if err := os.WriteFile(path, []byte(conf("type = seq\ntotalEvents = 1", "type = logger")), 0o644); err != nil {
		t.Fatal(err)
	}
	a.stdout.await(t, " 0 }")
	a.end(t)
	if n := strings.Count(a.stderr.String(), "waits for it"); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// A group that delivers by another sink is up, and its dead sink is named; where
// no sink of it delivers, each is in trouble.
func TestHealthNamesSinksThatAreReplaced(t *testing.T) {
	dead, port := takePort(t)
	dead.Close()
	avro := "type = avro\nhostname = 127.0.0.1\nport = " + port
	group := []string{"sinks = k1 k2", "sinkgroups = g1", "sinkgroups.g1.sinks = k1 k2", "sinkgroups.g1.processor.type = failover",
		"sinkgroups.g1.processor.priority.k1 = 10", "sinkgroups.g1.processor.priority.k2 = 5", "sinks.k2.channel = c1"}
	a := startAgent(t, conf("type = seq\ntotalEvents = 1", avro, append(group, "sinks.k2.type = logger")...), monitored)
	a.stdout.await(t, " 0 }")
	if code, text := a.page(t, "/health"); code != http.StatusOK || !strings.Contains(text, `"status":"up"`) ||
		!strings.Contains(text, `"replaced":{"SINK.k1":"it cannot deliver: `) || strings.Contains(text, "k2") || strings.Contains(text, "troubles") {
		t.Errorf("health: %d %s", code, text)
	}
	if _, text := a.page(t, "/prometheus"); !strings.Contains(text, `flume_sink_working{agent="a1",sink="k1"} 0`) || !strings.Contains(text, `flume_sink_working{agent="a1",sink="k2"} 1`) {
		t.Errorf("prometheus: %s", text)
	}
	a.end(t)

	a = startAgent(t, conf("type = seq\ntotalEvents = 1", avro, append(group, "sinks.k2.type = avro", "sinks.k2.hostname = 127.0.0.1", "sinks.k2.port = "+port)...),
		func(o *Options) { monitored(o); o.Grace = 0 })
	a.stderr.await(t, "cannot deliver .attempt 1.")
	if code, text := a.page(t, "/health"); code != http.StatusServiceUnavailable || !strings.Contains(text, `"status":"degraded"`) ||
		!strings.Contains(text, `"SINK.k1"`) || !strings.Contains(text, `"SINK.k2"`) || strings.Contains(text, "replaced") {
		t.Errorf("health: %d %s", code, text)
	}
	a.end(t)
}
