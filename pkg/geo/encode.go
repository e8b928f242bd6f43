package geo

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
)

// Network is a network and the country that it is in.
type Network struct {
	Prefix  netip.Prefix
	Country string // two capital letters
}

// Encode writes a table of networks in the form that Decode reads. `go
// generate` makes the built-in table with it. The order of networks does not
// matter, but they must not overlap, and those of IPv6 must not be smaller than
// a /64. Encode counts source.Entries itself.
func Encode(w io.Writer, source Source, networks []Network) error {
	e := encoder{numbers: map[string]uint8{}}
	if err := e.number(networks); err != nil {
		return err
	}
	sorted := slices.Clone(networks)
	slices.SortFunc(sorted, func(a, b Network) int { return a.Prefix.Addr().Compare(b.Prefix.Addr()) })
	split := slices.IndexFunc(sorted, func(n Network) bool { return n.Prefix.Addr().Is6() })
	if split < 0 {
		split = len(sorted)
	}
	v4, err := e.spans(sorted[:split], 32)
	if err != nil {
		return err
	}
	v6, err := e.spans(sorted[split:], 64)
	if err != nil {
		return err
	}
	out := []byte(magic)
	for _, text := range []string{source.Name, source.Licence, source.Date} {
		out = binary.AppendUvarint(out, uint64(len(text)))
		out = append(out, text...)
	}
	out = binary.AppendUvarint(out, uint64(e.entries))
	out = binary.AppendUvarint(out, uint64(len(e.codes)))
	out = append(out, strings.Join(e.codes, "")...)
	out = appendSpans(out, v4, unit4)
	out = appendSpans(out, v6, unit6)
	_, err = w.Write(out)
	return err
}

type encoder struct {
	codes   []string
	numbers map[string]uint8
	entries int
}

// span is a stretch of addresses of one country, 0 for none.
type span struct {
	length uint64
	code   uint8
}

// number gives the countries their numbers, in the order of their codes, so
// that the same data give the same table.
func (e *encoder) number(networks []Network) error {
	for _, n := range networks {
		c := n.Country
		if len(c) != 2 || c[0] < 'A' || c[0] > 'Z' || c[1] < 'A' || c[1] > 'Z' {
			return fmt.Errorf("network %s: country %q is not a code of two capital letters", n.Prefix, c)
		}
		e.numbers[c] = 0
	}
	if len(e.numbers) > maxCode {
		return fmt.Errorf("%d countries, at most %d", len(e.numbers), maxCode)
	}
	for c := range e.numbers {
		e.codes = append(e.codes, c)
	}
	slices.Sort(e.codes)
	for i, c := range e.codes {
		e.numbers[c] = uint8(i + 1)
	}
	return nil
}

// spans joins neighbours of one country and fills the gaps between networks.
// An address counts as a number of the given width: IPv4 whole, IPv6 by its
// upper half.
func (e *encoder) spans(networks []Network, bits int) ([]span, error) {
	var spans []span
	var next uint64 // behind what was covered so far; 0 again behind the last /64
	for i, n := range networks {
		p := n.Prefix
		if p.Bits() <= 0 || p.Bits() > bits || p != p.Masked() || p.Addr().Is4In6() {
			return nil, fmt.Errorf("network %s does not fit into a table", p)
		}
		start, length := key(p.Addr()), uint64(1)<<(bits-p.Bits())
		if start < next || i > 0 && next == 0 {
			return nil, fmt.Errorf("network %s overlaps another one", p)
		}
		if start > next {
			spans = append(spans, span{start - next, 0})
		}
		code := e.numbers[n.Country]
		if last := len(spans) - 1; last >= 0 && spans[last].code == code {
			spans[last].length += length
		} else {
			spans = append(spans, span{length, code})
			e.entries++
		}
		next = start + length
	}
	return spans, nil
}

func key(addr netip.Addr) uint64 {
	if addr.Is4() {
		b := addr.As4()
		return uint64(binary.BigEndian.Uint32(b[:]))
	}
	b := addr.As16()
	return binary.BigEndian.Uint64(b[:8])
}

func appendSpans(out []byte, spans []span, unit uint) []byte {
	spans = cut(spans)
	out = binary.AppendUvarint(out, uint64(len(spans)))
	for _, s := range spans {
		n := s.length<<1 | 1
		if s.length&(1<<unit-1) == 0 {
			n = s.length >> unit << 1
		}
		out = append(binary.AppendUvarint(out, n), s.code)
	}
	return out
}

// cut makes several spans of one whose length has no room for the bit that tells
// the unit.
func cut(spans []span) []span {
	const most = 1 << 62
	var out []span
	for _, s := range spans {
		for ; s.length > most; s.length -= most {
			out = append(out, span{most, s.code})
		}
		out = append(out, s)
	}
	return out
}
