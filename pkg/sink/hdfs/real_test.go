package hdfs

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/filesystem"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/flumerpc"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

var fileNumber = regexp.MustCompile(`\.\d{13}`)

// flumeFormats are the settings that are compared with a real Flume's.
var flumeFormats = map[string]string{
	"stream":   "hdfs.fileType=DataStream hdfs.fileSuffix=.log",
	"headers":  "hdfs.fileType=DataStream serializer=header_and_text hdfs.filePrefix=%{host}-log",
	"writable": "hdfs.fileType=SequenceFile",
	"text":     "hdfs.fileType=SequenceFile hdfs.writeFormat=Text",
	"block":    "hdfs.fileType=SequenceFile hdfs.codeC=deflate",
	"gzip":     "hdfs.fileType=CompressedStream hdfs.codeC=gzip",
	"deflate":  "hdfs.fileType=CompressedStream hdfs.codeC=default",
	"bzip2":    "hdfs.fileType=CompressedStream hdfs.codeC=bzip2",
	"bzipped":  "hdfs.fileType=SequenceFile hdfs.codeC=BZip2Codec",
	"rounded":  "hdfs.fileType=DataStream hdfs.round=true hdfs.roundValue=10 hdfs.roundUnit=minute hdfs.filePrefix=%H%M",
	"time":     "hdfs.fileType=DataStream hdfs.inUsePrefix=_ hdfs.filePrefix=%a-%b-%d-%I-%p-%j-%k-%y-%z-%n-%e-%l",
}

// realEvents are 25 events of two hosts on both sides of midnight.
func realEvents() []flume.Event {
	var all []flume.Event
	at := time.Date(2026, 11, 20, 23, 50, 0, 0, time.UTC)
	for i := range 25 {
		all = append(all, event(fmt.Sprintf("event %d größe \xff", i), fmt.Sprintf("timestamp=%d", at.Add(time.Duration(i)*time.Minute).UnixMilli()), fmt.Sprintf("host=h%d", i%2)))
	}
	return all
}

const realPath = "/%{host}/%Y-%m-%d/%H"

// content is what files hold by their names without numbers: all of one name in
// the order of the numbers.
func content(files map[string][]string) map[string]string {
	all := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		all[fileNumber.ReplaceAllString(name, ".N")] += strings.Join(files[name], " ") + "\n"
	}
	return all
}

