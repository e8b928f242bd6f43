package agent

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/fault"
)

// surveyFile is a file whose source and sink need folders and key stores.
func surveyFile(source, sink, channel string) string {
	return "a1.sources = r1\na1.channels = c1\na1.sinks = k1\na1.sources.r1.channels = c1\na1.sinks.k1.channel = c1\n" +
		"a1.sources.r1.type = " + strings.ReplaceAll(source, "; ", "\na1.sources.r1.") +
		"\na1.sinks.k1.type = " + strings.ReplaceAll(sink, "; ", "\na1.sinks.k1.") +
		"\na1.channels.c1.type = " + strings.ReplaceAll(channel, "; ", "\na1.channels.c1.") + "\n"
}

// surveyed makes the place in which the files of TestSurvey are checked: a file
// where a folder should be, and key stores.
func surveyed(t *testing.T) {
	t.Helper()
	stores, err := filepath.Abs("../../testdata/keystore")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	err = errors.Join(os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o644), os.Mkdir(filepath.Join(dir, "folder"), 0o755),
		os.WriteFile(filepath.Join(dir, "t.jks"), []byte("no key store"), 0o644))
	for _, name := range []string{"server.jks", "server.pkcs12", "trust.jks"} {
		err = errors.Join(err, os.Symlink(filepath.Join(stores, name), filepath.Join(dir, name)))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
}

// listing lists what is below the working folder.
func listing(t *testing.T) string {
	t.Helper()
	var names []string
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, _ fs.DirEntry, err error) error {
		names = append(names, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, " ")
}

// TestSurvey holds what a check finds by looking at the disk. What this machine
// lacks is a warning of a check, and an error of a start, unless the component
// waits for it; a key store that cannot be opened is an error of both.
func TestSurvey(t *testing.T) {
	const tls = "avro; bind = localhost; port = 0; ssl = true; "
	tests := []struct {
		name, source, sink, channel string
		want                        string
		waits, always               bool // a warning of a start too; an error of a check too
	}{
		{name: "spooldir", source: "spooldir; spoolDir = /no/such", want: ":7:26: warning: source r1: spoolDir: there is no /no/such on this machine; make the folder: mkdir -p /no/such", waits: true},
		{name: "home of a shell", source: "spooldir; spoolDir = ~/in", want: ":7:26: warning: source r1: spoolDir: there is no ~/in on this machine; write the path in full", waits: true},
		{name: "spooldir, a file", source: "spooldir; spoolDir = file", want: ":7:26: warning: source r1: spoolDir file is no folder; name a folder"},
		{name: "trackerDir", source: "spooldir; spoolDir = folder; trackerDir = /dev/null/x", want: ":8:28: warning: source r1: trackerDir: /dev/null/x cannot be made, since /dev/null is no folder"},
		{name: "group of files", source: "TAILDIR; filegroups = g; filegroups.g = /no/such/.*log", want: ":8:30: warning: source r1: filegroups.g: there is no /no/such on this machine", waits: true},
		{name: "positionFile", source: "TAILDIR; positionFile = file/p.json; filegroups = g; filegroups.g = ./.*log", want: ":7:30: warning: source r1: positionFile: "},
		{name: "file_roll", sink: "file_roll; sink.directory = no such", want: ":8:30: warning: sink k1: sink.directory: there is no no such in "},
		{name: "hdfs on this machine", sink: "hdfs; hdfs.useLocalTimeStamp = true; hdfs.path = file:///dev/null/%Y/x", want: ":9:25: warning: sink k1: hdfs.path: /dev/null is no folder"},
		{name: "dead letters", sink: "null; deadLetter = file/x", want: ":8:26: warning: sink k1: deadLetter: file"},
		{name: "file channel", channel: "file; checkpointDir = file/a; dataDirs = folder/b,file/c", want: ":9:32: warning: channel c1: checkpointDir: "},
		{name: "file channel, the second folder", channel: "file; checkpointDir = folder/a; dataDirs = folder/b,file/c", want: ":10:27: warning: channel c1: dataDirs: "},
		{name: "spillable channel", channel: "SPILLABLEMEMORY; checkpointDir = file/a; dataDirs = folder/b", want: ":9:32: warning: channel c1: checkpointDir: "},
		{name: "jdbc channel", channel: "jdbc; driver.url = jdbc:sqlite:file/x.db", want: ":9:29: warning: channel c1: driver.url: "},
		{name: "no key store", source: tls + "keystore = no.jks; keystore-password = changeit", want: ":10:26: warning: source r1: keystore: there is no no.jks in "},
		{name: "wrong password", source: tls + "keystore = server.jks; keystore-password = change", want: ":11:35: error: source r1: keystore-password: read key store server.jks: the password is wrong, or the file is damaged; `keytool -list -keystore server.jks`", always: true},
		{name: "wrong password of PKCS12", source: tls + "keystore = server.pkcs12; keystore-password = change", want: ":11:35: error: source r1: keystore-password: read key store server.pkcs12: the password is wrong", always: true},
		{name: "older name", source: "http; port = 0; enableSSL = true; keystore = server.jks; keystorePassword = change", want: ":10:34: error: source r1: keystore-password: ", always: true},
		{name: "a text for a key store", source: tls + "keystore = t.jks; keystore-password = changeit", want: ":10:26: error: source r1: keystore: read key store t.jks: it is neither a JKS nor a PKCS12 store", always: true},
		{name: "a key store without a key", source: tls + "keystore = trust.jks; keystore-password = changeit", want: ":10:26: error: source r1: keystore: key store trust.jks holds no private key", always: true},
		{name: "trust store", sink: "avro; hostname = h; port = 1; ssl = true; truststore = trust.jks; truststore-password = x", want: ":12:35: error: sink k1: truststore-password: ", always: true},
		{name: "trust store of Kafka", sink: "org.apache.flume.sink.kafka.KafkaSink; kafka.bootstrap.servers = b:1; kafka.producer.security.protocol = SSL; kafka.producer.ssl.truststore.location = no.jks",
			want: ":10:54: warning: sink k1: kafka.producer.ssl.truststore.location: there is no no.jks in "},
		{name: "password of Kafka", source: "org.apache.flume.source.kafka.KafkaSource; kafka.bootstrap.servers = b:1; kafka.topics = t; batchSize = 10; kafka.consumer.security.protocol = SSL; kafka.consumer.ssl.keystore.location = server.jks; kafka.consumer.ssl.keystore.password = x",
			want: ":12:54: error: source r1: kafka.consumer.ssl.keystore.password: ", always: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			surveyed(t)
			conf := surveyFile(cmp.Or(test.source, "seq"), cmp.Or(test.sink, "null"), cmp.Or(test.channel, "memory"))
			if err := os.WriteFile("a.conf", []byte(conf), 0o644); err != nil {
				t.Fatal(err)
			}
			before := listing(t)
			o := Options{Name: "a1", Files: []string{"a.conf"}}
			report, err := Check(o)
			var b strings.Builder
			report.Write(&b)
			if got := b.String(); !strings.Contains(got, "a.conf"+test.want) || strings.Count(got, "warning: ")+strings.Count(got, "error: ") > 2 {
				t.Fatalf("no %s in\n%s\n%s", test.want, got, conf)
			}
			if (fault.CodeOf(err) == fault.Usage) != test.always {
				t.Errorf("a check says %v", err)
			}
			if test.waits {
				return // it starts
			}
			o.Stderr = &b
			b.Reset()
			err = Run(context.Background(), o)
			want := "a.conf" + strings.Replace(test.want, ": warning: ", ": error: ", 1)
			if fault.CodeOf(err) != fault.Usage || !strings.Contains(b.String(), want) {
				t.Errorf("a start says %v, no %s in\n%s", err, want, b.String())
			}
			if after := listing(t); after != before {
				t.Errorf("there was %s, now %s", before, after)
			}
		})
	}
}

