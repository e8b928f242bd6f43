package source

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// Where the source has ended, or is closed while it ends, its port is free for the
// next one.
func TestTCPEndsWithoutItsPort(t *testing.T) {
	ends := map[string]func(*tcpServer, *logpipetest.SlowListener) error{
		"ended": func(s *tcpServer, _ *logpipetest.SlowListener) error {
			ctx, stop := context.WithCancel(t.Context())
			stop()
			return s.run(ctx, func(net.Conn) {})
		},
		"closed meanwhile": func(s *tcpServer, l *logpipetest.SlowListener) error {
			go s.hangUp()
			l.Accept() // ends when hangUp closes it
			return s.close()
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			l := logpipetest.NewSlowListener(100 * time.Millisecond)
			s := tcpServer{listeners: []net.Listener{l}}
			if err := end(&s, l); err != nil || !l.Free.Load() {
				t.Errorf("%v; the port is free: %t", err, l.Free.Load())
			}
		})
	}
}
