package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/source"
)

// screen is an output that a test can wait on.
type screen struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func newScreen() *screen { return &screen{changed: make(chan struct{})} }

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await waits for a text and returns the groups of its last match.
func (s *screen) await(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	timeout := time.After(time.Minute)
	for {
		s.mu.Lock()
		text, changed := s.text.String(), s.changed
		s.mu.Unlock()
		if m := re.FindStringSubmatch(text); m != nil {
			return m
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("no %q in:\n%s", pattern, text)
		}
	}
}

// agent is an agent that runs in the test.
type testAgent struct {
	stdout, stderr *screen
	stop           context.CancelFunc
	ended          chan error
	took           time.Duration // until ready
}

func startAgent(t *testing.T, conf string, change func(*Options)) *testAgent {
	t.Helper()
	a := &testAgent{stdout: newScreen(), stderr: newScreen(), ended: make(chan error, 1)}
	path := filepath.Join(t.TempDir(), "a.conf")
	if err := os.WriteFile(path, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	o := Options{Name: "a1", Files: []string{path}, Grace: 20 * time.Second, Stdout: a.stdout, Stderr: a.stderr,
		Ready: func() { close(ready) }}
	if change != nil {
		change(&o)
	}
	ctx, stop := context.WithCancel(t.Context())
	a.stop = stop
	begin := time.Now()
	finished := make(chan struct{})
	go func() {
		a.ended <- Run(ctx, o)
		close(finished)
	}()
	t.Cleanup(func() { stop(); <-finished })
	select {
	case <-ready:
		a.took = time.Since(begin)
	case <-finished:
	}
	return a
}

// end stops the agent.
func (a *testAgent) end(t *testing.T) {
	t.Helper()
	a.stop()
	select {
	case err := <-a.ended:
		if err != nil {
			t.Fatalf("%v; told:\n%s", err, a.stderr)
		}
	case <-time.After(time.Minute):
		t.Fatalf("the agent does not end; told:\n%s", a.stderr)
	}
}

// conf puts a source and a sink at a memory channel.
func conf(source, sink string, more ...string) string {
	var b strings.Builder
	b.WriteString("a1.sources = r1\na1.sinks = k1\na1.channels = c1\na1.channels.c1.type = memory\n" +
		"a1.sources.r1.channels = c1\na1.sinks.k1.channel = c1\n")
	for line := range strings.SplitSeq(source, "\n") {
		b.WriteString("a1.sources.r1." + line + "\n")
	}
	for line := range strings.SplitSeq(sink, "\n") {
		b.WriteString("a1.sinks.k1." + line + "\n")
	}
	for _, line := range more {
		b.WriteString("a1." + line + "\n")
	}
	return b.String()
}

const netcat = "type = netcat\nbind = 127.0.0.1\nport = 0"

func (a *testAgent) dial(t *testing.T) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", a.stderr.await(t, `r1: listens on (\S+)`)[1])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	return conn.(*net.TCPConn)
}

func TestNetcatToLogger(t *testing.T) {
	a := startAgent(t, conf(netcat, "type = logger"), nil)
	if a.took > 10*time.Second {
		t.Errorf("starting took %v", a.took)
	}
	c := a.dial(t)
	io.WriteString(c, "hello\r\n")
	answer := make([]byte, 3)
	if _, err := io.ReadFull(c, answer); err != nil || string(answer) != "OK\n" {
		t.Fatalf("answer %q, %v", answer, err)
	}
	a.stdout.await(t, `(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \(SinkRunner-PollingRunner-DefaultSinkProcessor\) \[INFO - org\.apache\.flume\.sink\.LoggerSink\.process\(LoggerSink\.java:95\)\] Event: \{ headers:\{\} body: 68 65 6C 6C 6F 0D                               hello\. \}$`)
	begin := time.Now()
	a.end(t)
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("stopping took %v", d)
	}
	a.stderr.await(t, `logpipe agent: a1 stopped: 1 received, 1 delivered, 0 left`)
	for line := range strings.Lines(a.stderr.String()) {
		if !strings.HasPrefix(line, "logpipe agent: ") {
			t.Errorf("line %q", line)
		}
	}
}

func TestInterceptorsAndReplication(t *testing.T) {
	a := startAgent(t, conf("type = seq\ntotalEvents = 3\nbatchSize = 2\ninterceptors = i1 i2\ninterceptors.i1.type = static\n"+
		"interceptors.i1.key = dc\ninterceptors.i1.value = east\ninterceptors.i2.type = host\ninterceptors.i2.preserveExisting = true",
		"type = logger", "channels.c2.type = memory", "sinks.k2.type = logger", "sinks.k2.channel = c2",
		"channels = c1 c2", "sinks = k1 k2", "sources.r1.channels = c1 c2"), nil)
	a.stderr.await(t, "counted to 3")
	a.end(t)
	if n := strings.Count(a.stdout.String(), ", dc=east} body: "); n != 6 {
		t.Fatalf("%d events:\n%s\n%s", n, a.stdout, a.stderr)
	}
	a.stderr.await(t, "3 received, 6 delivered, 0 left")
}

