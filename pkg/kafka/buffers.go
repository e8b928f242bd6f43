package kafka

import "time"

// Buffers of batches that have their answer serve the next ones, so that no garbage
// is made while records flow.
const (
	bufferLeast = 64 << 10        // what is smaller is left to the collector of garbage
	buffersIdle = 2 * time.Second // after which nothing is kept
)

// buffers are those that wait. The producer's lock guards them.
type buffers struct {
	free  [][]byte
	bytes int64 // their capacity
}

// get returns an empty buffer with room for n bytes and not for far more, or nil: the
// smallest there is.
func (s *buffers) get(n int) []byte {
	best := -1
	for i, b := range s.free {
		if cap(b) >= n && cap(b) <= 2*n && (best < 0 || cap(b) < cap(s.free[best])) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	return s.take(best)
}

func (s *buffers) take(i int) []byte {
	b, last := s.free[i], len(s.free)-1
	s.free[i], s.free[last] = s.free[last], nil
	s.free = s.free[:last]
	s.bytes -= int64(cap(b))
	return b
}

// put keeps a buffer, where all of them have at most so many bytes. Smaller ones give way.
func (s *buffers) put(b []byte, most int64) {
	if cap(b) < bufferLeast {
		return
	}
	s.free = append(s.free, b[:0])
	s.bytes += int64(cap(b))
	for s.bytes > most {
		small := 0
		for i := range s.free {
			if cap(s.free[i]) < cap(s.free[small]) {
				small = i
			}
		}
		s.take(small)
	}
}
