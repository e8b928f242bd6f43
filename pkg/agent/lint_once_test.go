package agent

import (
	"strings"
	"testing"
)

// What is wrong with one value is told once, and what hangs on it is not told:
// nobody knows the properties of a class that is not here, nor what a reference
// stands for that nothing replaces.
func TestToldOnce(t *testing.T) {
	for name, test := range map[string]struct{ old, new, want string }{
		"references in a class of others": {"= logger", "= org.example.Sink\na1.sinks.k1.sql = ${header.id:int}",
			`a.conf:8:20: error: unknown sink type "org.example.Sink"; classes of others are not loaded; --lenient runs the rest`},
		"serializer of others": {"= logger", "= hdfs\na1.sinks.k1.hdfs.path = /x\na1.sinks.k1.serializer = org.example.S$Builder\na1.sinks.k1.serializer.format = CSV",
			`a.conf:10:26: error: sink k1: there is no serializer "org.example.S$Builder"; write text, header_and_text, avro_event or org.apache.flume.sink.hdfs.AvroEventSerializer$Builder`},
		"handler of others": {"= netcat", "= http\na1.sources.r1.handler = org.example.H\na1.sources.r1.handler.nickname = x",
			`a.conf:5:25: error: source r1: unknown handler "org.example.H"; write org.apache.flume.source.http.JSONHandler, org.apache.flume.source.http.BLOBHandler or org.apache.flume.sink.solr.morphline.BlobHandler`},
		"number that nothing stands for": {"= memory", "= memory\na1.channels.c1.capacity = ${CAP_OF_NOBODY}",
			`a.conf:11:27: error: capacity of channel c1 (memory): want a whole number, not "${CAP_OF_NOBODY}" (in events); write ${env:NAME}, ${sys:NAME} or a key of the file`},
		"reference in a reference": {"= localhost", "= ${${sys:nobody}_BIND}\nDEV_BIND = x",
			`a.conf:5:22: error: bind of source r1: nothing replaces ${sys:nobody}: there is no system property nobody; set it with -Dnobody=…; or write a default: ${sys:nobody:-VALUE}`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := lint(t, strings.Replace(plain, test.old, test.new, 1)); got != test.want+"\nexit 2\n" {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
		})
	}
}
