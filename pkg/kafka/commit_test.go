package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/fault"
)

// TestCommitAll commits the batches of all partitions at once.
func TestCommitAll(t *testing.T) {
	const partitions, n = 40, 2000
	cfg, _ := cluster(t, broker.Config{})
	create(t, cfg, "x", partitions)
	produce(t, cfg, "x", 0, n)
	c := consumer(t, cfg, ConsumerConfig{Topics: []string{"x"}, Group: "g", From: Beginning, ExitAtEnd: true})
	last := map[part]Batch{}
	for {
		b, err := c.Read(soon(t))
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		last[b.part()] = b.Last()
	}
	if len(last) != partitions {
		t.Fatalf("records of %d partitions, want %d", len(last), partitions)
	}
	var list []Batch
	for _, b := range last {
		list = append(list, b)
	}
	list = append(list, Batch{}) // without records there is nothing to do
	if err := c.CommitAll(soon(t), list); err != nil {
		t.Fatal(err)
	}
	groups, err := admin(t, cfg).DescribeGroups(soon(t), "g")
	if err != nil {
		t.Fatal(err)
	}
	if got := groups[0]; len(got.Offsets) != partitions || got.Lag() != 0 {
		t.Errorf("%d partitions are committed, the lag is %d: want %d and 0", len(got.Offsets), got.Lag(), partitions)
	}

	// One that went elsewhere does not keep the others from being stored.
	old := list[0]
	old.made++
	if err := c.CommitAll(soon(t), []Batch{list[1], old}); !errors.Is(err, ErrRevoked) {
		t.Errorf("with a partition that was read again: %v, want ErrRevoked", err)
	}
}

// TestCommitError tells what is worth waiting for from what is not.
func TestCommitError(t *testing.T) {
	for _, err := range []error{sarama.ErrNotCoordinatorForConsumer, sarama.ErrConsumerCoordinatorNotAvailable, sarama.ErrOffsetsLoadInProgress,
		errors.Join(sarama.ErrNotCoordinatorForConsumer, io.EOF), io.EOF, context.DeadlineExceeded} {
		got := commitError("g", err)
		if fault.CodeOf(got) != fault.Unreachable || !errors.Is(got, err) || fault.HintOf(got) == "" {
			t.Errorf("%v: %v with code %d, want that the cluster is away", err, got, fault.CodeOf(got))
		}
	}
	for _, err := range []error{sarama.ErrGroupAuthorizationFailed, sarama.ErrOffsetMetadataTooLarge} {
		if got := commitError("g", err); fault.CodeOf(got) == fault.Unreachable || !errors.Is(got, err) {
			t.Errorf("%v: %v with code %d, want that it is refused", err, got, fault.CodeOf(got))
		}
	}
	for _, err := range []error{sarama.ErrIllegalGeneration, sarama.ErrUnknownMemberId, sarama.ErrRebalanceInProgress} {
		if got := commitError("g", err); !errors.Is(got, ErrRevoked) {
			t.Errorf("%v: %v, want ErrRevoked", err, got)
		}
	}
}

// TestPatient repeats what fails for longer than an election takes, where its caller
// has that time.
func TestPatient(t *testing.T) {
	t.Parallel()
	c := &conn{outage: &outage{log: Config{}.log()}}
	calls := 0
	got, err := patient(soon(t), c, func() (int, error) {
		if calls++; calls <= metadataRetries+2 {
			return 0, sarama.ErrNotCoordinatorForConsumer
		}
		return calls, nil
	})
	if err != nil || got != metadataRetries+3 {
		t.Errorf("%d, %v at call %d", got, err, calls)
	}
	refused := func() (int, error) { calls++; return 0, sarama.ErrGroupAuthorizationFailed }
	calls = 0
	if _, err := patient(soon(t), c, refused); !errors.Is(err, sarama.ErrGroupAuthorizationFailed) || calls != 1 {
		t.Errorf("what is refused was tried %d times: %v", calls, err)
	}
}

// TestCoordinatorBehind has a coordinator that hears of a partition later than the
// brokers that lead it: it is waited for, and not taken for a topic that was deleted.
func TestCoordinatorBehind(t *testing.T) {
	b := sarama.NewMockBroker(t, 1)
	defer b.Close()
	one := func(code sarama.KError) *sarama.MockOffsetCommitResponse {
		return sarama.NewMockOffsetCommitResponse(t).SetError("g", "x", 0, sarama.ErrNoError).SetError("g", "x", 1, code)
	}
	topics := sarama.NewMockMetadataResponse(t).SetController(1).SetBroker(b.Addr(), 1).SetLeader("x", 0, 1).SetLeader("x", 1, 1)
	answers := func(codes ...sarama.KError) {
		var list []any
		for _, code := range codes {
			list = append(list, one(code))
		}
		b.SetHandlerByMap(map[string]sarama.MockResponse{
			"MetadataRequest":        topics,
			"FindCoordinatorRequest": sarama.NewMockFindCoordinatorResponse(t).SetCoordinator(sarama.CoordinatorGroup, "g", b),
			"OffsetCommitRequest":    sarama.NewMockSequence(list...),
		})
	}
	cfg := sarama.NewConfig()
	cfg.ApiVersionsRequest, cfg.Version = false, sarama.V2_8_0_0
	answers(sarama.ErrNoError)
	client, err := sarama.NewClient([]string{b.Addr()}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	var told bytes.Buffer
	c := &conn{cfg: Config{Logger: slog.New(slog.NewTextHandler(&told, nil))}, client: client, closing: new(atomic.Bool), outage: &outage{log: Config{}.log()}}
	c.asking.heard(b.Addr())
	a := &Admin{conn: c}
	defer a.Close()

	offsets := map[part]int64{{"x", 0}: 5, {"x", 1}: 6}
	timely(t, lagging, func() error {
		c.replaced.ids = nil
		told.Reset()
		answers(sarama.ErrUnknownTopicOrPartition, sarama.ErrUnknownTopicOrPartition, sarama.ErrNoError)
		if done, err := c.commit(soon(t), Mark{Group: "g"}, offsets); err != nil || len(done) != 2 || told.Len() > 0 {
			return fmt.Errorf("commit: %v, %v, %s", done, err, told.String())
		}
		return nil
	})
	plan := []Move{{TopicPartition{"x", 0}, 0, 5}, {TopicPartition{"x", 1}, 0, 6}}
	timely(t, lagging, func() error {
		answers(sarama.ErrUnknownTopicOrPartition, sarama.ErrNoError)
		return a.CommitReset(soon(t), "g", plan)
	})

	// Which it goes on not to know is told, with what was done.
	answers(sarama.ErrUnknownTopicOrPartition)
	const want = `1 of 2 partitions are reset, the others are not: topic "x" partition 1: the group's coordinator does not know it`
	if err := a.CommitReset(soon(t), "g", plan); err == nil || err.Error() != want || fault.HintOf(err) != "run it again" {
		t.Errorf("reset: %v, hint %s", err, fault.HintOf(err))
	}
	if done, err := c.commit(soon(t), Mark{Group: "g"}, offsets); err != nil || len(done) != 1 || !strings.Contains(told.String(), "deleted") {
		t.Errorf("commit: %v, %v, %s", done, err, told.String())
	}
}
