package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// plain is the file that the mistakes are made in.
const plain = `a1.sources = r1
a1.sinks = k1
a1.channels = c1
a1.sources.r1.type = netcat
a1.sources.r1.bind = localhost
a1.sources.r1.port = 44444
a1.sources.r1.channels = c1
a1.sinks.k1.type = logger
a1.sinks.k1.channel = c1
a1.channels.c1.type = memory
`

// TestMistakeTable holds what the mistakes that stop, half-kill or mislead a
// Flume come to, each with its level. An error starts nothing; a warning starts.
func TestMistakeTable(t *testing.T) {
	tests := []struct{ name, old, new, want string }{
		{"wrong sink channel", "sinks.k1.channel = c1", "sinks.k1.channel = c2", ":9:23: error: channel c2 does not exist"},
		{"sink without channel", "a1.sinks.k1.channel = c1\n", "", ":8:1: error: sink k1 has no channel"},
		{"channels on a sink", "sinks.k1.channel = c1", "sinks.k1.channels = c1", `:9:13: error: sink k1 has no property "channels"; did you mean "channel"?`},
		{"sink without type", "a1.sinks.k1.type = logger\n", "", ":8:1: error: sink k1 has no type"},
		{"wrong source channel", "sources.r1.channels = c1", "sources.r1.channels = c2", ":7:26: error: channel c2 does not exist"},
		{"source without channels", "a1.sources.r1.channels = c1\n", "", ":4:1: error: source r1 has no channels"},
		{"channel on a source", "sources.r1.channels = c1", "sources.r1.channel = c1", `:7:15: error: source r1 has no property "channel"; did you mean "channels"?`},
		{"missing port", "a1.sources.r1.port = 44444\n", "", ":4:1: error: source r1 (netcat) has no port, which is required"},
		{"bind misspelt", "r1.bind", "r1.bnd", `:5:15: error: source r1 (netcat) has no property "bnd"; did you mean "bind", which is required?`},
		{"port is no number", "= 44444", "= abc", `:6:22: error: port of source r1 (netcat): want a whole number, not "abc"`},
		{"missing dot, required property", "a1.sources.r1.bind", "a1sources.r1.bind", ":5:1: error: a1sources.r1.bind: a dot is missing; did you mean a1.sources.r1.bind?"},
		{"missing dot, optional property", "a1.channels.c1.type = memory\n", "a1.channels.c1.type = memory\na1channels.c1.capacity = 200\n",
			":11:1: warning: a1channels.c1.capacity: a dot is missing; it has no effect; did you mean a1.channels.c1.capacity?"},
		{"missing dot, interceptors", "a1.channels.c1.type = memory\n", "a1.channels.c1.type = memory\na1sources.r1.interceptors = i1\na1.sources.r1.interceptors.i1.type = host\n",
			":11:1: error: a1sources.r1.interceptors: a dot is missing"},
		{"misspelt kind", "a1.sources.r1.type", "a1.soruces.r1.type", `:4:1: error: a1.soruces.r1.type: unknown kind "soruces"; did you mean a1.sources.r1.type?`},
		{"unknown source type", "= netcat", "= netcatt", `:4:22: error: unknown source type "netcatt"; did you mean "netcat"?`},
		{"unknown sink type", "= logger", "= loger", `:8:20: error: unknown sink type "loger"; did you mean "logger"?`},
		{"unknown channel type", "= memory", "= menory", `:10:23: error: unknown channel type "menory"; did you mean "memory"?`},
		{"capacity below transactionCapacity", "= memory\n", "= memory\na1.channels.c1.capacity = 10\n", ":11:27: error: channel c1: capacity 10 is below transactionCapacity 100"},
		{"capacity is no number", "= memory\n", "= memory\na1.channels.c1.capacity = lots\n", `:11:27: error: capacity of channel c1 (memory): want a whole number, not "lots" (in events)`},
		{"batch of a source above transactionCapacity", "= netcat\n", "= seq\na1.sources.r1.batchSize = 200\n", ":5:27: error: batchSize 200 of source r1 is above transactionCapacity 100 of channel c1"},
		{"batch of a sink above transactionCapacity", "= logger\n", "= null\na1.sinks.k1.batchSize = 200\n", ":9:25: error: batchSize 200 of sink k1 is above transactionCapacity 100 of channel c1"},
		{"default batch above transactionCapacity", "= logger\n", "= null\na1.channels.c1.transactionCapacity = 50\n", ":8:1: error: batchSize 100 of sink k1 is above transactionCapacity 50 of channel c1"},
		{"empty required value", "bind = localhost", "bind =", ":5:21: error: bind of source r1 (netcat) is required and has no value"},
		{"empty optional value", "= memory\n", "= memory\na1.channels.c1.capacity =\n", ":11:26: warning: capacity has no value and no effect"},
		{"key twice, same value", "= memory\n", "= memory\na1.sources.r1.port = 44444\n", ":11:1: note: a1.sources.r1.port was set to the same value in line 6"},
		{"key twice, other value", "= memory\n", "= memory\na1.sources.r1.port = 44445\n", ":11:1: warning: a1.sources.r1.port was set in line 6 already; this value counts"},
		{"wrong name", "a1.", "b7.", `: error: no agent "a1" in a.conf; did you mean "b7"?`},
		{"comment behind a value", "bind = localhost", "bind = localhost   # x", `:5:22: error: bind of source r1 (netcat): want a host name or an address, not "localhost   # x"; give the comment a line of its own`},
		{"typos: undefined channel and a blank in the key", "a1.sinks.k1.channel = c1", "a1.sinks. k1.channel = c9", ":9:10: error: a blank ends the key at a1.sinks.; did you mean a1.sinks.k1.channel = c9?"},
		{"class of others", "= logger", "= org.example.Sink", `:8:20: error: unknown sink type "org.example.Sink"`},
		{"unset variable", "= memory\n", "= memory\na1.channels.c1.capacity = ${CAP}\n", `:11:27: error: capacity of channel c1 (memory): want a whole number, not "${CAP}"`},

		{"unknown property", "= memory\n", "= memory\na1.channels.c1.capcity = 10\n", `:11:16: warning: channel c1 (memory) has no property "capcity"; it has no effect; did you mean "capacity"?`},
		{"listed, not described", "sinks = k1", "sinks = k1 k2", ":2:12: error: sink k2 is listed but not described"},
		{"described, not listed", "= memory\n", "= memory\na1.sinks.k2.type = null\n", ":11:1: note: sink k2 is described but not listed; add it to a1.sinks to run it"},
		{"sources without their list", "a1.sources = r1\n", "", ":3:1: error: source r1 is described but not listed: there is no line a1.sources; add a1.sources = r1"},
		{"sinks without their list", "a1.sinks = k1\n", "a1.sinks.k0.type = null\n", ":8:1: error: sink k1 is described but not listed: there is no line a1.sinks; add a1.sinks = k0 k1"},
		{"channels without their list", "a1.channels = c1\n", "", ":9:1: error: channel c1 is described but not listed: there is no line a1.channels; add a1.channels = c1"},
		{"sink groups without their list", "= memory\n", "= memory\na1.sinkgroups.g.sinks = k1\n", ":11:1: error: sink group g is described but not listed: there is no line a1.sinkgroups; add a1.sinkgroups = g"},
		{"config filters without their list", "= memory\n", "= memory\na1.configfilters.f.type = env\n", ":11:1: warning: config filter f is described but not listed: there is no line a1.configfilters; add a1.configfilters = f"},
		{"list under a comment", "a1.sinks = k1\n", "# a1.sinks = k1\n", ":8:1: error: sink k1 is described but not listed: there is no line a1.sinks; add a1.sinks = k1"},
		{"commas in a list", "sinks = k1", "sinks = k1,", ":2:12: error: names are separated by blanks, not by commas"},
		{"commas between channels", "r1.channels = c1", "r1.channels = c1,c1", ":7:26: error: a1.sources.r1.channels: names are separated by blanks, not by commas"},
		{"slash comment", "= memory\n", "= memory\n// the end\n", ":11:1: warning: this is no comment but a property named //; begin comments with #"},
		{"key without a dot", "= memory\n", "= memory\n  foo = bar\n", ":11:3: warning: foo has no effect: a key without a dot is no component's; begin comments with # or !"},
		{"sentence", "= memory\n", "= memory\nthis is junk\n", ":11:1: warning: this has no effect: a key without a dot"},
		{"word alone", "a1.sources = r1\n", "foo\na1.sources = r1\n", ":1:1: warning: foo has no effect: a key without a dot"},
		{"key that only looks referred to", "= memory\n", "= memory\nfoo = bar\na1.sources.r1.interceptors = i1\na1.sources.r1.interceptors.i1.type = static\na1.sources.r1.interceptors.i1.value = $${foo}\n", ":11:1: warning: foo has no effect"},
		{"agent's name alone", "= memory\n", "= memory\na1 = r1\n", ":11:1: warning: a1 has no effect"},
		{"kind alone", "= memory\n", "= memory\nsinkgroups = g\n", ":11:1: warning: sinkgroups has no effect: the agent's name is missing; did you mean a1.sinkgroups?"},
		{"no key", "= memory\n", "= memory\n= r1\n", ":11:1: warning: the line has no key and no effect"},
		{"comment of C", "= memory\n", "= memory\n/* x */\n", ":11:1: warning: this is no comment but a property named /*; begin comments with # or !"},
		{"comment of SQL", "= memory\n", "= memory\n-- sql\n", ":11:1: warning: this is no comment but a property named --; begin comments with # or !"},
		{"comment of INI", "= memory\n", "= memory\n; ini\n", ":11:1: warning: this is no comment but a property named ;; begin comments with # or !"},
		{"line under a comment of INI", "= memory\n", "= memory\n;a1.channels.c1.capacity = 10\n", ":11:1: warning: this is no comment but a property named ;a1.channels.c1.capacity"},
		{"wrapped options", "= netcat\n", "= exec\na1.sources.r1.command = tail\n--lines=5 -F x\n", ":6:1: error: --lines is no property: the value of line 5 seems to go on here"},
		{"wrapped command", "= netcat\n", "= exec\na1.sources.r1.command = tail -F\n/var/log/x.log\n", ":6:1: error: /var/log/x.log is no property: the value of line 5 seems to go on here"},
		{"quoted command", "= netcat\n", "= exec\na1.sources.r1.command = \"tail -F x\"\n", ":5:25: error: the quotes are part of command of source r1 (exec); leave out the quotes"},
		{"quoted number", "= 44444", `= "44444"`, `:6:22: error: port of source r1 (netcat): want a whole number, not "\"44444\""; leave out the quotes`},
		{"quoted host", "= localhost", `= "localhost"`, `:5:22: error: the quotes are part of bind of source r1 (netcat); leave out the quotes`},
		{"channel that nothing empties", "sources.r1.channels = c1", "sources.r1.channels = c1 c2\na1.channels = c1 c2\na1.channels.c2.type = memory", ":9:1: error: no sink takes events out of channel c2"},
		{"one port twice", "sources = r1", "sources = r1 r2\na1.sources.r2.type = netcat\na1.sources.r2.bind = localhost\na1.sources.r2.port = 44444\na1.sources.r2.channels = c1", ":4:22: error: source r2: source r1 has port tcp localhost:44444 already"},
		{"two file channels, default folders", "a1.channels.c1.type = memory\n", "a1.channels = c1 c2\na1.channels.c1.type = file\na1.channels.c2.type = file\n", ":12:23: error: channel c2: channel c1 has the folder "},
		{"two file channels, one folder", "a1.channels.c1.type = memory\n", "a1.channels = c1 c2\na1.channels.c1.type = file\na1.channels.c2.type = file\na1.channels.c2.checkpointDir = x\na1.channels.c2.dataDirs = y,/data/z\na1.channels.c1.dataDirs = /data/z\n", ":14:27: error: channel c2: channel c1 has the folder /data/z already"},
		{"times without a time", "= logger", "= hdfs\na1.sinks.k1.hdfs.path = /logs/%Y-%m-%d", ":9:25: error: hdfs.path of sink k1 has times in it, and its events have no header timestamp; add a1.sinks.k1.hdfs.useLocalTimeStamp = true, or a timestamp interceptor to source r1"},
		{"times without a time, misspelt", "= logger", "= hdfs\na1.sinks.k1.hdfs.path = /logs\na1.sinks.k1.hdfs.filePrefix = %H\na1.sinks.k1.hdfs.useLocalTimestamp = true", ":10:31: error: hdfs.filePrefix of sink k1 has times in it"},
		{"times of another header", "= logger", "= hdfs\na1.sinks.k1.hdfs.path = /logs/%Y\na1.sources.r1.interceptors = i\na1.sources.r1.interceptors.i.type = timestamp\na1.sources.r1.interceptors.i.headerName = ts", ":9:25: error: hdfs.path of sink k1 has times in it"},
		{"times in a topic", "= logger", "= kafka\na1.sinks.k1.kafka.bootstrap.servers = b:1\na1.sinks.k1.kafka.topic = log-%Y", ":10:27: error: kafka.topic of sink k1 has times in it, and its events have no header timestamp; add a timestamp interceptor to source r1"},
		{"backslash of a regular expression", "= memory\n", "= memory\na1.sources.r1.interceptors = i1\na1.sources.r1.interceptors.i1.type = regex_filter\na1.sources.r1.interceptors.i1.regex = ^\\d+\n", `:13:40: warning: regex of interceptor i1 (regex_filter): the backslash before d is dropped; write \\d`},
		{"Windows path", "= netcat\n", "= spooldir\na1.sources.r1.spoolDir = C:\\new\n", `:5:26: warning: spoolDir of source r1 (spooldir): a backslash with t, n, r or f is a control character; write \\ for each backslash`},
		{"pipe without a shell", "= netcat\n", "= exec\na1.sources.r1.command = tail -F x | grep y\n", ":5:35: warning: source r1: the command gets | as it is: there is no shell that reads it; set shell = /bin/sh -c"},
		{"home without a shell", "= netcat\n", "= exec\na1.sources.r1.command = tail -F ~/x\n", ":5:33: warning: source r1: the command gets ~/x as it is"},
		{"port behind a host", "= localhost", "= localhost:44444", `:5:22: error: bind of source r1 (netcat): want a host name or an address without a port, not "localhost:44444"`},
		{"group of files that is not listed", "= netcat\n", "= TAILDIR\na1.sources.r1.filegroups = a\na1.sources.r1.filegroups.a = /x/y\na1.sources.r1.filegroups.b = /x/z\n", ":7:30: warning: source r1: group b is not in filegroups: its files are not followed"},
		{"priority of no member", "sinks = k1", "sinks = k1 k2\na1.sinks.k2.type = null\na1.sinks.k2.channel = c1\na1.sinkgroups = g\na1.sinkgroups.g.sinks = k1 k2\na1.sinkgroups.g.processor.type = failover\na1.sinkgroups.g.processor.priority.k3 = 1", ":8:41: warning: sink group g: the group has no sink k3; this has no effect"},
		{"selector without a type, one channel", "= memory\n", "= memory\na1.sources.r1.selector.header = x\n", `:11:24: warning: selector of source r1 (replicating) has no property "header"`},
		{"multiplexing without a default", "= memory\n", "= memory\na1.sources.r1.selector.header = h\na1.sources.r1.selector.type = multiplexing\na1.sources.r1.selector.mapping.a = c1\n",
			":12:1: warning: selector of source r1: events without one of the mapped values in the header h go to no channel: they are dropped; add a1.sources.r1.selector.default = c1"},
		{"class of others, like one that is not here", "= netcat", "= com.cloudera.flume.source.TwitterSource", ":4:22: error: source type com.cloudera.flume.source.TwitterSource is not supported; instead: "},
		{"source type twitter", "= netcat", "= twitter", ":4:22: error: source type twitter is not supported; instead: the service behind it is gone"},
		{"source type Scribe", "= netcat", "= Scribe", ":4:22: error: source type Scribe is not supported; instead: let the senders speak syslog"},
		{"source type TwitterSource", "= netcat", "= TwitterSource", ":4:22: error: source type TwitterSource is not supported; instead: the service behind it is gone"},
		{"sink type morphline", "= logger", "= morphline", ":8:20: error: sink type morphline is not supported; instead: type http with endpoint"},
		{"sink type solr", "= logger", "= solr", ":8:20: error: sink type solr is not supported; instead: type http with endpoint"},
		{"sink type kite", "= logger", "= kite", ":8:20: error: sink type kite is not supported; instead: type hdfs with"},
		{"sink type dataset", "= logger", "= dataset", ":8:20: error: sink type dataset is not supported; instead: type hdfs with"},
		{"sink type kudu", "= logger", "= kudu", ":8:20: error: sink type kudu is not supported; instead: type org.apache.flume.sink.kafka.KafkaSink into"},
		{"interceptor type morphline", "= memory\n", "= memory\na1.sources.r1.interceptors = i1\na1.sources.r1.interceptors.i1.type = morphline\n", ":12:38: error: interceptor type morphline is not supported; instead: an interceptor of type pipe"},
		{"word of all packages", "= logger", "= sink", `:8:20: error: unknown sink type "sink"`},
		{"class of others, unlike ours", "= logger", "= org.riderzen.flume.sink.MongoSink", `:8:20: error: unknown sink type "org.riderzen.flume.sink.MongoSink"; classes of others are not loaded; --lenient runs the rest`},
		{"builder behind a dot", "= memory\n", "= memory\na1.sources.r1.interceptors = i1\na1.sources.r1.interceptors.i1.type = org.apache.flume.interceptor.HostInterceptor.Builder\n", `; did you mean "org.apache.flume.interceptor.HostInterceptor$Builder"?`},
		{"a very long line", "= memory\n", "= memory\n" + strings.Repeat("x", 1<<20) + "\n", ":11:1: error: xxx"},
		{"capacity of a channel under sources", "= memory\n", "= memory\na1.sources.c1.capacity = 500\n", ":11:1: warning: a1.sources.c1.capacity: c1 is no source; it has no effect; did you mean a1.channels.c1.capacity?"},
		{"second capacity of a channel under sources", "= memory\n", "= memory\na1.channels.c1.capacity = 500\na1.sources.c1.capacity = 5\n", ":12:1: warning: a1.sources.c1.capacity: c1 is no source; it has no effect"},
		{"path of a sink under sources", "= logger", "= hdfs\na1.sources.k1.hdfs.path = /x", ":9:1: error: a1.sources.k1.hdfs.path: k1 is no source; did you mean a1.sinks.k1.hdfs.path?"},
		{"channel of a sink under the channel's name", "a1.sinks.k1.channel", "a1.sinks.c1.channel", ":9:1: error: a1.sinks.c1.channel: c1 is no sink; did you mean a1.sinks.k1.channel?"},
		{"no address", "= localhost", "= 192.168.1.300", `:5:22: error: bind of source r1 (netcat): "192.168.1.300" is no address`},
		{"unset variable in a path", "= logger", "= hdfs\na1.sinks.k1.hdfs.path = ${NO_SUCH_PLACE}/x", ":9:25: error: hdfs.path of sink k1: nothing replaces ${NO_SUCH_PLACE}, it stays as it is"},
		{"unset environment", "= localhost", "= ${env:NO_SUCH_HOST}", ":5:22: error: bind of source r1: nothing replaces ${env:NO_SUCH_HOST}: the environment has no variable NO_SUCH_HOST"},
		{"environment without env:", "= memory\n", "= memory\na1.sources.r1.interceptors = i1\na1.sources.r1.interceptors.i1.type = static\na1.sources.r1.interceptors.i1.value = ${PATH}\n", ":13:39: warning: interceptors.i1.value of source r1: ${PATH} is no reference and stays as it is; write ${env:PATH}"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			conf := strings.Replace(plain, test.old, test.new, 1)
			if test.name == "wrong name" {
				conf = strings.ReplaceAll(plain, test.old, test.new)
			}
			// Where the channel of the file is fed by a seq or an exec source,
			// the lines of netcat are unknown properties: warnings.
			got := lint(t, conf)
			want := test.want
			if strings.HasPrefix(want, ":") {
				want = "a.conf" + want
			}
			if !strings.Contains(got, want) {
				t.Fatalf("no %q in\n%s", test.want, got)
			}
			if len(got) > 10000 {
				t.Errorf("%d bytes", len(got))
			}
			if errors := strings.Contains(test.want, ": error: ") || strings.HasPrefix(test.want, ";"); errors != strings.HasSuffix(got, "exit 2\n") {
				t.Errorf("the verdict is wrong:\n%s", got)
			}
		})
	}
}

