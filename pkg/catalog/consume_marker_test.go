package catalog

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/stream"
)

// TestConsumeSplitBeforeMarkers has a partition that ends with records that a transaction
// has taken back, and a reader such as head that takes a part of what comes before: no
// more than that is committed.
func TestConsumeSplitBeforeMarkers(t *testing.T) {
	at := cluster(t)
	cfg := kafka.Config{Brokers: []string{strings.TrimPrefix(at, " -b ")}}
	a, err := kafka.NewAdmin(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := a.CreateTopic(t.Context(), "t", 1, 1, nil); err != nil {
		t.Fatal(err)
	}
	p, err := kafka.NewProducer(t.Context(), cfg, kafka.ProducerConfig{TransactionalID: "tx"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for round, commit := range []bool{true, false} {
		err := p.Begin(t.Context())
		for i := range 5 {
			err = errors.Join(err, p.Send(t.Context(), kafka.Record{Topic: "t", Value: fmt.Append(nil, 5*round+i)}))
		}
		if err = errors.Join(err, p.End(t.Context(), commit)); err != nil {
			t.Fatal(err)
		}
	}
	consume := "consume t -g g -o beginning" + at
	src := openSource(t, consume)
	readBlock(t, src).Ack(stream.Split{Lines: 2})
	closeSource(t, src)
	src = openSource(t, consume+" -e")
	rest := readBlock(t, src)
	if got := string(rest.Data); got != "2\n3\n4\n" {
		t.Errorf("the next reader gets %q, want what the first has not taken", got)
	}
	rest.Ack(nil)
	closeSource(t, src)
	groups, err := a.DescribeGroups(t.Context(), "g")
	if err != nil {
		t.Fatal(err)
	}
	if lag := groups[0].Lag(); lag != 0 {
		t.Errorf("the lag is %d, want 0", lag)
	}
}
