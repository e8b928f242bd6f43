package source

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// flumeConf is the property file of a real Flume that writes into a folder what
// a source brings.
func flumeConf(source, folder, serializer string) string {
	return strings.ReplaceAll(`a1.sources = r1
a1.channels = c1
a1.sinks = k1
`+source+`
a1.sources.r1.channels = c1
a1.channels.c1.type = memory
a1.channels.c1.capacity = 1000
a1.sinks.k1.type = file_roll
a1.sinks.k1.sink.directory = `+folder+`
a1.sinks.k1.sink.rollInterval = 0
a1.sinks.k1.sink.serializer = `+serializer+`
a1.sinks.k1.sink.batchSize = 1
a1.sinks.k1.channel = c1
`, "R.", "a1.sources.r1.")
}

const flumeReady = "Component type: SOURCE, name: r1 started"

// rolled waits for so many lines in the files of a folder and returns them.
func rolled(t *testing.T, folder string, n int) []string {
	t.Helper()
	var lines []string
	for end := time.Now().Add(2 * time.Minute); len(lines) < n; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d lines came, want %d: %q", len(lines), n, lines)
		}
		lines = nil
		files, _ := filepath.Glob(filepath.Join(folder, "*"))
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(data)) {
				lines = append(lines, strings.TrimSuffix(line, "\n"))
			}
		}
	}
	return lines
}

// A real Flume and logpipe go on with the same position file, in turn.
func TestRealFlumeTaildirPositions(t *testing.T) {
	tools := logpipetest.NewFlumeTools(t)
	x := newTailTest(t)
	run := func(want ...string) {
		out := t.TempDir()
		f := tools.Start(t, flumeConf("R.type = TAILDIR\nR.filegroups = g\nR.filegroups.g = "+x.path(`.*\\.log`)+
			"\nR.positionFile = "+x.pos+"\nR.writePosInterval = 100\n", out, "text"), flumeReady)
		wantBodies(t, rolled(t, out, len(want)), want...)
		size := must(os.Stat(x.path("a.log"))).Size()
		var positions []byte
		whole := func() bool { // Flume writes it in place
			positions = must(os.ReadFile(x.pos))
			return strings.Contains(string(positions), fmt.Sprintf(`"pos":%d,`, size))
		}
		x.awaitReal(func() bool { _, err := os.Stat(x.pos); return err == nil && whole() })
		saved := positions
		f.Kill(t)
		if !whole() { // the kill came between its two steps
			x.t.Log("Flume was killed while it wrote the position file")
			must(0, os.WriteFile(x.pos, saved, 0o666))
		}
	}
	x.add("a.log", "one\ntwo\n")
	run("one", "two")
	x.add("a.log", "three\n")
	r := start(t, x.source(`.*\.log`))
	wantBodies(t, r.take(t, 1), "three")
	wantBodies(t, x.end(r))
	x.add("a.log", "four\n")
	run("four")
}

func (x *tailTest) awaitReal(is func() bool) {
	x.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			x.t.Fatal("it does not come")
		}
	}
}