// TestNoFalseAlarms checks what people write and Flume runs.
func TestNoFalseAlarms(t *testing.T) {
	tests := []struct{ name, old, new, notes string }{
		{"nothing", "", "", ""},
		{"windows line ends, no last newline", "\n", "\r\n", ""},
		{"no blanks around the sign", " = ", "=", ""},
		{"other agents", "= memory\n", "= memory\nb2.sources = x\nb2.sources.x.type = nonsense\nb2.sinks.y.batchSise = 7\nlog4j.rootLogger = INFO\n", ""},
		{"comment that ends in a backslash", "a1.sinks = k1\n", "# C:\\logs\\\na1.sinks = k1\n", ""},
		{"identical keys", "= memory\n", "= memory\na1.channels.c1.type = memory\n", "note"},
		{"several sinks on one channel", "sinks = k1", "sinks = k1 k2\na1.sinks.k2.type = null\na1.sinks.k2.channel = c1", ""},
		{"upper-case aliases", "= logger", "= LOGGER", ""},
		{"quotes and number signs in a regex", "= memory\n", "= memory\na1.sources.r1.interceptors = i1\na1.sources.r1.interceptors.i1.type = REGEX_FILTER\na1.sources.r1.interceptors.i1.regex = \"x # y\"\n", ""},
		{"times of the clock", "= logger", "= hdfs\na1.sinks.k1.hdfs.path = /logs/%Y-%m-%d\na1.sinks.k1.hdfs.useLocalTimeStamp = true", ""},
		{"times that an interceptor sets", "= logger", "= hdfs\na1.sinks.k1.hdfs.path = /logs/%Y-%m-%d\na1.sources.r1.interceptors = i\na1.sources.r1.interceptors.i.type = timestamp", ""},
		{"times that an extractor sets", "= logger", "= hdfs\na1.sinks.k1.hdfs.path = /logs/%Y-%m-%d\na1.sources.r1.interceptors = i\na1.sources.r1.interceptors.i.type = regex_extractor\na1.sources.r1.interceptors.i.regex = (x)\na1.sources.r1.interceptors.i.serializers = s\na1.sources.r1.interceptors.i.serializers.s.name = timestamp", ""},
		{"times that the sender sets", "= netcat", "= avro\na1.sinks.k1.hdfs.path = /logs/%Y-%m-%d", "hdfs"},
		{"backslashes before signs", "= memory\n", "= memory\na1.sources.r1.interceptors = i1\na1.sources.r1.interceptors.i1.type = regex_filter\na1.sources.r1.interceptors.i1.regex = x\\.y\\-\\\\d\n", ""},
		{"replaced by nothing", "= memory\n", "= memory\na1.sources.r1.interceptors = i1\na1.sources.r1.interceptors.i1.type = search_replace\na1.sources.r1.interceptors.i1.searchPattern = x\na1.sources.r1.interceptors.i1.replaceString =\n", ""},
		{"address with colons", "= localhost", "= ::1", ""},
		{"question mark in a command", "= netcat\n", "= exec\na1.sources.r1.command = curl http://h/?a=b\n", "warning"},
		{"not listed", "= memory\n", "= memory\na1.sinks.k9.type = loger\n", "note"},
		{"described by another agent", "= memory\n", "= memory\nb2.sinkgroups.g.sinks = x\nb2.configfilters.f.type = env\n", ""},
		{"keys that values refer to", "= localhost", "= ${host}\nhost = ${name}\nname = localhost\nport = 1\nb2.sources.x.port = ${port:-2}", ""},
		{"multiplexing with a default", "= memory\n", "= memory\na1.sources.r1.selector.type = multiplexing\na1.sources.r1.selector.header = h\na1.sources.r1.selector.mapping.a = c1\na1.sources.r1.selector.default = c1\n", ""},
		{"multiplexing by a header that all events get", "= memory\n", "= memory\na1.sources.r1.selector.type = multiplexing\na1.sources.r1.selector.header = h\na1.sources.r1.selector.mapping.a = c1\na1.sources.r1.interceptors = i\na1.sources.r1.interceptors.i.type = static\na1.sources.r1.interceptors.i.key = h\na1.sources.r1.interceptors.i.value = a\n", ""},
		{"a shell comment", "= netcat\n", "= exec\na1.sources.r1.shell = /bin/sh -c\na1.sources.r1.command = for i in ${list}; do echo $i; done # all\n", "warning"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			n := 1
			if test.old == "\n" || test.old == " = " {
				n = -1
			}
			conf := strings.Replace(plain, test.old, test.new, n)
			if test.old == "\n" {
				conf = strings.TrimSpace(conf)
			}
			if test.notes == "hdfs" {
				conf, test.notes = strings.Replace(conf, "= logger", "= hdfs", 1), ""
			}
			got := lint(t, conf)
			if !strings.HasSuffix(got, "starts\n") || strings.Contains(got, ": error:") || test.notes != "warning" && strings.Contains(got, ": warning:") ||
				test.notes == "" && got != "starts\n" {
				t.Errorf("got\n%s", got)
			}
			if test.name == "a shell comment" && strings.Count(got, "warning") != 2 {
				t.Errorf("only bind and port have no effect:\n%s", got)
			}
		})
	}
}

