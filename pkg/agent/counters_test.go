package agent

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// spelt writes out what stands for the counters of most components of a kind, and
// leaves out those with a minus.
func spelt(words []string) (names []string) {
	for _, word := range words {
		switch without, minus := strings.CutPrefix(word, "-"); {
		case minus:
			names = slices.DeleteFunc(names, func(name string) bool { return name == without })
		case word == "SOURCE":
			names = append(names, "AppendAcceptedCount", "AppendBatchAcceptedCount", "AppendBatchReceivedCount", "AppendReceivedCount",
				"ChannelWriteFail", "EventAcceptedCount", "EventReadFail", "EventReceivedCount", "GenericProcessingFail", "OpenConnectionCount")
		case word == "CHANNEL":
			names = append(names, "ChannelCapacity", "ChannelFillPercentage", "ChannelSize", "EventPutAttemptCount", "EventPutSuccessCount",
				"EventTakeAttemptCount", "EventTakeSuccessCount")
		case word == "SINK":
			names = append(names, "BatchCompleteCount", "BatchEmptyCount", "BatchUnderflowCount", "ChannelReadFail", "ConnectionClosedCount",
				"ConnectionCreatedCount", "ConnectionFailedCount", "EventDrainAttemptCount", "EventDrainSuccessCount", "EventWriteFail")
		default:
			names = append(names, word)
		}
	}
	slices.Sort(names)
	return names
}

// counted are the settings with which each component of the list runs that needs
// no server; sources use the channel of type memory.
var counted = map[string]string{
	"source avro":                "bind = 127.0.0.1\nport = PORT",
	"source thrift":              "bind = 127.0.0.1\nport = PORT",
	"source exec":                "command = true",
	"source spooldir":            "spoolDir = FOLDER/spool",
	"source TAILDIR":             "filegroups = g\nfilegroups.g = FOLDER/logs/.*\npositionFile = FOLDER/positions.json",
	"source netcat":              "bind = 127.0.0.1\nport = PORT",
	"source netcatudp":           "bind = 127.0.0.1\nport = PORT",
	"source seq":                 "totalEvents = 1",
	"source syslogtcp":           "host = 127.0.0.1\nport = PORT",
	"source multiport_syslogtcp": "host = 127.0.0.1\nports = PORT",
	"source syslogudp":           "host = 127.0.0.1\nport = PORT",
	"source http":                "bind = 127.0.0.1\nport = PORT",
	"source org.apache.flume.source.kafka.KafkaSource": "kafka.bootstrap.servers = 127.0.0.1:1\nkafka.topics = t\nbatchSize = 10",
	"source org.apache.flume.source.StressSource":      "maxTotalEvents = 1",
	"channel memory":          "",
	"channel file":            "checkpointDir = FOLDER/file/checkpoint\ndataDirs = FOLDER/file/data",
	"channel SPILLABLEMEMORY": "checkpointDir = FOLDER/spill/checkpoint\ndataDirs = FOLDER/spill/data",
	"channel org.apache.flume.channel.kafka.KafkaChannel": "kafka.bootstrap.servers = 127.0.0.1:1",
	"sink logger":    "channel = memory",
	"sink null":      "channel = memory",
	"sink file_roll": "channel = file\nsink.directory = FOLDER",
	"sink avro":      "channel = file\nhostname = 127.0.0.1\nport = 1",
	"sink thrift":    "channel = file\nhostname = 127.0.0.1\nport = 1",
	"sink hdfs":      "channel = SPILLABLEMEMORY\nhdfs.path = file://FOLDER/hdfs",
	"sink http":      "channel = SPILLABLEMEMORY\nendpoint = http://127.0.0.1:1/\nbackoff.2XX = false\nrollback.2XX = false",
	"sink org.apache.flume.sink.kafka.KafkaSink": "channel = org.apache.flume.channel.kafka.KafkaChannel\nkafka.bootstrap.servers = 127.0.0.1:1\nkafka.topic = t",
}

