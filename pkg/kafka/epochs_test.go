package kafka

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestEpochs(t *testing.T) {
	x := part{"x", 0}
	for name, c := range map[string]struct {
		do   func(*epochs)
		want []int32 // before each offset
	}{
		"nothing":                   {func(*epochs) {}, []int32{-1, -1, -1, -1}},
		"one term":                  {func(e *epochs) { e.note(x, 0, 5); e.note(x, 1, 5) }, []int32{-1, 4, 4, 4}},
		"two":                       {func(e *epochs) { e.note(x, 0, 5); e.note(x, 2, 7) }, []int32{-1, 4, 4, 6}},
		"read again":                {func(e *epochs) { e.note(x, 0, 5); e.note(x, 2, 7); e.note(x, 1, 6) }, []int32{-1, 4, 5, 5}},
		"of an older format":        {func(e *epochs) { e.note(x, 0, 5); e.note(x, 2, 0) }, []int32{-1, 4, 4, -1}},
		"committed":                 {func(e *epochs) { e.learn(x, 2, 5) }, []int32{-1, -1, 4, -1}},
		"committed, as it was read": {func(e *epochs) { e.note(x, 0, 3); e.note(x, 1, 5); e.learn(x, 2, 5) }, []int32{-1, 2, 4, 4}},
		"committed by others":       {func(e *epochs) { e.note(x, 0, 3); e.learn(x, 2, 5) }, []int32{-1, -1, 4, -1}},
		"committed without":         {func(e *epochs) { e.note(x, 0, 3); e.learn(x, 2, 0) }, []int32{-1, -1, -1, -1}},
		"committed at 0":            {func(e *epochs) { e.learn(x, 0, 3) }, []int32{-1, -1, -1, -1}},
		"read on behind it":         {func(e *epochs) { e.learn(x, 2, 5); e.note(x, 2, 5) }, []int32{-1, -1, 4, 4}},
		"the middle of its batch":   {func(e *epochs) { e.learn(x, 2, 5); e.note(x, 0, 5) }, []int32{-1, 4, 4, 4}},
		"cut":                       {func(e *epochs) { e.note(x, 0, 3); e.note(x, 2, 5); e.cut(x, 1, 3, 3) }, []int32{-1, 2, 4, 4}},
		"cut and read":              {func(e *epochs) { e.note(x, 0, 3); e.note(x, 2, 5); e.cut(x, 1, 3, 3); e.note(x, 1, 9) }, []int32{-1, 2, 8, 8}},
		"unclear":                   {func(e *epochs) { e.note(x, 0, 5); e.unclear(x) }, []int32{-1, -1, -1, -1}},
		"forgotten":                 {func(e *epochs) { e.note(x, 0, 5); e.forget("x") }, []int32{-1, -1, -1, -1}},
		"too many": {func(e *epochs) {
			for n := range int64(mostTerms) {
				e.note(x, n-mostTerms, 1+leaderEpoch(n))
			}
			e.note(x, 0, 90)
			e.note(x, 2, 91)
		}, []int32{mostTerms - 1, 89, 89, 90}},
	} {
		var e epochs
		c.do(&e)
		var got []int32
		for pos := range int64(4) {
			got = append(got, e.at(x, pos).number())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if n := len(e.terms[x]); n > mostTerms {
			t.Errorf("%s: %d terms", name, n)
		}
	}
}

// cutLog is how a log was cut, and how often it was fetched from since.
type cutLog struct {
	cut   atomic.Bool
	asked atomic.Int32
}

// now cuts the log and waits for a fetch that has begun since.
func (l *cutLog) now(t *testing.T) {
	t.Helper()
	l.cut.Store(true)
	awaits(t, "a fetch", func() bool { return l.asked.Load() > 0 })
}

// forks makes the cluster say, while the log is cut, that the log of partition 0 of x leaves
// at 5 the one that those have read who name an epoch. It has grown past their place.
func (f *faulty) forks() *cutLog {
	l := &cutLog{}
	f.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		resp := r.ResponseKind().(*kmsg.FetchResponse)
		for _, topic := range r.(*kmsg.FetchRequest).Topics {
			for _, p := range topic.Partitions {
				if p.FetchOffset <= 5 {
					l.cut.Store(false) // what comes now is of the log as it is
				}
				if !l.cut.Load() {
					continue
				}
				l.asked.Add(1)
				if p.LastFetchedEpoch >= 0 {
					part := kmsg.NewFetchResponseTopicPartition()
					part.Partition, part.HighWatermark = p.Partition, 100
					part.DivergingEpoch.Epoch, part.DivergingEpoch.EndOffset = 0, 5
					resp.Topics = append(resp.Topics, kmsg.FetchResponseTopic{Topic: topic.Topic, TopicID: topic.TopicID,
						Partitions: []kmsg.FetchResponseTopicPartition{part}})
				}
			}
		}
		return resp, nil, len(resp.Topics) > 0
	})
	return l
}