// TestLenient holds that --lenient runs what Flume would run.
func TestLenient(t *testing.T) {
	conf := strings.Replace(conf("type = seq\ntotalEvents = 2", "type = logger", "sinks.k2.type = org.example.Sink", "sinks.k2.channel = c1",
		"channels.c1.capacity = lots"), "a1.sinks = k1", "a1.sinks = k1 k2", 1)
	a := startAgent(t, conf, func(o *Options) { o.Lenient = true })
	a.stderr.await(t, "counted to 2")
	a.end(t)
	a.stderr.await(t, `error: unknown sink type "org.example.Sink"`)
	a.stderr.await(t, `error: capacity of channel c1 \(memory\): want a whole number`)
	a.stderr.await(t, "runs what is left")
	a.stderr.await(t, "2 received, 2 delivered, 0 left")
	// Nothing is left to run.
	report, err := Check(Options{Name: "a2", Lenient: true, Files: []string{filepath.Join("..", "..", "testdata", "agent", "lint", "good.txt")}})
	if err == nil {
		t.Error(report.Findings)
	}
}

// The course notes' file for Kafka: its wrapped command is an error; with the
// command on one line it starts with warnings.
func TestSeedKafkaLog(t *testing.T) {
	data, err := os.ReadFile("../../../shared/seeds/flume/kafka-log.conf")
	if err != nil {
		t.Skip("the course notes' files are not here: ", err)
	}
	conf := strings.ReplaceAll(string(data), "producer.", "a1.")
	if got := lint(t, conf); !strings.HasSuffix(got, "exit 2\n") || !strings.Contains(got, "a.conf:7:2: error: hadoop2.6/") {
		t.Errorf("wrapped:\n%s", got)
	}
	got := lint(t, strings.Replace(conf, "spark-1.4.1-bin-\n\t", "spark-1.4.1-bin-", 1))
	if !strings.HasSuffix(got, "starts\n") || !strings.Contains(got, `warning: source s has no property "channel"`) {
		t.Errorf("on one line:\n%s", got)
	}
}

