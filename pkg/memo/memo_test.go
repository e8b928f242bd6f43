package memo

import (
	"fmt"
	"strings"
	"testing"
)

func TestMemo(t *testing.T) {
	m := New[int](100, 1<<20)
	texts := []string{"", "a", "0123456789abcde", strings.Repeat("x", 16), strings.Repeat("x", 17), strings.Repeat("y", 5000)}
	for i, text := range texts {
		if v, ok := m.Get([]byte(text)); ok {
			t.Fatalf("%.20q is known before: %d", text, v)
		}
		m.Add([]byte(text), i, 8)
	}
	for range 2 { // from the map, then from what was used last
		for i, text := range texts {
			if v, ok := m.Get([]byte(text)); !ok || v != i {
				t.Errorf("%.20q: %d %v, want %d", text, v, ok, i)
			}
		}
	}
	m.Clear()
	for _, text := range texts {
		if _, ok := m.Get([]byte(text)); ok || m.Len() != 0 {
			t.Errorf("%.20q is known after Clear", text)
		}
	}
}

// TestTextsOfOneSample holds apart texts that differ where the sample does not
// look.
func TestTextsOfOneSample(t *testing.T) {
	m := New[int](100, 1<<20)
	text := func(i int) []byte { b := []byte(strings.Repeat("x", 200)); b[3] = byte('a' + i); return b }
	for i := range 5 {
		m.Add(text(i), i, 8)
	}
	for i := range 20 {
		if v, ok := m.Get(text(i % 5)); !ok || v != i%5 {
			t.Errorf("%d: %d %v", i%5, v, ok)
		}
	}
}

func TestMemoIsBounded(t *testing.T) {
	few, small := New[int](10, 1<<20), New[int](1<<20, 2000)
	for i := range 1000 {
		text := fmt.Appendf(nil, "text number %d", i)
		few.Add(text, i, 8)
		small.Add(text, i, 8)
		if few.Len() > 10 || small.Len() > 2000/perEntry {
			t.Fatalf("%d and %d entries", few.Len(), small.Len())
		}
		if v, ok := small.Get(text); !ok || v != i {
			t.Fatalf("%s: %d %v", text, v, ok)
		}
	}
}
