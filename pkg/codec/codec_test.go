package codec

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"testing"

	"github.com/klauspost/compress/snappy/xerial"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// unpack reads what Append has written, by other means.
func unpack(kind Kind, b []byte) ([]byte, error) {
	switch kind {
	case Gzip:
		r, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	case Snappy:
		return xerial.Decode(b)
	case LZ4:
		return io.ReadAll(lz4.NewReader(bytes.NewReader(b)))
	case Zstd:
		r, err := zstd.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return io.ReadAll(r)
	}
	return b, nil
}

func texts() [][]byte {
	return [][]byte{{}, []byte("a"), bytes.Repeat([]byte("line of a log\n"), 50_000), bytes.Repeat([]byte{0, 1, 2, 255}, 16<<10)}
}

func TestPackers(t *testing.T) {
	for _, name := range Names() {
		kind, ok := Parse(name)
		if !ok || kind.String() != name {
			t.Fatalf("%s is %v, %v", name, kind, ok)
		}
		least, most := kind.Levels()
		for level := 0; level <= most; level++ {
			if level > 0 && level < least {
				continue
			}
			t.Run(fmt.Sprint(name, " ", level), func(t *testing.T) {
				p, err := NewPacker(kind, level)
				if err != nil {
					t.Fatal(err)
				}
				defer p.Close()
				for _, text := range append(texts(), texts()...) { // a packer serves many times
					packed, err := p.Append([]byte("head"), text)
					if err != nil || !bytes.HasPrefix(packed, []byte("head")) {
						t.Fatalf("%d bytes: %v", len(text), err)
					}
					got, err := unpack(kind, packed[4:])
					if err != nil || !bytes.Equal(got, text) {
						t.Errorf("%d bytes came back as %d: %v", len(text), len(got), err)
					}
					if got, err = Unpack(kind, packed[4:]); err != nil || !bytes.Equal(got, text) {
						t.Errorf("%d bytes unpacked to %d: %v", len(text), len(got), err)
					}
					if kind != None && len(text) > 1000 && len(packed) > len(text)/5 {
						t.Errorf("%d bytes of %d", len(packed), len(text))
					}
				}
			})
		}
		for _, level := range []int{-1, most + 1} {
			if _, err := NewPacker(kind, level); err == nil {
				t.Errorf("%s takes level %d", name, level)
			}
		}
	}
	if _, ok := Parse("br"); ok {
		t.Error("br is a codec")
	}
	if _, err := NewPacker(9, 0); err == nil {
		t.Error("codec 9 is one")
	}
}

// FuzzUnpack holds that bytes of others end in bytes or an error.
func FuzzUnpack(f *testing.F) {
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
		got, err := Unpack(Kind(kind), b)
		if err == nil && (kind < 0 || kind > 4) {
			t.Errorf("codec %d made %d bytes", kind, len(got))
		}
	})
}