// TestSurveyPasses holds what is there, or is made by the component itself.
func TestSurveyPasses(t *testing.T) {
	for _, test := range [][3]string{
		{"spooldir; spoolDir = folder", "file_roll; sink.directory = folder", "file; checkpointDir = new/a; dataDirs = new/b,new/c"},
		{"TAILDIR; positionFile = a/b/c/p.json; filegroups = g h; filegroups.g = folder/.*log; filegroups.h = /no/such*/**/.*log",
			"hdfs; hdfs.useLocalTimeStamp = true; hdfs.path = file:///tmp/%Y/x", "jdbc; driver.url = jdbc:sqlite:new/x.db"},
		{"avro; bind = localhost; port = 0; ssl = true; keystore = server.pkcs12; keystore-password = changeit",
			"avro; hostname = h; port = 1; ssl = true; truststore = trust.jks; truststore-password = changeit", "memory"},
		{"avro; bind = localhost; port = 0; ssl = true; keystore = /dev/zero; keystore-password = x", "null", "memory"},
		{"avro; bind = localhost; port = 0; keystore = no.jks", "hdfs; hdfs.path = hdfs://n/no/such", "memory"},
	} {
		t.Run(test[0], func(t *testing.T) {
			surveyed(t)
			if err := os.WriteFile("a.conf", []byte(surveyFile(test[0], test[1], test[2])), 0o644); err != nil {
				t.Fatal(err)
			}
			before := listing(t)
			report, err := Check(Options{Name: "a1", Files: []string{"a.conf"}})
			if err != nil || len(report.Findings) != 0 {
				t.Errorf("%v %v", err, report.Findings)
			}
			if after := listing(t); after != before {
				t.Errorf("there was %s, now %s", before, after)
			}
		})
	}
}

// TestSurveyLenient holds that what this machine lacks is no mistake of the
// file: with --lenient it is told, and the component stays in.
func TestSurveyLenient(t *testing.T) {
	surveyed(t)
	text := []byte(surveyFile("seq", "file_roll; sink.directory = nowhere", "memory"))
	report, err := check(Options{Name: "a1", Files: []string{"a.conf"}, Lenient: true}, []propertyFile{{"a.conf", text}}, purpose{starting: true})
	if err != nil || report.Count(Warning) != 1 || len(report.plan.sinks) != 1 {
		t.Errorf("%v %v", err, report.Findings)
	}
}

// TestSurveyLeft holds that what Flume left in a file channel is a warning of a check
// and of a start, and hinders neither.
func TestSurveyLeft(t *testing.T) {
	surveyed(t)
	text := []byte(surveyFile("seq", "null", "file; checkpointDir = folder/c; dataDirs = folder"))
	for _, left := range []bool{false, true} {
		if left {
			if err := os.WriteFile("folder/log-1", []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for _, starting := range []bool{false, true} {
			report, err := check(Options{Name: "a1", Files: []string{"a.conf"}}, []propertyFile{{"a.conf", text}}, purpose{starting: starting})
			if err != nil || len(report.Findings) > 1 || left != (report.Count(Warning) == 1) {
				t.Fatalf("starting %v: %v %v", starting, err, report.Findings)
			}
			if left && !strings.Contains(report.Findings[0].String(), "channel c1: Apache Flume may have left undelivered events in ") {
				t.Errorf("starting %v: %v", starting, report.Findings)
			}
		}
	}
}
