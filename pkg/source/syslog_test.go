package source

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/channel"
	"github.com/logpipe/logpipe/pkg/flume"
)

// eventText is an event in one line: the headers sorted, then the body.
func eventText(e flume.Event) string {
	var h []string
	for _, header := range e.Headers {
		h = append(h, header.Key+"="+header.Value)
	}
	slices.Sort(h)
	return strings.Join(h, " ") + "|" + string(e.Body)
}

// takeEvents returns the next n events as text.
func (r *rig) takeEvents(t *testing.T, n int) []string {
	t.Helper()
	var all []string
	for len(all) < n {
		tx, err := r.channel.Take(t.Context(), n-len(all))
		if err != nil {
			t.Fatalf("%v after %q; told:\n%s", err, all, &r.diary)
		}
		for _, e := range tx.Events() {
			all = append(all, eventText(e))
		}
		tx.Commit()
	}
	return all
}

var syslogNow = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func ms(year int, month time.Month, day, hour, minute, second, milli int, loc *time.Location) string {
	return strconv.FormatInt(time.Date(year, month, day, hour, minute, second, milli*1e6, loc).UnixMilli(), 10)
}

func TestSyslogParser(t *testing.T) {
	local := func(month time.Month, day int) string { return ms(2026, month, day, 10, 0, 0, 0, time.Local) }
	tests := []struct{ keep, line, want string }{
		{"none", "<34>Nov  2 10:00:00 web-1 su: failed", "Facility=4 Severity=2 host=web-1 priority=34 timestamp=" + local(11, 2) + "|su: failed"},
		{"none", "<34>Nov 12 10:00:00 web-1 su: failed", "Facility=4 Severity=2 host=web-1 priority=34 timestamp=" + local(11, 12) + "|su: failed"},
		{"none", "<34>Nov  2 10:00:00 web-1 su: failed\r", "Facility=4 Severity=2 host=web-1 priority=34 timestamp=" + local(11, 2) + "|su: failed\r"},
		{"none", "<165>1 2026-11-20T10:00:00.123456Z h.example.com app - ID47 - x", "Facility=20 Severity=5 host=h.example.com priority=165 timestamp=" +
			ms(2026, 11, 20, 10, 0, 0, 123, time.UTC) + " version=1|app - ID47 - x"},
		{"none", "<165>1 2026-11-20T10:00:00+02:00 h x", "Facility=20 Severity=5 host=h priority=165 timestamp=" + ms(2026, 11, 20, 8, 0, 0, 0, time.UTC) + " version=1|x"},
		{"none", "<165>2026-11-20T10:00:00 h x", "Facility=20 Severity=5 host=h priority=165 timestamp=" + ms(2026, 11, 20, 10, 0, 0, 0, time.Local) + "|x"},
		{"none", "<13>1 - - x y", "Facility=1 Severity=5 priority=13 version=1|x y"},
		{"none", "<13>free text", "Facility=1 Severity=5|<13>free text"},
		{"none", "<13>", "Facility=1 Severity=5|<13>"},
		{"none", "<13>Nov  2 10:00:00 h ", "Facility=1 Severity=5 host=h priority=13 timestamp=" + local(11, 2) + "|<13>Nov  2 10:00:00 h "},
		{"none", "no priority", "Facility=0 Severity=0 flume.syslog.status=Invalid|no priority"},
		{"none", "<>x", "Facility=0 Severity=0 flume.syslog.status=Invalid|<>x"},
		{"none", "<1234>x", "Facility=0 Severity=0 flume.syslog.status=Invalid|<1234>x"},
		{"none", "<1x>x", "Facility=0 Severity=0 flume.syslog.status=Invalid|<1x>x"},
		{"all", "<34>Nov  2 10:00:00 h x", "Facility=4 Severity=2 host=h priority=34 timestamp=" + local(11, 2) + "|<34>Nov  2 10:00:00 h x"},
		{"timestamp hostname", "<34>Nov  2 10:00:00 h x", "Facility=4 Severity=2 host=h priority=34 timestamp=" + local(11, 2) + "|Nov  2 10:00:00 h x"},
		{"priority version", "<34>1 2026-11-20T10:00:00Z h x", "Facility=4 Severity=2 host=h priority=34 timestamp=" + ms(2026, 11, 20, 10, 0, 0, 0, time.UTC) + " version=1|<34>1 x"},
		// A time without a year is one of the last eleven months or of the next.
		{"none", "<34>Dec 19 10:00:00 h x", "Facility=4 Severity=2 host=h priority=34 timestamp=" + ms(2026, 12, 19, 10, 0, 0, 0, time.Local) + "|x"},
		{"none", "<34>Dec 22 10:00:00 h x", "Facility=4 Severity=2 host=h priority=34 timestamp=" + ms(2025, 12, 22, 10, 0, 0, 0, time.Local) + "|x"},
		{"none", "<34>Xxx 22 10:00:00 h x", "Facility=4 Severity=2 host=h priority=34|x"},
	}
	for _, test := range tests {
		p := &syslogParser{}
		p.keep.Set(test.keep)
		e, _ := p.event([]byte(test.line), false, syslogNow)
		if got := eventText(e); got != test.want {
			t.Errorf("%s %q:\n got %s\nwant %s", test.keep, test.line, got, test.want)
		}
	}
	e, _ := (&syslogParser{}).event([]byte("<13>x"), true, syslogNow)
	if got := eventText(e); got != "Facility=1 Severity=5 flume.syslog.status=Incomplete|<13>x" {
		t.Error(got)
	}
}

