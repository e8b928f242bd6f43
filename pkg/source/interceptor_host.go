package source

import (
	"context"
	"net"
	"os"
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
	i.value = name
	if !i.useIP {
		return nil
	}
	i.value = "127.0.0.1"
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupIP(ctx, "ip", name)
	if err != nil || len(addresses) == 0 {
		return nil
	}
	i.value = addresses[0].String()
	for _, a := range addresses {
		if a.To4() != nil {
			i.value = a.String()
			break
		}
	}
	return nil
}

func (i *host) Intercept(events []flume.Event) []flume.Event {
	return setAll(events, i.header, i.value, i.keep)
}
