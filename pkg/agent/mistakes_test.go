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
		{"misspelt list", "a1.sinks = k1", "a1.sinks = k1\na1.snks = k1 k2\na1.sinks.k2.type = null\na1.sinks.k2.channel = c1", `:3:1: error: a1.snks: unknown kind "snks"; did you mean a1.sinks?`},
		{"misspelt list of names that are listed", "a1.sinks = k1", "a1.snks = k1\na1.sinks = k1", `:2:1: warning: a1.snks: unknown kind "snks"; it has no effect; did you mean a1.sinks?`},
		{"misspelt key that is there", "a1.sources.r1.bind = localhost", "a1.sources.r1.bind = localhost\na1.soruces.r1.bind = localhost", `:6:1: warning: a1.soruces.r1.bind: unknown kind "soruces"; it has no effect; did you mean a1.sources.r1.bind?`},
		{"misspelt kind of what nothing lists", "= memory\n", "= memory\na1.channel.c2.type = memory\n", `:11:1: warning: a1.channel.c2.type: unknown kind "channel"; it has no effect; did you mean a1.channels.c2.type?`},
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
		{"wrong name", "a1.", "b7.", `:1:1: error: no agent "a1" in a.conf; did you mean "b7"?`},
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
		{"backslash of a regular expression", "= memory\n", "= memory\na1.sources.r1.interceptors = i1\na1.sources.r1.interceptors.i1.type = regex_filter\na1.sources.r1.interceptors.i1.regex = ^\\d+\n", `:13:40: error: regex of interceptor i1 (regex_filter): the backslash before d is dropped, and so are the events that the pattern was to keep; write \\d`},
		{"backslash of a pattern that drops events", "= memory\n", "= memory\na1.sources.r1.interceptors = i1\na1.sources.r1.interceptors.i1.type = REGEX_FILTER\na1.sources.r1.interceptors.i1.regex = ^\\d+\na1.sources.r1.interceptors.i1.excludeEvents = True\n", `:13:40: warning: regex of interceptor i1 (regex_filter): the backslash before d is dropped; write \\d`},
		{"backslash of a pattern of a class", "= memory\n", "= memory\na1.sources.r1.interceptors = i1\na1.sources.r1.interceptors.i1.type = org.apache.flume.interceptor.RegexFilteringInterceptor$Builder\na1.sources.r1.interceptors.i1.excludeEvents = false\na1.sources.r1.interceptors.i1.regex = ^\\d+\n", `:14:40: error: regex of interceptor i1 (regex_filter): the backslash before d is dropped, and so`},
		{"backslash of groups", "= memory\n", "= memory\na1.sources.r1.interceptors = i1\na1.sources.r1.interceptors.i1.type = regex_extractor\na1.sources.r1.interceptors.i1.regex = (\\d+)\na1.sources.r1.interceptors.i1.serializers = s\na1.sources.r1.interceptors.i1.serializers.s.name = n\n", `:13:40: warning: regex of interceptor i1 (regex_extractor): the backslash before d is dropped; write \\d`},
		{"Windows path", "= netcat\n", "= spooldir\na1.sources.r1.spoolDir = C:\\new\n", `:5:26: warning: spoolDir of source r1 (spooldir): a backslash with t, n, r or f is a control character; write \\ for each backslash`},
		{"pipe without a shell", "= netcat\n", "= exec\na1.sources.r1.command = tail -F x | grep y\n", ":5:35: warning: source r1: the command gets | as it is: there is no shell that reads it; set shell = /bin/sh -c"},
		{"home without a shell", "= netcat\n", "= exec\na1.sources.r1.command = tail -F ~/x\n", ":5:33: warning: source r1: the command gets ~/x as it is"},
		{"port behind a host", "= localhost", "= localhost:44444", `:5:22: error: bind of source r1 (netcat): want a host name or an address without a port, not "localhost:44444"`},
		{"group of files that is not listed", "= netcat\n", "= TAILDIR\na1.sources.r1.filegroups = a\na1.sources.r1.filegroups.a = /x/y\na1.sources.r1.filegroups.b = /x/z\n", ":7:30: warning: source r1: group b is not in filegroups: its files are not followed"},
		{"priority of no member", "sinks = k1", "sinks = k1 k2\na1.sinks.k2.type = null\na1.sinks.k2.channel = c1\na1.sinkgroups = g\na1.sinkgroups.g.sinks = k1 k2\na1.sinkgroups.g.processor.type = failover\na1.sinkgroups.g.processor.priority.k3 = 1", ":8:41: warning: sink group g: the group has no sink k3; this has no effect"},
		{"selector without a type, one channel", "= memory\n", "= memory\na1.sources.r1.selector.header = x\n", `:11:24: warning: selector of source r1 (replicating) has no property "header"`},
		{"multiplexing without a default", "= memory\n", "= memory\na1.sources.r1.selector.header = h\na1.sources.r1.selector.type = multiplexing\na1.sources.r1.selector.mapping.a = c1\n",
			":12:1: warning: selector of source r1: events without one of the mapped values in the header h go to no channel: they are dropped; add a1.sources.r1.selector.default = c1"},
		{"multiplexing, default misspelt", "= memory\n", "= memory\na1.sources.r1.selector.type = multiplexing\na1.sources.r1.selector.mapping.a = c1\na1.sources.r1.selector.defualt = c1\n",
			`:13:24: error: selector of source r1 (multiplexing) has no property "defualt": events go to other channels than it says, or are dropped; did you mean "default"?`},
		{"one folder of two spooldir sources", "a1.sources = r1\n", "a1.sources = r1 r2\na1.sources.r2.type = spooldir\na1.sources.r2.spoolDir = /in/\na1.sources.r2.channels = c1\na1.sources = r1 r2 r3\na1.sources.r3.type = SPOOLDIR\na1.sources.r3.spoolDir = /other/../in\na1.sources.r3.channels = c1\n",
			":7:26: error: source r3: source r2 takes the files of /other/../in already: each would find files renamed that it reads; give it a folder of its own, or other files by includePattern"},
		{"one tracker of two spooldir sources, by default", "a1.sources = r1", "a1.sources = r1 r2 r3\na1.sources.r2.type = spooldir\na1.sources.r2.spoolDir = /in\na1.sources.r2.includePattern = a.*\na1.sources.r2.channels = c1\na1.sources.r3.type = spooldir\na1.sources.r3.spoolDir = /in/\na1.sources.r3.includePattern = b.*\na1.sources.r3.channels = c1",
			`:7:26: warning: trackerDir of source r3: source r2 keeps in /in/.flumespool too how far it has read, so that files are read again after a restart; give it a folder of its own: a1.sources.r3.trackerDir = .flumespool-r3`},
		{"one tracker of two spooldir sources", "a1.sources = r1", "a1.sources = r1 r2 r3\na1.sources.r2.type = spooldir\na1.sources.r2.spoolDir = /in\na1.sources.r2.trackerDir = /in/t\na1.sources.r2.channels = c1\na1.sources.r3.type = spooldir\na1.sources.r3.spoolDir = /x\na1.sources.r3.trackerDir = ../in/t\na1.sources.r3.channels = c1",
			`:8:28: warning: trackerDir of source r3: source r2 keeps in /in/t too how far it has read, so that files are read again after a restart; give it a folder of its own: a1.sources.r3.trackerDir = ../in/t-r3`},
		{"marks of two spooldir sources", "a1.sources = r1", "a1.sources = r1 r2 r3\na1.sources.r2.type = spooldir\na1.sources.r2.spoolDir = /in\na1.sources.r2.trackerDir = /t\na1.sources.r2.trackingPolicy = tracker_dir\na1.sources.r2.channels = c1\na1.sources.r3.type = spooldir\na1.sources.r3.spoolDir = /x\na1.sources.r3.trackingPolicy = TRACKER_DIR\na1.sources.r3.trackerDir = /t/\na1.sources.r3.channels = c1",
			`:10:28: error: trackerDir of source r3: source r2 marks in /t too, by their names alone, which files are done: one of a name that the other has read is not read; give it a folder of its own: a1.sources.r3.trackerDir = /t-r3`},
		{"format of syslog misspelt", "= netcat\na1.sources.r1.bind = localhost\n", "= syslogtcp\na1.sources.r1.host = localhost\na1.sources.r1.format.regx = x\n",
			`:6:15: warning: source r1 (syslogtcp) has no property "format.regx"; it has no effect; did you mean "format.regex"?`},
		{"format of syslog by UDP misspelt", "= netcat\na1.sources.r1.bind = localhost\n", "= syslogudp\na1.sources.r1.host = localhost\na1.sources.r1.format.dateformt = x\n",
			`:6:15: warning: source r1 (syslogudp) has no property "format.dateformt"; it has no effect; did you mean "format.dateFormat"?`},
		{"Kafka source of Flume 1.6", "= netcat\na1.sources.r1.bind = localhost\na1.sources.r1.port = 44444\n", "= org.apache.flume.source.kafka.KafkaSource\na1.sources.r1.zookeeperConnect = zk:2181\na1.sources.r1.topic = t\na1.sources.r1.batchSize = 9\n",
			":5:15: error: source r1 (org.apache.flume.source.kafka.KafkaSource) has no kafka.bootstrap.servers, which is required: zookeeperConnect is of a Flume that asked ZooKeeper for the brokers; name the brokers: a1.sources.r1.kafka.bootstrap.servers = HOST:9092"},
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
		{"groups of files with commas", "= netcat\n", "= TAILDIR\na1.sources.r1.filegroups = a,b\na1.sources.r1.filegroups.a = /x/y\na1.sources.r1.filegroups.b = /x/z\n", ":5:28: error: source r1: names are separated by blanks, not by commas; write a b"},
		{"shell without -c", "= netcat\n", "= exec\na1.sources.r1.shell = /bin/bash\na1.sources.r1.command = tail -F x\n", ":5:23: error: source r1: /bin/bash takes the command for the name of a script; write /bin/bash -c"},
		{"quotes of a word processor", "= netcat\n", "= exec\na1.sources.r1.command = tail -F “x y”\n", ":5:33: warning: source r1: the command gets “x as it is: such quotes mean nothing, not even to a shell; leave out the quotes"},
		{"escapes where there are none", "= logger", "= file_roll\na1.sinks.k1.sink.directory = /no/such/%Y", ":9:30: warning: sink k1: sink.directory: there is no /no/such/%Y on this machine; name a folder that is there: this sink knows no escapes"},
		{"host in a path", "= logger", "= hdfs\na1.sinks.k1.hdfs.path = n1:9000/logs", `:9:25: error: sink k1: "n1:9000/logs" is no path: a host comes behind hdfs://; write hdfs://n1:9000/logs`},
		{"colon in a name of HDFS", "= logger", "= hdfs\na1.sinks.k1.hdfs.useLocalTimeStamp = true\na1.sinks.k1.hdfs.path = hdfs://n/größe/%H:%M", ":10:42: error: sink k1: hdfs.path has a colon, which no name in HDFS can have; write times such as %H%M or %H-%M"},
		{"time in a name of HDFS", "= logger", "= hdfs\na1.sinks.k1.hdfs.useLocalTimeStamp = true\na1.sinks.k1.hdfs.path = hdfs://n/x\na1.sinks.k1.hdfs.filePrefix = a-%c", ":11:33: error: sink k1: hdfs.filePrefix has a colon"},
		{"word for a host of another component", "r1.bind", "r1.hostname", `:5:15: error: source r1 (netcat) has no property "hostname"; did you mean "bind", which is required?`},
		{"word for a host that need not be there", "= netcat\na1.sources.r1.bind = localhost", "= syslogudp\na1.sources.r1.bind = localhost", `:5:15: warning: source r1 (syslogudp) has no property "bind"; it has no effect; did you mean "host"?`},
		{"property of an older plugin", "= logger", "= kafka\na1.sinks.k1.kafka.topic = t\na1.sinks.k1.metadata.broker.list = b:1", `:10:13: error: sink k1 (kafka) has no property "metadata.broker.list"; did you mean "kafka.bootstrap.servers", which is required?`},
		{"property that ends as another", "= logger", "= kafka\na1.sinks.k1.kafka.bootstrap.servers = b:1\na1.sinks.k1.kafka.topic = t\na1.sinks.k1.producer.type = sync", `:11:13: warning: sink k1 (kafka) has no property "producer.type"; it has no effect; leave the line out`},
		{"folders with blanks", "= memory\n", "= file\na1.channels.c1.checkpointDir = /tmp/a\na1.channels.c1.dataDirs = /tmp/b /tmp/c\n", ":12:33: warning: channel c1: dataDirs names one folder with a blank in its name; separate folders by commas"},
		{"port of all addresses", "a1.sources = r1", "a1.sources = r1 r2\na1.sources.r2.type = http\na1.sources.r2.port = 44444\na1.sources.r2.channels = c1", ":3:22: error: source r2: source r1 has port tcp localhost:44444 already; choose another port"},
		{"one of several ports", "a1.sources = r1", "a1.sources = r1 r2\na1.sources.r2.type = multiport_syslogtcp\na1.sources.r2.host = 127.0.0.1\na1.sources.r2.ports = 1 44444\na1.sources.r2.channels = c1", ":4:23: error: source r2: source r1 has port tcp localhost:44444 already; choose another port"},
		{"a very long line", "= memory\n", "= memory\n" + strings.Repeat("x", 1<<20) + "\n", ":11:1: error: xxx"},
		{"capacity of a channel under sources", "= memory\n", "= memory\na1.sources.c1.capacity = 500\n", ":11:1: warning: a1.sources.c1.capacity: c1 is no source; it has no effect; did you mean a1.channels.c1.capacity?"},
		{"second capacity of a channel under sources", "= memory\n", "= memory\na1.channels.c1.capacity = 500\na1.sources.c1.capacity = 5\n", ":12:1: warning: a1.sources.c1.capacity: c1 is no source; it has no effect"},
		{"path of a sink under sources", "= logger", "= hdfs\na1.sources.k1.hdfs.path = /x", ":9:1: error: a1.sources.k1.hdfs.path: k1 is no source; did you mean a1.sinks.k1.hdfs.path?"},
		{"channel of a sink under the channel's name", "a1.sinks.k1.channel", "a1.sinks.c1.channel", ":9:1: error: a1.sinks.c1.channel: c1 is no sink; did you mean a1.sinks.k1.channel?"},
		{"comment behind a type", "= logger", "= logger # yes", `:8:20: error: type of sink k1: "# yes" is part of the value; give the comment a line of its own`},
		{"comment behind a list", "a1.sources = r1", "a1.sources = r1 # yes", `:1:14: error: a1.sources: "# yes" is part of the value; give the comment a line of its own`},
		{"slashes behind a list", "a1.sinks = k1", "a1.sinks = k1 // k2", `:2:12: error: a1.sinks: "// k2" is part of the value; give the comment a line of its own`},
		{"slashes behind a channel", "sinks.k1.channel = c1", "sinks.k1.channels = c1 // x", `:9:24: error: channel of sink k1: "// x" is part of the value; give the comment a line of its own`},
		{"comment behind interceptors", "= memory\n", "= memory\na1.sources.r1.interceptors = i1 # x\na1.sources.r1.interceptors.i1.type = host\n", `:11:30: error: a1.sources.r1.interceptors: "# x" is part of the value`},
		{"key of a config filter", "= memory\n", "= memory\na1.configfilters = f1\na1.configfilters.f1.type = env\na1.channels.c1.capacity = ${f1['/x']}\n",
			":13:27: error: capacity of channel c1: nothing replaces ${f1['/x']}: keys of config filters have letters, digits, - and _ alone; write ${f1['KEY']} with such a key"},
		{"no config filter", "= memory\n", "= memory\na1.channels.c1.capacity = ${f1['x']}\n", ":11:27: error: capacity of channel c1: nothing replaces ${f1['x']}: there is no config filter f1; add a1.configfilters = f1 and a1.configfilters.f1.type = env"},
		{"config filter that is not listed", "= memory\n", "= memory\na1.configfilters.f1.type = env\na1.channels.c1.capacity = ${f1['x']}\n", ":12:27: error: capacity of channel c1: nothing replaces ${f1['x']}: there is no config filter f1; list it: a1.configfilters = f1"},
		{"no sources in their list", "a1.sources = r1", "a1.sources =", ":1:1: error: a1.sources lists nothing: source r1, described in line 4, does not run; write a1.sources = r1"},
		{"no sinks in their list", "a1.sinks = k1", "a1.sinks", ":2:1: error: a1.sinks lists nothing: sink k1, described in line 8, does not run; write a1.sinks = k1"},
		{"no channels in their list", "a1.channels = c1", "a1.channels =", ":3:1: error: a1.channels lists nothing: channel c1, described in line 10, does not run; write a1.channels = c1"},
		{"an empty list of nothing", "= memory\n", "= memory\na1.sinkgroups =\n", ":11:1: note: a1.sinkgroups lists nothing"},
		{"no channels at all", "a1.channels = c1\n", "", ":9:1: error: channel c1 is described but not listed"},
		{"brokers with blanks", "= logger", "= org.apache.flume.sink.kafka.KafkaSink\na1.sinks.k1.kafka.bootstrap.servers = h1 h2:9093", ":9:39: error: sink k1: kafka.bootstrap.servers: brokers are separated by commas, not by blanks; write h1,h2:9093"},
		{"brokers of a source with blanks", "= netcat", "= org.apache.flume.source.kafka.KafkaSource\na1.sources.r1.kafka.bootstrap.servers = h1:1, h2:2 h3:3", ":5:41: error: source r1: kafka.bootstrap.servers: brokers are separated by commas"},
		{"escape without an end", "= logger", "= hdfs\na1.sinks.k1.hdfs.path = /größe/%{a/%%/x", `:9:32: error: sink k1: "%{a" in hdfs.path is no escape and stays as it is; write %{HEADER}`},
		{"escape of two words", "= logger", "= hdfs\na1.sinks.k1.hdfs.path = /x\na1.sinks.k1.hdfs.filePrefix = x%{my host}", `:10:32: error: sink k1: "%{my host}" in hdfs.filePrefix is no escape`},
		{"percent sign alone", "= logger", "= hdfs\na1.sinks.k1.hdfs.path = /x/100%/y", `:9:31: warning: sink k1: "%" in hdfs.path is no escape and stays as it is; write %% for a percent sign`},
		{"unknown escape", "= logger", "= hdfs\na1.sinks.k1.hdfs.path = hdfs://n/größe/%Y/%q/%F", `:9:43: error: sink k1: there is no escape "%q"; write %% for a percent sign`},
		{"the second unknown escape", "= logger", "= hdfs\na1.sinks.k1.hdfs.path = hdfs://n/größe/%Y/%q/%F", `:9:46: error: sink k1: there is no escape "%F"; write %Y-%m-%d`},
		{"unknown escape in a name", "= logger", "= hdfs\na1.sinks.k1.hdfs.path = /x\na1.sinks.k1.hdfs.filePrefix = a-%[host]", `:10:33: error: sink k1: there is no escape "%[host]"; write %[localhost], %[IP] or %[FQDN]`},
		{"unknown escape in a topic", "= logger", "= kafka\na1.sinks.k1.kafka.bootstrap.servers = b:1\na1.sinks.k1.kafka.topic = log-%Q", `:10:31: error: sink k1: "log-%Q" cannot be the name of a topic: there is no escape "%Q"`},
		{"semicolon behind a host", "= localhost", "= localhost;", `:5:22: error: bind of source r1 (netcat): want a host name or an address, not "localhost;"; write localhost`},
		{"host as a URL", "= localhost", "= http://web-1/", `:5:22: error: bind of source r1 (netcat): want a host name or an address without a port, not "http://web-1/"; write a name or an address, and nothing else`},
		{"thousands with commas", "= memory\n", "= memory\na1.channels.c1.capacity = 10,000\n", `:11:27: error: capacity of channel c1 (memory): want a whole number, not "10,000" (in events); write 10000`},
		{"a unit of time", "= memory\n", "= memory\na1.channels.c1.keep-alive = 2 min\n", `:11:29: error: keep-alive of channel c1 (memory): want a whole number, not "2 min" (in s); write 120`},
		{"a unit of bytes", "= memory\n", "= memory\na1.channels.c1.byteCapacity = 64MB;\n", `:11:31: error: byteCapacity of channel c1 (memory): want a whole number, not "64MB;" (in bytes); write 67108864`},
		{"yes for true", "= netcat\n", "= netcat\na1.sources.r1.ack-every-event = yes\n", `:5:33: error: ack-every-event of source r1 (netcat): want true or false, not "yes"; write true`},
		{"no number at all", "= memory\n", "= memory\na1.channels.c1.capacity = many\n", `:11:27: error: capacity of channel c1 (memory): want a whole number, not "many" (in events); leave the line out for the default, 100`},
		{"a choice", "= logger", "= file_roll\na1.sinks.k1.sink.directory = .\na1.sinks.k1.sink.pathManager = rolltim", `:10:32: error: sink.pathManager of sink k1 (file_roll): want one of DEFAULT, ROLLTIME, not "rolltim"; write ROLLTIME`},
		{"short type", "= logger", "= log", `:8:20: error: unknown sink type "log"; known: logger, null, file_roll, `},
		{"only name, not described", "sinks = k1", "sinks = k1 web", ":2:12: error: sink web is listed but not described; add a1.sinks.web.type, or take it out of the list"},
		{"longer name of a property", "= memory\n", "= memory\na1.channels.c1.memory.capacity = 10\n", `:11:16: warning: channel c1 (memory) has no property "memory.capacity"; it has no effect; did you mean "capacity"?`},
		{"interceptor for interceptors", "= memory\n", "= memory\na1.sources.r1.interceptor = i1\n", `:11:15: error: source r1 (netcat) has no property "interceptor"; did you mean "interceptors"?`},
		{"selector misspelt", "= memory\n", "= memory\na1.sources.r1.selecter.type = multiplexing\n", `:11:15: error: source r1 (netcat) has no property "selecter.type"; did you mean "selector.type"?`},
		{"property of an interceptor", "= memory\n", "= memory\na1.sources.r1.interceptors = i1\na1.sources.r1.interceptors.i1.type = host\na1.sources.r1.intercepts.i1.useIP = false\n", `:13:15: warning: source r1 (netcat) has no property "intercepts.i1.useIP"; it has no effect; did you mean "interceptors.i1.useIP"?`},
		{"interceptors without their list", "= memory\n", "= memory\na1.sources.r1.interceptors.i1.type = host\n", `:11:1: warning: interceptor i1 is described but not listed; add a1.sources.r1.interceptors = i1`},
		{"two signs in a list", "a1.sources = r1", "a1.sources == r1", `:1:13: error: a1.sources: the second "=" is part of the value; write one =`},
		{"checkpoint among the data", "= memory\n", "= file\na1.channels.c1.checkpointDir = x\na1.channels.c1.dataDirs = y,x\n", `:12:27: error: channel c1: dataDirs names `},
		{"broker without a port", "= logger", "= org.apache.flume.sink.kafka.KafkaSink\na1.sinks.k1.kafka.bootstrap.servers = h1:9093,h2", `:9:39: error: sink k1: kafka.bootstrap.servers: h2 has no port, and Flume does not start with that; write h2:9092`},
		{"no such program", "= netcat\n", "= exec\na1.sources.r1.command = tial-of-nowhere -F x\n", `:5:25: warning: source r1: command: there is no program tial-of-nowhere on this machine; install it, or write its path`},
		{"no such shell", "= netcat\n", "= exec\na1.sources.r1.shell = /no/sh -c\na1.sources.r1.command = x\n", `:5:23: warning: source r1: shell: there is no program /no/sh on this machine`},
		{"zero bytes", "= memory\n", "= memory\n\x00\x01\n", ":1:1: error: the file is no text: it holds bytes of the value zero; name a property file"},
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
		{"quotes and number signs in a regex", "= memory\n", "= memory\na1.sources.r1.interceptors = i1\na1.sources.r1.interceptors.i1.type = REGEX_FILTER\na1.sources.r1.interceptors.i1.regex = = \"x # y\" *$\n", ""},
		{"quotes around a regex", "= memory\n", "= memory\na1.sources.r1.interceptors = i1\na1.sources.r1.interceptors.i1.type = REGEX_FILTER\na1.sources.r1.interceptors.i1.regex = \"x # y\"\n", "note"},
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
		{"syslog on all addresses", "= netcat\na1.sources.r1.bind = localhost", "= syslogudp", ""},
		{"several ports on all addresses", "= netcat\na1.sources.r1.bind = localhost\na1.sources.r1.port = 44444", "= multiport_syslogtcp\na1.sources.r1.ports = 44444 44445", ""},
		{"script of a shell", "= netcat\na1.sources.r1.bind = localhost\na1.sources.r1.port = 44444", "= exec\na1.sources.r1.shell = /bin/sh\na1.sources.r1.command = /opt/x.sh", ""},
		{"time in a name of this machine", "= logger", "= hdfs\na1.sinks.k1.hdfs.path = file:///tmp/%H:%M\na1.sinks.k1.hdfs.useLocalTimeStamp = true", ""},
		{"one port of two addresses", "a1.sources = r1", "a1.sources = r1 r2 r3\na1.sources.r2.type = netcat\na1.sources.r2.bind = 10.0.0.1\na1.sources.r2.port = 44444\na1.sources.r2.channels = c1\na1.sources.r3.type = syslogudp\na1.sources.r3.port = 44444\na1.sources.r3.channels = c1", ""},
		{"one folder of two spooldir sources with files of their own", "a1.sources = r1", "a1.sources = r1 r2 r3\na1.sources.r2.type = spooldir\na1.sources.r2.spoolDir = .\na1.sources.r2.includePattern = a.*\na1.sources.r2.channels = c1\na1.sources.r3.type = spooldir\na1.sources.r3.spoolDir = .\na1.sources.r3.includePattern = b.*\na1.sources.r3.trackerDir = .mine\na1.sources.r3.channels = c1", ""},
		{"marks of two spooldir sources with other names", "a1.sources = r1", "a1.sources = r1 r2 r3\na1.sources.r2.type = spooldir\na1.sources.r2.spoolDir = .\na1.sources.r2.includePattern = a.*\na1.sources.r2.trackingPolicy = tracker_dir\na1.sources.r2.channels = c1\na1.sources.r3.type = spooldir\na1.sources.r3.spoolDir = .\na1.sources.r3.includePattern = b.*\na1.sources.r3.trackingPolicy = tracker_dir\na1.sources.r3.channels = c1", "warning"},
		{"two spooldir sources", "a1.sources = r1", "a1.sources = r1 r2 r3\na1.sources.r2.type = spooldir\na1.sources.r2.spoolDir = .\na1.sources.r2.channels = c1\na1.sources.r3.type = spooldir\na1.sources.r3.spoolDir = ..\na1.sources.r3.channels = c1", ""},
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
