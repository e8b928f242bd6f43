// Package channel holds the channels of an agent, one file each: where events
// wait between a source and a sink, with the transactions of Apache Flume. The
// interface is flume.Channel.
package channel

import (
	"github.com/logpipe/logpipe/pkg/channel/file"
	"github.com/logpipe/logpipe/pkg/channel/jdbc"
	"github.com/logpipe/logpipe/pkg/flume"
)

// Types is the table of channel types.
func Types() flume.Table[flume.Channel] {
	const class = "org.apache.flume.channel."
	return flume.Table[flume.Channel]{
		{Alias: "memory", Classes: []string{class + "MemoryChannel"}, New: NewMemory,
			Help: "events wait in memory; what is inside is lost when the process is killed"},
		{Alias: "file", Classes: []string{class + "file.FileChannel"}, New: file.New,
			Help: "events wait on disk; what is inside survives a kill and a loss of power"},
		{Alias: "jdbc", Classes: []string{class + "jdbc.JdbcChannel"}, New: jdbc.New,
			Help: "events wait in a database: an SQLite file, PostgreSQL, MySQL or MariaDB; what is inside survives a kill"},
		{Alias: "SPILLABLEMEMORY", Classes: []string{class + "SpillableMemoryChannel"}, New: NewSpillable,
			Help: "events wait in memory and overflow to disk"},
		{Classes: []string{class + "kafka.KafkaChannel"}, New: NewKafka,
			Help: "events wait in a Kafka topic; other programs may be at either end of it"},
		{Classes: []string{class + "PseudoTxnMemoryChannel"}, Help: "for tests of Flume",
			Instead: "type memory"},
	}
}
