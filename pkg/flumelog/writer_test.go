package flumelog

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// flumeLogs writes the files of a file channel as Flume does.
type flumeLogs struct {
	t     testing.TB
	dirs  []string
	open  []*flumeLog // the last log of each folder
	order int64
	last  int32 // number of the newest log
}

type flumeLog struct {
	path string
	id   int32
	b    []byte
	meta []byte // in place of what belongs there
}

// newLogs makes the folders and the first log of each.
func newLogs(t testing.TB, dirs int) *flumeLogs {
	w := &flumeLogs{t: t, order: 1_000_000, open: make([]*flumeLog, dirs)}
	for i := range dirs {
		w.dirs = append(w.dirs, t.TempDir())
		w.roll(i)
	}
	return w
}

// roll begins a new log in a folder.
func (w *flumeLogs) roll(dir int) {
	w.save()
	w.last++
	w.open[dir] = &flumeLog{path: filepath.Join(w.dirs[dir], fmt.Sprint("log-", w.last)), id: w.last}
}

// save writes the logs that are open, with some of the bytes that Flume fills files
// with.
func (w *flumeLogs) save() {
	w.t.Helper()
	for _, l := range w.open {
		if l == nil {
			continue
		}
		w.write(l.path, append(slices.Clone(l.b), slices.Repeat([]byte{opEnd}, 100)...))
		meta := l.meta
		if meta == nil {
			meta = l.note(0, 0)
		}
		w.write(l.path+".meta", meta)
	}
}

func (w *flumeLogs) write(path string, b []byte) {
	w.t.Helper()
	if err := os.WriteFile(path, b, 0o666); err != nil {
		w.t.Fatal(err)
	}
}

func (w *flumeLogs) count(checkpointDir string) Rest {
	w.t.Helper()
	w.save()
	return Count(w.dirs, checkpointDir)
}

// note is a log-N.meta of a log that a checkpoint of that order has up to position.
func (l *flumeLog) note(position, order int64) []byte {
	m := fixed32(fixed32(nil, 1, 3), 2, uint32(l.id))
	for i, n := range []int64{position, order} {
		m = fixed64(m, 3+i, uint64(n))
	}
	return message(m)
}

func (w *flumeLogs) put(dir int, transaction int64) pointer {
	l := w.open[dir]
	p := pointerTo(l.id, int32(len(l.b)))
	body := fmt.Appendf(nil, "event %d of transaction %d", w.order, transaction)
	event := packed(packed(nil, 1, append(packed(nil, 1, []byte("key")), packed(nil, 2, []byte("value"))...)), 2, body)
	w.add(l, kindPut, transaction, fixed64(packed(nil, 1, event), 2, 0))
	return p
}

func (w *flumeLogs) take(dir int, transaction int64, p pointer) {
	w.add(w.open[dir], kindTake, transaction, fixed32(fixed32(nil, 1, uint32(p>>32)), 2, uint32(p)))
}

func (w *flumeLogs) commit(dir int, transaction int64, kind uint32) {
	w.add(w.open[dir], kindCommit, transaction, fixed32(nil, 1, kind))
}

func (w *flumeLogs) rollback(dir int, transaction int64) {
	w.add(w.open[dir], kindRollback, transaction, nil)
}

func (w *flumeLogs) add(l *flumeLog, kind uint32, transaction int64, m []byte) {
	w.order++
	record := message(fixed64(fixed64(fixed32(nil, 1, kind), 2, uint64(transaction)), 3, uint64(w.order)))
	record = append(append(record, message(m)...), 0)
	l.b = append(binary.BigEndian.AppendUint32(append(l.b, opRecord), uint32(len(record))), record...)
}

// checkpoint writes a checkpoint with these events, and these of open transactions,
// of all that has been written.
func (w *flumeLogs) checkpoint(dir string, queue []pointer, puts, takes map[int64][]pointer) {
	const capacity, head = 50, 47 // so that the queue goes round
	b := make([]byte, 8*(checkpointHead+capacity))
	binary.BigEndian.PutUint64(b, 3)
	binary.BigEndian.PutUint64(b[8:], uint64(w.order))
	for i, p := range queue {
		binary.BigEndian.PutUint64(b[8*(checkpointHead+(head+i)%capacity):], uint64(p))
	}
	w.write(filepath.Join(dir, "checkpoint"), b)
	m := fixed64(fixed32(nil, 1, 3), 2, uint64(w.order))
	w.write(filepath.Join(dir, "checkpoint.meta"), message(fixed32(fixed32(m, 3, uint32(len(queue))), 4, head)))
	w.write(filepath.Join(dir, "inflightputs"), openNote(puts))
	w.write(filepath.Join(dir, "inflighttakes"), openNote(takes))
	for _, l := range w.open {
		l.meta = l.note(int64(len(l.b)), w.order)
	}
}

func openNote(open map[int64][]pointer) []byte {
	var b []byte
	for transaction, all := range open {
		b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, uint64(transaction)), uint64(len(all)))
		for _, p := range all {
			b = binary.BigEndian.AppendUint64(b, uint64(p))
		}
	}
	b = append(b, make([]byte, 16)...)
	sum := md5.Sum(b)
	return append(sum[:], b...)
}

func fixed32(b []byte, field int, n uint32) []byte {
	return binary.LittleEndian.AppendUint32(append(b, byte(field<<3|5)), n)
}

func fixed64(b []byte, field int, n uint64) []byte {
	return binary.LittleEndian.AppendUint64(append(b, byte(field<<3|1)), n)
}

func packed(b []byte, field int, m []byte) []byte {
	return append(append(b, byte(field<<3|2)), message(m)...)
}

func message(b []byte) []byte { return append(binary.AppendUvarint(nil, uint64(len(b))), b...) }
