package kafka

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
)

// markOf is a mark of what the session of a consumer has read.
func markOf(t *testing.T, c *Consumer, offsets map[string]int64) Mark {
	t.Helper()
	awaits(t, "the group", func() bool { return c.Session() != nil })
	s := c.Session()
	return Mark{Group: s.Group, Member: s.Member, Generation: s.Generation, Epoch: 1, Offsets: offsets, Topics: s.Topics, Brokers: c.Brokers()}
}

// commitOf is what a group has committed of the first partition of x; -1 = nothing.
func commitOf(t *testing.T, c *Consumer) int64 {
	t.Helper()
	at, err := c.Committed(soon(t), map[string]int64{"x/0": 0})
	if err != nil {
		t.Fatal(err)
	}
	return at["x/0"]
}

// A mark that comes to the end of a pipe when its topic is another one commits nothing
// on that, with a transaction and without: its reader, which the pipe holds up, is still
// the member that it names.
func TestMarkOfATopicThatWasRemade(t *testing.T) {
	t.Parallel()
	cfg, _ := cluster(t, broker.Config{})
	markOfRemade(t, cfg)
}

func markOfRemade(t *testing.T, cfg Config) {
	t.Helper()
	create(t, cfg, "x", 1)
	create(t, cfg, "out", 1)
	for n := range 50 { // a batch each
		produce(t, cfg, "x", n, n+1)
	}
	cc := ConsumerConfig{Topics: []string{"x"}, Group: "g", From: Beginning, FetchBytes: 100, Same: true, Session: 30 * time.Second}
	c := consumer(t, cfg, cc)
	readValues(t, c, 1)
	mark := markOf(t, c, map[string]int64{"x/0": 1})
	said := &heard{}
	loud := cfg
	loud.Logger = tellTo(said.say)
	k := NewCommitter(loud, "")
	defer k.Close()
	if err := k.Commit(soon(t), mark); err != nil {
		t.Fatal(err)
	}
	if at := commitOf(t, c); at != 1 {
		t.Fatalf("committed %d, want 1", at)
	}
	remake(t, cfg, "x", 1)
	produce(t, cfg, "x", 1000, 1030)
	mark.Offsets = map[string]int64{"x/0": 20}
	if err := k.Commit(soon(t), mark); err != nil {
		t.Error(err)
	}
	transactWithOffsets(t, cfg, Offsets{Group: "g", Member: mark.Member, Generation: mark.Generation, Topics: mark.Topics, Next: []NextOffset{{"x", 0, 20, ""}}})
	if at := commitOf(t, c); at > 0 {
		t.Errorf("committed %d of the new topic", at)
	}
	want := `topic "x" was deleted and made again: what was read of the old one is not committed`
	if text := said.String(); text != want {
		t.Errorf("told %q, want %q", text, want)
	}
	beginsAnew(t, cfg, c, cc)
}

