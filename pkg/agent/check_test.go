package agent

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/fault"
)

var update = flag.Bool("update", false, "write the goldens in testdata/agent anew")

const rule = "----------------------------------------\n"

// TestLint checks each case of testdata/agent/lint: a property file for agent
// a1, a line of dashes, the findings.
func TestLint(t *testing.T) {
	root, err := filepath.Abs("../../testdata/agent/lint")
	if err != nil {
		t.Fatal(err)
	}
	cases, err := filepath.Glob(filepath.Join(root, "*.txt"))
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			conf, want, _ := strings.Cut(string(data), rule)
			got := lint(t, conf)
			if *update {
				if err := os.WriteFile(path, []byte(conf+rule+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got:\n%swant:\n%s", got, want)
			}
		})
	}
}

// lint returns the findings of a property file and its verdict.
func lint(t *testing.T, conf string) string {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("a.conf", []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	report, err := Check(Options{Name: "a1", Files: []string{"a.conf"}})
	var b strings.Builder
	if err := report.Write(&b); err != nil {
		t.Fatal(err)
	}
	switch {
	case err == nil && report.Count(Error) == 0:
		b.WriteString("starts\n")
	case err != nil && fault.CodeOf(err) == fault.Usage && report.Count(Error) > 0:
		b.WriteString("exit 2\n")
	default:
		t.Errorf("%d errors, but %v", report.Count(Error), err)
	}
	return b.String()
}

func TestCheckFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if _, err := Check(Options{Name: "a1"}); fault.CodeOf(err) != fault.Usage || fault.HintOf(err) == "" {
		t.Errorf("no file: %v", err)
	}
	_, err := Check(Options{Name: "a1", Files: []string{filepath.Join(dir, "nope.conf")}})
	if !errors.Is(err, fs.ErrNotExist) || fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), "nope.conf") {
		t.Errorf("missing file: %v", err)
	}
	base := write("base.conf", "a1.sources = r1\na1.channels = c1\na1.sources.r1.type = seq\na1.sources.r1.channels = c1\na1.channels.c1.type = memory\na1.channels.c1.capacity = 1\n")
	sinks := write("sinks.conf", "a1.sinks = k1\na1.sinks.k1.type = null\na1.sinks.k1.channel = c1\na1.channels.c1.capacity = 500\n")
	report, err := Check(Options{Name: "a1", Files: []string{base, sinks}})
	if err != nil || len(report.Findings) != 0 {
		t.Errorf("a later file overrides: %v %v", err, report.Findings)
	}
	report, err = Check(Options{Name: "", Files: []string{base}})
	if err == nil || report.Findings[0].Fix != "choose one with -n: a1 (line 1)" {
		t.Errorf("no name: %v %v", err, report.Findings)
	}
	report, err = Check(Options{Name: "a2", Files: []string{base}})
	if err == nil || !strings.Contains(report.Findings[0].String(), `no agent "a2"`) || !strings.Contains(report.Findings[0].Fix, `did you mean "a1"?`) {
		t.Errorf("wrong name: %v %v", err, report.Findings)
	}
	report, err = Check(Options{Name: "a1", Files: []string{base, sinks}, Properties: map[string]string{"flume.monitoring.type": "ganglia", "flume.root.logger": "INFO,console"}})
	if err != nil || len(report.Findings) != 1 {
		t.Errorf("system properties: %v %v", err, report.Findings)
	}
	for kind, served := range map[string]bool{"HTTP": true, "Http": true, "PROMETHEUS": true, instrumentation + "HTTPMetricsServer": true,
		strings.ToUpper(instrumentation) + "HTTPMETRICSSERVER": false} {
		report, err = Check(Options{Name: "a1", Files: []string{base, sinks}, Properties: map[string]string{monitoringType: kind}})
		if err != nil || (len(report.Findings) == 0) != served {
			t.Errorf("%s=%s: %v %v", monitoringType, kind, err, report.Findings)
		}
	}
}

// TestSeeds runs over the files of the course notes: those with typos are
// errors, the others give no false alarm.
func TestSeeds(t *testing.T) {
	dir := "../../../shared/seeds/flume"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the course notes' files are not here: ", err)
	}
	tests := []struct {
		file, agent string
		errors      []string // one for each error, in order
		warnings    int
	}{
		{"example.conf", "a1", nil, 0},
		{"exec-memory-logger.conf", "a1", nil, 0},
		{"exec-memory-kafka.conf", "a1", nil, 0},
		{"exec-memory-avro.conf", "exec-memory-avro", nil, 0},
		{"avro-memory-logger.conf", "avro-memory-logger", nil, 0},
		{"avro-memory-kafka.conf", "avro-memory-kafka", nil, 0},
		{"kafka-log.conf", "producer", []string{":7:2: error: hadoop2.6/app_logs/"}, 1},
		{"typos-avro-memory-logger.conf", "avro-memory-logger", []string{
			":2:1: error: avro-memory-loggersinks: a dot is missing; did you mean avro-memory-logger.sinks?",
			":6:1: error: avro-memory-logger.avro-source.type: unknown kind",
			":7:1: error: avro-memory-logger.avro-source.bind: unknown kind",
			":8:1: error: avro-memory-logger.avro-source.port: unknown kind",
			`:19:51: error: channel c1 does not exist; did you mean "memory-channel"?`,
			":20:26: error: a blank ends the key at avro-memory-logger.sinks.; did you mean avro-memory-logger.sinks.logger-sink.channel = c1?",
			":20:27: error: channel c1 does not exist",
		}, 1},
		{"typos-exec-memory-avro.conf", "exec-memory-avro", []string{
			":21:49: error: channel c1 does not exist",
			":22:24: error: a blank ends the key at exec-memory-avro.sinks.; did you mean exec-memory-avro.sinks.avro-sink.channel = c1?",
			":22:25: error: channel c1 does not exist",
		}, 0},
	}
	for _, test := range tests {
		path := filepath.Join(dir, test.file)
		report, err := Check(Options{Name: test.agent, Files: []string{path}})
		if fault.CodeOf(err) != fault.Usage && len(test.errors) > 0 || err != nil && len(test.errors) == 0 {
			t.Errorf("%s: %v", test.file, err)
		}
		var got []string
		for _, f := range report.Findings {
			if f.Level == Error {
				got = append(got, f.String())
			}
		}
		if report.Count(Warning) != test.warnings || len(got) != len(test.errors) {
			t.Errorf("%s: %d warnings, errors:\n%s", test.file, report.Count(Warning), strings.Join(got, "\n"))
			continue
		}
		for i := range got {
			if !strings.Contains(got[i], test.errors[i]) {
				t.Errorf("%s:\n got %s\nwant %s", test.file, got[i], test.errors[i])
			}
		}
	}
}
