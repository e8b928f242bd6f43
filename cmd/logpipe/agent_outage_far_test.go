//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// phases writes lines to a log in parts, between which a server comes and goes.
type phases struct {
	t    *testing.T
	path string
	want []string
}

func (p *phases) write() {
	p.t.Helper()
	var b strings.Builder
	for range 3000 {
		line := fmt.Sprintf("line %d of a log that is longer than a channel", len(p.want))
		p.want = append(p.want, line)
		b.WriteString(line + "\n")
	}
	write(p.t, p.path, b.String())
}

// judge holds that all lines came, and few of them twice.
func (p *phases) judge(got copies, most int) {
	p.t.Helper()
	if n, examples := got.missing(p.want); n > 0 {
		p.t.Errorf("%d of %d lines are missing, such as %q", n, len(p.want), examples)
	}
	total := 0
	for _, all := range got.events {
		total += len(all)
	}
	p.t.Logf("%d lines written, %d arrived", len(p.want), total)
	if total > len(p.want)+most {
		p.t.Errorf("%d lines came for %d, want at most %d more", total, len(p.want), most)
	}
}

const tailTo = `
	sources = r1
	channels = c1
	sinks = k1
	sources.r1.type = TAILDIR
	sources.r1.filegroups = g
	sources.r1.filegroups.g = $DIR/logs/.*
	sources.r1.positionFile = $DIR/position.json
	sources.r1.channels = c1
	sinks.k1.channel = c1
	`

// A namenode that is not there at the start, goes away and comes back.
func TestOutageHDFS(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	p := &phases{t: t, path: filepath.Join(makeFolder(t, f.dir, "logs"), "a.log")}
	node := &fakeHDFS{t: t, root: makeFolder(t, f.dir, "hdfs"), address: fmt.Sprintf("127.0.0.1:%d", logpipetest.FreePort(t))}
	p.write()
	a := f.agent("a", tailTo+`
		channels.c1.type = memory
		channels.c1.capacity = 1000
		sinks.k1.type = hdfs
		sinks.k1.hdfs.path = webhdfs://`+node.address+`/logs
		sinks.k1.hdfs.fileType = DataStream
		sinks.k1.hdfs.rollInterval = 0
		sinks.k1.hdfs.rollSize = 0
		sinks.k1.hdfs.rollCount = 500`)
	f.awaitTold(a, 0, "k1: cannot deliver")
	arrived := func(n int) {
		f.await(func() (bool, string) {
			got := node.read()
			return len(got.events) >= n, fmt.Sprintf("%d of %d lines have come", len(got.events), n)
		})
	}
	for range 2 {
		node.up()
		arrived(len(p.want))
		node.down()
		since := a.toldSize()
		p.write()
		f.awaitTold(a, since, "k1: cannot deliver")
	}
	node.up()
	arrived(len(p.want))
	f.stop(a)
	node.down()
	p.judge(node.read(), 3*100)
	if names, _ := filepath.Glob(filepath.Join(node.root, "logs", "*.tmp")); len(names) > 0 {
		t.Errorf("files that were not ended: %q", names)
	}
	checkTold(t, a, "cannot deliver", 12)
}

// checkTold holds that something was told, but not again and again.
func checkTold(t *testing.T, a *fleetAgent, text string, most int) {
	t.Helper()
	told, err := os.ReadFile(a.told)
	if n := strings.Count(string(told), text); err != nil || n == 0 || n > most {
		t.Errorf("%q was told %d times, want 1 to %d (%v):\n%s", text, n, most, err, told)
	}
}

// fakeHDFS is a namenode with WebHDFS, and a datanode, over a folder.
type fakeHDFS struct {
	t             *testing.T
	root, address string
	server        *http.Server
}

func (h *fakeHDFS) up() {
	h.t.Helper()
	l := logpipetest.ListenAt(h.t, h.address)
	h.server = &http.Server{Handler: h}
	go h.server.Serve(l) //nolint:errcheck // it ends with down
	h.t.Cleanup(h.down)
}

// down closes all connections, also within a request.
func (h *fakeHDFS) down() { h.server.Close() }

// read reads the lines of all files.
func (h *fakeHDFS) read() copies {
	c := copies{events: map[string][]copied{}}
	names, _ := filepath.Glob(filepath.Join(h.root, "logs", "*"))
	for _, name := range names {
		text, _ := os.ReadFile(name) // it may get another name meanwhile
		for line := range strings.Lines(string(text)) {
			c.events[strings.TrimSuffix(line, "\n")] = append(c.events[strings.TrimSuffix(line, "\n")], copied{})
		}
	}
	return c
}

