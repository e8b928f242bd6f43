package kafka

import (
	"errors"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/broker"
)

// TestTarget asks for what a topic takes: by its own setting, by the brokers',
// and before it is there.
func TestTarget(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	create(t, cfg, "usual", 1)
	a := admin(t, cfg)
	if err := a.CreateTopic(soon(t), "small", 1, 1, map[string]string{"max.message.bytes": "50000"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []Target{{"usual", 1048588, 1}, {"small", 50000, 1}, {"later", 1048588, 0}} {
		got, err := NewTarget(soon(t), cfg, want.Topic)
		if got != want || err != nil {
			t.Errorf("%v, %v, want %v", got, err, want)
		}
		for partition, fits := range map[int]bool{-1: true, 0: true, 1: want.Partitions == 0} {
			if err := got.Check(partition); (err == nil) != fits {
				t.Errorf("%v, partition %d: %v", got, partition, err)
			}
		}
	}
}

// TestHalt holds that a producer that is halted takes no more records, and counts those
// that are in the topic to the last one.
func TestHalt(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	create(t, cfg, "x", 1)
	p, err := NewProducer(soon(t), cfg, ProducerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 2)
	for _, lines := range []string{"", strings.Repeat("line\n", 1000)} {
		begun := make(chan struct{})
		go func() {
			send := func() error {
				if lines != "" {
					return p.SendLines(t.Context(), Record{Topic: "x", Partition: 0}, []byte(lines), nil)
				}
				return p.Send(t.Context(), Record{Topic: "x", Partition: 0, Value: []byte("one")})
			}
			err := send()
			close(begun)
			for err == nil {
				err = send()
			}
			ended <- err
		}()
		<-begun
	}
	n := p.Halt(soon(t))
	if there := len(readAll(t, consumer(t, cfg, ConsumerConfig{Topics: []string{"x"}, From: Beginning, ExitAtEnd: true}))); n == 0 || int64(there) != n {
		t.Errorf("%d acknowledged, %d in the topic", n, there)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := <-ended; !errors.Is(err, errProducerClosed) {
			t.Errorf("%v behind Close", err)
		}
	}
}
