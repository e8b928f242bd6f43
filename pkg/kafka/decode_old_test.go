package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/codec"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// message is one of a log of before Kafka 0.11. With a set it is what that is
// packed in.
type message struct {
	format   byte
	offset   int64
	ms       int64
	appended bool
	key      []byte
	value    []byte
	kind     codec.Kind
	set      []message
}

func (m message) bytes(t testing.TB) []byte {
	t.Helper()
	attributes := int8(m.kind)
	if m.appended {
		attributes |= appendTime
	}
	if m.set != nil {
		p, err := codec.NewPacker(m.kind, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		var set []byte
		for _, in := range m.set {
			set = append(set, in.bytes(t)...)
		}
		if m.value, err = p.Append(nil, set); err != nil {
			t.Fatal(err)
		}
	}
	var b []byte
	if m.format == 0 {
		b = (&kmsg.MessageV0{Offset: m.offset, Attributes: attributes, Key: m.key, Value: m.value}).AppendTo(nil)
	} else {
		b = (&kmsg.MessageV1{Offset: m.offset, Magic: 1, Attributes: attributes, Timestamp: m.ms, Key: m.key, Value: m.value}).AppendTo(nil)
	}
	binary.BigEndian.PutUint32(b[atLength:], uint32(len(b)-behindLength))
	binary.BigEndian.PutUint32(b[atOldSum:], crc32.ChecksumIEEE(b[atMagic:]))
	return b
}

// Messages of both formats, packed and not, between batches of today's.
func TestHandingOld(t *testing.T) {
	at := time.UnixMilli(1_400_000_000_123)
	for kind := range codec.Zstd {
		t.Run(kind.String(), func(t *testing.T) {
			v0 := func(offset int64) message {
				return message{offset: offset, key: []byte("k"), value: fmt.Append(nil, offset)}
			}
			v1 := func(offset, real int64) message {
				return message{format: 1, offset: offset, ms: at.UnixMilli() + real, value: fmt.Append(nil, real)}
			}
			log := []message{v0(0), {offset: 1}, v1(2, 2), {format: 1, offset: 3, ms: -1, value: []byte{}}}
			if kind != codec.None {
				log = append(log, message{offset: 6, kind: kind, set: []message{v0(4), v0(5), v0(6)}},
					message{format: 1, offset: 9, kind: kind, ms: 5, set: []message{v1(0, 7), v1(2, 9)}}, // 8 is compacted away
					message{format: 1, offset: 11, kind: kind, appended: true, ms: at.UnixMilli(), set: []message{v1(0, 10), v1(1, 11)}})
			}
			var set []byte
			for _, m := range log {
				set = append(set, m.bytes(t)...)
			}
			set = append(set, logged{base: 12, records: []Record{{Value: []byte("12")}}, kind: kind}.bytes(t)...)
			set = append(set, v1(13, 13).bytes(t)[:20]...) // cut off
			list, next, err := hand(t, answer{set: set, pos: 1, last: -1})
			if err != nil || next != 13 {
				t.Fatalf("then %d, %v", next, err)
			}
			var got []string
			for _, b := range list {
				for _, r := range b.Records {
					text := fmt.Sprint(r.Offset)
					switch {
					case r.Key == nil && r.Value == nil:
						text += " null"
					case r.Value != nil && len(r.Value) == 0:
						text += " empty"
					case string(r.Value) != fmt.Sprint(r.Offset):
						t.Errorf("%+v", r)
					}
					if string(r.Key) == "k" {
						text += " k"
					}
					if !r.Time.IsZero() && r.Offset < 12 {
						text += fmt.Sprintf(" +%d", r.Time.Sub(at).Milliseconds())
					}
					got = append(got, text)
				}
			}
			want := "1 null, 2 +2, 3 empty, 12"
			if kind != codec.None {
				want = "1 null, 2 +2, 3 empty, 4 k, 5 k, 6 k, 7 +7, 9 +9, 10 +0, 11 +0, 12"
			}
			if strings.Join(got, ", ") != want {
				t.Errorf("%s\nwant %s", strings.Join(got, ", "), want)
			}
		})
	}
}

// A message that is damaged, or that cannot be, is told with its place.
func TestHandingOldDamage(t *testing.T) {
	one := message{format: 1, offset: 7, value: []byte("value")}
	inner := message{format: 1, offset: 0, value: []byte("value")}
	twice := message{format: 1, offset: 0, kind: codec.Gzip, set: []message{inner}}
	for name, c := range map[string]struct {
		b  []byte
		is error
	}{
		"a sum":         {func() []byte { b := one.bytes(t); b[len(b)-1]++; return b }(), errSum},
		"a length":      {func() []byte { b := one.bytes(t); b[atLength+3] = 9; return b }(), errFrame},
		"a key":         {func() []byte { b := one.bytes(t); b[atOldKey+oldTime] = 0x80; return summed(b) }(), errRecord},
		"a value":       {func() []byte { b := one.bytes(t); b[len(b)-6]++; return summed(b) }(), errRecord},
		"packed twice":  {message{format: 1, offset: 7, kind: codec.Gzip, set: []message{twice}}.bytes(t), errNested},
		"packed in two": {message{format: 1, offset: 7, kind: codec.Gzip, set: []message{inner, twice}}.bytes(t), errNested},
		"a late offset": {message{offset: 7, kind: codec.Gzip, set: []message{{offset: 8}}}.bytes(t), errRecord},
	} {
		if _, _, err := hand(t, answer{set: c.b, pos: 7, last: -1}); !errors.Is(err, c.is) || !strings.HasPrefix(err.Error(), `topic "x" partition 3: offset 7 has `) {
			t.Errorf("%s: %v, want %v", name, err, c.is)
		}
	}
}