// The source for many ports has a parser of its own in Flume, with other names.
func TestSyslogParserOfMany(t *testing.T) {
	at := ms(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	tests := []struct{ keep, line, want string }{
		{"none", "<34>1 2026-11-20T10:00:00Z h x y", "Facility=4 Priority=34 Severity=2 Version=1 host=h timestamp=" + at + "|x y"},
		{"none", "<34>2026-11-20T12:00:00.5+02:00 h x", "Facility=4 Priority=34 Severity=2 host=h timestamp=" + ms(2026, 11, 20, 10, 0, 0, 500, time.UTC) + "|x"},
		{"none", "<34>Nov 20 10:00:00 h x", "Facility=4 Priority=34 Severity=2 host=h timestamp=" + at + "|x"},
		{"none", "<34>- h x", "Facility=4 Priority=34 Severity=2 host=h timestamp=" + strconv.FormatInt(syslogNow.UnixMilli(), 10) + "|x"},
		{"all", "<34>Nov 20 10:00:00 h x", "Facility=4 Priority=34 Severity=2 host=h timestamp=" + at + "|<34>Nov 20 10:00:00 h x"},
		{"hostname", "<34>Nov 20 10:00:00 h x", "Facility=4 Priority=34 Severity=2 host=h timestamp=" + at + "|h x"},
		{"none", "<34>1 2026-11-20T10:00:00 h x", "flume.syslog.status=Invalid|<34>1 2026-11-20T10:00:00 h x"},
		{"none", "x", "flume.syslog.status=Invalid|x"},
		{"none", "<34>", "flume.syslog.status=Invalid|<34>"},
		{"none", "<34>Nov 20", "flume.syslog.status=Invalid|<34>Nov 20"},
		{"none", "<34>x", "flume.syslog.status=Invalid|<34>x"},
		{"none", "<34>Nov 20 10:00:00 h", "flume.syslog.status=Invalid|<34>Nov 20 10:00:00 h"},
		{"none", "<34>Nov 20 10:00:00 h \xff", "flume.syslog.status=Invalid|<34>Nov 20 10:00:00 h \xff"},
	}
	for _, test := range tests {
		p := &syslogParser{many: true, check: must(newCharset("UTF-8"))}
		p.keep.Set(test.keep)
		e, _ := p.event([]byte(test.line), false, syslogNow)
		if got := eventText(e); got != test.want {
			t.Errorf("%s %q:\n got %s\nwant %s", test.keep, test.line, got, test.want)
		}
	}
}

func TestSyslogFormat(t *testing.T) {
	p := &syslogParser{custom: must(newSyslogFormat(map[string]string{
		"regex":  `(?!#)<(\d+)>(\d?)\[([^\]]*)\] (\w+): (.*)`,
		"search": `(\d+)/(\d+)`, "replace": "$2-$1", "dateFormat": "dd-MM-yyyy HH:mm:ss"}, nil))}
	e, _ := p.event([]byte("<34>[11/20-2026 10:00:00] h: x"), false, syslogNow)
	if got := eventText(e); got != "Facility=4 Severity=2 host=h priority=34 timestamp="+ms(2026, 11, 20, 10, 0, 0, 0, time.Local)+"|x" {
		t.Error(got)
	}
	for _, bad := range []map[string]string{{"regex": "("}, {"regex": "x", "search": "("}, {"regex": "x", "search": "x", "replace": "$1"}, {"regex": "x", "dateFormat": "'"}} {
		if _, err := newSyslogFormat(bad, nil); err == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
}

func syslogSend(t *testing.T, network, address, text string) {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

func TestSyslogTCP(t *testing.T) {
	s := configure(t, NewSyslogTCP, "host=127.0.0.1", "port=0", "eventSize=20", "clientIPHeader=ip", "clientHostnameHeader=name")
	var counts flume.Counters
	r := startCounted(t, s, &counts)
	syslogSend(t, "tcp", s.(*SyslogTCP).Addrs()[0].String(), "<13>one\n\nbad\n<13>two2345678901234567890\n<13>end")
	name := hostNameOf(must(netipAddr("127.0.0.1")))
	want := []string{
		"Facility=1 Severity=5 ip=127.0.0.1 name=" + name + "|<13>one",
		"Facility=0 Severity=0 flume.syslog.status=Invalid ip=127.0.0.1 name=" + name + "|bad",
		"Facility=1 Severity=5 flume.syslog.status=Incomplete ip=127.0.0.1 name=" + name + "|<13>two2345678901234",
		"Facility=0 Severity=0 flume.syslog.status=Invalid ip=127.0.0.1 name=" + name + "|567890",
		"Facility=1 Severity=5 ip=127.0.0.1 name=" + name + "|<13>end",
	}
	wantBodies(t, r.takeEvents(t, 5), want...)
	r.stop()
	wantBodies(t, r.rest(t))
	if v := counts.Values(); v["EventAcceptedCount"] != 5 || v["EventReadFail"] != 2 || !strings.Contains(r.diary.String(), "no syslog") {
		t.Errorf("%v; told %s", v, &r.diary)
	}
}

func TestMultiportSyslogTCP(t *testing.T) {
	s := configure(t, NewMultiportSyslogTCP, "host=127.0.0.1", "ports=0 0", "portHeader=port", "charset.default=ISO-8859-1")
	r := start(t, s)
	for i, a := range s.(*SyslogTCP).Addrs() {
		port := a.(*net.TCPAddr).Port
		syslogSend(t, "tcp", a.String(), fmt.Sprintf("<34>- h \xfc%d\n", i))
		got := r.takeEvents(t, 1)[0]
		if !strings.Contains(got, fmt.Sprintf(" port=%d ", port)) || !strings.HasSuffix(got, fmt.Sprintf("|\xfc%d", i)) {
			t.Errorf("got %s", got)
		}
	}
	r.stop()
	wantBodies(t, r.rest(t))
}

func TestSyslogTCPWaitsForSpace(t *testing.T) {
	s := configure(t, NewSyslogTCP, "host=127.0.0.1", "port=0")
	r := start(t, s, "capacity=3", "transactionCapacity=3", "keep-alive=0")
	conn := must(net.Dial("tcp", s.(*SyslogTCP).Addrs()[0].String()))
	defer conn.Close()
	go func() {
		for i := range 200 {
			fmt.Fprintf(conn, "<13>%d\n", i)
		}
	}()
	for i, body := range r.take(t, 200) {
		if body != fmt.Sprintf("<13>%d", i) {
			t.Fatalf("event %d is %q", i, body)
		}
	}
}

func TestSyslogCheck(t *testing.T) {
	tests := []struct {
		settings []string
		want     string
	}{
		{[]string{"ports=10 20"}, ""},
		{[]string{"ports=10,20"}, "is no port"},
		{[]string{"ports=10", "charset.port.10=latin1"}, ""},
		{[]string{"ports=10", "charset.port.x=UTF-8"}, `"x" is no port`},
		{[]string{"ports=10", "charset.default=klingon"}, "unknown charset"},
	}
	for _, test := range tests {
		var got []string
		for _, p := range configure(t, NewMultiportSyslogTCP, test.settings...).(flume.Checker).Check() {
			got = append(got, p.Message)
		}
		if all := strings.Join(got, "; "); (all == "") != (test.want == "") || !strings.Contains(all, test.want) {
			t.Errorf("%v: %q", test.settings, all)
		}
	}
}

func TestSyslogUDP(t *testing.T) {
	s := configure(t, NewSyslogUDP, "host=127.0.0.1", "port=0", "clientIPHeader=ip", "keepFields=all")
	r := start(t, s)
	address := s.(*SyslogUDP).Addr().String()
	for _, text := range []string{"<13>one", "<13>two\n<13>three\n", strings.Repeat("x", 60000)} {
		syslogSend(t, "udp", address, text)
	}
	wantBodies(t, r.takeEvents(t, 4), "Facility=1 Severity=5 ip=127.0.0.1|<13>one", "Facility=1 Severity=5 ip=127.0.0.1|<13>two",
		"Facility=1 Severity=5 ip=127.0.0.1|<13>three", "Facility=0 Severity=0 flume.syslog.status=Invalid ip=127.0.0.1|"+strings.Repeat("x", 60000))
	// What has come before the stop is taken.
	for range 5 {
		syslogSend(t, "udp", address, "<13>x")
	}
	r.stop()
	if got := r.rest(t); len(got) != 5 {
		t.Fatalf("got %q", got)
	}
}

func TestNetcatUDP(t *testing.T) {
	s := configure(t, NewNetcatUDP, "bind=127.0.0.1", "port=0", "remoteAddress=from")
	r := start(t, s)
	conn := must(net.Dial("udp", s.(*NetcatUDP).Addr().String()))
	defer conn.Close()
	for _, text := range []string{"one\n", "two\nthree", ""} {
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	from := "from=/" + conn.LocalAddr().String() + "|"
	wantBodies(t, r.takeEvents(t, 4), from+"one", from+"two", from+"three", from)
	r.stop()
	wantBodies(t, r.rest(t))
}

func TestNetcatUDPWaitsForSpace(t *testing.T) {
	s := configure(t, NewNetcatUDP, "bind=127.0.0.1", "port=0")
	r := start(t, s, "capacity=3", "transactionCapacity=3", "keep-alive=0")
	conn := must(net.Dial("udp", s.(*NetcatUDP).Addr().String()))
	defer conn.Close()
	for i := range 300 {
		fmt.Fprint(conn, i)
		if i%100 == 0 {
			time.Sleep(time.Millisecond) // for the system's buffer
		}
	}
	for i, body := range r.take(t, 300) {
		if body != fmt.Sprint(i) {
			t.Fatalf("event %d is %q", i, body)
		}
	}
}

func TestParseDrops(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  100: 0100007F:1F90 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12345 2 0000000000000000 7
  101: 0200007F:1F90 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12346 2 0000000000000000 9
  102: 0100007F:1F91 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12347 2 0000000000000000 5
`
	if n := parseDrops(table, must(netipAddrPort("127.0.0.1:8080"))); n != 7 {
		t.Error(n)
	}
}

// FuzzSyslogLines holds that the way in which a stream is cut into reads does
// not change the messages, and that no parser loses a byte of one it keeps whole.
func FuzzSyslogLines(f *testing.F) {
	f.Add([]byte("<34>Nov  2 10:00:00 h x\n<165>1 2026-11-20T10:00:00.1Z h x\nbad\n"), 3)
	f.Add([]byte("<1>- h x\n<13>1 - - y\n"), 1)
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		run := func(r io.Reader) (all []string) {
			lines := syslogLines{max: 40}
			for {
				err := lines.read(r)
				for _, l := range lines.next() {
					all = append(all, fmt.Sprint(l.cut, string(l.text)))
				}
				if err != nil {
					return append(all, string(lines.rest()))
				}
			}
		}
		whole := run(strings.NewReader(string(data)))
		if size < 1 || size > len(data) {
			size = 1
		}
		if again := run(&pieces{data, size}); !slices.Equal(whole, again) {
			t.Fatalf("whole: %q\npieces of %d: %q", whole, size, again)
		}
		for _, many := range []bool{false, true} {
			p := &syslogParser{many: many, check: must(newCharset("UTF-8")), keep: syslogKeep{all: true}}
			if e, _ := p.event(data, false, syslogNow); string(e.Body) != string(data) {
				t.Fatalf("body %q", e.Body)
			}
			p.keep = syslogKeep{priority: true, version: true, timestamp: true, hostname: true}
			p.event(data, true, syslogNow)
		}
	})
}

// Where the channel stays full until the agent gives up, what waits in memory is
// counted as lost, and the source ends.
func TestNetcatUDPGivesUp(t *testing.T) {
	s := configure(t, NewNetcatUDP, "bind=127.0.0.1", "port=0").(*NetcatUDP)
	full := configure(t, channel.NewMemory, "capacity=1", "transactionCapacity=1", "keep-alive=0")
	hard, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	out := NewOutput(hard, OutputConfig{Required: []flume.Channel{full}, Logf: t.Logf})
	if err := s.Open(flume.Env{Logf: t.Logf}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	ctx, stop := context.WithCancel(hard)
	go func() {
		_ = s.Run(ctx, out) // it gave up
		close(ended)
	}()
	conn := must(net.Dial("udp", s.Addr().String()))
	defer conn.Close()
	datagram := make([]byte, 60000)
	for waiting := 0; waiting <= udpWaiting; {
		if _, err := conn.Write(datagram); err != nil {
			t.Fatal(err)
		}
		s.server.mu.Lock()
		waiting = s.server.waiting
		s.server.mu.Unlock()
	}
	stop()
	select { // for its successor; what waits goes on waiting
	case <-s.Left():
	case <-time.After(time.Minute):
		t.Fatal("the source keeps its port")
	}
	giveUp()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("the source does not end")
	}
	if out.Lost() < udpWaiting/60001-1 || out.Lost()+int64(full.Size()) != out.Received() {
		t.Errorf("%d received, %d stored, %d lost", out.Received(), full.Size(), out.Lost())
	}
}

// Without a host these sources listen on all addresses of the machine, as in
// Flume; syslogtcp needs one there.
func TestSyslogWithoutHost(t *testing.T) {
	udp := configure(t, NewSyslogUDP, "port=0").(*SyslogUDP)
	many := configure(t, NewMultiportSyslogTCP, "ports=0").(*SyslogTCP)
	for _, s := range []Source{udp, many} {
		if err := s.Open(flume.Env{Name: "r1", Logf: t.Logf, Counters: &flume.Counters{}}); err != nil {
			t.Fatal(err)
		}
		defer s.Close()
	}
	for _, at := range append(many.Addrs(), udp.Addr()) {
		if host, _, err := net.SplitHostPort(at.String()); err != nil || !net.ParseIP(host).IsUnspecified() {
			t.Errorf("listens on %v, %v", at, err)
		}
	}
}
