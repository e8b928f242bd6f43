package broker

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/folder"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A transaction that is open when the process is killed is aborted by kfake when it
// reads the folder again, but it writes no marker that says so: readers of committed
// records then leave out what the same producer commits behind it too, for they
// skip its records from the aborted ones up to the marker. So the markers are
// written here, before kfake reads the folder. A transaction that was to be committed
// is (decision).

// Places in a record batch of version 2, and its attributes.
const (
	batchHead       = 61
	batchLengthAt   = 8
	batchLength     = 12 // counts from here
	batchLeader     = 12 // epoch
	batchCRCAt      = 17
	batchAttributes = 21
	batchLast       = 23
	batchProducer   = 43
	batchEpoch      = 51
	batchSequence   = 53

	attrTransactional = 0x10
	attrControl       = 0x20
)

// indexSize is the length of kfake's entry for a batch in its index.
const indexSize = 15

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// endOpen writes the markers of transactions that were open in any partition when
// the process that wrote the folder was killed. What was to be committed is; the
// producers of others are fenced first, as Kafka does with a transaction that it ends
// by itself: one that lives on must not commit the rest of what it began.
func endOpen(dir string, tails []*tail) error {
	d, known, err := decided(dir)
	if err != nil {
		return fmt.Errorf("read which transaction was to be committed: %w", err)
	}
	commits := func(producer int64, epoch int16) bool { return d != nil && d.Producer == producer && d.Epoch == epoch }
	epochs := map[int64]int16{}
	for _, t := range tails {
		for p, epoch := range t.open {
			if !commits(p, epoch) {
				epochs[p] = epoch
			}
		}
	}
	if len(epochs) > 0 {
		if err := fence(filepath.Join(dir, pidsName), epochs); err != nil {
			return fmt.Errorf("fence producers of open transactions: %w", err)
		}
	}
	for _, t := range tails {
		if err := t.end(commits); err != nil {
			return fmt.Errorf("end open transactions: %w", err)
		}
	}
	if d == nil {
		return nil
	}
	return d.complete(dir, known)
}

// tailsIn reads the partitions of a folder.
func tailsIn(dir string) ([]*tail, error) {
	names, err := filepath.Glob(filepath.Join(escapeGlob(dir), partitionsName, "*"))
	if err != nil {
		return nil, err
	}
	var tails []*tail
	for _, name := range names {
		t, err := tailOf(name)
		if err != nil {
			return nil, fmt.Errorf("read what was stored in %s: %w", name, err)
		}
		if t != nil {
			tails = append(tails, t)
		}
	}
	return tails, nil
}

// tailOf reads one partition; nil where it has no segment.
func tailOf(dir string) (*tail, error) {
	segments, err := segmentsIn(dir)
	if err != nil || len(segments) == 0 {
		return nil, err
	}
	t := &tail{open: map[int64]int16{}, windows: map[int64]window{}}
	for _, name := range segments {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		t.name, t.size, t.batches = name, 0, t.batches[:0]
		for n := wholeBatch(text); n > 0; n = wholeBatch(text) {
			t.add(text[:n])
			text = text[n:]
		}
	}
	return t, nil
}

// segmentsIn lists the segments of a partition in their order.
func segmentsIn(dir string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*"+segmentSuffix))
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return baseOf(name) < 0 })
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(baseOf(a), baseOf(b)) })
	return names, nil
}

// baseOf is the first offset in the name of a segment; -1 where there is none.
func baseOf(segment string) int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(filepath.Base(segment), segmentSuffix), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// wholeBatch is the length of the batch that b begins with; 0 where it is cut off or
// damaged: kfake ends reading there.
func wholeBatch(b []byte) int {
	if len(b) < batchHead {
		return 0
	}
	n := batchLength + int64(binary.BigEndian.Uint32(b[batchLengthAt:]))
	if n < batchHead || n > int64(len(b)) || crc32.Checksum(b[batchAttributes:n], castagnoli) != binary.BigEndian.Uint32(b[batchCRCAt:]) {
		return 0
	}
	return int(n)
}

// tail is the end of a partition: its last segment up to the last whole batch.
type tail struct {
	name    string
	size    int64
	batches [][]byte        // entries of the index, which the batches should have
	next    int64           // offset
	leader  uint32          // epoch of the last batch
	open    map[int64]int16 // producers within a transaction, and their epochs

	windows map[int64]window // by producer
}

