package catalog

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/stream"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// transactional opens produce --tx on a cluster whose answers a test chooses.
type transactional struct {
	cluster *kfake.Cluster
	t       *testing.T
	offsets atomic.Pointer[kerr.Error] // nil = taken
	written int64
	*produced
}

func newTransactional(t *testing.T) *transactional {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "out"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	x := &transactional{cluster: c, t: t}
	x.answerOffsets()
	x.produced = x.open()
	return x
}

// open opens another producer with the same id.
func (x *transactional) open() *produced {
	x.t.Helper()
	u := Command{Sink: func() SinkBuilder { return new(produceBuilder) }}.New()
	words := []string{"out", "--tx", "x", "-b", strings.Join(x.cluster.ListenAddrs(), ",")}
	args, _, err := ParseOptions(&u.Settings, words)
	if err != nil {
		x.t.Fatal(err)
	}
	part, err := u.Build(args)
	if err != nil {
		x.t.Fatal(err)
	}
	sink, err := part.Sink.Open(x.t.Context(), testEnv())
	if err != nil {
		x.t.Fatal(err)
	}
	p := sink.(*produced)
	if err := p.Control(&stream.Control{Kind: stream.ControlOpen, Token: "t", Version: 1}); err != nil {
		x.t.Fatal(err)
	}
	return p
}

// answerOffsets makes the cluster answer to the offsets of a transaction with
// x.offsets.
func (x *transactional) answerOffsets() {
	x.cluster.ControlKey(int16(kmsg.TxnOffsetCommit), func(r kmsg.Request) (kmsg.Response, error, bool) {
		x.cluster.KeepControl()
		resp := r.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
		if code := x.offsets.Load(); code != nil {
			part := kmsg.TxnOffsetCommitResponseTopicPartition{ErrorCode: code.Code}
			resp.Topics = append(resp.Topics, kmsg.TxnOffsetCommitResponseTopic{Topic: "in", Partitions: []kmsg.TxnOffsetCommitResponseTopicPartition{part}})
		}
		return resp, nil, true
	})
}

// unended makes the cluster refuse to end transactions.
func (x *transactional) unended() {
	x.cluster.ControlKey(int16(kmsg.EndTxn), func(r kmsg.Request) (kmsg.Response, error, bool) {
		x.cluster.KeepControl()
		resp := r.ResponseKind().(*kmsg.EndTxnResponse)
		resp.ErrorCode = kerr.TransactionalIDAuthorizationFailed.Code
		return resp, nil, true
	})
}

// mark writes records and the mark behind them, and returns what it counts then.
func (x *transactional) mark(lines ...string) (stream.Counts, error) {
	x.t.Helper()
	if err := x.Write(x.t.Context(), []byte(strings.Join(lines, "\n")+"\n")); err != nil {
		x.t.Fatal(err)
	}
	x.written += int64(len(lines))
	c := &stream.Control{Kind: stream.ControlMark, Token: "t", Group: "g", Member: "m", Generation: 1, Offsets: map[string]int64{"in/0": x.written},
		Ledger: []stream.Counts{{Stage: "consume", In: x.written, Out: x.written}, {Stage: "produce", In: x.written, Out: x.written}}}
	err := x.Control(c)
	return c.Ledger[1], err
}

// TestTransactionLedger counts the records of transactions that were not committed:
// they are not out, whatever the brokers had acknowledged of them.
func TestTransactionLedger(t *testing.T) {
	for _, c := range []struct {
		name   string
		broken func(*transactional)
		want   stream.Counts
		err    string // in the error of the mark; "" = none
	}{
		{"committed", func(*transactional) {}, stream.Counts{Out: 5}, ""},
		{"fenced off", func(x *transactional) {
			if err := x.open().Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}, stream.Counts{Out: 2, Again: 3}, "another producer has taken it over"},
		{"revoked", func(x *transactional) { x.offsets.Store(kerr.IllegalGeneration) }, stream.Counts{Out: 2, Again: 3}, ""},
		{"revoked, and not ended", func(x *transactional) { x.offsets.Store(kerr.IllegalGeneration); x.unended() }, stream.Counts{Out: 2, Again: 3},
			"end of the transaction: "},
		{"not known", (*transactional).unended, stream.Counts{Out: 2, Open: 3}, "end of the transaction: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newTransactional(t)
			if got, err := x.mark("a", "b"); err != nil || got.Out != 2 || got.Again != 0 {
				t.Fatalf("%+v, %v", got, err)
			}
			c.broken(x)
			got, err := x.mark("c", "d", "e")
			if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			if errors.Is(err, kafka.ErrRevoked) {
				t.Errorf("%v: that alone is no failure", err)
			}
			if got.Out != c.want.Out || got.Again != c.want.Again || got.Open != c.want.Open || got.Rest() != 0 {
				t.Errorf("%+v, want %+v", got, c.want)
			}
			all := errors.Join(err, x.Close(t.Context())) // fails where the transaction has
			if errors.Is(all, kafka.ErrFenced) && strings.Count(all.Error(), c.err) != 1 {
				t.Errorf("it is to be told once:\n%v", all)
			}
		})
	}
}