// TestRealHDFS writes into a real HDFS by both protocols and lets Hadoop read it.
func TestRealHDFS(t *testing.T) {
	cluster := logpipetest.StartHDFS(t)
	formats := maps.Clone(flumeFormats)
	// What Hadoop reads and Flume's Hadoop does not write without native code.
	formats["snappy"] = "hdfs.fileType=CompressedStream hdfs.codeC=snappy"
	formats["snappyblock"] = "hdfs.fileType=SequenceFile hdfs.codeC=snappy"
	formats["gzipblock"] = "hdfs.fileType=SequenceFile hdfs.codeC=gzip"
	overHTTP := map[string]bool{"stream": true, "writable": true, "gzip": true} // an append takes half a second
	for _, root := range []string{cluster.RPC, cluster.HTTP} {
		scheme, _, _ := strings.Cut(root, ":")
		for name, settings := range formats {
			if scheme == "webhdfs" && !overHTTP[name] {
				continue
			}
			s, d := open(t, append(strings.Fields(settings), "hdfs.path="+root+"/"+scheme+"/"+name+"/%Y/%m", "hdfs.timeZone=UTC", "hdfs.rollSize=0", "hdfs.filePrefix=log", "hdfs.inUsePrefix=")...)
			events := realEvents()
			for len(events) > 0 {
				if err := s.Write(t.Context(), events[:5]); err != nil {
					t.Fatalf("%s: %v; told:\n%s", name, err, d)
				}
				events = events[5:]
			}
			if err := s.Close(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		files := cluster.Read(t, "/"+scheme)
		for name := range formats {
			if scheme == "webhdfs" && !overHTTP[name] {
				continue
			}
			var bodies []string
			for _, file := range slices.Sorted(maps.Keys(files)) {
				if strings.HasPrefix(file, name+"/2026/11/log.") {
					bodies = append(bodies, realBodies(t, files[file])...)
				}
			}
			if len(bodies) != 25 {
				t.Errorf("%s %s: %d events: %q of %v", scheme, name, len(bodies), bodies, slices.Sorted(maps.Keys(files)))
				continue
			}
			for i, body := range bodies {
				if want := fmt.Sprintf("event %d größe \xff", i); !strings.HasSuffix(body, want) {
					t.Errorf("%s %s: event %d is %q", scheme, name, i, body)
				}
			}
		}
		for name := range files {
			if strings.HasSuffix(name, ".tmp") {
				t.Errorf("%s is left", name)
			}
		}
	}
}

// realBodies are the bodies that Hadoop found in a file.
func realBodies(t *testing.T, parts []string) (bodies []string) {
	t.Helper()
	for _, part := range parts[1:] {
		_, text, sequence := strings.Cut(part, "=")
		if !strings.HasPrefix(parts[0], "sequence") {
			sequence, text = false, part
		}
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if sequence {
			bodies = append(bodies, string(b))
			continue
		}
		for line := range strings.Lines(string(b)) {
			bodies = append(bodies, strings.TrimSuffix(line, "\n"))
		}
	}
	return bodies
}

// TestRealHDFSBesideFlume lets a real Flume and this sink write the same events
// with the same properties into one HDFS: names are the same apart from the
// numbers, streams in their bytes, packed ones when they are unpacked,
// SequenceFiles record by record.
func TestRealHDFSBesideFlume(t *testing.T) {
	cluster := logpipetest.StartHDFS(t)
	tools := logpipetest.NewFlumeTools(t).WithHDFS(t)
	var conf strings.Builder
	var sources, channels, sinks string
	ports := map[string]int{}
	for i, name := range slices.Sorted(maps.Keys(flumeFormats)) {
		ports[name] = logpipetest.FreePort(t)
		sources, channels, sinks = sources+fmt.Sprint(" r", i), channels+fmt.Sprint(" c", i), sinks+fmt.Sprint(" k", i)
		fmt.Fprintf(&conf, "a1.sources.r%[1]d.type=avro\na1.sources.r%[1]d.bind=127.0.0.1\na1.sources.r%[1]d.port=%[2]d\na1.sources.r%[1]d.channels=c%[1]d\n"+
			"a1.channels.c%[1]d.type=memory\na1.sinks.k%[1]d.type=hdfs\na1.sinks.k%[1]d.channel=c%[1]d\na1.sinks.k%[1]d.hdfs.path=%[3]s\n",
			i, ports[name], cluster.RPC+"/theirs/"+name+realPath)
		for _, setting := range besideSettings(name) {
			fmt.Fprintf(&conf, "a1.sinks.k%d.%s\n", i, setting)
		}
	}
	fmt.Fprintf(&conf, "a1.sources=%s\na1.channels=%s\na1.sinks=%s\n", sources, channels, sinks)
	tools.Start(t, conf.String(), fmt.Sprintf("Component type: SOURCE, name: r%d started", len(ports)-1))
	for name, port := range ports {
		send(t, port)
		s, d := open(t, append(besideSettings(name), "hdfs.path="+cluster.RPC+"/ours/"+name+realPath)...)
		if err := errors.Join(s.Write(t.Context(), realEvents()), s.Close()); err != nil {
			t.Fatalf("%s: %v; told:\n%s", name, err, d)
		}
	}
	ours, theirs := content(cluster.Read(t, "/ours")), map[string]string{}
	for wait := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Second) { // for Flume's idleTimeout
		theirs = content(cluster.Read(t, "/theirs"))
		inUse := slices.ContainsFunc(slices.Collect(maps.Keys(theirs)), func(name string) bool { return strings.HasSuffix(name, ".tmp") })
		if !inUse && len(theirs) >= len(ours) {
			break
		}
		if time.Now().After(wait) {
			t.Fatalf("Flume has written %v", slices.Sorted(maps.Keys(theirs)))
		}
	}
	all := maps.Clone(ours)
	maps.Copy(all, theirs)
	for _, file := range slices.Sorted(maps.Keys(all)) {
		if ours[file] != theirs[file] {
			t.Errorf("%s:\nours   %stheirs %s", file, ours[file], theirs[file])
		}
	}
	t.Logf("%d names: %v", len(ours), slices.Sorted(maps.Keys(ours)))
}

func besideSettings(name string) []string {
	return append(strings.Fields(flumeFormats[name]), "hdfs.timeZone=Asia/Kolkata", "hdfs.rollInterval=0", "hdfs.rollSize=0", "hdfs.rollCount=4", "hdfs.idleTimeout=2")
}

// send sends the events to an avro source.
func send(t *testing.T, port int) {
	t.Helper()
	cfg := flumerpc.Config{Address: fmt.Sprintf("127.0.0.1:%d", port), Connect: time.Minute, Request: time.Minute}
	c, err := flumerpc.Dial(t.Context(), cfg)
	for wait := time.Now().Add(time.Minute); err != nil && time.Now().Before(wait); time.Sleep(100 * time.Millisecond) {
		c, err = flumerpc.Dial(t.Context(), cfg) // Flume starts its sources side by side
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Append(t.Context(), realEvents()), c.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestRealHDFSDeadRun leaves a file as a killed process does and lets the next
// run end it, once its lease is over.
func TestRealHDFSDeadRun(t *testing.T) {
	cluster := logpipetest.StartHDFS(t)
	for _, format := range []string{"hdfs.fileType=DataStream", "hdfs.fileType=CompressedStream hdfs.codeC=gzip", "hdfs.fileType=SequenceFile"} {
		settings := append(strings.Fields(format), "hdfs.path="+cluster.RPC+"/dead/%{host}", "hdfs.rollCount=0", "hdfs.rollSize=0", "hdfs.rollInterval=0", "hdfs.retryInterval=1")
		dead, d := open(t, settings...)
		if err := dead.Write(t.Context(), realEvents()); err != nil {
			t.Fatal(err, d)
		}
		for _, b := range dead.buckets { // half an event, which nobody acknowledged
			if _, err := b.out.file.Write(t.Context(), []byte("half")); err != nil {
				t.Fatal(err)
			}
			if err := b.out.file.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		// Its client goes away without closing the files.
		if err := dead.fs.Close(); err != nil {
			t.Fatal(err)
		}
		next, told := open(t, settings...)
		wait := time.Now().Add(2 * time.Minute)
		for strings.Count(told.String(), "is now called") < 2 {
			if time.Now().After(wait) {
				t.Fatalf("%s: told\n%s", format, told)
			}
			time.Sleep(100 * time.Millisecond)
		}
		next.Close()
	}
	if torn := takeTorn(t, cluster.RPC, "/dead/h0", "/dead/h1"); !slices.Equal(torn, slices.Repeat([]string{"half"}, 6)) {
		t.Errorf("kept aside: %q", torn)
	}
	bodies := map[string]int{}
	for name, parts := range cluster.Read(t, "/dead") {
		if strings.HasSuffix(name, ".tmp") {
			t.Errorf("%s is left", name)
		}
		for _, body := range realBodies(t, parts) {
			bodies[body]++
		}
	}
	if len(bodies) != 25 {
		t.Errorf("%d bodies: %v", len(bodies), bodies)
	}
	for body, n := range bodies {
		if n != 3 {
			t.Errorf("%q is there %d times", body, n)
		}
	}
}

// takeTorn removes what is kept of torn ends, and returns it.
func takeTorn(t *testing.T, root string, folders ...string) (torn []string) {
	t.Helper()
	far, err := filesystem.Open(t.Context(), root, filesystem.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	for _, folder := range folders {
		entries, err := far.List(t.Context(), folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name, asidePrefix) {
				continue
			}
			name := folder + "/" + e.Name
			data, err := filesystem.ReadFile(t.Context(), root+name, filesystem.Config{}, 1<<20)
			if err = errors.Join(err, far.Remove(t.Context(), name)); err != nil {
				t.Fatal(err)
			}
			torn = append(torn, string(data))
		}
	}
	return torn
}

// TestRealHDFSDatanodeDies holds that the sink goes on without a datanode, and
// that what it has acknowledged is there.
func TestRealHDFSDatanodeDies(t *testing.T) {
	cluster := logpipetest.StartHDFS(t)
	s, told := open(t, "hdfs.path="+cluster.RPC+"/dn", "hdfs.fileType=DataStream", "hdfs.rollCount=5", "hdfs.rollSize=0", "hdfs.retryInterval=1")
	failed := 0
	for n := range 200 {
		if n == 60 {
			cluster.KillDatanode(t)
		}
		body := fmt.Sprintf("event %d", n)
		for end := time.Now().Add(2 * time.Minute); ; {
			err := s.Write(t.Context(), events(body))
			if err == nil {
				break
			}
			if failed++; time.Now().After(end) {
				t.Fatalf("%v; told:\n%s", err, told)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	for wait := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		s.orphans.round.Lock() // a round has the list
		s.orphans.mu.Lock()
		left := len(s.orphans.list)
		s.orphans.mu.Unlock()
		s.orphans.round.Unlock()
		if left == 0 {
			break
		}
		if time.Now().After(wait) {
			t.Fatalf("%d files are not ended; told:\n%s", left, told)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	there := map[string]int{}
	for _, parts := range cluster.Read(t, "/dn") {
		for _, body := range realBodies(t, parts) {
			there[body]++
		}
	}
	for n := range 200 {
		if body := fmt.Sprintf("event %d", n); there[body] == 0 {
			t.Errorf("%s is lost", body)
		}
	}
	t.Logf("%d writes failed, %d events are there; told:\n%s", failed, len(there), told)
}
