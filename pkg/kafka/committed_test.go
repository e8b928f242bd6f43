package kafka

import (
	"fmt"
	"slices"
	"testing"

	"github.com/IBM/sarama"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// transactor sends transactions with the library's own producer.
type transactor struct {
	t     *testing.T
	p     sarama.SyncProducer
	topic string
}

func newTransactor(t *testing.T, cfg Config, id, topic string) *transactor {
	t.Helper()
	c := sarama.NewConfig()
	c.Version = sarama.V2_8_0_0
	c.Producer.Transaction.ID = id
	c.Producer.Idempotent = true
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Return.Successes = true
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Net.MaxOpenRequests = 1
	p, err := sarama.NewSyncProducer(cfg.Brokers, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return &transactor{t, p, topic}
}

func (x *transactor) must(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *transactor) send(values ...string) {
	x.t.Helper()
	for _, v := range values {
		_, _, err := x.p.SendMessage(&sarama.ProducerMessage{Topic: x.topic, Value: sarama.StringEncoder(v)})
		x.must(err)
	}
}

// transactions holds what readers see of transactions: those of others between
// them, aborted and committed ones of the same producer, one that is open.
func transactions(t *testing.T, cfg Config) {
	create(t, cfg, "bank", 1)
	read := func(cc ConsumerConfig) []string {
		t.Helper()
		cc.Topics, cc.ExitAtEnd = []string{"bank"}, true
		return values(readAll(t, consumer(t, cfg, cc)))
	}
	check := func(what string, got, want []string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: read %v, want %v", what, got, want)
		}
	}
	a, b := newTransactor(t, cfg, "a", "bank"), newTransactor(t, cfg, "b", "bank")
	a.must(a.p.BeginTxn())
	a.send("a1", "a2")
	b.must(b.p.BeginTxn())
	b.send("b1")
	a.send("a3")
	a.must(a.p.AbortTxn())
	produce(t, cfg, "bank", 0, 1) // without a transaction
	b.send("b2")
	b.must(b.p.CommitTxn())
	a.must(a.p.BeginTxn())
	a.send("a4")
	a.must(a.p.CommitTxn())
	a.must(a.p.BeginTxn())
	a.send("a5")
	a.must(a.p.AbortTxn())
	check("decided", read(ConsumerConfig{From: Beginning}), []string{"b1", "r0", "b2", "a4"})
	check("all", read(ConsumerConfig{From: Beginning, Open: true}), []string{"a1", "a2", "b1", "a3", "r0", "b2", "a4", "a5"})
	check("a group", read(ConsumerConfig{From: Beginning, Group: "g"}), []string{"b1", "r0", "b2", "a4"})

	// What lies behind an open transaction waits for it, and -e does not.
	b.must(b.p.BeginTxn())
	b.send("b3")
	produce(t, cfg, "bank", 1, 2)
	check("before an open one", read(ConsumerConfig{From: Beginning}), []string{"b1", "r0", "b2", "a4"})
	live := consumer(t, cfg, ConsumerConfig{Topics: []string{"bank"}, From: End})
	b.must(b.p.CommitTxn())
	var got []string
	for len(got) < 2 {
		batch, err := live.Read(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, values(batch.Records)...)
	}
	check("from the end, when it is decided", got, []string{"b3", "r1"})

	// Many transactions, over many batches and fetches. Kafka writes the marker of the last
	// one behind its answer: before another one has a record.
	var want []string
	for i := range 200 {
		a.must(a.p.BeginTxn())
		a.send(fmt.Sprint(i))
		if i%3 == 0 {
			a.must(a.p.AbortTxn())
			continue
		}
		a.must(a.p.CommitTxn())
		want = append(want, fmt.Sprint(i))
	}
	a.must(a.p.BeginTxn())
	a.send("open")
	check("many", read(ConsumerConfig{From: Beginning, FetchBytes: 1000})[6:], want)
	a.must(a.p.AbortTxn())
}

func TestTransactions(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	transactions(t, cfg)
}

func TestRealTransactions(t *testing.T) {
	transactions(t, Config{Brokers: logpipetest.StartKafka(t, 1).Brokers()})
}