const forked = `topic "x" partition 0: its log was cut at offset 5, as by an unclean election of a leader: ` +
	`what was read from there up to offset 10 is gone, and its offsets are those of other records; reading goes on at offset 5`

// committedEpoch is the place of a group in partition 0 of x and the epoch that is stored
// with it.
func committedEpoch(t *testing.T, c *Consumer) string {
	t.Helper()
	var text string
	_, err := c.conn.committedEach(soon(t), "g", []part{{"x", 0}}, func(_ part, b *sarama.OffsetFetchResponseBlock) {
		text = fmt.Sprintf("%d of epoch %d", b.Offset, b.LeaderEpoch)
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A log that was cut, and has grown past the place of its reader, is read from where it
// was cut: with a group and without. The group goes on there, with the epoch.
func TestLogThatWasCut(t *testing.T) {
	for _, group := range []string{"", "g"} {
		t.Run(group, func(t *testing.T) {
			t.Parallel()
			f := newFaulty(t, 1, 1)
			said := &heard{}
			f.cfg.Logger = tellTo(said.say)
			produce(t, f.cfg, "x", 0, 10)
			log := f.forks()
			c := consumer(t, f.cfg, ConsumerConfig{Topics: []string{"x"}, Group: group, From: Beginning})
			_, old := readValues(t, c, 10)
			if err := c.Commit(soon(t), old); err != nil {
				t.Fatal(err)
			}
			if group != "" && committedEpoch(t, c) != "10 of epoch 0" {
				t.Errorf("committed: %s", committedEpoch(t, c))
			}
			log.now(t)
			produce(t, f.cfg, "x", 10, 20)
			got, last := readValues(t, c, 15)
			if !slices.Equal(got, numbered(5, 20)) {
				t.Errorf("read on: %q", got)
			}
			if text := said.String(); text != forked {
				t.Errorf("told %q, want %q", text, forked)
			}
			if group == "" {
				return
			}
			if at := committedEpoch(t, c); at != "5 of epoch 0" {
				t.Errorf("set back: %s", at)
			}
			if err := c.Commit(soon(t), old); !errors.Is(err, ErrRevoked) {
				t.Errorf("commit of what is gone: %v", err)
			}
			if err := c.Commit(soon(t), last); err != nil || committedEpoch(t, c) != "20 of epoch 0" {
				t.Errorf("committed: %s, %v", committedEpoch(t, c), err)
			}
		})
	}
}

// What was not done when the log was cut is not committed by that.
func TestLogThatWasCutBehindWhatIsNotDone(t *testing.T) {
	f := newFaulty(t, 1, 1)
	produce(t, f.cfg, "x", 0, 10)
	log := f.forks()
	c := consumer(t, f.cfg, ConsumerConfig{Topics: []string{"x"}, Group: "g", From: Beginning})
	_, b := readValues(t, c, 10)
	b.Records = []Record{{Offset: 2}}
	if err := c.Commit(soon(t), b); err != nil {
		t.Fatal(err)
	}
	log.now(t)
	if got, _ := readValues(t, c, 1); got[0] != "r5" {
		t.Errorf("read on at %q", got)
	}
	if at := commitOf(t, c); at != 3 {
		t.Errorf("the group goes on at %d", at)
	}
}

// The next member begins with the epoch that is committed; where marks commit, it does so
// with a session that names the right place.
func TestLogThatWasCutBeforeItIsRead(t *testing.T) {
	for _, marks := range []bool{false, true} {
		t.Run(fmt.Sprint(marks), func(t *testing.T) {
			t.Parallel()
			f := newFaulty(t, 1, 1)
			said := &heard{}
			f.cfg.Logger = tellTo(said.say)
			produce(t, f.cfg, "x", 0, 10)
			cc := ConsumerConfig{Topics: []string{"x"}, Group: "g", From: Beginning, Same: marks}
			c := consumer(t, f.cfg, cc)
			_, b := readValues(t, c, 10)
			if err := errors.Join(c.Commit(soon(t), b), c.Close()); err != nil {
				t.Fatal(err)
			}
			produce(t, f.cfg, "x", 10, 20)
			f.forks().cut.Store(true)
			c = consumer(t, f.cfg, cc)
			got, last := readValues(t, c, 15)
			if !slices.Equal(got, numbered(5, 20)) {
				t.Errorf("read %q", got)
			}
			if s := c.SessionOf(last); marks && s.Start["x/0"] != 5 {
				t.Errorf("the session begins at %v", s.Start)
			}
			if leaders := c.Leaders(map[string]int64{"x/0": last.Next(), "y/7": 3}); len(leaders) != 1 || leaders["x/0"] != 0 {
				t.Errorf("a mark has the epochs %v", leaders)
			}
			if text := said.String(); text != forked {
				t.Errorf("told %q, want %q", text, forked)
			}
		})
	}
}

// Where marks commit, and name places behind the cut already, reading ends.
func TestLogThatWasCutWithMarks(t *testing.T) {
	f := newFaulty(t, 1, 1)
	produce(t, f.cfg, "x", 0, 10)
	log := f.forks()
	c := consumer(t, f.cfg, ConsumerConfig{Topics: []string{"x"}, Group: "g", From: Beginning, Same: true})
	_, b := readValues(t, c, 10)
	if err := c.Commit(soon(t), b); err != nil {
		t.Fatal(err)
	}
	log.now(t)
	if _, err := c.Read(soon(t)); !errors.Is(err, ErrRemade) || !strings.Contains(err.Error(), "has lost records") {
		t.Errorf("%v", err)
	}
	if leaders := c.Leaders(map[string]int64{"x/0": 10}); leaders["x/0"] != 0 || len(leaders) != 1 {
		t.Errorf("a late mark has the epochs %v: the next run would not find out", leaders)
	}
	if at := commitOf(t, c); at != 5 {
		t.Errorf("the group goes on at %d", at)
	}
}

// A mark brings its epoch to the group, with a transaction and without; one that does not
// know it says so.
func TestEpochOfMarks(t *testing.T) {
	f := newFaulty(t, 1, 1)
	produce(t, f.cfg, "x", 0, 10)
	c := consumer(t, f.cfg, ConsumerConfig{Topics: []string{"x"}, Group: "g", From: Beginning})
	_, b := readValues(t, c, 10)
	s := c.SessionOf(b)
	k := NewCommitter(f.cfg, "")
	defer k.Close()
	for i, leaders := range []map[string]int32{{"x/0": 7}, nil, {"x/0": -5}} {
		m := Mark{Group: "g", Member: s.Member, Generation: s.Generation, Offsets: map[string]int64{"x/0": int64(i)}, Leaders: leaders}
		if err := k.Commit(soon(t), m); err != nil {
			t.Fatal(err)
		}
		if at, want := committedEpoch(t, c), fmt.Sprintf("%d of epoch %d", i, []int{7, -1, -1}[i]); at != want {
			t.Errorf("committed %s, want %s", at, want)
		}
	}
	create(t, f.cfg, "out", 1)
	transactWithOffsets(t, f.cfg, Offsets{Group: "g", Member: s.Member, Generation: s.Generation, Leaders: map[string]int32{"x/0": 8}, Next: []NextOffset{{"x", 0, 9, ""}}})
	if at := committedEpoch(t, c); at != "9 of epoch 8" {
		t.Errorf("committed %s", at)
	}
}

// A log of which the leader does not know the epoch of what was read is another one: it is
// read from its beginning, once, also where the leader never knows one.
func TestEpochThatTheLeaderDoesNotKnow(t *testing.T) {
	f := newFaulty(t, 1, 1)
	said := &heard{}
	f.cfg.Logger = tellTo(said.say)
	produce(t, f.cfg, "x", 0, 10)
	cc := ConsumerConfig{Topics: []string{"x"}, Group: "g", From: Beginning}
	c := consumer(t, f.cfg, cc)
	_, b := readValues(t, c, 10)
	if err := errors.Join(c.Commit(soon(t), b), c.Close()); err != nil {
		t.Fatal(err)
	}
	produce(t, f.cfg, "x", 10, 20)
	f.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		resp := r.ResponseKind().(*kmsg.FetchResponse)
		for _, topic := range r.(*kmsg.FetchRequest).Topics {
			for _, p := range topic.Partitions {
				if p.LastFetchedEpoch >= 0 {
					part := kmsg.NewFetchResponseTopicPartition()
					part.Partition, part.ErrorCode = p.Partition, kerr.OffsetOutOfRange.Code
					resp.Topics = append(resp.Topics, kmsg.FetchResponseTopic{Topic: topic.Topic, TopicID: topic.TopicID,
						Partitions: []kmsg.FetchResponseTopicPartition{part}})
				}
			}
		}
		return resp, nil, len(resp.Topics) > 0
	})
	c = consumer(t, f.cfg, cc)
	got, _ := readValues(t, c, 20)
	produce(t, f.cfg, "x", 20, 25)
	more, _ := readValues(t, c, 5)
	if got = append(got, more...); !slices.Equal(got, numbered(0, 25)) {
		t.Errorf("read %q", got)
	}
	want := `topic "x" partition 0: there is no offset 10, the next one to read; what has its number is another one: the topic was made anew, or has lost records; ` +
		`reading goes on at its beginning, offset 0`
	if text := said.String(); text != want {
		t.Errorf("told %q, want %q", text, want)
	}
}
