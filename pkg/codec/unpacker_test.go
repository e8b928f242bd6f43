package codec

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/snappy/xerial"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// What packers write comes back, appended, call after call.
func TestUnpacker(t *testing.T) {
	var u Unpacker
	defer u.Close()
	noise := make([]byte, 300_000)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	for kind := range Kind(5) {
		p, err := NewPacker(kind, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		for _, text := range append(texts(), append(texts(), noise)...) {
			packed, err := p.Append(nil, text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := u.Append([]byte("head"), kind, packed)
			if err != nil || string(got) != "head"+string(text) {
				t.Errorf("%s: %d bytes came back as %d: %v", kind, len(text), len(got)-4, err)
			}
			if kind == None || len(text) < 100 {
				continue
			}
			got, err = u.Append([]byte("head"), kind, packed[:len(packed)/2])
			if err == nil || string(got) != "head" {
				t.Errorf("%s: half of %d bytes is %d: %v", kind, len(packed), len(got), err)
			}
		}
	}
	if _, err := u.Append(nil, 9, nil); err == nil {
		t.Error("codec 9 is one")
	}
}

// Each form that an LZ4 frame takes.
func TestUnpackerLZ4(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789 line of a log that repeats\n"), 20_000)
	for name, options := range map[string][]lz4.Option{
		"checksums":      {lz4.BlockChecksumOption(true), lz4.ChecksumOption(true)},
		"no checksums":   {lz4.ChecksumOption(false)},
		"size":           {lz4.SizeOption(uint64(len(text)))},
		"small blocks":   {lz4.BlockSizeOption(lz4.Block64Kb), lz4.BlockChecksumOption(true)},
		"larger blocks":  {lz4.BlockSizeOption(lz4.Block256Kb)},
		"large blocks":   {lz4.BlockSizeOption(lz4.Block1Mb)},
		"largest blocks": {lz4.BlockSizeOption(lz4.Block4Mb)},
	} {
		t.Run(name, func(t *testing.T) {
			var packed bytes.Buffer
			w := lz4.NewWriter(&packed)
			if err := w.Apply(options...); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(text); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if _, ok := parseLZ4(packed.Bytes()); !ok {
				t.Error("its blocks are not unpacked in place")
			}
			var u Unpacker
			got, err := u.Append(nil, LZ4, packed.Bytes())
			if err != nil || !bytes.Equal(got, text) {
				t.Errorf("%d bytes came back as %d: %v", len(text), len(got), err)
			}
			if got, err = u.Append(nil, LZ4, append(packed.Bytes(), 1)); err == nil {
				t.Errorf("with a byte behind it is %d bytes", len(got))
			}
		})
	}
}

// Blocks that refer to those before them, as liblz4 writes by itself.
func TestUnpackerLinkedLZ4(t *testing.T) {
	first := bytes.Repeat([]byte("abcdefgh01234567"), 64)
	head := []byte{0x04, 0x22, 0x4d, 0x18, 0x40, 0x40, 0xc0}
	packed := append(head, binary.LittleEndian.AppendUint32(nil, uint32(len(first))|lz4Raw)...)
	packed = append(packed, first...)
	// One literal, a copy of 14 from 16 back, and five literals as the end wants them.
	second := []byte{0x1a, 'X', 16, 0, 0x50, 'e', 'n', 'd', '.', '\n'}
	packed = append(packed, binary.LittleEndian.AppendUint32(nil, uint32(len(second)))...)
	packed = append(append(packed, second...), 0, 0, 0, 0)
	if _, ok := parseLZ4(packed); ok {
		t.Fatal("linked blocks are taken for independent ones")
	}
	var u Unpacker
	got, err := u.Append(nil, LZ4, packed)
	if want := string(first) + "Xbcdefgh0123456" + "end.\n"; err != nil || string(got) != want {
		t.Errorf("%d bytes, want %d: %v", len(got), len(want), err)
	}
}

// A claim costs no memory.
func TestUnpackerClaims(t *testing.T) {
	var u Unpacker
	claim := binary.AppendUvarint(nil, 1<<30)
	framed := append([]byte(xerialMagic), 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, byte(len(claim)))
	for name, b := range map[string][]byte{"a block": claim, "a frame": append(framed, claim...), "half a frame": framed[:12]} {
		if got, err := u.Append(nil, Snappy, b); err == nil || cap(got) > 1<<20 {
			t.Errorf("%s: %d bytes, %v", name, cap(got), err)
		}
	}
	got, err := u.Append([]byte("a"), Snappy, s2.EncodeSnappy(nil, []byte("bc"))) // without a frame
	if err != nil || string(got) != "abc" {
		t.Errorf("%q, %v", got, err)
	}
}

// Nor where they are unpacked by the codec alone: the library takes minutes and gigabytes
// for a few bytes that claim to have them.
func TestUnpackClaims(t *testing.T) {
	for kind, claim := range map[Kind][]byte{Snappy: binary.AppendUvarint(nil, 1<<32-1), Zstd: []byte("(\xb5/\xfd\x90\x8b\x989\xfd\x35")} {
		var u Unpacker
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, err := Unpack(kind, claim)
		more, errMore := u.Append(nil, kind, claim)
		runtime.ReadMemStats(&after)
		if err == nil || errMore == nil {
			t.Errorf("%s: %d bytes, %v, and %d, %v", kind, len(got), err, len(more), errMore)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<28 {
			t.Errorf("%s: %d bytes were taken", kind, n)
		}
	}
}

// The most that zstd can make of a byte is not taken for a wrong claim.
func TestUnpackGrowth(t *testing.T) {
	text := make([]byte, 100<<20)
	packed, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := packed.EncodeAll(text, nil)
	if got, err := Unpack(Zstd, b); err != nil || len(got) != len(text) {
		t.Errorf("%d bytes of %d from %d: %v", len(got), len(text), len(b), err)
	}
}

// library unpacks with the library alone.
func library(kind Kind, b []byte) ([]byte, error) {
	switch kind {
	case Snappy:
		return xerial.Decode(b)
	case Zstd:
		r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return r.DecodeAll(b, nil)
	}
	return Unpack(kind, b)
}

// FuzzUnpacker holds that it makes of bytes what the library makes of them.
func FuzzUnpacker(f *testing.F) {
	for kind := range Kind(5) {
		p, err := NewPacker(kind, 0)
		if err != nil {
			f.Fatal(err)
		}
		packed, err := p.Append(nil, bytes.Repeat([]byte("line\n"), 100))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(int8(kind), packed)
		f.Add(int8(kind), packed[:len(packed)/2])
	}
	f.Fuzz(func(t *testing.T, kind int8, b []byte) {
		var u Unpacker
		defer u.Close()
		got, err := u.Append(nil, Kind(kind), b)
		if err != nil {
			return // the library may take gigabytes for what claims to have them
		}
		want, wantErr := library(Kind(kind), b)
		if wantErr == nil && !bytes.Equal(got, want) {
			t.Errorf("%d bytes, want %d", len(got), len(want))
		}
		if wantErr != nil && Kind(kind) != LZ4 { // whose checksums are not looked at
			t.Errorf("%d bytes, want %v", len(got), wantErr)
		}
	})
}
