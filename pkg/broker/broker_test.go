package broker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/logpipetest"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// serveDir makes the test binary a broker on that folder, for the tests that
// kill one, which listens on serveListen and cleans every serveCleanup.
const (
	serveDir     = "LOGPIPE_TEST_SERVE_DIR"
	serveListen  = "LOGPIPE_TEST_SERVE_LISTEN"
	serveCleanup = "LOGPIPE_TEST_SERVE_CLEANUP"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(serveDir); dir != "" {
		every, _ := time.ParseDuration(os.Getenv(serveCleanup))
		b, err := Start(context.Background(), Config{Listen: os.Getenv(serveListen), Dir: dir, Cleanup: every})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(b.Addr()[0])
		io.Copy(io.Discard, os.Stdin) // until the parent closes it
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func start(t *testing.T, cfg Config) *Broker {
	t.Helper()
	if cfg.Listen == "" && cfg.TLS != nil {
		cfg.Listen = "127.0.0.1:0" // for which the certificate is
	}
	if cfg.Listen == "" {
		cfg.Listen = logpipetest.OwnAddress(t)
	}
	b, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b
}

func client(t *testing.T, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(addr), kgo.MetadataMinAge(10 * time.Millisecond), kgo.DisableClientMetrics()}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func send(t *testing.T, cl *kgo.Client, topic string, from, to int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for i := from; i < to; i++ {
		cl.Produce(ctx, &kgo.Record{Topic: topic, Value: fmt.Appendf(nil, "r%d", i)}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Errorf("produce: %v", err)
			}
		})
	}
	if err := cl.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, addr, topic string, n int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cl := client(t, addr, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var got []string
	for len(got) < n {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatalf("after %d records: %v", len(got), err)
		}
		fetches.EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	return got
}

// process starts a broker in a process of its own.
func process(t *testing.T, dir string) (addr string, cmd *exec.Cmd) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(self)
	cmd.Env = append(os.Environ(), serveDir+"="+dir, serveListen+"="+logpipetest.OwnAddress(t))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the broker did not tell its address: %v", err)
	}
	return strings.TrimSpace(line), cmd
}

func TestKillLosesNothing(t *testing.T) {
	dir := t.TempDir()
	addr, cmd := process(t, dir)
	cl := client(t, addr, kgo.AllowAutoTopicCreation())
	send(t, cl, "on-demand", 0, 500)
	cl.Close()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()

	addr, _ = process(t, dir)
	cl = client(t, addr)
	send(t, cl, "on-demand", 500, 600)
	got := receive(t, addr, "on-demand", 600)
	for i, v := range got {
		if want := fmt.Sprintf("r%d", i); v != want {
			t.Fatalf("record %d is %s, want %s", i, v, want)
		}
	}
}

func TestCloseAndStartAgain(t *testing.T) {
	dir := t.TempDir()
	b := start(t, Config{Dir: dir})
	send(t, client(t, b.Addr()[0], kgo.AllowAutoTopicCreation()), "kept", 0, 10)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = start(t, Config{Dir: dir})
	if got := receive(t, b.Addr()[0], "kept", 10); len(got) != 10 {
		t.Errorf("%d records, want 10", len(got))
	}
}

