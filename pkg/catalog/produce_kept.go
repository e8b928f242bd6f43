package catalog

import (
	"bytes"
	"context"

	"github.com/logpipe/logpipe/pkg/stream"
)

// mostKept is how many bytes are kept until a mark comes: as much as a request has.
const mostKept = 1 << 20

// kept are the lines since the last mark that no transaction has yet: with few of
// them it begins with the mark, and is open for as long as its end takes. A mark may
// be long in coming, as behind windows whose stream goes quiet, and the cluster takes
// back what stands open meanwhile.
type kept struct {
	lines []byte
	parts []keptPart
	size  int   // bytes in memory
	count int64 // lines
}

// keptPart is where some of the lines come from.
type keptPart struct {
	end   int // of them, in lines
	count int64
	at    stream.Places
}

const keptPartSize = 64 // bytes, roughly

// add keeps lines; full tells that there is no room for them.
func (k *kept) add(lines []byte, at stream.Places) (full bool) {
	size := len(lines) + 4*len(at.Pos) + keptPartSize
	if k.size+size > mostKept {
		return true
	}
	n := int64(bytes.Count(lines, []byte{'\n'}))
	k.lines, k.count = append(k.lines, lines...), k.count+n
	if last := len(k.parts) - 1; last >= 0 && k.parts[last].goesOn(at) {
		k.parts[last].end, k.parts[last].count = len(k.lines), k.parts[last].count+n
		k.size += len(lines)
		return false
	}
	k.parts = append(k.parts, keptPart{len(k.lines), n, at})
	k.size += size
	return false
}

// goesOn tells whether lines from at are those behind the part's.
func (k *keptPart) goesOn(at stream.Places) bool {
	if k.at.Name != at.Name || k.at.Pos != nil || at.Pos != nil {
		return false
	}
	return k.at.Line == 0 && at.Line == 0 || k.at.Line > 0 && k.at.Line+k.count == at.Line
}

// clear forgets all and returns how many lines that were.
func (k *kept) clear() int64 {
	n := k.count
	*k = kept{lines: k.lines[:0], parts: k.parts[:0]}
	return n
}

// hand forgets all and hands it to do, with the places that the lines come from.
func (k *kept) hand(do func(lines []byte, at stream.Places) error) error {
	lines, parts := k.lines, k.parts
	k.clear()
	from := 0
	for _, part := range parts {
		if err := do(lines[from:part.end], part.at); err != nil {
			return err
		}
		from = part.end
	}
	return nil
}

// keep keeps lines for the mark behind them; ok is false where a transaction takes
// them now. They are paced here: all go at once later.
func (p *produced) keep(ctx context.Context, lines []byte) (ok bool, err error) {
	if !p.sink.NeedsMarks() || p.tx.open || p.kept.add(lines, p.next) {
		return false, nil
	}
	p.next = stream.Places{}
	if p.pace != nil {
		for range bytes.Count(lines, []byte{'\n'}) {
			if err := p.pace.wait(ctx); err != nil {
				return true, err
			}
		}
	}
	return true, nil
}

// sendKept sends what is kept, in the transaction that has begun.
func (p *produced) sendKept(ctx context.Context) error {
	next := p.next // of the lines behind
	defer func() { p.next = next }()
	return p.kept.hand(func(lines []byte, at stream.Places) error {
		p.next = at
		return p.send(ctx, lines, nil)
	})
}
