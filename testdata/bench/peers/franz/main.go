// Command franz produces the lines of a file with franz-go, or consumes a topic to
// standard output: franz produce|consume BROKER TOPIC [FILE ACKS CODEC].
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"

	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(args []string) error {
	if len(args) == 6 && args[0] == "produce" {
		return produce(args[1], args[2], args[3], args[4], args[5])
	}
	if len(args) == 4 && args[0] == "consume" {
		return consume(args[1], args[2], args[3])
	}
	return fmt.Errorf("usage: franz produce BROKER TOPIC FILE ACKS CODEC | consume BROKER TOPIC COUNT")
}

func produce(broker, topic, file, acks, codec string) error {
	opts := []kgo.Opt{kgo.SeedBrokers(broker), kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(0)}
	if acks == "1" {
		opts = append(opts, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	}
	if codec == "lz4" {
		opts = append(opts, kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	} else {
		opts = append(opts, kgo.ProducerBatchCompression(kgo.NoCompression()))
	}
	c, err := kgo.NewClient(opts...)
	if err != nil {
		return err
	}
	defer c.Close()
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	var failed error
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, 1<<20), 1<<20)
	for lines.Scan() {
		r := kgo.SliceRecord(append([]byte(nil), lines.Bytes()...))
		c.Produce(context.Background(), r, func(_ *kgo.Record, err error) {
			if err != nil {
				failed = err
			}
		})
	}
	if err := c.Flush(context.Background()); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	return lines.Err()
}

func consume(broker, topic, count string) error {
	var left int
	if _, err := fmt.Sscan(count, &left); err != nil {
		return err
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer c.Close()
	out := bufio.NewWriterSize(os.Stdout, 1<<16)
	for left > 0 {
		got := c.PollFetches(context.Background())
		if err := got.Err(); err != nil {
			return err
		}
		got.EachRecord(func(r *kgo.Record) {
			out.Write(r.Value)
			out.WriteByte('\n')
			left--
		})
	}
	return out.Flush()
}
