package gen

import (
	"strconv"
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

// ParseBatch reads the size of a batch: a number, or a range such as 0..50.
func ParseBatch(s string) (lo, hi int, err error) {
	first, last, ranged := strings.Cut(s, "..")
	lo, err = strconv.Atoi(first)
	hi = lo
	if err == nil && ranged {
		hi, err = strconv.Atoi(last)
	}
	switch {
	case err != nil || lo < 0 || hi < 0:
		err = fault.Usagef("want a batch size such as 10 or 0..50, not %q", s)
	case hi < lo:
		err = fault.Hint(fault.Usagef("batch size %q ends before it begins", s), "the smaller size comes first: %d..%d", hi, lo)
	case hi == 0:
		err = fault.Usagef("a batch size of %s never gives a record", s)
	default:
		return lo, hi, nil
	}
	return 0, 0, err
}

// ParseShare reads a share of a whole as a percentage (0.1%) or as a number
// from 0 to 1 (0.001).
func ParseShare(s string) (float64, error) {
	number, percent := strings.CutSuffix(s, "%")
	f, err := strconv.ParseFloat(number, 64)
	if percent {
		f /= 100
	}
	if err != nil || !(f >= 0 && f <= 1) {
		err := fault.Usagef("want a share such as 0.1%% or 0.001, not %q", s)
		if f > 1 && f <= 100 && !percent {
			return 0, fault.Hint(err, "%s%% is a share of a hundred", s)
		}
		return 0, err
	}
	return f, nil
}

// closest is the word that was probably meant by s, or "".
func closest(s string, words []string) string {
	best, word := 3, ""
	for _, w := range words {
		if len(s) > 2 && strings.HasPrefix(w, s) {
			return w
		}
		if d := option.Distance(s, w); d < best {
			best, word = d, w
		}
	}
	return word
}
