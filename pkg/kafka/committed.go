package kafka

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// abortedTransaction is one that the answer to a fetch tells of.
type abortedTransaction struct {
	producer int64
	first    int64 // offset
}

// aborted tells which batches of an answer belong to transactions that were
// aborted (KIP-98). nil skips none but the markers.
type aborted struct {
	ahead []abortedTransaction // by their first offset
	open  map[int64]bool       // producers within such a transaction
}

func newAborted(list []abortedTransaction) *aborted {
	if len(list) == 0 {
		return nil
	}
	slices.SortFunc(list, func(a, b abortedTransaction) int { return cmp.Compare(a.first, b.first) })
	return &aborted{list, map[int64]bool{}}
}

// skips tells whether a batch, the next one of its partition, holds no records
// for readers.
func (t *aborted) skips(f frame) bool {
	marker := f.attributes()&control != 0
	if t == nil {
		return marker
	}
	for len(t.ahead) > 0 && t.ahead[0].first <= f.last() {
		t.open[t.ahead[0].producer] = true
		t.ahead = t.ahead[1:]
	}
	if marker {
		if abortMarker(f) {
			delete(t.open, f.producer())
		}
		return true
	}
	return f.attributes()&transactional != 0 && t.open[f.producer()]
}

// abortMarker tells whether a control batch, which no codec packs, ends a
// transaction that was aborted: its record's key is a version and a type, 0 for
// that.
func abortMarker(f frame) bool {
	var d decoder
	var r Record
	_, _, _, err := d.record(&r, f.body(), nil)
	return err == nil && len(r.Key) >= 4 && binary.BigEndian.Uint16(r.Key[2:]) == 0
}
