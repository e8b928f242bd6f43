package op

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/timestamp"
)

// windowNames are the fields that tell a window, the weightiest first.
var windowNames = []string{"emitted", "window_end", "window_start"}

func isWindowName(name string) bool { return slices.Contains(windowNames, name) }

// windowOrder compares the windows of successive records.
type windowOrder struct {
	fields []*record.Field
	texts  []string // of the window at hand, "" for none
	times  []int64
	begun  bool
}

func newWindowOrder() *windowOrder {
	w := &windowOrder{texts: make([]string, len(windowNames)), times: make([]int64, len(windowNames))}
	for _, n := range windowNames {
		w.fields = append(w.fields, record.FlatField(n))
	}
	return w
}

// known reports whether the window at hand has a time.
func (w *windowOrder) known() bool { return strings.Join(w.texts, "") != "" }

// String names the window at hand for a title.
func (w *windowOrder) String() string {
	emitted, end, start := w.texts[0], w.texts[1], w.texts[2]
	switch {
	case start != "" && end != "":
		return "window " + start + " to " + end
	case end != "":
		return "window until " + end
	case start != "":
		return "window from " + start
	}
	return "as of " + emitted
}

// advance tells whether r's window is later (1) than the one at hand and makes
// it that, the same (0) or earlier (-1).
func (w *windowOrder) advance(r *record.Record) int {
	same := w.begun
	for i, f := range w.fields {
		if v := r.Get(f); v.Kind == record.String && string(v.Bytes) != w.texts[i] || v.Kind != record.String && w.texts[i] != "" {
			same = false
			break
		}
	}
	if same {
		return 0
	}
	var times [3]int64
	var texts [3]string
	for i, f := range w.fields {
		texts[i], times[i] = windowTime(r.Get(f))
	}
	order := slices.Compare(times[:], w.times)
	if !w.begun {
		w.begun, order = true, 0
	} else if order <= 0 {
		return order
	}
	copy(w.texts, texts[:])
	copy(w.times, times[:])
	return cmp.Compare(order, 0)
}

// windowTime reads the time of a window; a value that is no time is none.
func windowTime(v record.Value) (text string, ns int64) {
	if v.Kind == record.String {
		if ns, ok := timestamp.Parse(v.Bytes); ok {
			return string(v.Bytes), ns
		}
	}
	return "", math.MinInt64
}
