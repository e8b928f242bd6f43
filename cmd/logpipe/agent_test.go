//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/kafka"
)

// seed reads one of the property files that came with the notes, with places
// of theirs replaced.
func seed(t *testing.T, name string, replace ...string) string {
	t.Helper()
	text, err := os.ReadFile(top("..", "shared", "seeds", "flume", name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the files of the notes are not beside this repository")
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(replace...).Replace(string(text))
}

// startOn starts the agent a1 of a property file in a folder of its own, where
// data/ holds a log with one line. What it tells comes on the second reader.
func startOn(t *testing.T, conf string) (r *running, home string, messages *bufio.Reader) {
	t.Helper()
	return startNamed(t, "a1", conf)
}

// startNamed is startOn for an agent of any name, with more flags.
func startNamed(t *testing.T, name, conf string, flags ...string) (r *running, home string, messages *bufio.Reader) {
	t.Helper()
	home = t.TempDir()
	write(t, filepath.Join(home, "agent.conf"), conf)
	write(t, filepath.Join(home, "data.log"), "first\n")
	cmd := start(t, "logpipe", append([]string{"agent", "--conf-file", "agent.conf", "--name", name, "-Dflume.root.logger=INFO,console"}, flags...)...)
	cmd.Dir = home
	cmd.Env = append(cmd.Env, "HOME="+home)
	told, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return &running{Cmd: cmd, in: in, out: bufio.NewReader(out), err: new(strings.Builder)}, home, bufio.NewReader(told)
}

func write(t *testing.T, name, text string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err == nil {
		_, err = io.WriteString(f, text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// await returns the rest of the first line that has text.
func await(t *testing.T, r *bufio.Reader, text string) string {
	t.Helper()
	var all strings.Builder
	for {
		line, err := r.ReadString('\n')
		all.WriteString(line)
		if _, rest, ok := strings.Cut(line, text); ok {
			return strings.TrimSuffix(rest, "\n")
		}
		if err != nil {
			t.Fatalf("%v: no %q in\n%s", err, text, &all)
		}
	}
}

// finished ends an agent with a signal: it tells what it did, has the exit code
// of the signal, and leaves no child.
func finished(t *testing.T, r *running, messages *bufio.Reader, sig syscall.Signal, told string) {
	t.Helper()
	children := family(t, r.Process.Pid)
	if err := r.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	await(t, messages, told)
	if code, _ := r.code(t); code != 128+int(sig) {
		t.Errorf("exit code %d after %s", code, sig)
	}
	gone(t, children)
}

func TestSeedExample(t *testing.T) {
	r, _, messages := startOn(t, seed(t, "example.conf", "43444", "0"))
	conn, err := net.Dial("tcp", await(t, messages, "listens on "))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "hello\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := bufio.NewReader(conn).ReadString('\n'); answer != "OK\n" {
		t.Fatalf("answer %q, %v", answer, err)
	}
	if line := r.read(t); !strings.HasSuffix(line, " [INFO - org.apache.flume.sink.LoggerSink.process(LoggerSink.java:95)] Event: "+
		"{ headers:{} body: 68 65 6C 6C 6F 0D                               hello. }") {
		t.Fatalf("event %q", line)
	}
	finished(t, r, messages, syscall.SIGINT, "a1 stopped: 1 received, 1 delivered, 0 left")
}

func TestSeedExecMemoryLogger(t *testing.T) {
	r, home, messages := startOn(t, seed(t, "exec-memory-logger.conf", "/Users/xiangluo/data/example.log", "data.log"))
	if line := r.read(t); !strings.HasSuffix(line, "{ headers:{} body: 66 69 72 73 74                                  first }") {
		t.Fatalf("event %q", line)
	}
	write(t, filepath.Join(home, "data.log"), "second\n")
	if line := r.read(t); !strings.HasSuffix(line, " second }") {
		t.Fatalf("event %q", line)
	}
	finished(t, r, messages, syscall.SIGTERM, "a1 stopped: 2 received, 2 delivered, 0 left")
}

func TestSeedExecMemoryKafka(t *testing.T) {
	bash(t)
	b, err := broker.Start(t.Context(), broker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	r, home, messages := startOn(t, seed(t, "exec-memory-kafka.conf", "192.168.56.111:9092", b.Addr()[0], "~/data/", "~/"))
	await(t, messages, "a1 runs:")
	values := follow(t, b.Addr()[0], "hello_topic")
	if v := <-values; v != "first" {
		t.Fatalf("record %q", v)
	}
	write(t, filepath.Join(home, "data.log"), "second\n")
	if v := <-values; v != "second" {
		t.Fatalf("record %q", v)
	}
	finished(t, r, messages, syscall.SIGTERM, "a1 stopped: 2 received, 2 delivered, 0 left")
}

// follow returns the values of a topic's records; the topic may come later.
func follow(t *testing.T, addr, topic string) <-chan string {
	t.Helper()
	cfg := kafka.Config{Brokers: []string{addr}}
	admin, err := kafka.NewAdmin(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if err := admin.CreateTopic(t.Context(), topic, 1, 1, nil); err != nil {
		t.Logf("the agent was first: %v", err)
	}
	c, err := kafka.NewConsumer(t.Context(), cfg, kafka.ConsumerConfig{Topics: []string{topic}, From: kafka.Beginning})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	values := make(chan string, 10)
	go func() {
		defer close(values)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for {
			batch, err := c.Read(ctx)
			if err != nil {
				return
			}
			for _, r := range batch.Records {
				values <- string(r.Value)
			}
		}
	}()
	return values
}