func TestMistakesStartNothing(t *testing.T) {
	a := startAgent(t, conf("type = netcat\nbind = 127.0.0.1\nport = x", "type = loger"), nil)
	if err := <-a.ended; fault.CodeOf(err) != fault.Usage {
		t.Fatalf("error %v", err)
	}
	a.ended <- nil
	if got := a.stderr.String(); strings.Count(got, ": error: ") != 2 || strings.Contains(got, "listens") {
		t.Fatalf("told:\n%s", got)
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	begin := time.Now()
	a := startAgent(t, conf("type = netcat\nbind = 127.0.0.1\nport = "+port, "type = logger"), nil)
	err = <-a.ended
	a.ended <- nil
	if !errors.Is(err, syscall.EADDRINUSE) || fault.CodeOf(err) != fault.Failed || fault.HintOf(err) == "" ||
		!strings.Contains(err.Error(), "source r1: listen on "+l.Addr().String()) {
		t.Fatalf("error %v", err)
	}
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("it took %v", d)
	}
}

// gate is a stdout that lets nothing through before it is opened.
type gate struct {
	*screen
	open chan struct{}
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	return g.screen.Write(p)
}

func TestChannelDrainsWithinGrace(t *testing.T) {
	g := &gate{newScreen(), make(chan struct{})}
	a := startAgent(t, conf("type = seq\ntotalEvents = 100\nbatchSize = 100", "type = logger"), func(o *Options) { o.Stdout = g })
	a.stderr.await(t, "counted to 100")
	a.stop()
	close(g.open)
	a.end(t)
	if n := strings.Count(g.String(), "\n"); n != 100 {
		t.Fatalf("%d events came", n)
	}
}

func TestWhatRemainsIsTold(t *testing.T) {
	refused := "type = org.apache.flume.sink.kafka.KafkaSink\nkafka.bootstrap.servers = 127.0.0.1:1\nkafka.topic = t"
	a := startAgent(t, conf("type = seq\ntotalEvents = 150\nbatchSize = 100", refused), func(o *Options) { o.Grace = 50 * time.Millisecond })
	a.stderr.await(t, "source r1: waits: channel is full")
	a.end(t)
	a.stderr.await(t, "source r1: 50 events found no space")
	a.stderr.await(t, `channel c1: 100 events not delivered and lost with the memory channel`)
	a.stderr.await(t, `a1 stopped: 150 received, 0 delivered, 150 left`)
}

type closedWriter struct{}

func (closedWriter) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestClosedStdoutEndsTheAgent(t *testing.T) {
	a := startAgent(t, conf("type = seq", "type = logger"), func(o *Options) { o.Stdout = closedWriter{} })
	select {
	case err := <-a.ended:
		if !errors.Is(err, syscall.EPIPE) {
			t.Fatalf("error %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatalf("the agent goes on; told:\n%s", a.stderr)
	}
	a.ended <- nil
}

// The command of the course notes: tail -F in a shell.
func TestExecTailDoesNotOutliveTheAgent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("looks into /proc")
	}
	file := filepath.Join(t.TempDir(), "data.log")
	if err := os.WriteFile(file, []byte("one\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	a := startAgent(t, conf("type = exec\nshell = /bin/sh -c\ncommand = tail -F "+file, "type = logger\nmaxBytesToLog = 32"), nil)
	a.stdout.await(t, "body: 6F 6E 65 .* one }")
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fmt.Fprintln(f, "twotwotwotwotwotwotwo")
	a.stdout.await(t, "00000010 .* wotwo }")
	if len(processesNaming(t, file)) == 0 {
		t.Fatal("no process follows the file")
	}
	a.end(t)
	if left := processesNaming(t, file); len(left) > 0 {
		t.Fatalf("still there: %q", left)
	}
}

// processesNaming returns the command lines that contain text.
func processesNaming(t *testing.T, text string) []string {
	t.Helper()
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var found []string
	for _, p := range paths {
		if data, err := os.ReadFile(p); err == nil && bytes.Contains(data, []byte(text)) {
			found = append(found, string(data))
		}
	}
	return found
}

// failing is a source that needs several attempts.
type failing struct {
	opens, runs int
	openErr     error
	failures    int // of Run, before it goes on
}

func (f *failing) Open(flume.Env) error {
	f.opens++
	if f.opens < 3 {
		return f.openErr
	}
	return nil
}
func (f *failing) Close() error { return nil }
func (f *failing) Run(ctx context.Context, _ *source.Output) error {
	if f.runs++; f.runs <= f.failures {
		return fault.Hint(errors.New("lost"), "look for it")
	}
	<-ctx.Done()
	return nil
}

// runs is an open source of an agent.
func runs(s source.Source, logf func(string, ...any)) *liveSource {
	return &liveSource{openedSource: &openedSource{node: &sourceNode{component: &component[source.Source]{built: s}}, env: flume.Env{Logf: logf}, open: true}}
}

func TestFailedSourceStartsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var told []string
		f := &failing{openErr: errors.New("port in use"), failures: 1}
		runs(f, func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }).supervise(ctx)
		if f.opens != 3 || f.runs != 2 {
			t.Fatalf("%d opens, %d runs", f.opens, f.runs)
		}
		if got := strings.Join(told, "|"); got != "failed, starts again in 3s: lost; look for it|cannot start: port in use" {
			t.Fatalf("told %s", got)
		}
	})
}

// A source that fails again and again is told of ever more rarely.
func TestFailuresAreToldRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		told := 0
		f := &failing{opens: 3, failures: 1000}
		runs(f, func(string, ...any) { told++ }).supervise(ctx)
		if told != 10 { // the first, second, fourth … 512th
			t.Fatalf("told %d times of %d failures", told, f.failures)
		}
	})
}
