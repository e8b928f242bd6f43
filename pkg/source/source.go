// Package source holds the sources of an agent, one file each, and what stands
// between a source and its channels: interceptors and the channel selector.
// Aliases, properties and behaviour are those of Apache Flume 1.11, except
// where Flume loses events: sources here wait for space in a full channel.
package source

import (
	"context"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Source reads events from somewhere and puts them into its channels.
type Source interface {
	// Open takes what the source needs, such as a port; nothing is read yet.
	Open(flume.Env) error
	// Run reads until ctx ends, which is no error, or until nothing more can
	// come. What was read before ctx ended is still put.
	Run(ctx context.Context, out *Output) error
	// Close releases what Open took; it is called once Run has returned, or
	// instead of it.
	Close() error
}

// Lingers reports whether a source that has been told to end keeps nothing but
// events that wait for space and come only once: a new one can work beside it.
// Others keep a port, or read again what was not put.
func Lingers(s Source) bool {
	switch s.(type) {
	case *Exec, *Netcat, *NetcatUDP, *SyslogTCP, *SyslogUDP:
		return true
	}
	return false
}

// Leaver is a source that lingers and reads on for a moment when it has been told
// to end: Left is closed when its port is free for its successor.
type Leaver interface{ Left() <-chan struct{} }

// Types is the table of source types.
func Types() flume.Table[Source] {
	const class = "org.apache.flume.source."
	return flume.Table[Source]{
		{Alias: "exec", Classes: []string{class + "ExecSource"}, New: NewExec,
			Help: "each line that a command prints"},
		{Alias: "netcat", Classes: []string{class + "NetcatSource"}, New: NewNetcat,
			Help: "each line that a TCP client sends"},
		{Alias: "seq", Classes: []string{class + "SequenceGeneratorSource"}, New: NewSeq,
			Help: "the numbers 0, 1, 2 …"},

		{Alias: "avro", Classes: []string{class + "AvroSource"}, New: NewAvro,
			Help: "events that avro sinks of other agents send"},
		{Alias: "thrift", Classes: []string{class + "ThriftSource"}, New: NewThrift,
			Help: "events that thrift sinks of other agents send"},
		{Alias: "spooldir", Classes: []string{class + "SpoolDirectorySource"}, New: NewSpooldir,
			Help: "each line of files that are put into a folder"},
		{Alias: "TAILDIR", Classes: []string{class + "taildir.TaildirSource"}, New: NewTaildir,
			Help: "each line that is added to files"},
		{Alias: "netcatudp", Classes: []string{class + "NetcatUdpSource"}, New: NewNetcatUDP,
			Help: "each line of UDP datagrams"},
		{Alias: "syslogtcp", Classes: []string{class + "SyslogTcpSource"}, New: NewSyslogTCP,
			Help: "each syslog message that comes by TCP"},
		{Alias: "multiport_syslogtcp", Classes: []string{class + "MultiportSyslogTCPSource"}, New: NewMultiportSyslogTCP,
			Help: "each syslog message that comes by TCP to one of several ports"},
		{Alias: "syslogudp", Classes: []string{class + "SyslogUDPSource"}, New: NewSyslogUDP,
			Help: "each syslog message that comes by UDP"},
		{Alias: "http", Classes: []string{class + "http.HTTPSource"}, New: NewHTTP,
			Help: "events that come by HTTP"},
		{Classes: []string{class + "kafka.KafkaSource"}, New: NewKafka,
			Help: "each record of Kafka topics"},
		{Classes: []string{class + "StressSource"}, New: NewStress,
			Help: "equal events, as many as the channels take"},

		{Alias: "jms", Classes: []string{class + "jms.JMSSource"},
			Instead: "let a client of the message broker print a message a line and run it with type exec, or bridge the queue into a Kafka topic and read that with type " + class + "kafka.KafkaSource"},
		{Classes: []string{class + "twitter.TwitterSource"},
			Instead: "the service behind it is gone; type exec runs a client that prints one post a line"},
		{Classes: []string{class + "scribe.ScribeSource"}, Instead: "let the senders speak syslog to type syslogtcp, or write files that type TAILDIR follows"},
		{Classes: []string{class + "avroLegacy.AvroLegacySource"}, Instead: "type avro, to which the avro sinks of Flume 1 speak; agents of Flume 0.9 cannot"},
		{Classes: []string{class + "thriftLegacy.ThriftLegacySource"}, Instead: "type thrift, to which the thrift sinks of Flume 1 speak; agents of Flume 0.9 cannot"},
	}
}
