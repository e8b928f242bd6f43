package stream

import "slices"

// MaxTime is the event time after all others.
const MaxTime = 1<<63 - 1

// Progress is how far event time has come in each source of a stream: in each
// partition of a topic. Other input is one source, "". A Progress is never changed:
// its methods return another one.
type Progress struct {
	sources []sourceTime
	floor   int64 // the combined time never goes back
	latest  int64 // of the records, where there were any
	seen    bool
	begun   bool
	kept    map[string]int64 // by source: the windows that end up to there were out before a reset
}

type sourceTime struct {
	name string
	max  int64
	idle bool
}

// Clock is how far event time had come before the records of one source.
type Clock struct {
	Own    int64 // the largest time in the source itself
	Others int64 // the least of the other sources that count; MaxTime without any
	Floor  int64 // what the combined time had reached
	Kept   int64 // the windows of the source that end up to there were out before a reset; MinTime without any
}

// At is the combined time when the source itself has come up to own.
func (c Clock) At(own int64) int64 { return max(c.Floor, min(max(own, c.Own), c.Others)) }

// Before is the Clock of the next records of source.
func (p Progress) Before(source string) Clock {
	c := Clock{Own: MinTime, Others: MaxTime, Floor: p.Time(), Kept: MinTime}
	if kept, ok := p.kept[source]; ok {
		c.Kept = kept
	}
	for _, s := range p.sources {
		switch {
		case s.name == source:
			c.Own = s.max
		case !s.idle:
			c.Others = min(c.Others, s.max)
		}
	}
	return c
}

// Time is the combined event time: the least of the sources that count.
func (p Progress) Time() int64 {
	if !p.begun {
		return MinTime
	}
	return p.floor
}

// Latest is the largest time of the records of all sources; MinTime without any.
func (p Progress) Latest() int64 {
	if !p.seen {
		return MinTime
	}
	return p.latest
}

// Seen is p after records of source up to time at.
func (p Progress) Seen(source string, at int64) Progress {
	out := p.change(source, func(s *sourceTime) {
		s.max = max(s.max, at)
		s.idle = false
	})
	out.latest, out.seen = max(p.Latest(), at), true
	return out
}

func (p Progress) change(source string, f func(*sourceTime)) Progress {
	list := slices.Clone(p.sources)
	i := slices.IndexFunc(list, func(s sourceTime) bool { return s.name == source })
	if i < 0 {
		i = len(list)
		list = append(list, sourceTime{name: source, max: MinTime})
	}
	f(&list[i])
	return p.with(list)
}

// with is p with other sources.
func (p Progress) with(list []sourceTime) Progress {
	least, counts := int64(MaxTime), false
	for _, s := range list {
		if !s.idle {
			least, counts = min(least, s.max), true
		}
	}
	out := p
	out.sources, out.floor, out.begun = list, p.Time(), true
	if counts {
		out.floor = max(out.floor, least)
		return out
	}
	for _, s := range list { // all wait: nothing is behind the latest
		out.floor = max(out.floor, s.max)
	}
	return out
}

// Control is p after c.
func (p Progress) Control(c *Control) Progress {
	switch c.Kind {
	case ControlReset:
		out := Progress{floor: MinTime, begun: true, kept: c.Kept()}
		for _, name := range c.Behind {
			out.sources = append(out.sources, sourceTime{name: name, max: MinTime})
		}
		return out
	case ControlWatermark:
		return p.change(c.Source, func(s *sourceTime) {
			if c.Time != 0 {
				s.max = max(s.max, c.Time)
			} else {
				s.idle = c.Idle
			}
		})
	}
	return p
}
