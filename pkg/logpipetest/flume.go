package logpipetest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// FlumeVersion is the version of Apache Flume that tests run.
const FlumeVersion = "1.11.0"

// flumeJars is Apache Flume with the components that tests use.
func flumeJars() download {
	d := download{dir: filepath.Join("flume", "libs"), version: FlumeVersion}
	add := func(group, version string, names ...string) {
		for _, name := range names {
			d.artifacts = append(d.artifacts, artifact{group: group, name: name, version: version, without: []string{
				"org.slf4j:slf4j-log4j12", "org.slf4j:slf4j-reload4j", "ch.qos.reload4j:reload4j", "log4j:log4j"}})
		}
	}
	const flume = "org.apache.flume"
	add(flume, FlumeVersion, "flume-ng-node", "flume-ng-core", "flume-ng-sdk",
		"flume-ng-environment-variable-config-filter", "flume-ng-external-process-config-filter")
	add(flume+".flume-ng-channels", FlumeVersion, "flume-file-channel", "flume-jdbc-channel",
		"flume-spillable-memory-channel", "flume-kafka-channel")
	add(flume+".flume-ng-sinks", FlumeVersion, "flume-ng-kafka-sink", "flume-hdfs-sink", "flume-http-sink")
	add(flume+".flume-ng-sources", FlumeVersion, "flume-taildir-source", "flume-kafka-source")
	add(flume+".flume-ng-legacy-sources", FlumeVersion, "flume-thrift-source")
	add("org.apache.hadoop", "2.10.2", "hadoop-common")
	add("org.apache.logging.log4j", "2.18.0", "log4j-slf4j-impl", "log4j-1.2-api", "log4j-core")
	return d
}

// FlumeTools are Apache Flume's programs.
type FlumeTools struct {
	java string
	jars string // folder
	conf string // folder with log4j's settings
	more string // another folder with jars
}

// NewFlumeTools finds Java and downloads Apache Flume where that was not done
// before. It skips the test outside of the real suite, and where one of them
// cannot be had.
func NewFlumeTools(t testing.TB) *FlumeTools {
	t.Helper()
	java, jars := javaTools(t, flumeJars(), "Apache Flume "+FlumeVersion, "Apache Flume "+FlumeVersion+" needs Java 8 to 17")
	f := &FlumeTools{java: java, jars: jars, conf: t.TempDir()}
	const settings = `<Configuration status="ERROR"><Appenders><Console name="C" target="SYSTEM_OUT">
<PatternLayout pattern="%d (%t) [%p - %l] %m%n"/></Console></Appenders>
<Loggers><Root level="INFO"><AppenderRef ref="C"/></Root></Loggers></Configuration>
`
	if err := os.WriteFile(filepath.Join(f.conf, "log4j2.xml"), []byte(settings), 0o666); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *FlumeTools) command(ctx context.Context, class string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, f.java, append([]string{"-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
		"-cp", strings.Join([]string{f.conf, filepath.Join(f.jars, "*"), filepath.Join(f.more, "*")}, string(os.PathListSeparator)), class}, args...)...)
}

// WithHDFS gives Flume a client for HDFS: that of the Hadoop that Flume was
// built with.
func (f *FlumeTools) WithHDFS(t testing.TB) *FlumeTools {
	t.Helper()
	client := download{dir: filepath.Join("flume", "hdfs"), version: "2.10.2", artifacts: []artifact{
		{group: "org.apache.hadoop", name: "hadoop-hdfs-client", version: "2.10.2"},
	}}
	with := *f
	with.more = jarsOf(t, client, "Flume's client for HDFS")
	return &with
}

// AvroClient runs Flume's avro-client with in as its standard input; the test
// fails where it does, or takes more than five minutes.
func (f *FlumeTools) AvroClient(t testing.TB, in string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	cmd := f.command(ctx, "org.apache.flume.client.avro.AvroCLIClient", args...)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &out, &out
	err := cmd.Run()
	// It ends with 0 whatever happens, and tells errors in its log.
	if err != nil || strings.Contains(out.String(), "ERROR") {
		t.Fatalf("avro-client %s: %v\n%s", strings.Join(args, " "), err, &out)
	}
}

// FlumeAgent is an agent of Apache Flume that runs.
type FlumeAgent struct{ server *server }

// Start starts the agent a1 of a property file and returns when its sources and
// sinks have started: when it prints a line with the text ready, such as
// "Component type: SOURCE, name: r1 started". It ends with the test.
func (f *FlumeTools) Start(t testing.TB, conf, ready string) *FlumeAgent {
	t.Helper()
	path := filepath.Join(t.TempDir(), "flume.conf")
	if err := os.WriteFile(path, []byte(conf), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := f.command(context.Background(), "org.apache.flume.node.Application", "--name", "a1", "--conf-file", path, "--no-reload-conf")
	s, err := startServer("Flume", ready, cmd)
	if err != nil {
		t.Fatal(err)
	}
	a := &FlumeAgent{s}
	t.Cleanup(func() {
		a.Kill(t)
		if t.Failed() {
			t.Logf("the last lines of Flume:\n%s", s.log.tail())
		}
	})
	ctx, cancel := context.WithTimeoutCause(t.Context(), startLimit, fmt.Errorf("%v are over", startLimit))
	defer cancel()
	if err := s.wait(ctx); err != nil {
		t.Fatal(err)
	}
	return a
}

// KillWhen ends the agent at once when something is so. It stands still while that
// is looked at.
func (a *FlumeAgent) KillWhen(t testing.TB, is func() bool) {
	t.Helper()
	p := a.server.cmd.Process
	for end := time.Now().Add(startLimit); ; time.Sleep(10 * time.Millisecond) {
		if err := pause(p); err != nil {
			t.Fatalf("stop Flume for a look: %v", err)
		}
		if is() {
			a.Kill(t)
			return
		}
		if err := goOn(p); err != nil {
			t.Fatalf("let Flume go on: %v", err)
		}
		if time.Now().After(end) {
			t.Fatalf("Flume is not so within %v that it can be killed", startLimit)
		}
	}
}

// Kill ends the agent at once.
func (a *FlumeAgent) Kill(t testing.TB) {
	t.Helper()
	if err := a.server.kill(); err != nil {
		t.Errorf("end Flume: %v", err)
	}
}
