package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/flumerpc"
	"github.com/logpipe/logpipe/pkg/sink"
)

// properties writes a file for Flume's RpcClientFactory.
func properties(t *testing.T, settings string, ports ...int) string {
	t.Helper()
	text := "hosts ="
	for i := range ports {
		text += " h" + strconv.Itoa(i+1)
	}
	for i, port := range ports {
		text += fmt.Sprintf("\nhosts.h%d = 127.0.0.1:%d", i+1, port)
	}
	return write(t, filepath.Join(t.TempDir(), "p"), text+"\n"+settings)
}

// A host that goes away is left for the next one, which stays.
func TestSendFailover(t *testing.T) {
	b1, port1 := receiver(t, "type = avro")
	b2, port2 := receiver(t, "type = avro")
	r, w := io.Pipe()
	told := newScreen()
	sent := make(chan error)
	go func() {
		n, err := Send(t.Context(), ClientOptions{Properties: properties(t, "client.type = default_failover", 1, port1, port2), Stdin: r,
			Logf: func(format string, args ...any) { fmt.Fprintf(told, format+"\n", args...) }})
		if err == nil && n != 3 {
			err = fmt.Errorf("%d sent", n)
		}
		sent <- err
	}()
	io.WriteString(w, "one\n")
	b1.stdout.await(t, `one \}`)
	b1.end(t)
	io.WriteString(w, "two\n")
	b2.stdout.await(t, `two \}`)
	io.WriteString(w, "three\n")
	b2.stdout.await(t, `three \}`)
	w.Close()
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	b2.end(t)
	if s := told.String(); !strings.Contains(s, "host h1: connect to 127.0.0.1:1: ") || !strings.Contains(s, "host h2: ") || strings.Contains(s, "host h3") {
		t.Errorf("told:\n%s", s)
	}
}

func TestSendLoadBalance(t *testing.T) {
	b1, port1 := receiver(t, "type = avro")
	b2, port2 := receiver(t, "type = avro")
	settings := "client.type = DEFAULT_LOADBALANCE\nhost-selector = ROUND_ROBIN\nbackoff = true\nmaxBackoff = 20000\nbatch-size = 1\n"
	n, err := Send(t.Context(), ClientOptions{Properties: properties(t, settings, port1, port2, 1), Stdin: strings.NewReader("1\n2\n3\n4\n5\n6\n"), Logf: t.Logf})
	if n != 6 || err != nil {
		t.Fatal(n, err)
	}
	b1.end(t)
	b2.end(t)
	one, two := strings.Count(b1.stdout.String(), "Event:"), strings.Count(b2.stdout.String(), "Event:")
	if one+two != 6 || one < 2 || two < 2 {
		t.Errorf("%d and %d events", one, two)
	}
}

func TestSendHostMistakes(t *testing.T) {
	for settings, want := range map[string]string{
		"client.type = default_loadbalance":                       "needs two hosts or more",
		"client.type = default_failover\nmax-attempts = many":     "want a whole number",
		"client.type = default_loadbalance\nhost-selector = mine": "want one of round_robin, random",
		"client.type = default_failover\nhostname = x\nmost = 2":  `no property "most"`,
	} {
		_, err := Send(t.Context(), ClientOptions{Properties: properties(t, settings, 1), Stdin: strings.NewReader(""), Logf: t.Logf})
		if err == nil || !strings.Contains(err.Error(), want) || fault.CodeOf(err) != fault.Usage {
			t.Errorf("%q: %v, want %s", settings, err, want)
		}
	}
	for class, kind := range clientClasses {
		if c, err := clientOfFile(properties(t, "client.type = "+class, 1, 2)); err != nil || c.kind != kind {
			t.Errorf("%s: %v", class, err)
		}
	}
}

// scripted is a sink that answers as it is told.
type scripted struct {
	answers []error
	asked   int
}

func (s *scripted) Open(flume.Env) error { return nil }
func (s *scripted) Close() error         { return nil }
func (s *scripted) Write(context.Context, []flume.Event) error {
	s.asked++
	err := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	return err
}

// How often hosts are tried for one batch, and what is said in the end.
func TestClientAttempts(t *testing.T) {
	broken, gone, full := errors.New("broken"), fault.Unreachablef("gone"), &flumerpc.StatusError{Status: flumerpc.Failed}
	tests := []struct {
		kind     string
		attempts int
		answers  [2][]error
		asked    [2]int
		want     error
	}{
		{clientFailover, 0, [2][]error{{broken}, {broken}}, [2]int{1, 1}, broken},
		{clientFailover, 5, [2][]error{{broken}, {broken}}, [2]int{3, 2}, broken},
		{clientFailover, 1, [2][]error{{broken}, {nil}}, [2]int{1, 0}, broken},
		{clientFailover, 1, [2][]error{{gone}, {nil}}, [2]int{1, 1}, nil},
		{clientFailover, 9, [2][]error{{gone}, {gone}}, [2]int{1, 1}, gone},
		{clientFailover, 0, [2][]error{{full}, {broken}}, [2]int{1, 1}, full},
		{clientLoadBalance, 9, [2][]error{{full}, {broken}}, [2]int{1, 1}, full},
		{clientLoadBalance, 0, [2][]error{{broken}, {nil}}, [2]int{1, 1}, nil},
	}
	for _, test := range tests {
		one, two := &scripted{answers: test.answers[0]}, &scripted{answers: test.answers[1]}
		c := &clientHosts{kind: test.kind, attempts: test.attempts, names: []string{"one", "two"}, sinks: []sink.Sink{one, two}, logf: t.Logf}
		if err := c.balance(&clientSettings{selector: "round_robin"}); err != nil {
			t.Fatal(err)
		}
		if err := c.write(t.Context(), nil); !errors.Is(err, test.want) || (err == nil) != (test.want == nil) || one.asked != test.asked[0] || two.asked != test.asked[1] {
			t.Errorf("%s %d %v: %v, asked %d and %d", test.kind, test.attempts, test.answers, err, one.asked, two.asked)
		}
	}
}
