package agent

import (
	"fmt"
	"strings"
	"testing"
)

// TestHop sends lines from machine A to machine B, which each run an agent: by
// avro and by thrift, and B is started anew in between.
func TestHop(t *testing.T) {
	keys := "\nssl = true\nkeystore = ../../testdata/keystore/server.jks\nkeystore-password = changeit"
	trust := "\nssl = true\ntruststore = ../../testdata/keystore/trust.jks\ntruststore-password = changeit"
	for _, test := range []struct{ name, source, sink string }{
		{"avro", "type = avro", "type = avro"},
		{"deflate", "type = avro\ncompression-type = deflate", "type = avro\ncompression-type = deflate"},
		{"TLS", "type = avro\ncompression-type = deflate" + keys, "type = avro\ncompression-type = deflate" + trust},
		{"thrift", "type = thrift", "type = org.apache.flume.sink.ThriftSink"},
		{"binary", "type = thrift\nprotocol = binary" + keys, "type = thrift\nprotocol = binary" + trust},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := startAgent(t, conf(test.source+"\nbind = 127.0.0.1\nport = 0", "type = logger"), nil)
			_, port, _ := strings.Cut(b.stderr.await(t, `r1: listens on (\S+)`)[1], ":")
			a := startAgent(t, conf(netcat, test.sink+"\nhostname = localhost\nport = "+port,
				"sources.r1.interceptors = i1", "sources.r1.interceptors.i1.type = static", "sources.r1.interceptors.i1.key = from",
				"sources.r1.interceptors.i1.value = A"), nil)
			conn := a.dial(t)
			fmt.Fprint(conn, "one\n")
			b.stdout.await(t, `headers:\{from=A\} body: 6F 6E 65 +one \}`)
			b.end(t)
			b = startAgent(t, conf(test.source+"\nbind = 127.0.0.1\nport = "+port, "type = logger"), nil)
			fmt.Fprint(conn, "two\n")
			b.stdout.await(t, `headers:\{from=A\} body: 74 77 6F +two \}`)
			a.end(t)
			b.end(t)
			if got := b.stderr.String(); !strings.Contains(got, "1 received, 1 delivered, 0 left") {
				t.Errorf("B told %s", got)
			}
		})
	}
}
