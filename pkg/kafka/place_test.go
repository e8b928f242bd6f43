package kafka

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/logpipe/logpipe/pkg/fault"
)

// TestPlaceLater has a leader that has come back and does not tell where its partition
// begins, by an error and by closing the connection: the other partition is read
// meanwhile, and that one as soon as it tells.
func TestPlaceLater(t *testing.T) {
	for name, closes := range map[string]bool{"code": false, "close": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFaulty(t, 2, 2)
			p := f.producer(t, ProducerConfig{})
			f.store(t, p, 20, 2)
			back := f.leaderless(t, 1, false)
			r := consumer(t, f.cfg, ConsumerConfig{Topics: []string{"x"}, From: Beginning})
			read := func(id int32, n int) {
				t.Helper()
				for n > 0 {
					b, err := r.Read(soon(t))
					if err != nil || b.Partition != id {
						t.Fatalf("partition %d, %v; %d records of %d are missing", b.Partition, err, n, id)
					}
					n -= len(b.Records)
				}
			}
			read(0, 10)
			asked, tells := f.untold(t, 1, closes)
			back()
			for round := int64(1); round <= 2; round++ {
				awaits(t, "the question", func() bool { return asked() >= round })
				if err := p.Send(soon(t), Record{Topic: "x", Partition: 0, Value: []byte("new")}); err != nil {
					t.Fatal(err)
				}
				if err := p.Flush(soon(t)); err != nil {
					t.Fatal(err)
				}
				read(0, 1)
			}
			tells()
			read(1, 10)
		})
	}
}

// untold keeps the leader of a partition of x from telling its offsets.
func (f *faulty) untold(t *testing.T, id int32, closes bool) (asked func() int64, tells func()) {
	t.Helper()
	var n atomic.Int64
	var over atomic.Bool
	f.ControlKey(int16(kmsg.ListOffsets), func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		if over.Load() || r.(*kmsg.ListOffsetsRequest).Topics[0].Partitions[0].Partition != id {
			return nil, nil, false
		}
		n.Add(1)
		if closes {
			return nil, errors.New("cut"), true
		}
		resp := r.ResponseKind().(*kmsg.ListOffsetsResponse)
		topic, p := kmsg.NewListOffsetsResponseTopic(), kmsg.NewListOffsetsResponseTopicPartition()
		p.Partition, p.ErrorCode = id, kerr.OffsetNotAvailable.Code
		topic.Topic, topic.Partitions = "x", append(topic.Partitions, p)
		resp.Topics = append(resp.Topics, topic)
		return resp, nil, true
	})
	return n.Load, func() { over.Store(true) }
}

// TestLasting ends after its time with why the last attempt failed, and says that there
// was no answer where none has ended.
func TestLasting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &conn{outage: &outage{log: Config{}.log()}}
		release := make(chan struct{})
		defer close(release)
		begun := time.Now()
		_, err := lasting(t.Context(), c, func() (int, error) {
			<-release
			return 0, nil
		})
		if took := time.Since(begun); fault.CodeOf(err) != fault.Unreachable || fault.HintOf(err) == "" || took != electionPatience {
			t.Errorf("after %v: %v, hint %q", took, err, fault.HintOf(err))
		}
		var tries atomic.Int64
		_, err = lasting(t.Context(), c, func() (int, error) {
			if tries.Add(1) == 1 {
				return 0, sarama.ErrConsumerCoordinatorNotAvailable
			}
			<-release
			return 0, nil
		})
		if !errors.Is(err, sarama.ErrConsumerCoordinatorNotAvailable) {
			t.Errorf("%v instead of why the first attempt failed", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err = lasting(ctx, c, func() (int, error) { <-release; return 0, nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v at the end of the caller's time", err)
		}
	})
}

// TestPersist ends after the producer's time in the same way.
func TestPersist(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Producer{conn: &conn{outage: &outage{log: Config{}.log()}}, cfg: ProducerConfig{Timeout: 20 * time.Second}}
		release := make(chan struct{})
		defer close(release)
		err := p.persist(t.Context(), func() error {
			<-release
			return nil
		})
		if fault.CodeOf(err) != fault.Unreachable || err.Error() != "no answer within 20s" || fault.HintOf(err) == "" {
			t.Errorf("%v, hint %q", err, fault.HintOf(err))
		}
		var tries atomic.Int64
		err = p.persist(t.Context(), func() error {
			if tries.Add(1) == 1 {
				return sarama.ErrConsumerCoordinatorNotAvailable
			}
			<-release
			return nil
		})
		if !errors.Is(err, sarama.ErrConsumerCoordinatorNotAvailable) {
			t.Errorf("%v instead of why the first attempt failed", err)
		}
	})
}

// TestCountedBack has times that are counted back from the beginning of reading, however
// late a partition is asked for its place.
func TestCountedBack(t *testing.T) {
	now := time.Now()
	if got := (Offset{kind: fromAgo, ago: time.Hour}).counted(now); got.kind != fromTime || !got.at.Equal(now.Add(-time.Hour)) {
		t.Errorf("%+v", got)
	}
	if got := Last(3).counted(now); got != Last(3) {
		t.Errorf("%+v", got)
	}
}
