package kafka

import (
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
)

// The ways to choose the partition of a record that names none.
const (
	// PartitionJava is Java's: by the murmur2 hash of the key, and without a key
	// one that sticks for a while.
	PartitionJava = "murmur2"
	// PartitionSticky sticks to a partition for a while, whatever the key is.
	PartitionSticky = "sticky"
	// PartitionRound takes the partitions in turn, whatever the key is.
	PartitionRound = "round-robin"
	// PartitionHash is sarama's: by the FNV-1a hash of the key, and as murmur2
	// without one.
	PartitionHash = "hash"
	// PartitionCRC is librdkafka's and so kcat's: by the CRC-32 of the key, and as
	// murmur2 without one.
	PartitionCRC = "crc32"
)

// Partitioners lists the ways to choose a partition.
func Partitioners() []string {
	return []string{PartitionJava, PartitionSticky, PartitionRound, PartitionHash, PartitionCRC}
}

// stickyBytes is how much goes to one partition before the next is chosen: four
// times Java's batch.size, so that batches fill.
const stickyBytes = 64 << 10

// partitioner chooses the partitions of one topic.
type partitioner struct {
	hash    func([]byte, int32) int32 // of keys; nil = keys do not count
	rounds  bool
	current int32 // -1 = none chosen
	room    int   // bytes until the next is chosen
}

func newPartitioner(name string) *partitioner {
	p := &partitioner{current: -1, rounds: name == PartitionRound}
	switch name {
	case "", PartitionJava:
		p.hash = javaPartition
	case PartitionHash:
		p.hash = fnvPartition
	case PartitionCRC:
		p.hash = crcPartition
	}
	return p
}

// choose returns the partition for a record of size bytes with this key. A record
// that could go anywhere avoids partitions without a leader.
func (p *partitioner) choose(key []byte, size int, n int32, led func(int32) bool) int32 {
	switch {
	case key != nil && p.hash != nil:
		return p.hash(key, n)
	case p.rounds:
		p.current = (p.current + 1) % n
		for range n - 1 {
			if led(p.current) {
				break
			}
			p.current = (p.current + 1) % n
		}
		return p.current
	}
	if p.room -= size; p.current < 0 || p.current >= n || p.room <= 0 || !led(p.current) {
		p.current, p.room = otherThan(p.current, n), stickyBytes
		for range n {
			if led(p.current) {
				break
			}
			p.current = (p.current + 1) % n
		}
	}
	return p.current
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

// javaPartition is the partition of a key in Java's DefaultPartitioner.
func javaPartition(key []byte, n int32) int32 { return int32(murmur2(key)&0x7fffffff) % n }

// crcPartition is the partition of a key in librdkafka's consistent partitioners.
func crcPartition(key []byte, n int32) int32 { return int32(crc32.ChecksumIEEE(key) % uint32(n)) }

// fnvPartition is the partition of a key in sarama's hash partitioner.
func fnvPartition(key []byte, n int32) int32 {
	h := uint32(2166136261)
	for _, c := range key {
		h = (h ^ uint32(c)) * 16777619
	}
	p := int32(h) % n
	if p < 0 {
		p = -p
	}
	return p
}

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
