package flumelog

import (
	"crypto/md5"
	"encoding/binary"
	"path/filepath"
)

// A checkpoint is an array of big-endian longs: version, order of writing, two that
// do not matter, and whether it is being written; the places of the events follow the
// head, as a ring with one for each event of the capacity.
const (
	checkpointHead = 1029      // longs
	mostCheckpoint = 256 << 20 // bytes: 32 million events
)

// checkpoint is the queue as it was at a time.
type checkpoint struct {
	order int64 // of the last record that it has
	queue []pointer
	puts  map[int64][]pointer // of transactions that were open
	takes map[int64][]pointer
}

// readCheckpoint reads the checkpoint in a folder; nil is one that is not there, or
// not whole, or changes meanwhile: the logs tell all without it.
func readCheckpoint(dir string) *checkpoint {
	if dir == "" {
		return nil
	}
	path := filepath.Join(dir, "checkpoint")
	note, err := readShort(path+".meta", mostMeta)
	if err != nil {
		return nil
	}
	b, err := readShort(path, mostCheckpoint)
	if err != nil {
		return nil
	}
	c := decodeCheckpoint(b, note)
	if c == nil {
		return nil
	}
	puts, putsErr := readShort(filepath.Join(dir, "inflightputs"), mostCheckpoint)
	takes, takesErr := readShort(filepath.Join(dir, "inflighttakes"), mostCheckpoint)
	again, err := readShort(path+".meta", mostMeta)
	if putsErr != nil || takesErr != nil || err != nil || string(again) != string(note) {
		return nil
	}
	var wholePuts, wholeTakes bool
	c.puts, wholePuts = decodeOpen(puts)
	c.takes, wholeTakes = decodeOpen(takes)
	if !wholePuts || !wholeTakes {
		return nil
	}
	return c
}

// decodeCheckpoint reads the queue; nil is one that is not whole.
func decodeCheckpoint(b, note []byte) *checkpoint {
	message, _, err := delimited(note)
	if err != nil {
		return nil
	}
	var version, size, head uint32
	var order int64
	err = fields(message, func(field int, number uint64) {
		switch field {
		case 1:
			version = uint32(number)
		case 2:
			order = int64(number)
		case 3:
			size = uint32(number)
		case 4:
			head = uint32(number)
		}
	})
	capacity := len(b)/8 - checkpointHead
	long := func(i int) uint64 { return binary.BigEndian.Uint64(b[8*i:]) }
	if err != nil || version != 3 || capacity < 1 || uint64(size) > uint64(capacity) || uint64(head) >= uint64(capacity) ||
		long(0) != 3 || int64(long(1)) != order || long(4) != 0 {
		return nil
	}
	c := &checkpoint{order: order, queue: make([]pointer, 0, size)}
	for i := range int(size) {
		p := pointer(long(checkpointHead + (int(head)+i)%capacity))
		if p == 0 {
			return nil
		}
		c.queue = append(c.queue, p)
	}
	return c
}

// decodeOpen reads what transactions have open: the MD5 of the rest, and of each
// transaction its number, how many events, and their places; zeros follow.
func decodeOpen(b []byte) (open map[int64][]pointer, whole bool) {
	if len(b) == 0 {
		return nil, true
	}
	if len(b) < md5.Size || [md5.Size]byte(b) != md5.Sum(b[md5.Size:]) {
		return nil, false
	}
	b = b[md5.Size:]
	open = make(map[int64][]pointer)
	for len(b) >= 16 {
		transaction, n := int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint64(b[8:])
		if b = b[16:]; n > uint64(len(b)/8) {
			return nil, false
		}
		for ; n > 0; n, b = n-1, b[8:] {
			open[transaction] = append(open[transaction], pointer(binary.BigEndian.Uint64(b)))
		}
	}
	return open, true
}
