package source

import (
	"testing"
	"time"
)

func TestKafkaWaits(t *testing.T) {
	var w kafkaWaits
	begin := time.Now()
	for i, step := range []struct {
		do    func(time.Time)
		after time.Duration // of the step before
		spent time.Duration
		empty int64
	}{
		{func(time.Time) {}, 0, 0, 0},
		{w.begin, 0, 0, 0},
		{func(time.Time) {}, 999 * time.Millisecond, 0, 0},
		{func(time.Time) {}, time.Millisecond, 0, 1}, // an idle source is seen while it waits
		{w.end, 1500 * time.Millisecond, 500 * time.Millisecond, 2},
		{func(time.Time) {}, time.Hour, 500 * time.Millisecond, 2}, // it waits for a channel
		{w.begin, 0, 500 * time.Millisecond, 2},
		{w.end, 20 * time.Millisecond, 520 * time.Millisecond, 2},
	} {
		begin = begin.Add(step.after)
		step.do(begin)
		if spent, empty := w.spent(), w.empty(begin); spent != step.spent || empty != step.empty {
			t.Errorf("step %d: %v and %d empty polls, want %v and %d", i, spent, empty, step.spent, step.empty)
		}
	}
}