// A real Flume and logpipe go on in the middle of a file where the other one was
// killed.
func TestRealFlumeSpooldirTracker(t *testing.T) {
	tools := logpipetest.NewFlumeTools(t)
	x := newTailTest(t)
	var all []string
	for i := range 60 {
		all = append(all, fmt.Sprintf("line %d", i))
	}
	x.put("a.log", strings.Join(all, "\n")+"\n", time.Minute)
	// Nothing takes the events: Flume's channel is full after twenty of them.
	f := tools.Start(t, strings.ReplaceAll(`a1.sources = r1
a1.channels = c1
a1.channels.c1.type = memory
a1.channels.c1.capacity = 20
a1.channels.c1.transactionCapacity = 10
R.type = spooldir
R.spoolDir = `+x.folder+`
R.batchSize = 10
R.channels = c1
`, "R.", "a1.sources.r1."), flumeReady)
	tracker := x.path(".flumespool/" + trackerName)
	at := func(lines int) func() bool {
		return func() bool {
			_, pos, _, err := readTracker(tracker)
			return err == nil && pos == int64(len(strings.Join(all[:lines], "\n"))+1)
		}
	}
	x.awaitReal(at(20))
	f.Kill(t)

	r := start(t, x.spool("batchSize=10"), "capacity=20", "transactionCapacity=10", "keep-alive=0")
	x.awaitReal(at(40))
	r.stop()
	wantBodies(t, r.take(t, 10), all[20:30]...) // space for the put that waits, which the stop lets end
	x.awaitReal(at(50))
	wantBodies(t, r.rest(t), all[30:50]...)

	out := t.TempDir()
	tools.Start(t, flumeConf("R.type = spooldir\nR.spoolDir = "+x.folder+"\n", out, "text"), flumeReady)
	wantBodies(t, rolled(t, out, 10), all[50:]...)
	x.awaitReal(func() bool { return x.names() == "a.log.COMPLETED" })
}

// The same messages give the same headers and bodies as in a real Flume, apart
// from what it does wrong: see syslog_parse.go.
func TestRealFlumeSyslog(t *testing.T) {
	tools := logpipetest.NewFlumeTools(t)
	messages := []string{
		"<34>Nov  2 10:00:00 web-1 su: failed", "<34>Nov 12 10:00:00 web-1 su: failed",
		"<165>1 2026-11-20T10:00:00Z h.example.com app - ID47 - x", "<165>1 2026-11-20T10:00:00 h x", "<165>2026-11-20T10:00:00+02:00 h x",
		"<13>1 - h x y", "no priority", "<>x", "<1234>x", "<1x>x", strings.Repeat("x", 300), "<13>1 2026-11-20T10:00:00Z h " + strings.Repeat("y", 180),
	}
	sources := []struct {
		name, conf string
		ours       func(*flume.Properties) Source
		settings   []string
	}{
		{"syslogtcp", "R.type = syslogtcp\nR.host = 127.0.0.1\nR.port = PORT\nR.eventSize = 200\n", NewSyslogTCP, []string{"port=0"}},
		{"kept fields", "R.type = syslogtcp\nR.host = 127.0.0.1\nR.port = PORT\nR.eventSize = 200\nR.keepFields = timestamp hostname priority version\n",
			NewSyslogTCP, []string{"port=0", "keepFields=timestamp hostname priority version"}},
		{"multiport_syslogtcp", "R.type = multiport_syslogtcp\nR.host = 127.0.0.1\nR.ports = PORT\nR.eventSize = 200\n", NewMultiportSyslogTCP, []string{"ports=0"}},
	}
	for _, source := range sources {
		t.Run(source.name, func(t *testing.T) {
			out := t.TempDir()
			port := logpipetest.FreePort(t)
			tools.Start(t, flumeConf(strings.ReplaceAll(source.conf, "PORT", fmt.Sprint(port)), out, "header_and_text"), flumeReady)
			s := configure(t, source.ours, append([]string{"host=127.0.0.1", "eventSize=200"}, source.settings...)...)
			r := start(t, s, "capacity=1000")
			n := 0
			for _, message := range messages {
				if source.name == "kept fields" && strings.HasPrefix(message, "<13>1 - ") {
					continue // Java's text for what is not there is null
				}
				var total int
				// A connection for each: Flume keeps the priority of the last message.
				for _, address := range []string{fmt.Sprintf("127.0.0.1:%d", port), s.(*SyslogTCP).Addrs()[0].String()} {
					syslogSend(t, "tcp", address, message+"\n")
				}
				total = (len(message) + 199) / 200
				got := r.takeEvents(t, total)
				n += total
				theirs := rolled(t, out, n)[n-total:]
				for i := range theirs {
					theirs[i] = flumeText(theirs[i])
					if strings.Contains(theirs[i], "=Invalid") { // it has the priority of the message before
						theirs[i] = regexp.MustCompile(` (priority|version)=\d+`).ReplaceAllString(theirs[i], "")
					}
				}
				if strings.Contains(message, " - ") { // the time is that of the arrival
					now := regexp.MustCompile(`timestamp=\d+`)
					got[0], theirs[0] = now.ReplaceAllString(got[0], ""), now.ReplaceAllString(theirs[0], "")
				}
				if !slices.Equal(got, theirs) {
					t.Errorf("%q:\n ours %q\ntheirs %q", message, got, theirs)
				}
			}
		})
	}
}

