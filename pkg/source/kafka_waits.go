package source

import (
	"sync"
	"time"
)

// kafkaPoll is how long Flume's source polls for a batch, as long as
// batchDurationMillis says nothing else.
const kafkaPoll = time.Second

// kafkaWaits counts how the source waits for records, as Flume does, which polls
// again where none came within kafkaPoll: those polls are counted, and the time of
// the others. Here a wait has no end, so that a long one counts as so many polls.
type kafkaWaits struct {
	mu      sync.Mutex
	begun   time.Time // of the wait that lasts; 0 = none does
	timer   time.Duration
	nothing int64
}

// begin says that the source waits.
func (w *kafkaWaits) begin(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begun = now
}

// end says that the wait is over.
func (w *kafkaWaits) end(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer, w.nothing = w.timer+now.Sub(w.begun)%kafkaPoll, w.nothing+int64(now.Sub(w.begun)/kafkaPoll)
	w.begun = time.Time{}
}

// spent is the time in which polls had records.
func (w *kafkaWaits) spent() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.timer
}

// empty is how many polls had none.
func (w *kafkaWaits) empty(now time.Time) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.begun.IsZero() {
		return w.nothing
	}
	return w.nothing + int64(now.Sub(w.begun)/kafkaPoll)
}
