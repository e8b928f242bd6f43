package source

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// What the system has at the stop is taken, also by a process that is held up for
// longer than a read of it takes.
func TestUDPDrainsLate(t *testing.T) {
	var s udpServer
	if err := s.open(flume.Env{Logf: t.Logf}, "127.0.0.1", 0); err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for range 5 {
		syslogSend(t, "udp", s.conn.LocalAddr().String(), "x")
	}
	ctx, stop := context.WithCancel(t.Context())
	err := s.receive(ctx, newSignal(), func(events []flume.Event, datagram []byte, _ netip.AddrPort) []flume.Event {
		stop()
		time.Sleep(50 * time.Millisecond)
		return append(events, flume.Event{Body: datagram})
	})
	if err != nil || len(s.queue) != 5 {
		t.Errorf("%d datagrams of 5: %v", len(s.queue), err)
	}
}
