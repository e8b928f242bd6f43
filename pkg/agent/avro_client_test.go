package agent

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
)

// receiver runs an agent that prints what an RPC source gets, and returns the
// port.
func receiver(t *testing.T, source string, more ...string) (*testAgent, int) {
	t.Helper()
	b := startAgent(t, conf(source+"\nbind = 127.0.0.1\nport = 0", "type = logger", more...), nil)
	_, text, _ := strings.Cut(b.stderr.await(t, `r1: listens on (\S+)`)[1], ":")
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return b, port
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSend(t *testing.T) {
	b, port := receiver(t, "type = avro")
	dir := t.TempDir()
	headers := write(t, filepath.Join(dir, "headers"), "host=web-1\nenv = prod\n")
	spool := filepath.Join(dir, "spool")
	if err := os.Mkdir(spool, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(spool, "b"), "five\n")
	write(t, filepath.Join(spool, "a"), "four\r\n")
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(spool, "b"), old, old); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(spool, "c.COMPLETED"), "never\n")
	write(t, filepath.Join(spool, ".hidden"), "never\n")
	for _, test := range []struct {
		o    ClientOptions
		sent int64
	}{
		{ClientOptions{Stdin: strings.NewReader("one\n\nthree")}, 3},
		{ClientOptions{Stdin: strings.NewReader("")}, 0},
		{ClientOptions{File: write(t, filepath.Join(dir, "many"), strings.Repeat("x\n", 1234)), Headers: headers}, 1234},
		{ClientOptions{Dir: spool}, 2},
	} {
		test.o.Host, test.o.Port, test.o.Logf = "127.0.0.1", port, t.Logf
		if n, err := Send(t.Context(), test.o); n != test.sent || err != nil {
			t.Errorf("%d, want %d: %v", n, test.sent, err)
		}
	}
	b.end(t)
	got := b.stdout.String()
	for text, n := range map[string]int{"one }": 1, "body: }": 1, "three }": 1, "{host=web-1, env=prod} body: 78 ": 1234, "four }": 1, "five }": 1, "never": 0} {
		if strings.Count(got, text) != n {
			t.Errorf("%q came %d times, not %d", text, strings.Count(got, text), n)
		}
	}
	if strings.Index(got, "five }") > strings.Index(got, "four }") {
		t.Error("the younger file came first")
	}
	files, err := filepath.Glob(filepath.Join(spool, "[abc]*"))
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	if want := []string{"a.COMPLETED", "b.COMPLETED", "c.COMPLETED"}; err != nil || !slices.Equal(files, want) {
		t.Errorf("files %v", files)
	}
}

// Lines that are typed go as they come, and one end of a source that is full is
// waited for.
func TestSendTyped(t *testing.T) {
	b, port := receiver(t, "type = avro")
	r, w := io.Pipe()
	sent := make(chan error)
	go func() {
		_, err := Send(t.Context(), ClientOptions{Host: "localhost", Port: port, Stdin: r, Logf: t.Logf})
		sent <- err
	}()
	io.WriteString(w, "typed\n")
	b.stdout.await(t, `typed \}`)
	w.Close()
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	b.end(t)
}

func TestSendByProperties(t *testing.T) {
	b, port := receiver(t, "type = thrift\nprotocol = binary")
	at := "hosts = h1\nhosts.h1 = 127.0.0.1:" + strconv.Itoa(port) + "\n"
	path := write(t, filepath.Join(t.TempDir(), "p"), at+"client.type = thrift\nprotocol = binary\nbatch-size = 2\n")
	if n, err := Send(t.Context(), ClientOptions{Properties: path, Stdin: strings.NewReader("a\nb\nc\n"), Logf: t.Logf}); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	b.stdout.await(t, `c \}`)
	b.end(t)
	for text, want := range map[string]string{
		"":                            "it has no hosts",
		"hosts = h1":                  "hosts.h1 is not host:port",
		at + "client.type = x":        "client.type x is not supported",
		at + "batchsize = 5":          `no property "batchsize"`,
		at + "batch-size = many":      "whole number",
		at + "ssl=true\ntruststore=t": "no truststore-password",
	} {
		_, err := Send(t.Context(), ClientOptions{Properties: write(t, path, text), Stdin: strings.NewReader(""), Logf: t.Logf})
		if err == nil || !strings.Contains(err.Error(), want) || fault.CodeOf(err) != fault.Usage {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestSendFails(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		o    ClientOptions
		code fault.Code
	}{
		{ClientOptions{}, fault.Usage},
		{ClientOptions{Host: "127.0.0.1", Port: 1, File: "a", Dir: "b"}, fault.Usage},
		{ClientOptions{Host: "127.0.0.1", Port: 1, File: "not here"}, fault.Usage},
		{ClientOptions{Host: "127.0.0.1", Port: 1, Dir: "not here"}, fault.Usage},
		{ClientOptions{Host: "127.0.0.1", Port: 1, Headers: "not here"}, fault.Usage},
		{ClientOptions{Host: "127.0.0.1", Port: 1, Stdin: strings.NewReader("a\n")}, fault.Unreachable},
	} {
		test.o.Logf = t.Logf
		if n, err := Send(ctx, test.o); n != 0 || fault.CodeOf(err) != test.code {
			t.Errorf("%+v: %d %v", test.o, n, err)
		}
	}
}
