package gen

import "time"

// fixedStart is the event time of the first record of unpaced data.
var fixedStart = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// schedule says of the coming record when it is due and which time it bears.
type schedule struct {
	rate   float64
	every  time.Duration
	lo, hi uint64 // batch sizes
	step   time.Duration

	start time.Time     // zero until begin, where the wall clock decides
	made  int64         // records before the coming one
	due   time.Duration // when the coming one is due, from the start
	at    time.Time     // its event time
	left  uint64        // records of its batch, itself included
	sizes random
}

func newSchedule(o Options, step time.Duration) schedule {
	s := schedule{
		rate: o.Rate, every: o.Every, step: o.Step, start: o.Start,
		lo: uint64(o.BatchMin), hi: uint64(o.BatchMax),
		sizes: newRandom(o.Seed, streamBatches),
	}
	if !s.paced() {
		if s.step == 0 {
			s.step = step
		}
		if s.start.IsZero() {
			s.start = fixedStart
		}
	}
	if s.every > 0 {
		if s.hi == 0 {
			s.lo, s.hi = 1, 1
		}
		s.due = -s.every // the first batch is due at once
		s.nextBatch()
	}
	if !s.start.IsZero() {
		s.at = s.eventTime()
	}
	return s
}

func (s *schedule) paced() bool { return s.rate > 0 || s.every > 0 }

// begin takes the wall clock as the start where nothing else was said.
func (s *schedule) begin() {
	if s.start.IsZero() {
		s.start = time.Now().UTC().Round(0)
		s.at = s.eventTime()
	}
}

// advance moves on to the record after the coming one.
func (s *schedule) advance() {
	s.made++
	switch {
	case s.rate > 0:
		nanos := float64(s.made) / s.rate * float64(time.Second)
		s.due = time.Duration(min(nanos, 1<<62)) // a century and a half is never
	case s.every > 0:
		if s.left--; s.left == 0 {
			s.nextBatch()
		}
	}
	if s.step > 0 {
		s.at = s.at.Add(s.step)
	} else {
		s.at = s.eventTime()
	}
}

// nextBatch skips the batches that turn out empty.
func (s *schedule) nextBatch() {
	for s.left == 0 {
		s.due += s.every
		s.left = s.lo + s.sizes.below(s.hi-s.lo+1)
	}
}

// eventTime is that of the first record, or of any without a step. It is the
// time a record is due, not the time it leaves: what a slow reader causes
// shows as delay, as it would with records from outside.
func (s *schedule) eventTime() time.Time {
	if s.step > 0 {
		return s.start
	}
	return s.start.Add(s.due)
}

// stamp formats a time that often stays within one second.
type stamp struct {
	layout string
	second int64
	text   []byte
}

func (s *stamp) append(dst []byte, at time.Time) []byte {
	if second := at.Unix(); second != s.second || len(s.text) == 0 {
		s.second = second
		s.text = at.AppendFormat(s.text[:0], s.layout)
	}
	return append(dst, s.text...)
}
