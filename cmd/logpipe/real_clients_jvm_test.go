//go:build unix

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// flumeAgent has a sink, a source and a channel for Kafka: what r1 makes goes
// through the sink to a topic, what others send to a topic comes through the
// source into a folder, and what r3 makes goes through the channel into another.
const flumeAgent = `
a1.sources = r1 r2 r3
a1.channels = c1 c2 c3
a1.sinks = k1 k2 k3
a1.sources.r1.type = seq
a1.sources.r1.totalEvents = 1000
a1.sources.r1.channels = c1
a1.sources.r1.interceptors = i1
a1.sources.r1.interceptors.i1.type = static
a1.sources.r1.interceptors.i1.key = key
a1.sources.r1.interceptors.i1.value = of seq
a1.channels.c1.type = memory
a1.channels.c1.capacity = 2000
a1.sinks.k1.type = org.apache.flume.sink.kafka.KafkaSink
a1.sinks.k1.kafka.bootstrap.servers = BROKERS
a1.sinks.k1.kafka.topic = sunk
a1.sinks.k1.kafka.producer.acks = all
a1.sinks.k1.kafka.producer.enable.idempotence = true
a1.sinks.k1.kafka.producer.compression.type = lz4
a1.sinks.k1.channel = c1
a1.sources.r2.type = org.apache.flume.source.kafka.KafkaSource
a1.sources.r2.kafka.bootstrap.servers = BROKERS
a1.sources.r2.kafka.topics = sourced
a1.sources.r2.kafka.consumer.group.id = flume
a1.sources.r2.kafka.consumer.auto.offset.reset = earliest
a1.sources.r2.channels = c2
a1.channels.c2.type = memory
a1.channels.c2.capacity = 2000
a1.channels.c2.transactionCapacity = 1000
a1.sinks.k2.type = file_roll
a1.sinks.k2.sink.directory = DIR/source
a1.sinks.k2.sink.rollInterval = 0
a1.sinks.k2.channel = c2
a1.sources.r3.type = seq
a1.sources.r3.totalEvents = 1000
a1.sources.r3.channels = c3
a1.channels.c3.type = org.apache.flume.channel.kafka.KafkaChannel
a1.channels.c3.kafka.bootstrap.servers = BROKERS
a1.channels.c3.kafka.topic = channel
a1.channels.c3.kafka.consumer.group.id = flume-channel
a1.sinks.k3.type = file_roll
a1.sinks.k3.sink.directory = DIR/channel
a1.sinks.k3.sink.rollInterval = 0
a1.sinks.k3.channel = c3
`

// flume lets an agent of Apache Flume write to the broker and read from it, with
// the Kafka client 2.7 that it has.
func (b onBroker) flume() {
	tools := logpipetest.NewFlumeTools(b.t)
	dir := b.t.TempDir()
	for _, name := range []string{"source", "channel"} {
		makeFolder(b.t, dir, name)
	}
	b.create("sunk", "sourced", "channel")
	lines := numberedLines("größe ", 1000)
	b.run(asLines(lines), "logpipe produce sourced --compression zstd --partitioner round-robin")
	tools.Start(b.t, strings.NewReplacer("BROKERS", b.brokers, "DIR", dir).Replace(flumeAgent), "Component type: SINK, name: k1 started")
	seq := numberedLines("", 1000)
	b.sameLines("consume reads Flume's sink", b.run("", "logpipe consume sunk -o beginning -n 1000"), seq)
	b.want("", "logpipe consume sunk -o beginning -e -f '%k\\n' | uniq -c | tr -s ' '", " 1000 of seq\n")
	b.sameLines("Flume's source", b.awaitFolder(filepath.Join(dir, "source"), 1000), lines)
	b.sameLines("Flume's channel", b.awaitFolder(filepath.Join(dir, "channel"), 1000), seq)
	b.want("more\n", "logpipe produce sourced", "")
	b.sameLines("Flume's source goes on", b.awaitFolder(filepath.Join(dir, "source"), 1001), append(lines, "more"))
}

