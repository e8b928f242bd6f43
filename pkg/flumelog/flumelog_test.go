package flumelog

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCount holds what counts as left: what was put and committed, less what was
// taken and committed.
func TestCount(t *testing.T) {
	for _, test := range []struct {
		name  string
		write func(w *flumeLogs)
		want  int
	}{
		{"nothing", func(*flumeLogs) {}, 0},
		{"put", func(w *flumeLogs) { w.put(0, 1); w.put(0, 1); w.commit(0, 1, kindPut) }, 2},
		{"put, not committed", func(w *flumeLogs) { w.put(0, 1); w.put(0, 2); w.commit(0, 2, kindPut) }, 1},
		{"put, rolled back", func(w *flumeLogs) { w.put(0, 1); w.rollback(0, 1); w.commit(0, 1, kindPut) }, 0},
		{"taken", func(w *flumeLogs) {
			p := w.put(0, 1)
			w.put(0, 1)
			w.commit(0, 1, kindPut)
			w.take(0, 2, p)
			w.commit(0, 2, kindTake)
		}, 1},
		{"taken, not committed", func(w *flumeLogs) { p := w.put(0, 1); w.commit(0, 1, kindPut); w.take(0, 2, p) }, 1},
		{"taken, rolled back, taken", func(w *flumeLogs) {
			p, q := w.put(0, 1), w.put(0, 1)
			w.commit(0, 1, kindPut)
			w.take(0, 2, p)
			w.take(0, 2, q)
			w.rollback(0, 2)
			w.take(0, 3, p)
			w.commit(0, 3, kindTake)
		}, 1},
		{"two logs", func(w *flumeLogs) {
			p := w.put(0, 1)
			w.roll(0)
			q := w.put(0, 1)
			w.commit(0, 1, kindPut)
			w.take(0, 2, p)
			w.roll(0)
			w.take(0, 2, q)
			w.commit(0, 2, kindTake)
			w.put(0, 3)
			w.commit(0, 3, kindPut)
		}, 1},
		{"taken out by the integrity tool", func(w *flumeLogs) {
			at := len(w.open[0].b)
			w.put(0, 1)
			w.put(0, 1)
			w.commit(0, 1, kindPut)
			w.open[0].b[at] = opNone
		}, 1},
		{"a log without a byte", func(w *flumeLogs) {
			w.put(0, 1)
			w.commit(0, 1, kindPut)
			w.roll(0)
			w.write(filepath.Join(w.dirs[0], "log-3"), nil)
		}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newLogs(t, 1)
			test.write(w)
			if got := w.count(""); got.Events != test.want || got.Doubt != nil || got.AtMost || len(got.Folders) != 1 {
				t.Errorf("%+v, want %d events", got, test.want)
			}
		})
	}
	if rest := Count([]string{filepath.Join(t.TempDir(), "none"), t.TempDir()}, "none"); rest.Logs != 0 || rest.Doubt != nil {
		t.Errorf("without a log: %+v", rest)
	}
}

// TestEarlyTake: threads write their records in about the order of their numbers.
func TestEarlyTake(t *testing.T) {
	w := newLogs(t, 2)
	w.order += 10
	p := w.put(1, 1)
	w.put(1, 1)
	w.commit(1, 1, kindPut)
	w.order -= 10
	w.take(0, 2, p)
	w.commit(0, 2, kindTake)
	if got := w.count(""); got.Events != 1 || got.Doubt != nil || got.AtMost {
		t.Errorf("%+v", got)
	}
}