// countedConf is a file with all that is counted, and what /metrics has of each in
// Flume.
func countedConf(t *testing.T, port func() int) (text string, want map[string][]string) {
	t.Helper()
	dir, used := t.TempDir(), 0
	for _, name := range []string{"spool", "logs"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	want = map[string][]string{}
	lists := map[string]string{}
	for _, c := range flumeComponents(t) {
		settings, is := counted[c.kind+" "+c.names[0]]
		if !is {
			continue
		}
		used++
		short := c.names[0][strings.LastIndex(c.names[0], ".")+1:]
		lists[c.kind] += " " + short
		settings = "type = " + c.names[0] + "\n" + strings.TrimSuffix(settings, "\n")
		if c.kind == "source" {
			settings += "\nchannels = memory"
		}
		for line := range strings.Lines(settings) {
			line = strings.ReplaceAll(strings.TrimSpace(line), "FOLDER", dir)
			if strings.Contains(line, "PORT") {
				line = strings.Replace(line, "PORT", fmt.Sprint(port()), 1)
			}
			line = strings.Replace(line, "channel = org.apache.flume.channel.kafka.", "channel = ", 1)
			if line != "" {
				text += fmt.Sprintf("a1.%ss.%s.%s\n", c.kind, short, line)
			}
		}
		if len(c.counters) > 0 {
			want[strings.ToUpper(c.kind)+"."+short] = c.counters
		}
	}
	if used != len(counted) {
		t.Errorf("%d components are in the list, want %d", used, len(counted))
	}
	return fmt.Sprintf("a1.sources =%s\na1.channels =%s\na1.sinks =%s\n", lists["source"], lists["channel"], lists["sink"]) + text, want
}

// TestCounters holds that /metrics has each counter of Flume, under its name. Some
// tell more here: Flume's seq source counts what it accepts alone, and its Kafka
// source and sink have none for failures.
func TestCounters(t *testing.T) {
	text, want := countedConf(t, func() int { return 0 })
	a := startAgent(t, text, func(o *Options) {
		monitored(o)
		o.Grace = 50 * time.Millisecond
	})
	a.stderr.await(t, "seq: counted to 1")
	code, body := a.page(t, "/metrics")
	var all map[string]map[string]string
	if err := json.Unmarshal([]byte(body), &all); err != nil || code != 200 {
		t.Fatal(code, err, body)
	}
	for component, names := range want {
		for _, name := range append(names, "Type", "StartTime", "StopTime") {
			if _, there := all[component][name]; !there {
				t.Errorf("%s has no %s", component, name)
			}
		}
	}
	if f := all["CHANNEL.file"]; f["Open"] != "true" || f["Closed"] != "0" || f["Unhealthy"] != "0" {
		t.Errorf("an open channel: %v", f)
	}
	if _, text := a.page(t, "/prometheus"); !strings.Contains(text, "# TYPE flume_channel_open gauge\nflume_channel_open{agent=\"a1\",channel=\"file\"} 1\n") {
		t.Error(text)
	}
	a.end(t)
}

// Flume answers every method as GET, but two.
func TestMetricsMethods(t *testing.T) {
	a := startAgent(t, conf("type = seq\ntotalEvents = 1", "type = null"), monitored)
	url := "http://127.0.0.1:" + a.stderr.await(t, `serves /metrics, /prometheus and /health on \S+:(\d+)`)[1]
	for method, want := range map[string]int{"GET": 200, "POST": 200, "PUT": 200, "HEAD": 200, "TRACE": 403, "OPTIONS": 403} {
		for _, path := range []string{"/metrics", "/"} {
			q, err := http.NewRequestWithContext(t.Context(), method, url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := http.DefaultClient.Do(q)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			if answer.StatusCode != want || err != nil || strings.Contains(string(body), `"SOURCE.r1"`) != (path == "/metrics" && want == 200 && method != "HEAD") {
				t.Errorf("%s %s: %d %v %s", method, path, answer.StatusCode, err, body)
			}
		}
	}
	a.end(t)
}

// A real Flume has the counters that the list says, and no others.
func TestRealFlumeCounters(t *testing.T) {
	flume := logpipetest.NewFlumeTools(t)
	text, want := countedConf(t, func() int { return logpipetest.FreePort(t) })
	url := fmt.Sprintf("http://127.0.0.1:%d/metrics", logpipetest.FreePort(t))
	t.Setenv("JAVA_TOOL_OPTIONS", "-Dflume.monitoring.type=http -Dflume.monitoring.port="+url[len("http://127.0.0.1:"):len(url)-len("/metrics")])
	flume.Start(t, text, "Component type: SOURCE, name: thrift started")
	var all map[string]map[string]string
	for end := time.Now().Add(time.Minute); len(all) < len(want) && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if answer, err := http.Post(url, "text/plain", nil); err == nil {
			err = json.NewDecoder(answer.Body).Decode(&all)
			answer.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for component, texts := range all {
		var names []string
		for name := range texts {
			if name != "Type" && name != "StartTime" && name != "StopTime" {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		if !slices.Equal(names, want[component]) {
			t.Errorf("%s has %q, want %q", component, names, want[component])
		}
	}
	for component := range want {
		if all[component] == nil {
			t.Errorf("Flume has no %s", component)
		}
	}
}