// A Kafka channel is used by other programs too.
func TestKafkaChannelAlone(t *testing.T) {
	const kafkaChannel = "a1.channels = c1\na1.channels.c1.type = org.apache.flume.channel.kafka.KafkaChannel\na1.channels.c1.kafka.bootstrap.servers = b:9092\n"
	for _, more := range []string{
		"a1.sinks = k1\na1.sinks.k1.type = logger\na1.sinks.k1.channel = c1\n",
		"a1.sources = r1\na1.sources.r1.type = seq\na1.sources.r1.channels = c1\n",
		"a1.sinks = k1\na1.sinks.k1.type = logger\na1.sinks.k1.channel = c1\nb2.sources.r1.type = seq\n",
	} {
		if got := lint(t, kafkaChannel+more); got != "starts\n" {
			t.Errorf("%s:\n%s", more, got)
		}
	}
}

// A property under the wrong kind describes no component of that kind.
func TestKafkaChannelUnderSources(t *testing.T) {
	got := lint(t, "a1.channels = c1\na1.channels.c1.type = org.apache.flume.channel.kafka.KafkaChannel\na1.channels.c1.kafka.bootstrap.servers = b:9092\n"+
		"a1.sinks = k1\na1.sinks.k1.type = logger\na1.sinks.k1.channel = c1\na1.sources.c1.kafka.topic = t\n")
	if !strings.HasSuffix(got, "starts\n") || strings.Contains(got, "described") {
		t.Errorf("got\n%s", got)
	}
}

// Flume's own guide shows kafka.flumeBatchSize on a Kafka source.
func TestKafkaSourceBatch(t *testing.T) {
	got := lint(t, strings.Replace(plain, "type = netcat\na1.sources.r1.bind = localhost\na1.sources.r1.port = 44444",
		"type = org.apache.flume.source.kafka.KafkaSource\na1.sources.r1.kafka.bootstrap.servers = b:9092\na1.sources.r1.kafka.topics = t\n"+
			"a1.sources.r1.batchSize = 50\na1.sources.r1.kafka.flumeBatchSize = 50", 1))
	if strings.Contains(got, "warning") || !strings.HasSuffix(got, "starts\n") {
		t.Errorf("got\n%s", got)
	}
}
