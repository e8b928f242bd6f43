package source

import (
	"context"
	"net"
	"os"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// lookupTimeout bounds the wait for a name server at start.
const lookupTimeout = time.Second

type host struct {
	header string
	useIP  bool
	keep   bool
	value  string // found once, at start
}

func newHost(p *flume.Properties) Interceptor {
	i := &host{}
	p.String(&i.header, "hostHeader", "host", "the header to set")
	p.Bool(&i.useIP, "useIP", true, "the address; false = the name")
	p.Bool(&i.keep, "preserveExisting", false, "leave a header that is there")
	return i
}

// Open finds out what this host is called. A host that does not know its own
// address gets 127.0.0.1, as in Java.
func (i *host) Open(flume.Env) error {
	name, err := os.Hostname()
	if err != nil {
		name = "localhost"
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	i.value = "127.0.0.1"
	addresses, err := net.DefaultResolver.LookupIP(ctx, "ip", name)
	known := err == nil && len(addresses) > 0
	if known {
		i.value = addresses[0].String()
	}
	for _, a := range addresses {
		if a.To4() != nil {
			i.value = a.String()
			break
		}
	}
	switch {
	case i.useIP:
	case known:
		i.value = canonicalName(ctx, net.DefaultResolver.LookupAddr, i.value, name)
	default: // 127.0.0.1 has the same name everywhere
		i.value = name
	}
	return nil
}

// canonicalName is what Java's getCanonicalHostName says: the first name of the
// address, web1.example.com where the host itself says web1.
func canonicalName(ctx context.Context, names func(context.Context, string) ([]string, error), ip, name string) string {
	if all, err := names(ctx, ip); err == nil && len(all) > 0 {
		return strings.TrimSuffix(all[0], ".")
	}
	return name
}

func (i *host) Intercept(events []flume.Event) []flume.Event {
	return setAll(events, i.header, i.value, i.keep)
}
