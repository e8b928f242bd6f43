package escape

import (
	"context"
	"net"
	"os"
	"strings"
	"time"
)

// lookupTimeout bounds the wait for a name server.
const lookupTimeout = time.Second

// AnyHost stands for what ThisHost finds where nobody may be asked: a check opens
// no connection.
func AnyHost() Hosts { return Hosts{Name: "host", IP: "127.0.0.1", FQDN: "host.domain"} }

// ThisHost finds out what this machine is called, as Java's
// InetAddress.getLocalHost does; a name server that does not answer holds it up
// for a second.
func ThisHost() Hosts {
	name, err := os.Hostname()
	if err != nil {
		name = "localhost"
	}
	h := Hosts{Name: name, IP: "127.0.0.1", FQDN: name}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupIP(ctx, "ip", name)
	if err != nil || len(addresses) == 0 {
		return h
	}
	h.IP = addresses[0].String()
	for _, a := range addresses {
		if a.To4() != nil {
			h.IP = a.String()
			break
		}
	}
	if names, err := net.DefaultResolver.LookupAddr(ctx, h.IP); err == nil && len(names) > 0 {
		h.FQDN = strings.TrimSuffix(names[0], ".")
	}
	return h
}
