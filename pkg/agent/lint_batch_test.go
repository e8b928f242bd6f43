package agent

import "testing"

// As Flume does, only a channel that has a transactionCapacity refuses batches
// above it: one of JDBC has a capacity alone, and cuts what is larger.
func TestBatchOfChannels(t *testing.T) {
	const file = `a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = seq
a1.sources.r1.batchSize = 200
a1.sources.r1.channels = c1
a1.sinks.k1.type = null
a1.sinks.k1.channel = c1
`
	const above = "a.conf:5:27: error: batchSize 200 of source r1 is above transactionCapacity 50 of channel c1; set it to at most 50 or raise transactionCapacity\n" +
		"a.conf:7:1: error: batchSize 100 of sink k1 is above transactionCapacity 50 of channel c1; set it to at most 50 or raise transactionCapacity\nexit 2\n"
	for channel, want := range map[string]string{
		"a1.channels.c1.type = memory\na1.channels.c1.transactionCapacity = 50":                                              above,
		"a1.channels.c1.type = file\na1.channels.c1.transactionCapacity = 50":                                                above,
		"a1.channels.c1.type = SPILLABLEMEMORY\na1.channels.c1.transactionCapacity = 50":                                     above,
		"a1.channels.c1.type = jdbc\na1.channels.c1.maximum.capacity = 50":                                                   "starts\n",
		"a1.channels.c1.type = org.apache.flume.channel.kafka.KafkaChannel\na1.channels.c1.kafka.bootstrap.servers = b:9092": "starts\n",
	} {
		if got := lint(t, file+channel+"\n"); got != want {
			t.Errorf("%s:\n got %s\nwant %s", channel, got, want)
		}
	}
}
