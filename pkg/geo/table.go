package geo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
)

// The format of a table. Numbers are unsigned varints, texts are a length and
// their bytes.
//
//	magic
//	name, licence, date    texts
//	entries                ranges with a country
//	count, codes           the countries, two letters each
//	count, ranges          IPv4, from 0.0.0.0 upwards, without gaps
//	count, ranges          IPv6, from :: upwards, in units of a /64
//
// A range is its length and one byte: the number of its country, counted from
// 1, or 0 for a stretch that belongs to none. Most lengths are multiples of a
// large unit (a /24, a /48), so a length is written as length/unit<<1 where
// that is exact and as length<<1|1 where it is not. What follows the last range
// belongs to no country. Nothing is compressed: that would halve the megabyte of
// the built-in table and cost more time than all the rest of the decoding.
const (
	magic   = "lpgeo\x01"
	unit4   = 8  // log2 of the unit of IPv4 lengths: a /24
	unit6   = 16 // log2 of the unit of IPv6 lengths: a /48
	maxCode = math.MaxUint8
)

var errCut = errors.New("data end early")

// Table is a table of countries by ranges of addresses, held in memory.
type Table struct {
	source  Source
	codes   []string // codes[0] is "": no country
	v4      ranges[uint32]
	v6      ranges[uint64]
	entries int
}

// Source tells where the table comes from.
func (t *Table) Source() Source { return t.source }

// Find returns the country of addr. IPv6 addresses are told apart by their
// upper 64 bits.
func (t *Table) Find(addr netip.Addr) (Place, bool) {
	n := t.Country(addr)
	if n == 0 {
		return Place{}, false
	}
	return Place{Country: t.codes[n]}, true
}

// Country returns the number of the country of addr, for Code; 0 is none. It is
// Find for callers that keep what they make of a country.
func (t *Table) Country(addr netip.Addr) uint8 {
	switch addr = addr.Unmap(); {
	case addr.Is4():
		b := addr.As4()
		return t.v4.find(binary.BigEndian.Uint32(b[:]))
	case addr.Is6():
		b := addr.As16()
		return t.v6.find(binary.BigEndian.Uint64(b[:8]))
	}
	return 0
}

// Code returns the ISO code of the country that Country numbered; "" for 0.
func (t *Table) Code(n uint8) string { return t.codes[n] }

// ranges cuts a space of addresses into ranges. The first starts at 0, each
// ends where the next one starts.
type ranges[K uint32 | uint64] struct {
	starts  []K
	country []uint8
	index   []uint32 // by the upper 16 bits: how many ranges start below that block
	shift   uint     // from an address to its upper 16 bits
}

func (r *ranges[K]) find(key K) uint8 {
	block := key >> r.shift
	low := r.index[block]
	n := r.index[block+1] - low
	for n > 0 { // low is the first range that starts behind key, among n
		half := (n + 1) / 2
		// No branch on the comparison: addresses are random, it would be
		// guessed wrong half of the time.
		next := low
		if r.starts[low+half-1] <= key {
			next = low + half
		}
		n -= half
		low = next
	}
	return r.country[low-1]
}

func (r *ranges[K]) buildIndex(bits uint) {
	const blocks = 1 << 16
	r.shift = bits - 16
	r.index = make([]uint32, blocks+1)
	block := 0
	for i, start := range r.starts {
		for ; block <= int(start>>r.shift); block++ {
			r.index[block] = uint32(i)
		}
	}
	for ; block <= blocks; block++ {
		r.index[block] = uint32(len(r.starts))
	}
}

// Decode reads a table that Encode wrote. It keeps nothing of data.
func Decode(data []byte) (*Table, error) {
	d := decoder{data: data}
	t := &Table{source: d.header(), codes: []string{""}}
	count := d.number()
	if count > maxCode {
		d.fail(fmt.Errorf("%d countries, at most %d", count, maxCode))
	}
	for range count {
		t.codes = append(t.codes, d.bytes(2))
		if d.err != nil {
			break
		}
	}
	t.v4 = decodeRanges[uint32](&d, len(t.codes), 32, unit4)
	t.v6 = decodeRanges[uint64](&d, len(t.codes), 64, unit6)
	if d.err == nil && len(d.data) > 0 {
		d.fail(fmt.Errorf("%d bytes too many", len(d.data)))
	}
	if d.err != nil {
		return nil, fmt.Errorf("decode table of countries: %w", d.err)
	}
	return t, nil
}

func decodeRanges[K uint32 | uint64](d *decoder, codes int, bits, unit uint) ranges[K] {
	count := d.number()
	if count > uint64(len(d.data))/2 { // a range has two bytes or more
		d.fail(errCut)
		count = 0
	}
	r := ranges[K]{starts: make([]K, 1, count+1), country: make([]uint8, 1, count+1)}
	var last uint64 = 1<<bits - 1 // for 64 bits the shift leaves 0, less one is all ones
	var next uint64               // where the coming range starts
	full := false                 // next would be behind the last address
	for i := range count {
		length, code := d.span(unit)
		switch {
		case d.err != nil:
			return r
		case length == 0 || full || length-1 > last-next || int(code) >= codes:
			d.fail(fmt.Errorf("range %d does not fit", i))
			return r
		}
		r.country[i] = code
		full = length-1 == last-next
		next += length
		if !full {
			r.starts = append(r.starts, K(next))
			r.country = append(r.country, 0)
		}
	}
	r.buildIndex(bits)
	return r
}

// decoder takes a table apart. The first error stays, and every later call
// returns zero values.
type decoder struct {
	data []byte
	err  error
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.data = nil
}

func (d *decoder) header() Source {
	if d.bytes(uint64(len(magic))) != magic {
		d.fail(errors.New("not a table of this version"))
	}
	s := Source{Name: d.text(), Licence: d.text(), Date: d.text()}
	s.Entries = int(min(d.number(), math.MaxInt32))
	return s
}

func (d *decoder) bytes(n uint64) string {
	if n > uint64(len(d.data)) {
		d.fail(errCut)
		return ""
	}
	text := string(d.data[:n])
	d.data = d.data[n:]
	return text
}

func (d *decoder) text() string { return d.bytes(d.number()) }

func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.data)
	if size <= 0 {
		d.fail(errCut)
		return 0
	}
	d.data = d.data[size:]
	return n
}

// span reads the length of a range and the number of its country.
func (d *decoder) span(unit uint) (length uint64, code uint8) {
	n := d.number()
	if len(d.data) == 0 {
		d.fail(errCut)
		return 0, 0
	}
	code = d.data[0]
	d.data = d.data[1:]
	if n&1 == 1 {
		return n >> 1, code
	}
	if n>>1 > math.MaxUint64>>unit {
		return 0, code // no such length: the caller refuses 0
	}
	return n >> 1 << unit, code
}
