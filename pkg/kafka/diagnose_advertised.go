package kafka

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
)

// embedded is the id of the cluster that `logpipe broker` is: of each of them, so that
// it tells none from another.
const embedded = "logpipe"

// told is a broker as the metadata have it: where clients are told to connect to.
type told struct {
	id   int32
	addr string
	by   *walk // whose answer it is in
}

// advertised walks to the brokers of the cluster where these say that they are. A
// client knows the addresses that it was given only to ask for them.
func (d *diagnosis) advertised(ctx context.Context, reached []*walk) bool {
	byID := map[int32]told{}
	for _, w := range reached {
		for _, b := range w.meta.Brokers {
			if _, seen := byID[b.ID()]; !seen {
				byID[b.ID()] = told{b.ID(), b.Addr(), w}
			}
		}
	}
	brokers := slices.SortedFunc(maps.Values(byID), func(x, y told) int { return cmp.Compare(x.id, y.id) })
	at := map[string][]int32{}
	walks := make([]*walk, len(brokers))
	for i, b := range brokers {
		at[b.addr] = append(at[b.addr], b.id)
		if _, _, err := net.SplitHostPort(b.addr); err == nil {
			walks[i] = newWalk(d, b.addr)
			go walks[i].run(ctx)
		}
	}
	found := len(brokers) > 0
	for i, b := range brokers {
		ok := d.step(ctx, Step{Name: "advertised", Broker: b.addr}, func(_ context.Context, s *Step) error {
			s.Facts = map[string]any{"id": b.id, "advertised": b.addr}
			return d.arrived(walks[i], b, at[b.addr], s)
		})
		found = found && ok
	}
	if !found && len(brokers) == 0 {
		d.note(fault.Hint(fmt.Errorf("metadata: broker %s knows no broker of its cluster", reached[0].addr), "it may have just started: --wait 10s"))
	}
	return found
}

// arrived waits for the end of a walk and judges it.
func (d *diagnosis) arrived(w *walk, b told, same []int32, s *Step) error {
	says := fmt.Sprintf("broker %d tells clients to connect to %s", b.id, b.addr)
	if w == nil {
		return fault.Hint(fmt.Errorf("%s, which is no address", says), "%s", d.listeners(b))
	}
	for step := range w.steps {
		s.Took += step.Took
	}
	switch {
	case w.failure != nil && (w.failure.step == "dns" || w.failure.step == "tcp"):
		return fault.Hint(fmt.Errorf("%s: %s", says, w.failure.cause), "%s", d.listeners(b))
	case w.failure != nil:
		return fault.Hint(fmt.Errorf("%s, and there %s fails: %s", says, w.failure.step, w.failure.cause),
			"%s; or advertised.listeners names another port than the one for us", w.failure.hint)
	case clusterName(w.meta) != clusterName(b.by.meta):
		return fault.Hint(fmt.Errorf("%s, where another cluster answers (%s, not %s)", says, clusterName(w.meta), clusterName(b.by.meta)),
			"%s", d.listeners(b))
	case len(same) > 1:
		return fault.Hint(fmt.Errorf("%s all tell clients to connect to %s", brokerList(same), b.addr),
			"each broker needs an advertised.listeners of its own")
	}
	s.Saw = fmt.Sprintf("broker %d is at %s", b.id, b.addr)
	return nil
}

// listeners is what to do about an advertised address that leads nowhere: the
// address by which the broker was reached is one that would do.
func (d *diagnosis) listeners(b told) string {
	protocol := "PLAINTEXT"
	switch {
	case d.way.tls != nil && d.way.Mechanism != "":
		protocol = "SASL_SSL"
	case d.way.tls != nil:
		protocol = "SSL"
	case d.way.Mechanism != "":
		protocol = "SASL_PLAINTEXT"
	}
	host, port, _ := net.SplitHostPort(b.addr)
	if clusterName(b.by.meta) == embedded {
		return fmt.Sprintf("`logpipe broker --advertise HOST` names a host that this machine reaches, such as %s", b.by.host)
	}
	hint := fmt.Sprintf("advertised.listeners of broker %d has to name an address that this machine reaches, such as %s://%s", b.id, protocol, b.by.addr)
	if len(b.by.meta.Brokers) > 1 {
		hint = fmt.Sprintf("advertised.listeners of broker %d has to name an address that this machine reaches (%s:// and its own, as %s is of the one that said so)",
			b.id, protocol, b.by.addr)
	}
	hint += "; a broker in a container or a VM takes a listener more for clients outside"
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		if by := b.by.raw.RemoteAddr().(*net.TCPAddr); !by.IP.IsLoopback() {
			hint = fmt.Sprintf("%s is this machine, seen from here; %s", host, hint)
		} else if port != b.by.port {
			hint = fmt.Sprintf("port %s was not what answered, port %s was; %s", port, b.by.port, hint)
		}
	} else if !strings.Contains(host, ".") && ip == nil {
		hint += fmt.Sprintf(" (%q is likely its name in there)", host)
	}
	return hint
}
