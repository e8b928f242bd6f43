package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/fault"
)

// ErrRevoked is returned by Commit when the group gave the partition to another
// member since the batch was read: that member reads the records again.
var ErrRevoked = errors.New("the partition went to another member of the group")

// ErrRemade is in the chain of the error that a topic was deleted and made again while
// it was read.
var ErrRemade = errors.New("the topic is another one")

// ErrNoTopic is in the chain of every error about a topic that does not exist.
var ErrNoTopic = errors.New("unknown topic")

// topicError is an error about a topic whose text is complete; is stays in its
// chain for errors.Is.
type topicError struct {
	text string
	is   error
}

func (e topicError) Error() string { return e.text }
func (e topicError) Unwrap() error { return e.is }

func noTopic(topic string) error {
	return fault.Hint(topicError{fmt.Sprintf("topic %q does not exist", topic), ErrNoTopic}, "logpipe topic create %s", topic)
}

// A plain is the wording of one of the protocol's error codes.
type plain struct {
	code sarama.KError
	text string
	hint string
}

// wording lists what users meet; %s is the topic.
var wording = []plain{
	{sarama.ErrTopicAlreadyExists, "topic %q exists already", "logpipe topic describe %s shows it"},
	{sarama.ErrInvalidTopic, "topic name %q is refused by the broker", "a name takes letters, digits, '.', '_' and '-', and may not differ from another topic's in '.' and '_' alone"},
	{sarama.ErrInvalidPartitions, "topic %q: the number of partitions is refused by the broker", "--partitions takes a number from 1"},
	{sarama.ErrInvalidReplicationFactor, "topic %q: the replication factor is larger than the number of brokers", "--replication-factor takes at most the number of brokers"},
	{sarama.ErrMessageSizeTooLarge, "topic %q: a record or batch is larger than the broker takes", "the topic's max.message.bytes sets the limit"},
	{sarama.ErrNotEnoughReplicas, "topic %q: fewer replicas are in sync than min.insync.replicas asks for", "logpipe topic describe %s shows the replicas"},
	{sarama.ErrNotEnoughReplicasAfterAppend, "topic %q: written, but to fewer replicas than min.insync.replicas asks for", "logpipe topic describe %s shows the replicas"},
	{sarama.ErrInvalidRecord, "topic %q: the broker refuses the record", ""},
	{sarama.ErrInvalidTimestamp, "topic %q: the broker refuses the record's time", "message.timestamp.before.max.ms and message.timestamp.after.max.ms of the topic say which times it takes"},
	{sarama.ErrTopicAuthorizationFailed, "topic %q: not authorized", "an access rule of the cluster forbids it"},
	{sarama.ErrGroupAuthorizationFailed, "the group is not authorized", "an access rule of the cluster forbids it"},
	{sarama.ErrInvalidSessionTimeout, "the brokers do not allow this session timeout", "--session-timeout 10s fits most; group.min.session.timeout.ms of the brokers is the least"},
	{sarama.ErrClusterAuthorizationFailed, "not authorized for this cluster", "an access rule of the cluster forbids it"},
	{sarama.ErrLeaderNotAvailable, "topic %q: a partition has no leader", "logpipe topic describe %s shows which"},
	{sarama.ErrPolicyViolation, "topic %q: a policy of the cluster forbids it", ""},
	{sarama.ErrTopicDeletionDisabled, "topic %q: the brokers do not delete topics (delete.topic.enable)", ""},
}

// explain words an error of the library for people. topic may be "".
func explain(err error, topic string) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || fault.HintOf(err) != "" {
		return err
	}
	if errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		return noTopic(topic)
	}
	for _, p := range wording {
		if !errors.Is(err, p.code) {
			continue
		}
		text := fill(p.text, topic)
		if detail := serverMessage(err); detail != "" {
			text += ": " + detail
		}
		out := error(topicError{text, err})
		if p.hint != "" {
			out = fault.Hint(out, "%s", fill(p.hint, topic))
		}
		return out
	}
	if code := sarama.KError(0); !errors.As(err, &code) && passing(err) { // no broker said it: the network did
		return fault.Hint(fault.Unreachablef("no broker of the cluster answers: %s", trim(err)),
			"brokers tell clients where to connect to (advertised.listeners): %s", testHint)
	}
	if topic != "" {
		return fmt.Errorf("topic %q: %w", topic, trimmed{err})
	}
	return trimmed{err}
}

// serverMessage is what the broker added to an error code, if it did.
func serverMessage(err error) string {
	var t *sarama.TopicError
	var p *sarama.TopicPartitionError
	var code sarama.KError
	detail := ""
	switch {
	case errors.As(err, &t) && t.ErrMsg != nil:
		detail = *t.ErrMsg
	case errors.As(err, &p) && p.ErrMsg != nil:
		detail = *p.ErrMsg
	case errors.As(err, &code): // some calls of the library hang it on
		_, detail, _ = strings.Cut(err.Error(), code.Error()+": ")
	}
	return strings.TrimSuffix(strings.TrimSpace(detail), ".")
}

func fill(text, topic string) string {
	switch {
	case strings.Contains(text, "%q"):
		return fmt.Sprintf(text, topic)
	case strings.Contains(text, "%s"):
		return fmt.Sprintf(text, topic)
	}
	return text
}

// trimmed takes the library's prefixes off an error's text.
type trimmed struct{ error }

func (t trimmed) Error() string { return trim(t.error) }
func (t trimmed) Unwrap() error { return t.error }

func trim(err error) string {
	s := err.Error()
	for _, prefix := range []string{"kafka server: ", "kafka: "} {
		s = strings.ReplaceAll(s, prefix, "")
	}
	return strings.TrimSuffix(s, ".")
}