// flumeText puts a line of header_and_text into the form of eventText.
func flumeText(line string) string {
	m := regexp.MustCompile(`^\{(.*?)\} (.*)$`).FindStringSubmatch(line)
	if m == nil {
		return line
	}
	h := strings.Split(m[1], ", ")
	slices.Sort(h)
	return strings.Join(h, " ") + "|" + m[2]
}

// The same requests get the same answers as from a real Flume, and the same
// events; where Flume fails over a request (500), it is said to be wrong (400).
func TestRealFlumeHTTP(t *testing.T) {
	tools := logpipetest.NewFlumeTools(t)
	out := t.TempDir()
	port := logpipetest.FreePort(t)
	tools.Start(t, flumeConf(fmt.Sprintf("R.type = http\nR.bind = 127.0.0.1\nR.port = %d\n", port), out, "header_and_text"), flumeReady)
	s := configure(t, NewHTTP, "bind=127.0.0.1", "port=0")
	r := start(t, s)
	n := 0
	for _, test := range jsonBodies {
		const contentType = "application/json; charset=UTF-8"
		theirs, _ := post(t, fmt.Sprintf("http://127.0.0.1:%d/", port), contentType, test.body)
		ours, answer := post(t, "http://"+s.(*HTTP).Addr().String()+"/", contentType, test.body)
		if (test.want == nil) != (ours == 400) || ours != theirs && (ours != 400 || theirs != 500) {
			t.Errorf("%.80s: %d %s, Flume answers %d", test.body, ours, answer, theirs)
		}
		if ours != 200 || theirs != 200 {
			continue
		}
		// A body may have several lines.
		got := strings.Split(strings.Join(r.takeEvents(t, len(test.want)), "\n"), "\n")
		if len(test.want) == 0 {
			continue
		}
		lines := rolled(t, out, n+len(got))[n:]
		n += len(got)
		for i := range lines {
			if lines[i] = flumeText(lines[i]); lines[i] != got[i] {
				t.Errorf("%.80s: %.100q, Flume makes %.100q", test.body, got[i], lines[i])
			}
		}
	}
}

// A datagram is the same event as in a real Flume, which takes its first line.
func TestRealFlumeUDP(t *testing.T) {
	tools := logpipetest.NewFlumeTools(t)
	for _, typ := range []struct {
		conf string
		ours func(*flume.Properties) Source
		host string
	}{{"R.type = netcatudp\nR.bind = 127.0.0.1\nR.port = %d\nR.remoteAddress = from\n", NewNetcatUDP, "bind"},
		{"R.type = syslogudp\nR.host = 127.0.0.1\nR.port = %d\n", NewSyslogUDP, "host"}} {
		out := t.TempDir()
		port := logpipetest.FreePort(t)
		tools.Start(t, flumeConf(fmt.Sprintf(typ.conf, port), out, "header_and_text"), "RollingFileSink k1 started")
		(&tailTest{t: t}).awaitReal(func() bool { return bound(t, "udp", port) }) // netcatudp tells nobody that it listens
		settings := []string{typ.host + "=127.0.0.1", "port=0"}
		if typ.host == "bind" {
			settings = append(settings, "remoteAddress=from")
		}
		s := configure(t, typ.ours, settings...)
		r := start(t, s)
		conn := must(net.ListenPacket("udp", "127.0.0.1:0")) // one sender for both
		defer conn.Close()
		for i, text := range []string{"<13>Nov 12 10:00:00 h one", "<13>two", "three", "<13>1 2026-11-20T10:00:00Z h four"} {
			for _, address := range []string{fmt.Sprintf("127.0.0.1:%d", port), s.(interface{ Addr() net.Addr }).Addr().String()} {
				if _, err := conn.WriteTo([]byte(text), must(net.ResolveUDPAddr("udp", address))); err != nil && err != io.EOF {
					t.Fatal(err)
				}
			}
			got, theirs := r.takeEvents(t, 1)[0], flumeText(rolled(t, out, i+1)[i])
			// Flume's one parser keeps what it found in an earlier message.
			if typ.host == "host" && !strings.Contains(got, "priority") {
				theirs = regexp.MustCompile(` (priority|version)=\d+`).ReplaceAllString(theirs, "")
			}
			if got != theirs {
				t.Errorf("%q: ours %s, Flume's %s", text, got, theirs)
			}
		}
	}
}