// TestDoubt holds what makes a count unsure, and that it names the file.
func TestDoubt(t *testing.T) {
	for _, test := range []struct {
		want string
		edit func(w *flumeLogs, first *flumeLog)
	}{
		{"/log-1 is damaged at offset 0: no record begins there", func(_ *flumeLogs, l *flumeLog) { l.b[0] = 7 }},
		{"/log-1 is damaged at offset 0: it is no record", func(_ *flumeLogs, l *flumeLog) { l.b[5] = 200 }},
		{"/log-1 is damaged at offset 0: the record is longer than the file", func(_ *flumeLogs, l *flumeLog) { l.b[2] = 1 }},
		{"/log-1 is encrypted", func(_ *flumeLogs, l *flumeLog) {
			l.meta = message(packed(fixed32(fixed32(nil, 1, 3), 2, 1), 5, packed(nil, 1, []byte("AES"))))
		}},
		{"/log-1 has version 4 of Flume's format", func(_ *flumeLogs, l *flumeLog) { l.meta = message(fixed32(fixed32(nil, 1, 4), 2, 1)) }},
		{"/log-1 has the name of another log: it is log-9", func(_ *flumeLogs, l *flumeLog) { l.meta = message(fixed32(fixed32(nil, 1, 3), 2, 9)) }},
		{"/log-1.meta is damaged", func(_ *flumeLogs, l *flumeLog) { l.meta = []byte("\x40x") }},
		{"/log-99999999999 has a number that Flume does not give", func(w *flumeLogs, _ *flumeLog) { w.write(filepath.Join(w.dirs[0], "log-99999999999"), nil) }},
	} {
		t.Run(test.want, func(t *testing.T) {
			w := newLogs(t, 1)
			w.put(0, 1)
			w.commit(0, 1, kindPut)
			first := w.open[0]
			test.edit(w, first)
			w.roll(0)
			w.put(0, 2)
			w.commit(0, 2, kindPut)
			got := w.count("")
			if got.Doubt == nil || !strings.Contains(filepath.ToSlash(got.Doubt.Error()), test.want) || got.Events < 1 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestMetaNames holds that the note about a log counts under the names that it has
// while Flume replaces it, and that a log of Flume 1.2, which had none, is told.
func TestMetaNames(t *testing.T) {
	w := newLogs(t, 1)
	w.put(0, 1)
	w.commit(0, 1, kindPut)
	w.save()
	path := filepath.Join(w.dirs[0], "log-1.meta")
	before := path
	for _, next := range []string{".tmp", ".old", ".gone"} {
		if err := os.Rename(before, path+next); err != nil {
			t.Fatal(err)
		}
		before = path + next
		rest := Count(w.dirs, "")
		if known := next != ".gone"; known != (rest.Doubt == nil) || known != (rest.Events == 1) {
			t.Errorf("%s: %+v", next, rest)
		}
	}
}

// TestTorn cuts a log at every byte: what counts is what was committed before.
func TestTorn(t *testing.T) {
	w := newLogs(t, 1)
	want := map[int]int{0: 0} // by length
	at := func(n int) { want[len(w.open[0].b)] = n }
	p := w.put(0, 1)
	w.put(0, 1)
	at(0)
	w.commit(0, 1, kindPut)
	at(2)
	w.take(0, 2, p)
	at(2)
	w.commit(0, 2, kindTake)
	at(1)
	w.save()
	whole := w.open[0].b
	expect := 0
	for n := range len(whole) + 1 {
		if now, ok := want[n]; ok {
			expect = now
		}
		for _, rest := range [][]byte{nil, slices.Repeat([]byte{opEnd}, 500), slices.Repeat([]byte{opNone}, 500)} {
			_, between := want[n]
			if !between && len(rest) > 0 && rest[0] == opNone {
				continue // a zero may be what is cut off
			}
			w.write(w.open[0].path, append(slices.Clone(whole[:n]), rest...))
			got := Count(w.dirs, "")
			if got.Events != expect || got.Doubt != nil && (between || len(rest) == 0) {
				t.Fatalf("cut at %d with %d bytes behind: %+v, want %d", n, len(rest), got, expect)
			}
		}
	}
}

// TestDeletedLog: with several folders takes may stand in a log that Flume has
// deleted, and only the checkpoint tells of them.
func TestDeletedLog(t *testing.T) {
	w, dir := newLogs(t, 2), t.TempDir()
	p, q := w.put(1, 1), w.put(1, 1)
	w.commit(1, 1, kindPut)
	w.take(0, 2, p)
	w.commit(0, 2, kindTake)
	w.roll(0)
	w.checkpoint(dir, []pointer{q}, nil, nil)
	w.put(0, 3)
	w.commit(0, 3, kindPut)
	if rest := w.count(""); rest.Events != 2 || rest.AtMost {
		t.Errorf("all logs: %+v", rest)
	}
	if err := os.Remove(filepath.Join(w.dirs[0], "log-1")); err != nil {
		t.Fatal(err)
	}
	if rest := w.count(dir); rest.Events != 2 || rest.AtMost || rest.Logs != 2 {
		t.Errorf("with the checkpoint: %+v", rest)
	}
	if rest := w.count(""); rest.Events != 3 || !rest.AtMost {
		t.Errorf("without it: %+v", rest)
	}
}

// TestCheckpoint holds what a checkpoint counts for: all before it is not read again;
// takes that were open come again unless they are committed later; and one that is
// not whole does not count.
func TestCheckpoint(t *testing.T) {
	w, dir := newLogs(t, 1), t.TempDir()
	w.put(0, 1)
	w.put(0, 2) // and so on: what the log has before the checkpoint is not looked at
	waits := []pointer{pointerTo(1, 10), pointerTo(1, 20), pointerTo(1, 30), pointerTo(1, 40), pointerTo(1, 50)}
	w.checkpoint(dir, waits[:2], map[int64][]pointer{8: {pointerTo(1, 60)}, 9: {pointerTo(1, 70), pointerTo(1, 80)}},
		map[int64][]pointer{6: waits[2:4], 7: waits[4:]})
	for i := range w.open[0].b {
		w.open[0].b[i] = 77
	}
	for _, step := range []struct {
		name  string
		write func()
		want  int
	}{
		{"checkpoint", func() {}, 5},
		{"commit of open takes", func() { w.commit(0, 6, kindTake) }, 3},
		{"rollback of open takes", func() { w.rollback(0, 7) }, 3},
		{"commit of open puts", func() { w.commit(0, 9, kindPut) }, 5},
		{"take of what it has", func() { w.take(0, 10, waits[0]); w.commit(0, 10, kindTake) }, 4},
	} {
		step.write()
		if rest := w.count(dir); rest.Events != step.want || rest.Doubt != nil {
			t.Errorf("%s: %+v, want %d", step.name, rest, step.want)
		}
	}
	broken := map[string]func(b []byte){
		"checkpoint":      func(b []byte) { b[8*4+7] = 1 }, // it is being written
		"checkpoint.meta": func(b []byte) { b[0] = 3 },
		"inflightputs":    func(b []byte) { b[20]++ },
		"inflighttakes":   func(b []byte) { b[3]++ },
	}
	for name, damage := range broken {
		path := filepath.Join(dir, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		half := slices.Clone(whole)
		damage(half)
		w.write(path, half)
		if rest := w.count(dir); rest.Doubt == nil { // all of the log is read, and that was made unreadable
			t.Errorf("a damaged %s counts: %+v", name, rest)
		}
		w.write(path, whole)
	}
}

// TestModel compares the count with that of a channel that lives for a while: with
// two folders, new logs, and a checkpoint somewhere.
func TestModel(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		w, dir := newLogs(t, 2), t.TempDir()
		var inside []pointer
		puts, takes := make(map[int64][]pointer), make(map[int64][]pointer)
		for transaction := int64(1); transaction < 60; transaction++ {
			at := int(transaction % 2)
			open, kind := puts, uint32(kindPut)
			for range random.IntN(5) {
				open[transaction] = append(open[transaction], w.put(at, transaction))
			}
			if len(open[transaction]) == 0 {
				open, kind = takes, kindTake
				for n := min(random.IntN(5), len(inside)); n > 0; n-- {
					w.take(at, transaction, inside[0])
					open[transaction] = append(open[transaction], inside[0])
					inside = inside[1:]
				}
			}
			if transaction == 31 && len(inside) <= 50 {
				w.checkpoint(dir, inside, puts, takes)
			}
			switch random.IntN(10) {
			case 0: // the agent is killed with it
			case 1, 2:
				w.rollback(at, transaction)
				inside = append(takes[transaction], inside...)
				delete(open, transaction)
			case 3:
				w.roll(at)
				fallthrough
			default:
				w.commit(at, transaction, kind)
				inside = append(inside, puts[transaction]...)
				delete(open, transaction)
			}
		}
		want := len(inside)
		for _, all := range takes {
			want += len(all)
		}
		for _, from := range []string{"", dir} {
			if rest := w.count(from); rest.Events != want || rest.Doubt != nil || rest.AtMost {
				t.Fatalf("seed %d, checkpoint %q: %+v, want %d", seed, from, rest, want)
			}
		}
	}
}

// BenchmarkCount reads a log with events of 250 bytes.
func BenchmarkCount(b *testing.B) {
	w := newLogs(b, 1)
	for i := range 100_000 {
		w.put(0, int64(i/100))
		if i%100 == 99 {
			w.commit(0, int64(i/100), kindPut)
		}
	}
	w.save()
	b.SetBytes(int64(len(w.open[0].b)))
	for b.Loop() {
		if rest := Count(w.dirs, ""); rest.Events != 100_000 {
			b.Fatal(rest)
		}
	}
}

// FuzzLog reads any bytes as a log: it ends, and counts no more than there is.
func FuzzLog(f *testing.F) {
	w := newLogs(f, 1)
	p := w.put(0, 1)
	w.commit(0, 1, kindPut)
	w.take(0, 2, p)
	w.rollback(0, 2)
	f.Add(w.open[0].b)
	f.Add([]byte{opNone, 0, 0, 0, 0, opRecord, 0x80, 0x80, 0x80, 0x80})
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &stream{logs: []*log{{path: "log-1", id: 1}}, in: bufio.NewReaderSize(bytes.NewReader(data), mostHead), size: int64(len(data))}
		l := newLedger(nil)
		for {
			before := s.offset
			if err := s.next(); err != nil {
				break
			}
			if s.offset <= before || s.offset > s.size {
				t.Fatalf("from %d to %d of %d", before, s.offset, s.size)
			}
			l.add(s.record)
		}
		if len(l.inside)+len(l.early) > len(data)/5 {
			t.Fatalf("%d events in %d bytes", len(l.inside), len(data))
		}
	})
}

// FuzzNotes reads any bytes as the notes of Flume: they cannot tell of more than they
// hold.
func FuzzNotes(f *testing.F) {
	l := &flumeLog{id: 1}
	f.Add(l.note(5, 6), openNote(map[int64][]pointer{1: {2, 3}}))
	m := fixed64(fixed32(nil, 1, 3), 2, 7)
	queue := make([]byte, 8*(checkpointHead+3))
	binary.BigEndian.PutUint64(queue, 3)
	binary.BigEndian.PutUint64(queue[8:], 7)
	queue[8*checkpointHead] = 1
	f.Add(message(fixed32(fixed32(m, 3, 1), 4, 0)), queue)
	f.Fuzz(func(t *testing.T, note, data []byte) {
		if m, err := decodeMeta(note); err == nil {
			m.size = 100
			if at := m.from(50); at < 0 || at > 100 {
				t.Fatalf("begins at %d", at)
			}
		}
		if c := decodeCheckpoint(data, note); c != nil && 8*len(c.queue) > len(data) {
			t.Fatalf("%d events in %d bytes", len(c.queue), len(data))
		}
		open, _ := decodeOpen(data)
		n := 0
		for _, all := range open {
			n += len(all)
		}
		if 8*n > len(data) {
			t.Fatalf("%d events in %d bytes", n, len(data))
		}
	})
}
