package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// hopKinds are the ways in which agents reach each other.
var hopKinds = []struct{ name, kind, more, keys, trust string }{
	{"plain", "avro", "", "", ""},
	{"deflate", "avro", "compression-type = deflate", "", ""},
	{"tls", "avro", "", "jks", "jks"},
	{"both", "avro", "compression-type = deflate", "pkcs12", "pkcs12"},
	{"compact", "thrift", "", "", ""},
	{"binary", "thrift", "protocol = binary", "", ""},
	{"thrifttls", "thrift", "", "jks", "jks"},
}

// hopEnd describes one end of each kind, at a port of its own: sources, or sinks
// with a channel for each.
func hopEnd(t *testing.T, kind string, ports []int) string {
	t.Helper()
	folder, err := filepath.Abs(filepath.Join("..", "..", "testdata", "keystore"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i, k := range hopKinds {
		prefix := fmt.Sprintf("a1.%s.%s.", kind, k.name)
		lines := []string{"type = " + k.kind, fmt.Sprintf("port = %d", ports[i]), k.more}
		store, role, of := k.keys, "keystore", "server."
		if kind == "sinks" {
			lines = append(lines, "hostname = 127.0.0.1", "channel = "+k.name, "batch-size = 50")
			store, role, of = k.trust, "truststore", "trust."
		} else {
			lines = append(lines, "bind = 127.0.0.1", "channels = c1", "interceptors = i1", "interceptors.i1.type = static",
				"interceptors.i1.key = by", "interceptors.i1.value = "+k.name)
		}
		if store != "" {
			lines = append(lines, "ssl = true", role+" = "+filepath.Join(folder, of+store), role+"-password = changeit",
				role+"-type = "+strings.ToUpper(store))
		}
		for _, line := range lines {
			if line != "" {
				b.WriteString(prefix + line + "\n")
			}
		}
	}
	return b.String()
}

func hopNames() string {
	var names []string
	for _, k := range hopKinds {
		names = append(names, k.name)
	}
	return strings.Join(names, " ")
}

// hopSender is an agent that sends what a command prints by every kind.
func hopSender(t *testing.T, ports []int, command string) string {
	text := "a1.sources = r1\na1.channels = " + hopNames() + "\na1.sinks = " + hopNames() + "\na1.sources.r1.type = exec\n" +
		"a1.sources.r1.command = " + command + "\na1.sources.r1.channels = " + hopNames() + "\n"
	for _, k := range hopKinds {
		text += fmt.Sprintf("a1.channels.%s.type = memory\na1.channels.%[1]s.capacity = 10000\n", k.name)
	}
	return text + hopEnd(t, "sinks", ports)
}

// hopReceiver is an agent that receives by every kind.
func hopReceiver(t *testing.T, ports []int, sink string) string {
	return "a1.sources = " + hopNames() + "\na1.channels = c1\na1.sinks = k1\na1.channels.c1.type = memory\na1.channels.c1.capacity = 100000\n" +
		"a1.sinks.k1.channel = c1\n" + sink + hopEnd(t, "sources", ports)
}

func hopPorts(t *testing.T) []int {
	var ports []int
	for len(ports) < len(hopKinds) {
		if p := logpipetest.FreePort(t); !slices.Contains(ports, p) {
			ports = append(ports, p)
		}
	}
	return ports
}

const hopEvents = 1000

// wholeHop waits until every event has come by every kind, as read lists them:
// "kind number".
func wholeHop(t *testing.T, read func() []string) {
	t.Helper()
	var missing int
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		seen := map[string]int{}
		for _, line := range read() {
			seen[line]++
		}
		missing = 0
		for _, k := range hopKinds {
			for i := range hopEvents {
				if seen[fmt.Sprintf("%s %d", k.name, i+1)] == 0 {
					missing++
				}
			}
		}
		if missing == 0 {
			t.Logf("%d events, %d of them twice", len(seen), sum(seen)-len(seen))
			return
		}
		if time.Now().After(deadline) {
			for _, k := range hopKinds {
				if seen[k.name+" 1"] == 0 {
					t.Errorf("nothing came by %s", k.name)
				}
			}
			t.Fatalf("%d events are missing", missing)
		}
	}
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// TestRealHopIntoFlume sends by our sinks into Flume's sources, and what its
// file_roll writes is complete.
func TestRealHopIntoFlume(t *testing.T) {
	flume := logpipetest.NewFlumeTools(t)
	ports, folder := hopPorts(t), t.TempDir()
	flume.Start(t, hopReceiver(t, ports, "a1.sinks.k1.type = file_roll\na1.sinks.k1.sink.directory = "+folder+
		"\na1.sinks.k1.sink.serializer = HEADER_AND_TEXT\na1.sinks.k1.sink.rollInterval = 0\n"), "Component type: SOURCE, name: plain started")
	a := startAgent(t, hopSender(t, ports, fmt.Sprintf("seq 1 %d", hopEvents)), nil)
	wholeHop(t, func() []string {
		var lines []string
		files, _ := filepath.Glob(filepath.Join(folder, "*"))
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(text)) {
				line = strings.TrimPrefix(strings.TrimSpace(line), "{by=")
				lines = append(lines, strings.Replace(line, "}", "", 1))
			}
		}
		return lines
	})
	a.end(t)
}

// TestRealHopFromFlume receives by our sources what Flume's sinks send.
func TestRealHopFromFlume(t *testing.T) {
	flume := logpipetest.NewFlumeTools(t)
	ports := hopPorts(t)
	b := startAgent(t, hopReceiver(t, ports, "a1.sinks.k1.type = logger\n"), nil)
	flume.Start(t, hopSender(t, ports, fmt.Sprintf("seq 1 %d", hopEvents)), "Component type: SOURCE, name: r1 started")
	wholeHop(t, func() []string {
		var lines []string
		for line := range strings.Lines(b.stdout.String()) {
			_, rest, _ := strings.Cut(line, "headers:{by=")
			name, rest, _ := strings.Cut(rest, "}")
			f := strings.Fields(rest) // body: 31 32 12 }
			if len(f) > 2 {
				lines = append(lines, name+" "+f[len(f)-2])
			}
		}
		return lines
	})
	b.end(t)
}

// TestRealAvroClient sends a file with Flume's own client.
func TestRealAvroClient(t *testing.T) {
	flume := logpipetest.NewFlumeTools(t)
	b := startAgent(t, conf("type = avro\nbind = 127.0.0.1\nport = 0", "type = logger"), nil)
	_, port, _ := strings.Cut(b.stderr.await(t, `r1: listens on (\S+)`)[1], ":")
	headers := filepath.Join(t.TempDir(), "headers")
	if err := os.WriteFile(headers, []byte("host=web-1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	flume.AvroClient(t, "one\ntwo\n", "-H", "127.0.0.1", "-p", port, "-R", headers)
	b.stdout.await(t, `headers:\{host=web-1\} body: 6F 6E 65 +one \}`)
	b.stdout.await(t, `headers:\{host=web-1\} body: 74 77 6F +two \}`)
	b.end(t)
}
