package kafka

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/IBM/sarama"
)

// stickyBytes is how much goes to one partition before the next is chosen, for
// records without a key: Java's batch.size, so that batches fill.
const stickyBytes = 16 << 10

// partitioner chooses partitions as the Java client does: the record's own, or
// by the murmur2 hash of the key, or one that sticks for a while. The library
// makes one for each topic and calls it from one goroutine.
type partitioner struct {
	current   int32 // -1 = none chosen
	room      int   // bytes until the next is chosen
	elsewhere bool  // a partition that the topic does not have is none
}

func newPartitioner(elsewhere bool) sarama.PartitionerConstructor {
	return func(string) sarama.Partitioner { return &partitioner{current: -1, elsewhere: elsewhere} }
}

// Partition implements sarama.Partitioner.
func (p *partitioner) Partition(m *sarama.ProducerMessage, n int32) (int32, error) {
	s, ok := m.Metadata.(*sending)
	if !ok {
		return 0, fmt.Errorf("a record without its sender")
	}
	r := &s.record
	switch {
	case r.Partition >= n && !p.elsewhere:
		return 0, fmt.Errorf("%w: %d of %d", sarama.ErrInvalidPartition, r.Partition, n)
	case r.Partition >= 0 && r.Partition < n:
		return r.Partition, nil
	case r.Key != nil:
		return javaPartition(r.Key, n), nil
	}
	if p.room -= s.size; p.current < 0 || p.current >= n || p.room <= 0 {
		p.current, p.room = otherThan(p.current, n), stickyBytes
	}
	return p.current, nil
}

// otherThan picks a partition at random, and another one than before.
func otherThan(before, n int32) int32 {
	if before < 0 || before >= n || n == 1 {
		return rand.Int32N(n)
	}
	next := rand.Int32N(n - 1)
	if next >= before {
		next++
	}
	return next
}

// RequiresConsistency implements sarama.Partitioner.
func (p *partitioner) RequiresConsistency() bool { return true }

// MessageRequiresConsistency implements sarama.DynamicConsistencyPartitioner: a
// record that could go anywhere avoids partitions without a leader.
func (p *partitioner) MessageRequiresConsistency(m *sarama.ProducerMessage) bool {
	s, ok := m.Metadata.(*sending)
	return !ok || s.record.Key != nil || s.record.Partition >= 0
}

// javaPartition is the partition of a key in Java's DefaultPartitioner.
func javaPartition(key []byte, n int32) int32 { return int32(murmur2(key)&0x7fffffff) % n }

// murmur2 is the hash in org.apache.kafka.common.utils.Utils.
func murmur2(b []byte) uint32 {
	const (
		seed = 0x9747b28c
		m    = 0x5bd1e995
		r    = 24
	)
	h := uint32(seed) ^ uint32(len(b))
	for ; len(b) >= 4; b = b[4:] {
		k := binary.LittleEndian.Uint32(b) * m
		k ^= k >> r
		h = h*m ^ k*m
	}
	switch len(b) {
	case 3:
		h ^= uint32(b[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(b[1]) << 8
		fallthrough
	case 1:
		h = (h ^ uint32(b[0])) * m
	}
	h = (h ^ h>>13) * m
	return h ^ h>>15
}