// bound tells whether a process has a port. Where the system does not list them, it is
// taken for a moment, in which the one that is awaited cannot have it.
func bound(t *testing.T, network string, port int) bool {
	t.Helper()
	listed := false
	for _, name := range []string{network, network + "6"} {
		table, err := os.ReadFile("/proc/net/" + name)
		if err == nil && regexp.MustCompile(fmt.Sprintf(`(?m)^ *\d+: [0-9A-F]+:%04X `, port)).Match(table) {
			return true
		}
		listed = listed || err == nil
	}
	if listed {
		return false
	}
	c, err := net.ListenPacket(network, fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		c.Close()
	}
	return err != nil
}

// The same files give the same events as from a real Flume. Where a line is as
// long as lines may be, Flume adds an empty event, which is left out here.
func TestRealFlumeSpooldirEvents(t *testing.T) {
	tools := logpipetest.NewFlumeTools(t)
	tests := []struct{ text, conf string }{
		{"a\r\nb\n\n\xff\xfex\xe4\xb8\n\xf0\x90\x41 \xf0\x9f\x98\n\xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80\nlast", "decodeErrorPolicy = REPLACE"},
		{"a\xffb\xe4\xb8\nlast\xe4", "decodeErrorPolicy = IGNORE"},
		{"123456789 and more\n12345678\nab😀cd😀ef😀gh\n", "deserializer.maxLineLength = 10"},
		{"gr\xfc\xdfe\nx\n", "inputCharset = ISO-8859-1"},
		{"\xd6\xd0\xce\xc4\nx\n", "inputCharset = GBK"},
		{"grüße 中\n", "deserializer.outputCharset = ISO-8859-1"},
		{avroFile("deflate", []string{"a", "b", "c"}, []string{"d"}), "deserializer = AVRO"},
		{avroFile("null", []string{"a", "b", "c"}), "deserializer = AVRO\nR.deserializer.schemaType = LITERAL"},
	}
	for _, test := range tests {
		ours, theirs := newTailTest(t), newTailTest(t)
		for _, x := range []*tailTest{ours, theirs} {
			x.put("a", test.text, time.Minute)
		}
		out := t.TempDir()
		tools.Start(t, flumeConf("R.type = spooldir\nR.spoolDir = "+theirs.folder+"\nR.basenameHeader = true\nR."+test.conf+"\n", out, "header_and_text"), flumeReady)
		theirs.awaitReal(func() bool { return theirs.names() == "a.COMPLETED" })
		settings := []string{"basenameHeader=true"}
		for line := range strings.Lines(test.conf) {
			settings = append(settings, strings.Replace(strings.TrimPrefix(strings.TrimSpace(line), "R."), " = ", "=", 1))
		}
		r := start(t, ours.spool(settings...), "capacity=1000")
		ours.awaitReal(func() bool { return ours.names() == "a.COMPLETED" })
		got := r.takeEvents(t, r.channel.Size())
		want := rolled(t, out, len(got))
		for i := range want {
			want[i] = flumeText(want[i])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s of %.100q:\n  ours %.400q\nFlume's %.400q", test.conf, test.text, got, want)
		}
		r.stop()
	}
}
