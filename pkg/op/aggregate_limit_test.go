package op

import (
	"fmt"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/stream"
)

// TestTopOfManyGroups holds that the rows which aggregate leaves out for top are
// no rows that top would have shown.
func TestTopOfManyGroups(t *testing.T) {
	var in strings.Builder
	n := maxLocal + maxLocal/2
	for i := range 2 * n {
		v := fmt.Sprint(i * 7919 % 1000)
		if i%3 == 0 {
			v += ".5"
		}
		fmt.Fprintf(&in, "{\"k\":\"key%d\",\"v\":%s}\n", i%n, v)
	}
	aggregate := func() stream.Stage {
		return buildStage(t, Aggregate, "--by", "k", "count", "sum(v)", "max(v)", "none=sum(w)")
	}
	all := runStages(t, in.String(), 2, 1<<16, aggregate()).out
	for _, by := range []string{"sum_v", "max_v", "count", "none", "k"} {
		top := func() stream.Stage { return buildStage(t, Top, "25", "--by", by) }
		want := runStages(t, all, 1, 1<<16, top()).out
		for _, workers := range []int{1, 3} {
			if got := runStages(t, in.String(), workers, 1<<16, aggregate(), top()).out; got != want {
				t.Errorf("by %s with %d workers:\n%s\nwant\n%s", by, workers, got, want)
			}
		}
	}
}
