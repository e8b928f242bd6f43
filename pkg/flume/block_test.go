package flume

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
)

// batch makes events of one block, each with a letter as its body.
func batch(p *Blocks, letters string) []Event {
	b := p.Copy([]byte(letters))
	events := make([]Event, len(letters))
	for i := range events {
		events[i].Body = b.Bytes[i : i+1 : i+1]
	}
	b.Lend(events)
	return events
}

// reused overwrites all blocks that can be had, and tells whether one was that
// of the body.
func reused(p *Blocks, body []byte) bool {
	before := body[0]
	for range 100 { // a pool may hide a block for a while
		b := p.Get(1)
		b.Bytes = b.Bytes[:cap(b.Bytes)]
		for i := range b.Bytes {
			b.Bytes[i] = '!'
		}
	}
	return body[0] != before
}

func TestBlockIsUsedAgainBehindItsLastEvent(t *testing.T) {
	var p Blocks
	found := false
	for range 100 { // a pool may lose a block
		events := batch(&p, "abc")
		body := events[1].Body
		Release(events[:1])
		Release(events[:1]) // the event has gone: it counts once
		Release(events[2:])
		if reused(&p, body) {
			t.Fatal("a block was used again while one of its events was there")
		}
		Release(events[1:2])
		found = found || reused(&p, body)
	}
	if !found {
		t.Error("no block was used again")
	}
}

func TestReleaseOfSeveralBlocks(t *testing.T) {
	var p Blocks
	a, b := batch(&p, "ab"), batch(&p, "cd")
	kept := b[1].Body
	Release([]Event{a[0], b[0], a[1], {Body: []byte("of no block")}})
	if reused(&p, kept) {
		t.Error("a block was used again while one of its events was there")
	}
}

func TestKeptEventsStay(t *testing.T) {
	var p Blocks
	events := batch(&p, "ab")
	Keep(events)
	twin := events[0]
	Release(events)
	if reused(&p, twin.Body) {
		t.Error("a block was used again that had to be kept")
	}
}

func TestBlockGrows(t *testing.T) {
	var p Blocks
	for size := range 5000 {
		data := bytes.Repeat([]byte{byte(size)}, size)
		b := p.Copy(data)
		if !bytes.Equal(b.Bytes, data) {
			t.Fatalf("a copy of %d bytes has %d, or others", size, len(b.Bytes))
		}
		events := []Event{{Body: b.Bytes}}
		b.Lend(events)
		Release(events)
	}
}

// TestBlocksOfManyGoroutines lets events travel to other goroutines, each of
// which releases them when it has looked at them.
func TestBlocksOfManyGoroutines(t *testing.T) {
	var p Blocks
	queue := make(chan Event, 64)
	var making, taking sync.WaitGroup
	for g := range 4 {
		making.Go(func() {
			for n := range 500 {
				text := fmt.Sprintf("%d.%d", g, n)
				b := p.Copy([]byte(text + text + text))
				events := make([]Event, 3)
				for i := range events {
					events[i].Body = b.Bytes[i*len(text) : (i+1)*len(text)]
					events[i].Headers.Set("want", text)
				}
				b.Lend(events)
				for _, e := range events {
					queue <- e
				}
			}
		})
		taking.Go(func() {
			for e := range queue {
				if want, _ := e.Headers.Get("want"); string(e.Body) != want {
					t.Errorf("the body is %q, not %q", e.Body, want)
				}
				Release([]Event{e})
			}
		})
	}
	making.Wait()
	close(queue)
	taking.Wait()
}

// TestBlockLentInParts holds that a block of which parts are lent is used again
// when all events and whoever has got it are done with it, and not before.
func TestBlockLentInParts(t *testing.T) {
	for _, last := range []string{"drop", "release"} {
		var p Blocks
		found := false
		for range 100 { // a pool may lose a block
			b := p.Copy([]byte("ab"))
			first, second := []Event{b.Event(0, 1)}, []Event{b.Event(1, 2)}
			body := second[0].Body
			b.LendPart(first)
			Release(first)
			b.LendPart(second)
			end := func() { Release(second) }
			if last == "drop" {
				Release(second)
				end = b.Drop
			} else {
				b.Drop()
			}
			if reused(&p, body) {
				t.Fatalf("a block was used again before %s", last)
			}
			end()
			found = found || reused(&p, body)
		}
		if !found {
			t.Errorf("no block was used again behind %s", last)
		}
	}
}

// TestBlockFitsItsEvents holds that a block is never much larger than it has to
// be: a batch that waits would keep all of it.
func TestBlockFitsItsEvents(t *testing.T) {
	var p Blocks
	for size := 1; size <= 2*mostBlock; size += 1 + size/9 {
		for _, other := range []int{size, 2 * size, 4 * size, size / 2} {
			p.Get(other).Drop()
		}
		b := p.Get(size)
		if len(b.Bytes) != size || cap(b.Bytes) > 2*size+4 {
			t.Fatalf("a block for %d bytes has %d, with room for %d", size, len(b.Bytes), cap(b.Bytes))
		}
	}
	for size := 1; size <= mostBlock; size++ {
		number, whole := sizeOf(size)
		if next, _ := sizeOf(whole + 1); number >= sizes || whole < size || whole > size+size/4+4 || next != number+1 {
			t.Fatalf("%d bytes are of size %d, which has %d; the next one is %d", size, number, whole, next)
		}
	}
}

func TestLines(t *testing.T) {
	const text = "one\n\nthree\nfour"
	lines := func() []Event {
		b := new(Blocks).Copy([]byte(text))
		all := []Event{b.Event(0, 3), b.Event(4, 4), b.Event(5, 10), b.Event(11, 15)}
		b.Lend(all)
		return all
	}
	tests := []struct {
		name   string
		change func([]Event) []Event
		want   string
		n      int
	}{
		{"whole lines", func(all []Event) []Event { return all }, "one\n\nthree\n", 3},
		{"behind the first", func(all []Event) []Event { return all[1:] }, "\nthree\n", 2},
		{"the last one has no end", func(all []Event) []Event { return all[3:] }, "", 0},
		{"one is left out", func(all []Event) []Event { return append(all[:1], all[2:]...) }, "one\n", 1},
		{"turned around", func(all []Event) []Event { return []Event{all[2], all[0]} }, "three\n", 1},
		{"another body", func(all []Event) []Event { all[2].Body = []byte("THREE"); return all }, "one\n\n", 2},
		{"a shorter body", func(all []Event) []Event { all[0].Body = all[0].Body[:2]; return all }, "", 0},
		{"kept", func(all []Event) []Event { Keep(all[:1]); return all }, "", 0},
		{"another block", func(all []Event) []Event { return append(all[:1], lines()[1:]...) }, "one\n", 1},
		{"none", func([]Event) []Event { return nil }, "", 0},
		{"no block", func([]Event) []Event { return []Event{{Body: []byte("a")}} }, "", 0},
	}
	for _, test := range tests {
		if got, n := Lines(test.change(lines())); string(got) != test.want || n != test.n {
			t.Errorf("%s: %q of %d events", test.name, got, n)
		}
	}
	for _, e := range batch(new(Blocks), "a\n") {
		if _, n := Lines([]Event{e}); n != 0 {
			t.Error("an event whose place nobody told is a line")
		}
	}
}
