package agent

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/channel/file"
	"github.com/logpipe/logpipe/pkg/channel/jdbc"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// hold listens on a port of this machine, as another program does.
func hold(t *testing.T, network, address string) (port string, give io.Closer) {
	t.Helper()
	var at net.Addr
	switch network {
	case "udp":
		c, err := net.ListenPacket(network, address)
		if err != nil {
			t.Skip(err)
		}
		give, at = c, c.LocalAddr()
	default:
		l, err := net.Listen(network, address)
		if err != nil {
			t.Skip(err)
		}
		give, at = l, l.Addr()
	}
	t.Cleanup(func() { give.Close() })
	_, port, _ = net.SplitHostPort(at.String())
	return port, give
}

// A port that is in use is an error of the edit, with its line: the old source
// goes on, its connections too. A SIGHUP tries again, and so does a later edit.
func TestReloadWithTakenPort(t *testing.T) {
	other, port := takePort(t)
	e := startEdited(t, conf(netcat, "type = logger"), monitored)
	c := e.dial(t)
	e.say(t, c, "one")
	e.write(t, conf("type = netcat\nbind = 127.0.0.1\nport = "+port, "type = logger\nmaxBytesToLog = 5"))
	e.stderr.await(t, `e.conf:9:22: source r1: listen on 127.0.0.1:`+port+`: address already in use; end the program that has port `+port+`, or change the port\n`)
	e.stderr.await(t, `e.conf: 1 error; a1 goes on as before; SIGHUP tries again\n`)
	e.say(t, c, "two")
	e.stdout.await(t, ` two `)
	if code, text := e.page(t, "/health"); code != 200 || !strings.Contains(text, `e.conf:9:22: source r1: listen on`) || !strings.Contains(text, `"status":"up"`) {
		t.Errorf("health: %d %s", code, text)
	}
	other.Close()
	e.reload <- os.Interrupt
	e.stderr.await(t, `e.conf reloaded: sink k1, source r1 restarted\n`)
	if code, text := e.page(t, "/health"); code != 200 || text != `{"agent":"a1","status":"up"}`+"\n" {
		t.Errorf("health: %d %s", code, text)
	}
	e.say(t, e.dialTo(t, "127.0.0.1:"+port), "three and more")
	e.stdout.await(t, `body: 74 68 72 65 65 +three }`)
	e.end(t)
	e.stderr.await(t, "3 received, 3 delivered, 0 left")
	if text := e.stderr.String(); strings.Contains(text, "tries again every") {
		t.Errorf("told:\n%s", text)
	}
}

// Every source that listens is opened before the one that it replaces is closed;
// an edit that asks for what the other one has, its port, restarts it as before.
func TestReloadTriesPorts(t *testing.T) {
	for name, of := range map[string]struct{ network, source, port string }{
		"netcat":    {"tcp", "type = netcat\nbind = HOST", "port"},
		"netcatudp": {"udp", "type = netcatudp\nbind = HOST", "port"},
		"avro":      {"tcp", "type = avro\nbind = HOST", "port"},
		"thrift":    {"tcp", "type = thrift\nbind = HOST", "port"},
		"http":      {"tcp", "type = http\nbind = HOST", "port"},
		"syslogtcp": {"tcp", "type = syslogtcp\nhost = HOST", "port"},
		"syslogudp": {"udp", "type = syslogudp\nhost = HOST", "port"},
		"multiport": {"tcp", "type = multiport_syslogtcp\nhost = HOST", "ports"},
	} {
		t.Run(name, func(t *testing.T) {
			taken, _ := hold(t, of.network, "127.0.0.1:0")
			port := strconv.Itoa(logpipetest.FreePort(t))
			at := func(host, port string, more ...string) string {
				return conf(strings.Replace(of.source, "HOST", host, 1)+"\n"+of.port+" = "+port, "type = null", more...)
			}
			e := startEdited(t, at("127.0.0.1", port), nil)
			e.write(t, at("127.0.0.1", taken))
			e.stderr.await(t, `e.conf:9:\d+: source r1: listen on 127.0.0.1:`+taken+`: address already in use`)
			e.stderr.await(t, `goes on as before; SIGHUP`)
			// 192.0.2.1 is of no machine: RFC 5737 keeps it for documents.
			e.write(t, at("192.0.2.1", port))
			e.stderr.await(t, `e.conf:8:\d+: source r1: listen on 192.0.2.1:`+port+`: can.* assign requested address`)
			e.stderr.await(t, `(?s)goes on as before; SIGHUP.*goes on as before; SIGHUP`)
			e.write(t, at("127.0.0.1", port, "sources.r1.interceptors = i1", "sources.r1.interceptors.i1.type = host"))
			e.stderr.await(t, `e.conf reloaded: source r1 restarted\n`)
			e.end(t)
		})
	}
}

