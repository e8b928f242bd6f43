package kafka

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// loses makes the cluster say, while lost is set, that partition 0 of x ends at 5, and
// that there is nothing behind it: what is fetched from before are the records that have
// come since.
func (f *faulty) loses(lost *atomic.Bool) {
	f.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		resp := r.ResponseKind().(*kmsg.FetchResponse)
		for _, topic := range r.(*kmsg.FetchRequest).Topics {
			for _, p := range topic.Partitions {
				if lost.Load() && p.FetchOffset > 5 {
					part := kmsg.FetchResponseTopicPartition{Partition: p.Partition, ErrorCode: kerr.OffsetOutOfRange.Code}
					resp.Topics = append(resp.Topics, kmsg.FetchResponseTopic{Topic: topic.Topic, TopicID: topic.TopicID,
						Partitions: []kmsg.FetchResponseTopicPartition{part}})
				}
			}
		}
		return resp, nil, len(resp.Topics) > 0
	})
	f.ControlKey(int16(kmsg.ListOffsets), func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		resp := r.ResponseKind().(*kmsg.ListOffsetsResponse)
		for _, topic := range r.(*kmsg.ListOffsetsRequest).Topics {
			for _, p := range topic.Partitions {
				part := kmsg.NewListOffsetsResponseTopicPartition()
				part.Partition, part.Offset = p.Partition, 0
				if p.Timestamp == -1 {
					part.Offset = 5
				}
				resp.Topics = append(resp.Topics, kmsg.ListOffsetsResponseTopic{Topic: topic.Topic, Partitions: []kmsg.ListOffsetsResponseTopicPartition{part}})
			}
		}
		return resp, nil, lost.Load()
	})
}

// A partition that has lost records which were read is read from its beginning, and
// neither what was done of it before, nor what is committed, counts any more: the group
// would go on in the middle of the records that have come since.
func TestPartitionThatHasLostRecords(t *testing.T) {
	f := newFaulty(t, 1, 1)
	said := &heard{}
	f.cfg.Logger = tellTo(said.say)
	produce(t, f.cfg, "x", 0, 10)
	var lost atomic.Bool
	f.loses(&lost)
	c := consumer(t, f.cfg, ConsumerConfig{Topics: []string{"x"}, Group: "g", From: Beginning})
	_, old := readValues(t, c, 10)
	if err := c.Commit(soon(t), old); err != nil {
		t.Fatal(err)
	}
	lost.Store(true)
	got, _ := readValues(t, c, 1)
	if got[0] != "r0" {
		t.Errorf("read on at %q", got)
	}
	if at := commitOf(t, c); at != 0 {
		t.Errorf("the group goes on at %d", at)
	}
	if err := c.Commit(soon(t), old); !errors.Is(err, ErrRevoked) {
		t.Errorf("commit of what is gone: %v", err)
	}
	if open := c.progress.open([]part{{"x", 0}}); len(open) > 0 {
		t.Errorf("the end of the generation commits %v", open)
	}
	want := `topic "x" partition 0: there is no offset 10, the next one to read; it ends at 5: the topic was made anew, or has lost records; ` +
		`reading goes on at its beginning, offset 0`
	if text := said.String(); text != want {
		t.Errorf("told %q, want %q", text, want)
	}
}

// Where marks commit, reading ends: those on their way name the old places.
func TestPartitionThatHasLostRecordsWithMarks(t *testing.T) {
	f := newFaulty(t, 1, 1)
	produce(t, f.cfg, "x", 0, 10)
	var lost atomic.Bool
	f.loses(&lost)
	cc := ConsumerConfig{Topics: []string{"x"}, Group: "g", From: Beginning, Same: true}
	c := consumer(t, f.cfg, cc)
	_, b := readValues(t, c, 10)
	if err := c.Commit(soon(t), b); err != nil {
		t.Fatal(err)
	}
	lost.Store(true)
	if _, err := c.Read(soon(t)); !errors.Is(err, ErrRemade) || !strings.Contains(err.Error(), "has lost records") {
		t.Errorf("%v", err)
	}
	if at := commitOf(t, c); at != 0 {
		t.Errorf("the group goes on at %d", at)
	}
	lost.Store(false)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	got, _ := readValues(t, consumer(t, f.cfg, cc), 10)
	if !slices.Equal(got, numbered(0, 10)) {
		t.Errorf("the next run reads %q", got)
	}
}

// A coordinator that is away when it is found that records are lost is waited for.
func TestPartitionThatHasLostRecordsWithoutCoordinator(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, 1, 1)
	produce(t, f.cfg, "x", 0, 10)
	var lost atomic.Bool
	f.loses(&lost)
	c := consumer(t, f.cfg, ConsumerConfig{Topics: []string{"x"}, Group: "g", From: Beginning})
	_, old := readValues(t, c, 10)
	if err := c.Commit(soon(t), old); err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	f.ControlKey(int16(kmsg.OffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		return nil, errors.New("away"), asked.Add(1) <= metadataRetries+1 // one commit gives up behind them
	})
	lost.Store(true)
	if got, _ := readValues(t, c, 1); got[0] != "r0" {
		t.Errorf("read on at %q", got)
	}
	if at := commitOf(t, c); at != 0 {
		t.Errorf("the group goes on at %d", at)
	}
}

// A partition that was found to have lost records when its generation ended was another
// member's since, which has gone on in it: it is not set back.
func TestPartitionThatHadLostRecords(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	create(t, cfg, "x", 1)
	produce(t, cfg, "x", 0, 10)
	c := consumer(t, cfg, ConsumerConfig{Topics: []string{"x"}, Group: "g", From: Beginning})
	_, b := readValues(t, c, 10)
	if err := c.Commit(soon(t), b); err != nil {
		t.Fatal(err)
	}
	now := c.Session().Generation
	c.mu.Lock()
	again := c.rejoin
	c.generation-- // as if there had been one in between
	c.short[part{"x", 0}] = ending{asked: 7, next: 5}
	c.mu.Unlock()
	again()
	awaits(t, "a generation", func() bool { return c.Session().Generation > now })
	produce(t, cfg, "x", 10, 11)
	if got, _ := readValues(t, c, 1); got[0] != "r10" {
		t.Errorf("read on at %q", got)
	}
}

// Partitions that have lost records are set back in the next generation of a group, where
// no other member can have had them since.
func TestKeepShort(t *testing.T) {
	x, y := part{"x", 0}, part{"y", 0}
	for name, c := range map[string]struct {
		generation int32
		mine, now  []part
		want       bool
	}{
		"still this member's":             {8, []part{x, y}, []part{y, x}, true},
		"another's before":                {8, []part{y}, []part{x, y}, false},
		"another's now":                   {8, []part{x, y}, []part{y}, false},
		"generations without this member": {9, []part{x}, []part{x}, false},
	} {
		r := &Consumer{short: map[part]ending{x: {asked: 7, next: 5}}, mine: c.mine, generation: 7}
		r.keepShort(&session{generation: c.generation, parts: c.now})
		if _, kept := r.short[x]; kept != c.want {
			t.Errorf("%s: kept: %t", name, kept)
		}
	}
}