// transactWithOffsets commits offsets in a transaction with a record.
func transactWithOffsets(t *testing.T, cfg Config, o Offsets) {
	t.Helper()
	p, err := NewProducer(soon(t), cfg, ProducerConfig{TransactionalID: "tx"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := errors.Join(p.Begin(soon(t)), p.Send(soon(t), Record{Topic: "out"}), p.CommitOffsets(soon(t), o), p.End(soon(t), true)); err != nil {
		t.Error(err)
	}
}

// beginsAnew holds that a reader that ends because its topic is another one leaves its
// group at the beginning of that, where the next one goes on, also one that would begin
// at the end.
func beginsAnew(t *testing.T, cfg Config, c *Consumer, cc ConsumerConfig) {
	t.Helper()
	for err := error(nil); !errors.Is(err, ErrRemade); {
		if _, err = c.Read(soon(t)); err != nil && !errors.Is(err, ErrRemade) {
			t.Fatal(err)
		}
	}
	if at := commitOf(t, c); at != 0 {
		t.Errorf("the group goes on at %d", at)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	cc.From, cc.ExitAtEnd = End, true
	if got := values(readAll(t, consumer(t, cfg, cc))); !slices.Equal(got, numbered(1000, 1030)) {
		t.Errorf("the next run reads %q", got)
	}
}

// A member that is to end at the end of its topic commits nothing of the old one on the
// new one, while it has not found out, and leaves the group at its beginning.
func TestGroupThatEndsOnATopicThatWasRemade(t *testing.T) {
	t.Parallel()
	cfg, _ := cluster(t, broker.Config{})
	create(t, cfg, "x", 1)
	for n := range 50 {
		produce(t, cfg, "x", n, n+1)
	}
	cc := ConsumerConfig{Topics: []string{"x"}, Group: "g", From: Beginning, FetchBytes: 100, ExitAtEnd: true}
	c := consumer(t, cfg, cc)
	_, b := readValues(t, c, 10)
	remake(t, cfg, "x", 1)
	produce(t, cfg, "x", 1000, 1030)
	awaits(t, "the time to ask again", func() bool { return !c.conn.replaced.asked(c.ids.of("x").String()) })
	if err := c.Commit(soon(t), b); !errors.Is(err, ErrRevoked) {
		t.Errorf("commit of the old topic: %v", err)
	}
	if at := commitOf(t, c); at > 0 {
		t.Errorf("committed %d of the new topic", at)
	}
	beginsAnew(t, cfg, c, cc)
}

// A member that finds out with a new generation of its group reads the new topic from
// its beginning, although it would begin at the end where nothing is committed.
func TestTopicRemadeBeforeAGeneration(t *testing.T) {
	t.Parallel()
	cfg, _ := cluster(t, broker.Config{})
	said := &heard{}
	cfg.Logger = tellTo(said.say)
	create(t, cfg, "x", 1)
	c := consumer(t, cfg, ConsumerConfig{Topics: []string{"x"}, Group: "g", FetchBytes: 100})
	awaits(t, "the group", func() bool { return c.Session() != nil })
	for n := range 50 {
		produce(t, cfg, "x", n, n+1)
	}
	readValues(t, c, 1)
	remake(t, cfg, "x", 1)
	produce(t, cfg, "x", 1000, 1030)
	c.mu.Lock()
	again := c.rejoin
	c.mu.Unlock()
	again()
	var got []string
	for !slices.Contains(got, "r1029") {
		more, _ := readValues(t, c, 1)
		got = append(got, more...)
	}
	if first := slices.Index(got, "r1000"); first < 0 || !slices.Equal(got[first:], numbered(1000, 1030)) {
		t.Errorf("read %q", got)
	}
	if text := said.String(); strings.Count(text, "was deleted and made again while it was read; it is read from its beginning") != 1 {
		t.Errorf("told %q", text)
	}
}

// The offsets of a topic that is there are committed where those of another one are
// not, and what has no id is taken as it is.
func TestMarkOfATopicThatIsGone(t *testing.T) {
	t.Parallel()
	cfg, _ := cluster(t, broker.Config{})
	for _, topic := range []string{"x", "y", "z"} {
		create(t, cfg, topic, 1)
		produce(t, cfg, topic, 0, 5)
	}
	c := consumer(t, cfg, ConsumerConfig{Patterns: []string{"^[xyz]$"}, Group: "g", From: Beginning, Rescan: time.Hour})
	offsets := map[string]int64{"x/0": 5, "y/0": 5, "z/0": 5}
	mark := markOf(t, c, offsets)
	mark.Topics = maps.Clone(mark.Topics)
	delete(mark.Topics, "z")
	a := admin(t, cfg)
	if err := a.DeleteTopics(soon(t), "x"); err != nil {
		t.Fatal(err)
	}
	k := NewCommitter(cfg, "")
	defer k.Close()
	if err := k.Commit(soon(t), mark); err != nil {
		t.Error(err)
	}
	at, err := c.Committed(soon(t), offsets)
	if want := map[string]int64{"x/0": -1, "y/0": 5, "z/0": 5}; err != nil || !maps.Equal(at, want) {
		t.Errorf("committed %v, %v, want %v", at, err, want)
	}
}