// Where the new source needs the port of the old one, that is closed first; what
// then fails is said, in /health too, and tried again.
func TestReloadSaysWhatDoesNotRun(t *testing.T) {
	port := strconv.Itoa(logpipetest.FreePort(t))
	_, other := hold(t, "tcp", "127.0.0.2:"+port) // another program on another address of the machine
	e := startEdited(t, conf("type = netcat\nbind = 127.0.0.1\nport = "+port, "type = logger"), monitored)
	e.write(t, conf("type = netcat\nbind = 0.0.0.0\nport = "+port, "type = logger"))
	e.stderr.await(t, `source r1: listen on 0.0.0.0:`+port+`: address already in use; tries again every 3s`)
	e.stderr.await(t, `e.conf reloaded: source r1 stopped; source r1 cannot start yet, tried every 3s\n`)
	if code, text := e.page(t, "/health"); code != 503 || !strings.Contains(text, `"SOURCE.r1":"it does not run: `) {
		t.Errorf("health: %d %s", code, text)
	}
	other.Close()
	e.say(t, e.dialTo(t, "127.0.0.1:"+port), "late")
	if code, text := e.page(t, "/health"); code != 200 {
		t.Errorf("health: %d %s", code, text)
	}
	e.end(t)
}

// holdFolders opens a file channel, as another agent does.
func holdFolders(t *testing.T, checkpoint, data string) flume.Channel {
	t.Helper()
	return openChannel(t, file.New, "checkpointDir="+checkpoint, "dataDirs="+data)
}

// openChannel opens a channel with properties as name=value.
func openChannel(t *testing.T, typ func(*flume.Properties) flume.Channel, properties ...string) flume.Channel {
	t.Helper()
	p := &flume.Properties{}
	c := typ(p)
	for _, text := range properties {
		name, value, _ := strings.Cut(text, "=")
		q, _ := p.Lookup(name)
		if err := q.Value.Set(value); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Open(flume.Env{Logf: t.Logf}); err != nil {
		t.Fatal(err)
	}
	return c
}

// A file channel that goes to other folders is opened before the one of before
// is closed; one that keeps a folder, or gets it from another channel, is not.
func TestReloadTriesFolders(t *testing.T) {
	dir := t.TempDir()
	other := holdFolders(t, dir+"/held", dir+"/held-data")
	defer other.Close()
	at := func(check, data string) string {
		text := conf(netcat, "type = logger", "channels.c1.checkpointDir = "+dir+"/"+check, "channels.c1.dataDirs = "+dir+"/"+data)
		return strings.Replace(text, "c1.type = memory", "c1.type = file", 1)
	}
	e := startEdited(t, at("c", "d"), nil)
	c := e.dial(t)
	e.say(t, c, "one")
	e.write(t, at("held", "d2"))
	e.stderr.await(t, `e.conf:11:\d+: channel c1: .*in use by another channel.*\n.*1 error; a1 goes on as before; SIGHUP`)
	if err := os.WriteFile(filepath.Join(dir, "taken"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	e.write(t, at("c", "taken/d"))
	e.stderr.await(t, `e.conf:12:\d+: error: channel c1: dataDirs: .*\n.*e.conf: 1 error; a1 goes on as before\n`)
	e.say(t, c, "two") // the connection is the first one still
	e.write(t, at("c", "held-data"))
	e.stderr.await(t, `channel c1: .*in use by another channel.*; back to the configuration of before`)
	e.write(t, at("c2", "d2"))
	e.stderr.await(t, `e.conf reloaded: source r1, sink k1, channel c1 restarted\n`)
	e.end(t)
	e.stderr.await(t, "2 received, 2 delivered, 0 left")
}

// So is a jdbc channel that goes to another file; one that keeps its file is not.
func TestReloadTriesDatabases(t *testing.T) {
	dir := t.TempDir()
	other := openChannel(t, jdbc.New, "driver.url=jdbc:sqlite:"+dir+"/held")
	defer other.Close()
	if err := os.WriteFile(filepath.Join(dir, "text"), bytes.Repeat([]byte("no database "), 1000), 0o644); err != nil {
		t.Fatal(err)
	}
	at := func(file string, more ...string) string {
		text := conf(netcat, "type = logger", append(more, "channels.c1.driver.url = jdbc:sqlite:"+dir+"/"+file)...)
		return strings.Replace(text, "c1.type = memory", "c1.type = jdbc", 1)
	}
	e := startEdited(t, at("a"), nil)
	c := e.dial(t)
	e.say(t, c, "one")
	e.write(t, at("text"))
	e.stderr.await(t, `e.conf:11:29: channel c1: SQLite file \S+text: file is not a database.*\n.*1 error; a1 goes on as before; SIGHUP`)
	e.write(t, at("held"))
	e.stderr.await(t, `e.conf:11:29: channel c1: SQLite file \S+held: database is locked.*\n.*1 error; a1 goes on as before; SIGHUP`)
	e.say(t, c, "two") // the connection is the first one still
	e.write(t, at("a", "channels.c1.maximum.capacity = 10"))
	e.stderr.await(t, `e.conf reloaded: source r1, sink k1, channel c1 restarted\n`)
	e.say(t, e.dialTo(t, e.stderr.await(t, `(?s)r1: listens on.*r1: listens on (\S+)`)[1]), "three")
	e.write(t, at("b"))
	e.stderr.await(t, `(?s)restarted\n.*e.conf reloaded: source r1, sink k1, channel c1 restarted\n`)
	if err := other.Put(t.Context(), []flume.Event{{Body: []byte("x")}}); err != nil {
		t.Errorf("the other channel: %v", err)
	}
	e.end(t)
	e.stderr.await(t, "3 received, 3 delivered, 0 left")
}

// A server that refuses a jdbc channel is asked before the channel of before, at
// any server of that kind, is closed.
func TestReloadAsksServers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go refuseLogins(l)
	at := func(address string) string {
		text := conf("type = seq\ntotalEvents = 0", "type = logger", "channels.c1.db.username = u",
			"channels.c1.driver.url = jdbc:postgresql://"+address+"/d")
		return strings.Replace(text, "c1.type = memory", "c1.type = jdbc", 1)
	}
	e := startEdited(t, at("127.0.0.1:1"), func(o *Options) { o.Grace = 50 * time.Millisecond }) // nobody listens there: the channel waits
	e.stderr.await(t, "waits for the database")
	e.write(t, at(l.Addr().String()))
	e.stderr.await(t, `e.conf:11:29: channel c1: .*password authentication failed.*\n.*1 error; a1 goes on as before; SIGHUP`)
	e.end(t)
}

// refuseLogins answers as a PostgreSQL does to a wrong password.
func refuseLogins(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		head := make([]byte, 8)
		for {
			if _, err := io.ReadFull(conn, head); err != nil {
				break
			}
			if binary.BigEndian.Uint32(head[4:]) == 80877103 { // SSLRequest
				io.WriteString(conn, "N")
				continue
			}
			io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(head))-8)
			text := "SFATAL\x00C28P01\x00Mpassword authentication failed\x00\x00"
			io.WriteString(conn, "E"+string(binary.BigEndian.AppendUint32(nil, uint32(4+len(text))))+text)
			break
		}
		conn.Close()
	}
}

