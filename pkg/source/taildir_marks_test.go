package source

import (
	"reflect"
	"testing"

	"github.com/logpipe/logpipe/pkg/tail"
)

// A position gets the mark of its file, also where a kill has left one of a newer
// name; marks without names tell nothing where two have one inode.
func TestPairMarks(t *testing.T) {
	mark := func(dev, inode uint64, file string) tailMark {
		return tailMark{FileID: tail.FileID{Dev: dev, Inode: inode}, File: file}
	}
	position := func(inode uint64, file string) tailPosition { return tailPosition{inode, 0, file} }
	tests := []struct {
		name   string
		stored []tailPosition
		marks  []tailMark
		want   []uint64 // devices, 0 = no mark
	}{
		{"each its own", []tailPosition{position(1, "a"), position(1, "b"), position(2, "c")},
			[]tailMark{mark(4, 2, "c"), mark(5, 1, "b"), mark(6, 1, "a")}, []uint64{6, 5, 4}},
		{"newer name", []tailPosition{position(1, "a"), position(1, "b")},
			[]tailMark{mark(5, 1, "c"), mark(6, 1, "b")}, []uint64{5, 6}},
		{"same name twice", []tailPosition{position(1, "a"), position(1, "a"), position(1, "a")},
			[]tailMark{mark(5, 1, "a"), mark(6, 1, "a")}, []uint64{5, 6, 0}},
		{"no mark", []tailPosition{position(1, "a")}, []tailMark{mark(5, 2, "a")}, []uint64{0}},
		{"no name", []tailPosition{position(1, "a")}, []tailMark{mark(5, 1, "")}, []uint64{5}},
		{"two without names", []tailPosition{position(1, "a"), position(1, "b")},
			[]tailMark{mark(5, 1, ""), mark(6, 1, "")}, []uint64{0, 0}},
	}
	for _, test := range tests {
		var got []uint64
		for i, p := range pairMarks(test.stored, test.marks) {
			dev := uint64(0)
			if p.mark != nil {
				dev = p.mark.Dev
			}
			if got = append(got, dev); p.tailPosition != test.stored[i] {
				t.Errorf("%s: position %d is %v", test.name, i, p.tailPosition)
			}
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: devices %v, want %v", test.name, got, test.want)
		}
	}
}

// The last bytes are the same however they came.
func TestTailPrintGrows(t *testing.T) {
	text := make([]byte, 4*tailHead)
	for i := range text {
		text[i] = byte(i * i / 7)
	}
	for _, step := range []int{1, 3, tailHead - 1, tailHead, tailHead + 1, 3 * tailHead} {
		var p tailPrint
		for at := 0; at < len(text); {
			next := min(at+step, len(text))
			p.grow(text[at:next])
			at = next
			if want := text[max(0, at-tailHead):at]; !reflect.DeepEqual(p.last, want) {
				t.Fatalf("steps of %d: at %d the last bytes are %v, want %v", step, at, p.last, want)
			}
		}
	}
}
