package kafka

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
)

// heard collects what a client tells.
type heard struct {
	mu   sync.Mutex
	text []string
}

func (h *heard) say(_ string, text ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text = append(h.text, fmt.Sprint(text...))
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.text, "\n")
}

// remake deletes a topic and makes it again.
func remake(t *testing.T, cfg Config, topic string, partitions int32) {
	t.Helper()
	a := admin(t, cfg)
	if err := a.DeleteTopics(soon(t), topic); err != nil {
		t.Fatal(err)
	}
	if err := a.CreateTopic(soon(t), topic, partitions, 1, nil); err != nil {
		t.Fatal(err)
	}
}

func readValues(t *testing.T, c *Consumer, n int) (got []string, last Batch) {
	t.Helper()
	for len(got) < n {
		b, err := c.Read(soon(t))
		if err != nil {
			t.Fatalf("after %d records: %v", len(got), err)
		}
		got, last = append(got, values(b.Records)...), b
	}
	return got, last
}

// A topic that is deleted and made again while it is read, with a group and without:
// that is told, and the new one is read from its first record, be it as long as the
// old one or shorter. What was read of the old one cannot be committed any more.
func TestTopicRemade(t *testing.T) {
	for _, group := range []string{"", "g"} {
		for _, length := range []int{5, 300} {
			t.Run(fmt.Sprint(group, length), func(t *testing.T) {
				t.Parallel()
				cfg, _ := cluster(t, broker.Config{})
				said := &heard{}
				cfg.Logger = tellTo(said.say)
				create(t, cfg, "x", 1)
				produce(t, cfg, "x", 0, 100)
				cc := ConsumerConfig{Topics: []string{"x"}, Group: group, From: Beginning}
				c := consumer(t, cfg, cc)
				_, old := readValues(t, c, 100)
				remake(t, cfg, "x", 1)
				produce(t, cfg, "x", 1000, 1000+length)
				got, last := readValues(t, c, length)
				if want := numbered(1000, 1000+length); !slices.Equal(got, want) {
					t.Fatalf("%d records from %s on, want %d", len(got), got[0], len(want))
				}
				// It is noticed by the topic's identity, or by the first fetch, whichever comes first.
				text := said.String()
				if !strings.Contains(text, `topic "x" was deleted and made again while it was read; it is read from its beginning`) &&
					!strings.Contains(text, "the topic was made anew, or has lost records; reading goes on at its beginning, offset 0") {
					t.Errorf("told %q", text)
				}
				if group == "" {
					return
				}
				if err := c.Commit(soon(t), old); !errors.Is(err, ErrRevoked) {
					t.Errorf("commit of the old topic: %v", err)
				}
				if err := c.Commit(soon(t), last); err != nil {
					t.Error(err)
				}
				if err := c.Close(); err != nil {
					t.Error(err)
				}
				produce(t, cfg, "x", 7, 8)
				again, _ := readValues(t, consumer(t, cfg, cc), 1)
				if !slices.Equal(again, []string{"r7"}) {
					t.Errorf("the next member reads %q", again)
				}
			})
		}
	}
}

// A topic that is made again, as long as before, while its reader waits in the middle
// of it: what comes behind what was fetched before is the new topic from its first
// record on, and nothing of it comes before that.
func TestTopicRemadeBehindABlockedReader(t *testing.T) {
	t.Parallel()
	cfg, _ := cluster(t, broker.Config{})
	remadeBehindReader(t, cfg)
}

func remadeBehindReader(t *testing.T, cfg Config) {
	t.Helper()
	said := &heard{}
	cfg.Logger = tellTo(said.say)
	create(t, cfg, "x", 1)
	for n := range 50 { // a batch each
		produce(t, cfg, "x", n, n+1)
	}
	c := consumer(t, cfg, ConsumerConfig{Topics: []string{"x"}, From: Beginning, FetchBytes: 100, Rescan: time.Hour})
	got, _ := readValues(t, c, 1)
	remake(t, cfg, "x", 1)
	produce(t, cfg, "x", 1000, 1050)
	for len(got) == 0 || got[len(got)-1] != "r1049" {
		more, _ := readValues(t, c, 1)
		got = append(got, more...)
	}
	old := len(got) - 50
	if old < 1 || old > 40 || !slices.Equal(got[:old], numbered(0, old)) || !slices.Equal(got[old:], numbered(1000, 1050)) {
		t.Errorf("read %q", got)
	}
	if text := said.String(); !strings.Contains(text, `topic "x" was deleted and made again while it was read`) {
		t.Errorf("told %q", text)
	}
}

