package file

import "slices"

// interval is the events from `from` up to but not including `to`.
type interval struct{ from, to uint64 }

// ranges is a set of events: intervals in order that do not touch each other.
type ranges []interval

// add puts an interval in.
func (r *ranges) add(from, to uint64) {
	if from >= to {
		return
	}
	s := *r
	// Takes come nearly in order: look from the end.
	i := len(s)
	for i > 0 && s[i-1].to >= from {
		i--
	}
	j := i
	for j < len(s) && s[j].from <= to {
		from, to = min(from, s[j].from), max(to, s[j].to)
		j++
	}
	if i == len(s) {
		*r = append(s, interval{from, to})
		return
	}
	*r = slices.Replace(s, i, j, interval{from, to})
}

// addAll puts a whole set in.
func (r *ranges) addAll(more ranges) {
	for _, i := range more {
		r.add(i.from, i.to)
	}
}

// count is the number of events in the set.
func (r ranges) count() int {
	n := 0
	for _, i := range r {
		n += int(i.to - i.from)
	}
	return n
}

// has reports whether x is in the set.
func (r ranges) has(x uint64) bool {
	for _, i := range r {
		if i.from <= x && x < i.to {
			return true
		}
	}
	return false
}