// A folder that a sink needs is looked for before the sink of before ends; those
// of the sinks that go on are not.
func TestReloadLooksForFolders(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(gone, 0o755); err != nil {
		t.Fatal(err)
	}
	at := func(folder string) string {
		text := conf(netcat, "type = file_roll\nsink.directory = "+folder, "sinks.k2.type = file_roll",
			"sinks.k2.sink.directory = "+gone, "sinks.k2.channel = c1")
		return strings.Replace(text, "a1.sinks = k1", "a1.sinks = k1 k2", 1)
	}
	e := startEdited(t, at(t.TempDir()), nil)
	e.write(t, at(filepath.Join(t.TempDir(), "none")))
	e.stderr.await(t, `e.conf:11:\d+: error: sink k1: sink.directory: there is no \S+none on this machine.*\n.*e.conf: 1 error; a1 goes on as before\n`)
	if err := os.RemoveAll(gone); err != nil {
		t.Fatal(err)
	}
	e.write(t, at(t.TempDir()))
	e.stderr.await(t, `e.conf reloaded: sink k1 restarted\n`)
	e.end(t)
}

// What is opened ahead is closed again where something else is wrong.
func TestOpenedAheadIsClosed(t *testing.T) {
	taken, _ := hold(t, "tcp", "127.0.0.1:0")
	free := strconv.Itoa(logpipetest.FreePort(t))
	e := startEdited(t, conf(netcat, "type = null"), nil)
	e.write(t, conf("type = netcat\nbind = 127.0.0.1\nport = "+free, "type = null", "sources = r1 r2", "sources.r2.type = avro",
		"sources.r2.bind = 127.0.0.1", "sources.r2.port = "+taken, "sources.r2.channels = c1"))
	e.stderr.await(t, `1 error; a1 goes on as before`)
	logpipetest.ListenAt(t, "127.0.0.1:"+free).Close()
	e.end(t)
	if text := e.stderr.String(); strings.Contains(text, "listens on 127.0.0.1:"+free) {
		t.Errorf("told of a port that no client had:\n%s", text)
	}
}
