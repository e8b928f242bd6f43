package kafka

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
)

// maxReasons is how many kinds of failure are told apart.
const maxReasons = 8

// GivenUpError tells how many records were not acknowledged, and why.
type GivenUpError struct {
	Records int64 // that were given up
	Unsent  int64 // that were not even sent behind them; who has them says so

	why   string
	first error
}

// Error counts both.
func (e *GivenUpError) Error() string {
	text := fmt.Sprintf("%s not acknowledged: %s", records(e.Records+e.Unsent), e.why)
	if e.Unsent > 0 {
		text += fmt.Sprintf(" (%d of them were not sent any more)", e.Unsent)
	}
	return text
}

// Unwrap is the first of the failures.
func (e *GivenUpError) Unwrap() error { return e.first }

// failures makes one error of those since the last call, and forgets them. It
// keeps the first one's hint, exit code and chain. p.mu is held.
func (p *Producer) failures() error {
	if p.first == nil {
		return nil
	}
	total := int64(0)
	for _, n := range p.reasons {
		total += n
	}
	names := slices.SortedFunc(maps.Keys(p.reasons), func(a, b string) int {
		if d := p.reasons[b] - p.reasons[a]; d != 0 {
			return int(max(min(d, 1), -1))
		}
		return strings.Compare(a, b)
	})
	var list []string
	for i, name := range names {
		if i == maxReasons {
			list = append(list, fmt.Sprintf("and %d other reasons", len(names)-i))
			break
		}
		if len(names) == 1 {
			list = append(list, name)
		} else {
			list = append(list, fmt.Sprintf("%s (%d)", name, p.reasons[name]))
		}
	}
	err := error(&GivenUpError{Records: total, why: strings.Join(list, "; "), first: p.first})
	if hint := fault.HintOf(p.first); hint != "" {
		err = fault.Hint(err, "%s", hint)
	}
	p.first = nil
	clear(p.reasons)
	return err
}

func records(n int64) string {
	if n == 1 {
		return "1 record was"
	}
	return fmt.Sprintf("%d records were", n)
}