func (h *fakeHDFS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := filepath.Join(h.root, strings.TrimPrefix(r.URL.Path, "/webhdfs/v1"))
	op := r.URL.Query().Get("op")
	if (op == "CREATE" || op == "APPEND") && r.URL.Query().Get("data") == "" {
		w.Header().Set("Location", "http://"+h.address+r.URL.String()+"&data=true")
		w.WriteHeader(http.StatusTemporaryRedirect)
		return
	}
	switch err := h.do(w, r, op, name); {
	case os.IsNotExist(err):
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, `{"RemoteException":{"exception":"FileNotFoundException","message":%q}}`, err)
	case err != nil:
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, `{"RemoteException":{"exception":"IOException","message":%q}}`, err)
	}
}

func (h *fakeHDFS) do(w http.ResponseWriter, r *http.Request, op, name string) error {
	const done = `{"boolean":true}`
	switch op {
	case "CREATE", "APPEND":
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			return err
		}
		flag := os.O_WRONLY | os.O_APPEND
		if op == "CREATE" {
			flag |= os.O_CREATE | os.O_EXCL
		}
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		file, err := os.OpenFile(name, flag, 0o666)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = file.Write(data)
		return err
	case "RENAME": // false, as of a namenode, where it was done already and the answer was lost
		err := os.Rename(name, filepath.Join(h.root, r.URL.Query().Get("destination")))
		fmt.Fprintf(w, `{"boolean":%t}`, err == nil)
		return nil
	case "TRUNCATE": // of a file whose writer has not heard that its last lines are in it
		size, err := strconv.ParseInt(r.URL.Query().Get("newlength"), 10, 64)
		if err == nil {
			err = os.Truncate(name, size)
		}
		if err == nil {
			fmt.Fprint(w, done)
		}
		return err
	case "LISTSTATUS":
		entries, err := os.ReadDir(name)
		var list []string
		for _, e := range entries {
			list = append(list, fmt.Sprintf(`{"pathSuffix":%q,"type":"FILE"}`, e.Name()))
		}
		if err == nil {
			fmt.Fprintf(w, `{"FileStatuses":{"FileStatus":[%s]}}`, strings.Join(list, ","))
		}
		return err
	case "GETFILESTATUS":
		st, err := os.Stat(name)
		if err == nil {
			fmt.Fprintf(w, `{"FileStatus":{"type":"FILE","length":%d}}`, st.Size())
		}
		return err
	case "DELETE":
		fmt.Fprint(w, done)
		return os.Remove(name)
	}
	return fmt.Errorf("%s is not served here", op)
}

// Brokers that are not there at the start, go away and come back: for a Kafka
// sink, and for a Kafka channel.
func TestOutageKafka(t *testing.T) {
	t.Parallel()
	for name, conf := range map[string]string{
		"sink": tailTo + `
			channels.c1.type = memory
			channels.c1.capacity = 1000
			sinks.k1.type = org.apache.flume.sink.kafka.KafkaSink
			sinks.k1.kafka.bootstrap.servers = $BROKER
			sinks.k1.kafka.topic = out`,
		"channel": tailTo + `
			channels.c1.type = org.apache.flume.channel.kafka.KafkaChannel
			channels.c1.kafka.bootstrap.servers = $BROKER
			channels.c1.kafka.topic = between
			channels.c1.kafka.consumer.group.instance.id = a
			sinks.k1.type = file_roll
			sinks.k1.sink.directory = $DIR/out
			sinks.k1.sink.rollInterval = 0
			sinks.k1.sink.serializer = header_and_text`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outageKafka(t, name, conf)
		})
	}
}

func outageKafka(t *testing.T, name, conf string) {
	f := newFleet(t)
	out := makeFolder(t, f.dir, "out")
	address := fmt.Sprintf("127.0.0.1:%d", logpipetest.FreePort(t))
	var b *broker.Broker
	up := func() {
		var err error
		b, err = broker.Start(context.WithoutCancel(t.Context()), broker.Config{Listen: address, Dir: filepath.Join(f.dir, "broker")})
		if err != nil {
			t.Fatal(err)
		}
	}
	down := func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		logpipetest.Gone(t, address) // for the next one
	}
	p := &phases{t: t, path: filepath.Join(makeFolder(t, f.dir, "logs"), "a.log")}
	p.write()
	a := f.agent("a", strings.ReplaceAll(conf, "$BROKER", address))
	f.awaitTold(a, 0, "tries again in")
	up()
	defer func() { down() }()
	arrived := func() copies { return readCopies(t, out) }
	if name == "sink" {
		records := collect(t, address, "out", 1)
		arrived = records.copies
	}
	all := func() {
		f.await(func() (bool, string) {
			n, examples := arrived().missing(p.want)
			return n == 0, fmt.Sprintf("%d of %d lines are missing, such as %q", n, len(p.want), examples)
		})
	}
	all()
	for range 2 {
		down()
		since := a.toldSize()
		p.write()
		f.awaitTold(a, since, "no broker answers")
		up()
		all()
	}
	f.stop(a)
	p.judge(arrived(), 3*100)
	checkTold(t, a, "tries again in", 16)
	checkTold(t, a, "no broker answers", 8)
}
