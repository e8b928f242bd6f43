// Package sink holds the sinks of an agent, one file each, and the runner that
// moves events from a channel into a sink with Apache Flume's transactions and
// back-off. Aliases, properties and formats are those of Flume 1.11.
package sink

import (
	"context"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Sink delivers events somewhere.
type Sink interface {
	// Open prepares the sink. A server that cannot be reached is no reason to
	// fail: the sink connects, and connects again, when it writes.
	Open(flume.Env) error
	// Write delivers the whole batch and returns nil when the channel may
	// forget it. After an error the same events come again. The slice and its
	// headers may be changed, the bodies not.
	Write(ctx context.Context, batch []flume.Event) error
	// Close releases what the sink holds.
	Close() error
}

// defaultBatch is the number of events that a sink without a property of its
// own takes at once.
const defaultBatch = 100

const insteadOfHBase = "type org.apache.flume.sink.kafka.KafkaSink into a topic from which a connector writes into HBase, " +
	"or type hdfs with hdfs.fileType = DataStream, whose files ImportTsv of HBase loads"

// Types is the table of sink types.
func Types() flume.Table[Sink] {
	const class = "org.apache.flume.sink."
	return flume.Table[Sink]{
		{Alias: "logger", Classes: []string{class + "LoggerSink"}, New: NewLogger,
			Help: "prints each event as Flume's log does"},
		{Alias: "null", Classes: []string{class + "NullSink"}, New: NewNull,
			Help: "throws events away"},
		{Alias: "file_roll", Classes: []string{class + "RollingFileSink"}, New: NewFileRoll,
			Help: "writes files, a new one every rollInterval"},
		{Alias: "kafka", Classes: []string{class + "kafka.KafkaSink"}, New: NewKafka,
			Help: "sends each body to a Kafka topic"},
		{Classes: []string{"org.apache.flume.plugins.KafkaSink"}, New: NewPluginKafka,
			Help: "the property names of a Kafka sink from before Flume had one"},

		{Alias: "avro", Classes: []string{class + "AvroSink"}, New: NewAvro,
			Help: "sends events to the avro source of another agent"},
		{Alias: "thrift", Classes: []string{class + "ThriftSink"}, New: NewThrift,
			Help: "sends events to the thrift source of another agent"},
		{Alias: "hdfs", Classes: []string{class + "hdfs.HDFSEventSink"}, New: newHDFS,
			Help: "writes files into HDFS or a folder, sorted by time and headers"},
		{Alias: "http", Classes: []string{class + "http.HttpSink"}, New: NewHTTP,
			Help: "posts each body to a URL"},
		{Alias: "elasticsearch", Classes: []string{class + "elasticsearch.ElasticSearchSink"},
			Instead: "type http with endpoint = http://HOST:9200/INDEX/_doc, contentTypeHeader = application/json, backoff.2XX = false, " +
				"rollback.2XX = false and incrementMetrics.2XX = true; bodies have to be JSON: an interceptor of type pipe with command = parse access, or the like, makes them so"},

		{Alias: "hbase", Classes: []string{class + "hbase.HBaseSink"}, Instead: insteadOfHBase},
		{Alias: "asynchbase", Classes: []string{class + "hbase.AsyncHBaseSink"}, Instead: insteadOfHBase},
		{Alias: "hbase2", Classes: []string{class + "hbase2.HBase2Sink"}, Instead: insteadOfHBase},
		{Alias: "hive", Classes: []string{class + "hive.HiveSink"},
			Instead: "type hdfs with hdfs.fileType = DataStream and hdfs.path = hdfs://HOST:8020/TABLE/day=%Y-%m-%d, below which a Hive table lies (EXTERNAL … PARTITIONED BY (day string))"},
		{Alias: "irc", Classes: []string{class + "irc.IRCSink"},
			Instead: "type http with endpoint = the webhook of a chat"},
		{Alias: "morphline_solr", Classes: []string{class + "solr.morphline.MorphlineSolrSink"},
			Instead: "type http with endpoint = http://HOST:8983/solr/COLLECTION/update/json/docs, contentTypeHeader = application/json, backoff.200 = false, " +
				"rollback.200 = false and incrementMetrics.200 = true; an interceptor of type pipe, with a command such as parse access | enrich, does what a morphline does"},
		{Classes: []string{class + "kite.DatasetSink"},
			Instead: "type hdfs with hdfs.fileType = DataStream and serializer = org.apache.flume.sink.hdfs.AvroEventSerializer$Builder"},
		{Classes: []string{"org.apache.kudu.flume.sink.KuduSink", class + "kudu.KuduSink"},
			Instead: "type " + class + "kafka.KafkaSink into a topic from which a connector writes into Kudu"},
	}
}
