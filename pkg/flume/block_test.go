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