func TestTemporaryFolderGoes(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	b := start(t, Config{})
	send(t, client(t, b.Addr()[0], kgo.AllowAutoTopicCreation()), "x", 0, 3)
	if _, err := os.Stat(filepath.Join(b.Dir(), "topics.json")); err != nil {
		t.Errorf("nothing was written: %v", err)
	}
	for range 2 { // the second time does nothing
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(b.Dir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("folder %s is left: %v", b.Dir(), err)
	}
	if _, err := net.Dial("tcp", b.Addr()[0]); err == nil {
		t.Error("the port is still open")
	}
}

func TestContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b, err := Start(ctx, Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	<-b.stop // nobody else closes it
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(b.Dir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("folder %s is left: %v", b.Dir(), err)
	}
}

func TestTakenPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr := l.Addr().String()
	t.Setenv("TMPDIR", t.TempDir())
	_, err = Start(t.Context(), Config{Listen: addr})
	if err == nil {
		t.Fatal("a taken port was accepted")
	}
	want := "address " + addr + " is taken by another program"
	if portHolder(l.Addr().(*net.TCPAddr).Port) != 0 {
		want += fmt.Sprintf(" (process %d)", os.Getpid())
	}
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if hint := fault.HintOf(err); !strings.Contains(hint, "--listen") {
		t.Errorf("hint %q does not name the flag", hint)
	}
	if fault.CodeOf(err) != fault.Failed {
		t.Errorf("exit code %d, want 1", fault.CodeOf(err))
	}
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestFolderInUse(t *testing.T) {
	dir := t.TempDir()
	_, cmd := process(t, dir)
	_, err := Start(t.Context(), Config{Listen: "127.0.0.1:0", Dir: dir})
	if err == nil {
		t.Fatal("a folder in use was accepted")
	}
	if want := fmt.Sprintf("folder %s is in use by another broker (process %d)", dir, cmd.Process.Pid); err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if hint := fault.HintOf(err); !strings.Contains(hint, "--dir") {
		t.Errorf("hint %q does not name the flag", hint)
	}
	// The lock ends with its process, however that ends.
	cmd.Process.Kill()
	cmd.Wait()
	start(t, Config{Dir: dir})
}

func TestBadAddress(t *testing.T) {
	for _, listen := range []string{"nonsense", "127.0.0.1:http", "127.0.0.1:70000", "127.0.0.1:-1"} {
		_, err := Start(t.Context(), Config{Listen: listen})
		if fault.CodeOf(err) != fault.Usage {
			t.Errorf("%s: %v (exit %d), want a usage error", listen, err, fault.CodeOf(err))
		}
	}
}

func TestNodes(t *testing.T) {
	b := start(t, Config{Nodes: 3})
	if len(b.Addr()) != 3 {
		t.Fatalf("addresses %v, want 3", b.Addr())
	}
	send(t, client(t, b.Addr()[0], kgo.AllowAutoTopicCreation()), "x", 0, 5)
	if got := receive(t, b.Addr()[2], "x", 5); len(got) != 5 {
		t.Errorf("%d records through another node, want 5", len(got))
	}
}

func TestVersionsForJava(t *testing.T) {
	b := start(t, Config{})
	resp, err := kmsg.NewPtrApiVersionsRequest().RequestWith(t.Context(), client(t, b.Addr()[0]))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range resp.ApiKeys {
		if k.ApiKey == keyCreateTopics && k.MaxVersion > 4 {
			t.Errorf("CreateTopics up to version %d, want 4", k.MaxVersion)
		}
		if k.ApiKey == keyDescribeTopicPartitions {
			t.Error("DescribeTopicPartitions is shown")
		}
	}
}

func TestConsumersCreateNothing(t *testing.T) {
	b := start(t, Config{})
	cl := client(t, b.Addr()[0])
	req := kmsg.NewPtrMetadataRequest()
	name := "absent"
	req.Topics = append(req.Topics, kmsg.MetadataRequestTopic{Topic: &name})
	resp, err := req.RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Topics[0].ErrorCode == 0 {
		t.Error("a question created the topic")
	}
}

func TestRetention(t *testing.T) {
	b := start(t, Config{Cleanup: 10 * time.Millisecond})
	cl := client(t, b.Addr()[0], kgo.AllowAutoTopicCreation())
	old := &kgo.Record{Topic: "old", Value: []byte("v"), Timestamp: time.Now().Add(-30 * 24 * time.Hour)}
	if err := cl.ProduceSync(t.Context(), old).FirstErr(); err != nil {
		t.Fatal(err)
	}
	req := kmsg.NewPtrListOffsetsRequest()
	rt := kmsg.NewListOffsetsRequestTopic()
	rt.Topic = "old"
	rp := kmsg.NewListOffsetsRequestTopicPartition()
	rp.Timestamp = -2 // the oldest
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	for {
		resp, err := req.RequestWith(t.Context(), cl)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Topics[0].Partitions[0].Offset == 1 {
			return // the test's time limit is the bound
		}
	}
}