// add goes over a batch.
func (t *tail) add(b []byte) {
	attributes, producer := binary.BigEndian.Uint16(b[batchAttributes:]), int64(binary.BigEndian.Uint64(b[batchProducer:]))
	inTx := attributes&(attrTransactional|attrControl) == attrTransactional
	switch {
	case attributes&attrControl != 0:
		delete(t.open, producer)
	case inTx:
		t.open[producer] = int16(binary.BigEndian.Uint16(b[batchEpoch:]))
	}
	if sequence := int32(binary.BigEndian.Uint32(b[batchSequence:])); producer >= 0 && sequence >= 0 && attributes&attrControl == 0 {
		t.windows[producer] = t.windows[producer].add(b)
	}
	t.size += int64(len(b))
	t.leader = binary.BigEndian.Uint32(b[batchLeader:])
	t.batches = append(t.batches, indexEntry(t.leader, inTx))
	t.next = int64(binary.BigEndian.Uint64(b)) + int64(binary.BigEndian.Uint32(b[batchLast:])) + 1
}

// end writes the markers behind the last whole batch: what is behind that, kfake
// would cut off. Where the index is shorter than the log, for the kill came between
// them, it is mended: kfake would take the next entry for that of the last batch.
func (t *tail) end(commits func(producer int64, epoch int16) bool) error {
	index := strings.TrimSuffix(t.name, segmentSuffix) + indexSuffix
	entries, err := os.ReadFile(index)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	known := min(len(entries)/indexSize, len(t.batches))
	if len(t.open) == 0 && len(entries) == len(t.batches)*indexSize {
		return nil
	}
	entries = slices.Concat(entries[:known*indexSize], slices.Concat(t.batches[known:]...))
	var markers []byte
	for i, p := range slices.Sorted(maps.Keys(t.open)) {
		markers = append(markers, endMarker(t.next+int64(i), t.leader, p, t.open[p], commits(p, t.open[p]), time.Now())...)
		entries = append(entries, indexEntry(t.leader, false)...)
	}
	if err := replaceEnd(t.name, t.size, markers); err != nil {
		return err
	}
	return folder.Replace(index, entries, true)
}

// replaceEnd puts text into a file in place of what is behind at.
func replaceEnd(name string, at int64, text []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(text, at)
	if err == nil {
		err = f.Truncate(at + int64(len(text)))
	}
	return errors.Join(err, f.Close())
}

// fence notes the next epoch of each producer in kfake's log of them.
func fence(name string, epochs map[int64]int16) error {
	l, err := readLog(name)
	if err != nil {
		return err
	}
	var more [][]byte
	for _, p := range slices.Sorted(maps.Keys(epochs)) {
		more = append(more, fmt.Appendf(nil, `{"type":"timeout","pid":%d,"epoch":%d}`, p, epochs[p]+1))
	}
	return l.add(more)
}

// indexEntry is what kfake knows of a batch: a version, a check, the leader's epoch,
// an earlier timestamp, which it finds anew, and whether a transaction was open.
func indexEntry(leader uint32, inTx bool) []byte {
	b := make([]byte, indexSize)
	b[0] = 1
	binary.LittleEndian.PutUint32(b[2:], leader)
	if inTx {
		b[14] = 1
	}
	b[1] = byte(crc32.Checksum(b[2:], castagnoli))
	return b
}

// endMarker is the control batch that ends a transaction with its records or without
// them (KIP-98).
func endMarker(offset int64, leader uint32, producer int64, epoch int16, commit bool, now time.Time) []byte {
	key, value := kmsg.ControlRecordKey{Type: kmsg.ControlRecordKeyTypeAbort}, kmsg.EndTxnMarker{}
	if commit {
		key.Type = kmsg.ControlRecordKeyTypeCommit
	}
	r := kmsg.Record{Key: key.AppendTo(nil), Value: value.AppendTo(nil)}
	r.Length = int32(len(r.AppendTo(nil)) - 1) // the length itself is one byte
	b := kmsg.RecordBatch{
		FirstOffset: offset, PartitionLeaderEpoch: int32(leader), Magic: 2, Attributes: attrControl | attrTransactional,
		FirstTimestamp: now.UnixMilli(), MaxTimestamp: now.UnixMilli(),
		ProducerID: producer, ProducerEpoch: epoch, FirstSequence: -1, NumRecords: 1, Records: r.AppendTo(nil),
	}
	text := b.AppendTo(nil)
	binary.BigEndian.PutUint32(text[batchLengthAt:], uint32(len(text)-batchLength))
	binary.BigEndian.PutUint32(text[batchCRCAt:], crc32.Checksum(text[batchAttributes:], castagnoli))
	return text
}
