package gen

import (
	"strconv"
	"time"
)

// behavior makes visits to pages. Minutes have seven digits behind the point
// and are kept as an integer of 1e-7 minutes, so that no rounding is left to
// the platform.
type behavior struct {
	random random
	json   bool
	pages  ids
}

const (
	minutesUnit = 10_000_000      // one minute
	minutesMin  = 100_000         // a page that is left at once: 0.01 minutes
	minutesMax  = 5 * minutesUnit // five minutes
	// jitterMax bounds how much a time in the JSON form is behind its turn, in
	// milliseconds: messages do not arrive in order.
	jitterMax = 3000
)

func newBehavior(o Options) lines {
	return &behavior{newRandom(o.Seed, streamRecords), o.JSON, newIDs(o.Cardinality)}
}

func (b *behavior) append(dst []byte, at time.Time) []byte {
	r := &b.random
	page := b.pages.next(r)
	clicks := 1 + r.below(10)
	minutes := minutesMin + r.below(minutesMax-minutesMin+1)
	like := int64(r.below(3)) - 1
	jitter := int64(r.below(jitterMax + 1)) // drawn in both forms: they hold the same visits
	if !b.json {
		dst = strconv.AppendUint(append(dst, "page"...), page, 10)
		dst = strconv.AppendUint(append(dst, '|'), clicks, 10)
		dst = appendMinutes(append(dst, '|'), minutes)
		return strconv.AppendInt(append(dst, '|'), like, 10)
	}
	dst = strconv.AppendUint(append(dst, `{"page":"page`...), page, 10)
	dst = strconv.AppendUint(append(dst, `","clicks":`...), clicks, 10)
	dst = appendMinutes(append(dst, `,"minutes":`...), minutes)
	dst = strconv.AppendInt(append(dst, `,"like":`...), like, 10)
	dst = strconv.AppendInt(append(dst, `,"ts":`...), at.UnixMilli()-jitter, 10)
	return append(dst, '}')
}

// appendMinutes prints the shortest decimal form: 15119122 is 1.5119122.
func appendMinutes(dst []byte, m uint64) []byte {
	dst = strconv.AppendUint(dst, m/minutesUnit, 10)
	rest := m % minutesUnit
	if rest == 0 {
		return dst
	}
	dst = append(dst, '.')
	for digit := uint64(minutesUnit / 10); rest > 0; digit /= 10 {
		dst = append(dst, '0'+byte(rest/digit))
		rest %= digit
	}
	return dst
}
