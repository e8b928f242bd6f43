package kafka

import (
	"errors"

	"github.com/IBM/sarama"
)

// IsRefused reports whether err says that a record is one that no repetition
// will deliver: it, or the batch with it, is larger than a limit, its partition
// topic or time cannot be, or the broker finds it invalid. The others of a batch may
// go when they go without it.
func IsRefused(err error) bool {
	var t *TooLargeError
	if errors.As(err, &t) || errors.As(err, new(*timeError)) {
		return true
	}
	for _, reason := range []error{sarama.ErrMessageSizeTooLarge, sarama.ErrInvalidPartition, sarama.ErrInvalidTopic,
		sarama.ErrInvalidTimestamp, sarama.ErrInvalidRecord} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}
