package gen

import (
	"encoding/json"
	"strings"
	"testing"
)

// isAccess tells a line that might pass for combined or common log format.
func isAccess(line string) bool {
	quotes := strings.Count(line, `"`)
	return combined.MatchString(line) || quotes == 2
}

func TestBadLines(t *testing.T) {
	const n, share = 4_000, 0.05
	for _, k := range Kinds() {
		forms(k.Name, func(form string, o Options) {
			o.N = n
			good := makeLines(t, k.Name, o)
			o.Bad = share
			columns := strings.Count(good[0], "|") + strings.Count(good[0], ",")
			bad := 0
			for i, line := range makeLines(t, k.Name, o) {
				if line == good[i] {
					continue
				}
				bad++
				switch {
				case o.JSON || k.Name == "spark-events":
					if json.Valid([]byte(line)) {
						t.Fatalf("%s: %s is not malformed", form, line)
					}
				case k.Name == "access":
					if isAccess(line) {
						t.Fatalf("%s: %s is not malformed", form, line)
					}
				case strings.Count(line, "|")+strings.Count(line, ",") == columns:
					t.Fatalf("%s: %s is not malformed", form, line)
				}
				if line == "" {
					t.Fatalf("%s: line %d is empty", form, i)
				}
			}
			if got := float64(bad) / n; got < share*0.8 || got > share*1.2 {
				t.Errorf("%s: share of malformed lines %v", form, got)
			}
		})
	}
}

func TestBadAccessKinds(t *testing.T) {
	seen := map[string]int{}
	for _, line := range makeLines(t, "access", Options{N: 1000, Bad: 1}) {
		switch {
		case strings.HasPrefix(line, `\x16\x03\x01`):
			seen["tls"]++
		case strings.Contains(line, `] [error] [client `):
			seen["error"]++
		case strings.Count(line, `"`) == 5:
			seen["unclosed"]++
		case strings.Count(line, `"`) < 2:
			seen["cut"]++
		default:
			t.Errorf("what is this: %s", line)
		}
	}
	for _, kind := range []string{"tls", "error", "unclosed", "cut"} {
		if seen[kind] < 160 {
			t.Errorf("%s: %d lines of 1000", kind, seen[kind])
		}
	}
}
