package gen

import (
	"strconv"
	"time"
)

// trackBits gives 2^11-1 songs, of which few are played often.
const trackBits = 11

// tracks makes the events of songs being played.
type tracks struct {
	random    random
	seed      uint64
	json      bool
	time      stamp
	customers ids
	event     uint64
}

func newTracks(o Options) lines {
	t := &tracks{
		random:    newRandom(o.Seed, streamRecords),
		seed:      o.Seed,
		json:      o.JSON,
		time:      stamp{layout: time.DateTime},
		customers: newIDs(o.Cardinality),
	}
	if o.JSON {
		t.time.layout = time.RFC3339
	}
	return t
}

func (t *tracks) append(dst []byte, at time.Time) []byte {
	r := &t.random
	t.event++
	who := t.customers.next(r)
	song := r.octave(trackBits)
	mobile := min(1, r.below(3))
	zip := customerOf(t.seed, who).zip
	if mobile == 1 && r.below(5) == 0 { // out of home
		zip = zipOf(r)
	}
	if t.json {
		dst = strconv.AppendUint(append(dst, `{"event_id":`...), t.event, 10)
		dst = strconv.AppendUint(append(dst, `,"customer_id":`...), who, 10)
		dst = strconv.AppendUint(append(dst, `,"track_id":`...), song, 10)
		dst = t.time.append(append(dst, `,"time":"`...), at)
		dst = strconv.AppendUint(append(dst, `","mobile":`...), mobile, 10)
		dst = appendZip(append(dst, `,"zip":"`...), zip)
		return append(dst, `"}`...)
	}
	dst = strconv.AppendUint(dst, t.event, 10)
	dst = strconv.AppendUint(append(dst, ','), who, 10)
	dst = strconv.AppendUint(append(dst, ','), song, 10)
	dst = t.time.append(append(dst, ','), at.UTC()) // what has no zone is read as UTC
	dst = strconv.AppendUint(append(dst, ','), mobile, 10)
	return appendZip(append(dst, ','), zip)
}
