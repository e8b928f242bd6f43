package kafka

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// recorder passes connections on to a broker, and keeps what its clients send.
type recorder struct {
	addr string
	mu   sync.Mutex
	sent bytes.Buffer
}

// record starts one in front of the broker at to.
func record(t *testing.T, to string) *recorder {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	r := &recorder{addr: l.Addr().String()}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go r.pass(client, to)
		}
	}()
	return r
}

func (r *recorder) pass(client net.Conn, to string) {
	defer client.Close()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(client, server) // it ends with the connection
		client.Close()
	}()
	_, _ = io.Copy(server, io.TeeReader(client, r))
}

// Write keeps what a client sends.
func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sent.Write(p)
}

func (r *recorder) heard() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.sent.Bytes())
}

// TestCommitterKeepsSecrets commits marks of the own cluster and of others: what a mark
// names as its cluster hears nothing of the own user, whatever becomes of the commit.
func TestCommitterKeepsSecrets(t *testing.T) {
	own := secured(t, append(users(), kfake.ClusterID("own"))...)
	guarded := record(t, secured(t, append(users(), kfake.ClusterID("guarded"))...))
	logins := record(t, secured(t, append(users(), kfake.ClusterID(embedded))...)) // as logpipe brokers are called, all of them
	plain, _ := cluster(t, broker.Config{})
	create(t, plain, "t", 1)
	open, alias := record(t, plain.Brokers[0]), record(t, own)
	a := logpipetest.NewAuthority(t)
	const bob = "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-256\n" +
		`sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="bob" password="secret-b";` + "\n"
	file := a.Write("source.properties", []byte(bob))
	named := a.Write("named.properties", []byte(bob+"bootstrap.servers="+guarded.addr+"\n"))
	const noUser = "wants to know who we are"
	for _, c := range []struct {
		name     string
		own      string
		cluster  string
		brokers  []string
		source   string
		says     string // "" = it is committed
		listener *recorder
		silent   bool // nobody speaks to it at all
	}{
		{name: "own brokers", own: own, cluster: "x", brokers: []string{own}},
		{name: "no brokers", own: own},
		{name: "the same cluster", own: own, cluster: "own", brokers: []string{alias.addr}, listener: alias, silent: true},
		{name: "without users", own: own, cluster: "logpipe", brokers: []string{open.addr}, listener: open},
		{name: "with users", own: own, cluster: "guarded", brokers: []string{guarded.addr}, says: noUser, listener: guarded},
		{name: "one of them ours", own: own, cluster: "guarded", brokers: []string{own, guarded.addr}, says: noUser, listener: guarded},
		{name: "without an id", own: own, brokers: []string{guarded.addr}, says: noUser, listener: guarded},
		{name: "an id of many", own: logins.addr, cluster: embedded, brokers: []string{guarded.addr}, says: noUser, listener: guarded},
		{name: "a file", own: own, cluster: "guarded", brokers: []string{guarded.addr}, source: file, listener: guarded},
		{name: "a file with brokers", own: own, cluster: "guarded", brokers: []string{alias.addr}, source: named, listener: alias, silent: true},
		{name: "own brokers away", own: logpipetest.Closed(t), cluster: "guarded", brokers: []string{guarded.addr}, says: "ask the own brokers", listener: guarded},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before int
			if c.listener != nil {
				before = len(c.listener.heard())
			}
			k := NewCommitter(Config{Brokers: []string{c.own}, Security: Security{Mechanism: Plain, User: "ann", Password: "secret-a"}}, c.source)
			defer k.Close()
			m := Mark{Group: "g", Generation: -1, Offsets: map[string]int64{"t/0": 1}, Cluster: c.cluster, Brokers: c.brokers}
			switch err := k.Commit(soon(t), m); {
			case c.says == "" && err != nil:
				t.Errorf("%v", err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || fault.CodeOf(err) != fault.Unreachable):
				t.Errorf("%v, want: %s", err, c.says)
			}
			if c.listener == nil {
				return
			}
			heard := c.listener.heard()[before:]
			if bytes.Contains(heard, []byte("secret-a")) || bytes.Contains(heard, []byte("ann")) {
				t.Errorf("the own user goes to %v: %q", c.brokers, heard)
			}
			if c.silent && len(heard) > 0 {
				t.Errorf("the address in the mark is spoken to: %q", heard)
			}
		})
	}
}

// TestCommitterCheck holds that what is wrong with a client file is told at the start.
func TestCommitterCheck(t *testing.T) {
	err := NewCommitter(Config{}, "nowhere.properties").Check()
	if fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), "nowhere.properties") {
		t.Error(err)
	}
	if err := NewCommitter(Config{}, "").Check(); err != nil {
		t.Error(err)
	}
}
