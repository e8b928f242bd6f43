package pipe

import (
	"fmt"
	"strings"
	"testing"
)

// A kill at the orderly end, when windows are out of which more events come later,
// leaves none of these out.
func TestKeepKilledAtEnd(t *testing.T) {
	for steps := 1; ; steps++ {
		m := live(t, t.TempDir(), steps)
		all := minute(0, 200)
		for i := range all {
			all[i].Body = fmt.Appendf(nil, `%s,"k":"k%d"}`, strings.TrimSuffix(string(all[i].Body), "}"), i%2)
		}
		const command = "aggregate --window 2m --slide 30s --by k count | top 2 --by count"
		m.put(all[:10])
		m.drain(command)
		if m.copied == "" {
			return
		}
		next := live(t, m.copied, 0)
		next.put(all[10:])
		next.drain(command)
		sum := 0
		for _, row := range append(m.rows, next.rows...) {
			var n int
			if _, err := fmt.Sscanf(row[strings.Index(row, `"count"`):], `"count":%d`, &n); err != nil {
				t.Fatal(row, err)
			}
			sum += n
		}
		if sum < 4*len(all) {
			t.Errorf("killed at step %d: %d of %d; told %s", steps, sum, 4*len(all), next.told.all())
		}
	}
}