// awaitFolder waits until the files of a folder have n lines, which it returns.
func (b onBroker) awaitFolder(dir string, n int) string {
	b.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		names, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			b.t.Fatal(err)
		}
		var all bytes.Buffer
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				b.t.Fatal(err)
			}
			all.Write(text)
		}
		if bytes.Count(all.Bytes(), []byte("\n")) >= n {
			return all.String()
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%s has %d lines, want %d", dir, bytes.Count(all.Bytes(), []byte("\n")), n)
		}
	}
}

// sparkProgram prints what Spark reads of a topic in one go, and lets streams copy
// it to another topic with Spark's sink: all that is there, and then what has come.
const sparkProgram = `
import java.util.*;
import org.apache.spark.sql.*;
import org.apache.spark.sql.streaming.*;
public class Program {
  static SparkSession spark;
  static String brokers, dir;
  static void batch(String topic) {
    Dataset<Row> all = spark.read().format("kafka").option("kafka.bootstrap.servers", brokers).option("subscribe", topic)
        .option("startingOffsets", "earliest").option("includeHeaders", "true").load();
    System.out.println("COUNT " + topic + " " + all.count());
    for (Row r : all.selectExpr("partition", "offset", "cast(key as string)", "cast(value as string)", "cast(headers[0].value as string)").collectAsList())
      System.out.println("ROW " + topic + " " + r.get(2) + " " + r.get(3) + " " + r.get(4));
  }
  static void stream(String from, String to) throws Exception {
    StreamingQuery q = spark.readStream().format("kafka").option("kafka.bootstrap.servers", brokers).option("subscribe", from)
        .option("startingOffsets", "earliest").option("includeHeaders", "true").option("maxOffsetsPerTrigger", 1200).load()
        .select("key", "value", "headers")
        .writeStream().format("kafka").option("kafka.bootstrap.servers", brokers).option("topic", to).option("includeHeaders", "true")
        .option("checkpointLocation", dir).trigger(Trigger.AvailableNow()).start();
    q.awaitTermination();
    long n = 0;
    for (StreamingQueryProgress p : q.recentProgress()) n += p.numInputRows();
    System.out.println("STREAM " + n);
  }
  public static void main(String[] a) throws Exception {
    brokers = a[0];
    dir = a[1];
    spark = SparkSession.builder().master("local[2]").config("spark.ui.enabled", "false").config("spark.sql.codegen.wholeStage", "false")
        .config("spark.sql.warehouse.dir", dir + "-warehouse").getOrCreate();
    batch("from");
    stream("from", "to");
    spark.range(10).selectExpr("cast(id as string) as key", "concat('more ', id) as value").write().format("kafka")
        .option("kafka.bootstrap.servers", brokers).option("topic", "from").save();
    stream("from", "to");
    spark.stop();
  }
}
`

// spark reads a topic with Spark's source for Kafka, in one go and as a stream,
// and writes with its sink.
func (b onBroker) spark() {
	spark := logpipetest.NewSpark(b.t)
	b.create("from", "to")
	lines := numberedLines("größe ", 2000)
	b.run(asLines(lines), "logpipe produce from --header h=1 --partitioner round-robin")
	out := spark.Run(b.t, sparkProgram, b.brokers, filepath.Join(b.t.TempDir(), "checkpoint"))
	want := []string{"COUNT from 2000", "STREAM 2000", "STREAM 10"}
	for _, line := range lines {
		want = append(want, "ROW from null "+line+" 1")
	}
	b.sameLines("Spark prints", out, want)
	for i := range lines {
		lines[i] = " " + lines[i] + " h=1"
	}
	for _, more := range numberedLines("", 10) {
		lines = append(lines, more+" more "+more+" ")
	}
	for _, topic := range []string{"from", "to"} {
		b.sameLines(topic, b.run("", "logpipe consume "+topic+" -o beginning -e -f '%k %s %h\\n'"), lines)
	}
}