// Where reading is to end at a place of the old topic it ends with an error.
func TestTopicRemadeBounded(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	create(t, cfg, "x", 1)
	produce(t, cfg, "x", 0, 10)
	until := AtOffset(20)
	c := consumer(t, cfg, ConsumerConfig{Topics: []string{"x"}, From: Beginning, Until: &until})
	readValues(t, c, 10)
	remake(t, cfg, "x", 1)
	produce(t, cfg, "x", 0, 30)
	if b, err := c.Read(soon(t)); !errors.Is(err, ErrRemade) {
		t.Errorf("%d records, %v", len(b.Records), err)
	}
}

// A topic that is deleted and stays away ends reading with its name.
func TestTopicDeletedWhileRead(t *testing.T) {
	t.Parallel()
	cfg, _ := cluster(t, broker.Config{})
	create(t, cfg, "x", 1)
	produce(t, cfg, "x", 0, 10)
	c := consumer(t, cfg, ConsumerConfig{Topics: []string{"x"}, From: Beginning})
	readValues(t, c, 10)
	if err := admin(t, cfg).DeleteTopics(soon(t), "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(soon(t)); !errors.Is(err, ErrNoTopic) || err.Error() != `topic "x" was deleted while it was read` {
		t.Errorf("%v", err)
	}
}

// What a group has committed beyond the end of a topic is told, and the topic is read
// from its beginning, to its end too.
func TestCommittedBeyondTheEnd(t *testing.T) {
	cfg, _ := cluster(t, broker.Config{})
	said := &heard{}
	cfg.Logger = tellTo(said.say)
	create(t, cfg, "x", 1)
	produce(t, cfg, "x", 0, 5)
	c := consumer(t, cfg, ConsumerConfig{Topics: []string{"x"}, Group: "g", From: Beginning})
	_, b := readValues(t, c, 5)
	b.Records = []Record{{Offset: 99}}
	if err := errors.Join(c.Commit(soon(t), b), c.Close()); err != nil {
		t.Fatal(err)
	}
	got := readAll(t, consumer(t, cfg, ConsumerConfig{Topics: []string{"x"}, Group: "g", From: Beginning, ExitAtEnd: true}))
	if !slices.Equal(values(got), numbered(0, 5)) {
		t.Errorf("read %q", values(got))
	}
	want := `topic "x" partition 0: there is no offset 100, the next one to read; it ends at 5: the topic was made anew, or has lost records; ` +
		`reading goes on at its beginning, offset 0`
	if text := said.String(); text != want {
		t.Errorf("told %q, want %q", text, want)
	}
}

// A topic that is made again while it is produced to takes what follows, each record
// once and in order; that the first ones are gone is told.
func TestTopicRemadeForProducer(t *testing.T) {
	f := newFaulty(t, 1, 3)
	said := &heard{}
	f.cfg.Logger = tellTo(said.say)
	p := f.producer(t, ProducerConfig{})
	f.store(t, p, 300, 3)
	remake(t, f.cfg, "x", 2)
	p.wantMetadata()
	awaits(t, "the new width", func() bool { return p.known("x").width == 2 })
	f.load(t, p, 200, 2)
	err := errors.Join(p.Flush(soon(t)), p.Send(soon(t), Record{Topic: "x", Partition: 2}), p.Flush(soon(t)))
	if err == nil || !IsRefused(err) || !strings.HasPrefix(err.Error(), `1 record was not acknowledged: topic "x" has no partition 2`) {
		t.Errorf("a partition that the new one does not have: %v", err)
	}
	f.whole(t, 200, 2)
	if text := said.String(); text != `topic "x" was deleted and made again: what was acknowledged before is gone with the old one` {
		t.Errorf("told %q", text)
	}
}

// known is a copy of what is known of a topic.
func (p *Producer) known(name string) topic {
	p.mu.Lock()
	defer p.mu.Unlock()
	return *p.topics[name]
}
