package catalog

import (
	"context"
	"testing"
	"time"
)

// Marks that get lost are told while others leave all the time, and slow ones are not
// taken for lost.
func TestLostMarksAreTold(t *testing.T) {
	for _, lost := range []bool{true, false} {
		var w markWatch
		told := 0
		w.tell = func(time.Duration) { told++ }
		begun := time.Unix(0, 0)
		for s := range 300 {
			now := begun.Add(time.Duration(s) * time.Second)
			w.made(map[string]int64{"t/0": int64(s)}, now)
			w.look(context.Background(), now, func(context.Context, map[string]int64) (map[string]int64, error) {
				back := int64(-1)
				if !lost {
					back = int64(s)/20*20 - 15 // many at once, the oldest up to 35 s old
				}
				return map[string]int64{"t/0": back}, nil
			})
		}
		if want := map[bool]int{true: 1, false: 0}[lost]; told != want {
			t.Errorf("lost %v: told %d times, want %d", lost, told, want)
		}
	}
}
