package geo

import (
	"bytes"
	"encoding/binary"
	"maps"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// writeMMDB writes a MaxMind DB with the given records into a temporary file.
func writeMMDB(t testing.TB, version int, records map[string]any) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.mmdb")
	if err := os.WriteFile(path, makeMMDB(t, version, records), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// makeMMDB makes a MaxMind DB of IP version 4 or 6 with 32-bit records, as
// https://maxmind.github.io/MaxMind-DB/ describes it. A record of type raw goes
// into the data section as it is.
func makeMMDB(t testing.TB, version int, records map[string]any) []byte {
	t.Helper()
	type tree [2]int // > 0: a node; < 0: a record; 0: nothing
	nodes := []tree{{}}
	var data []byte
	var offsets []int
	for _, text := range slices.Sorted(maps.Keys(records)) {
		offsets = append(offsets, len(data))
		data = appendMMDB(t, data, records[text])
		prefix := netip.MustParsePrefix(text)
		bits, address := prefix.Bits(), prefix.Addr().AsSlice()
		if version == 6 && prefix.Addr().Is4() { // IPv4 stands below ::/96
			bits, address = bits+96, append(make([]byte, 12), address...)
		}
		node := 0
		for i := range bits {
			side := address[i/8] >> (7 - i%8) & 1
			if i == bits-1 {
				nodes[node][side] = -len(offsets)
				break
			}
			if nodes[node][side] == 0 {
				nodes = append(nodes, tree{})
				nodes[node][side] = len(nodes) - 1
			}
			node = nodes[node][side]
		}
	}
	var out []byte
	for _, n := range nodes {
		for _, to := range n {
			switch {
			case to == 0:
				to = len(nodes)
			case to < 0:
				to = len(nodes) + 16 + offsets[-to-1]
			}
			out = binary.BigEndian.AppendUint32(out, uint32(to))
		}
	}
	out = append(append(out, make([]byte, 16)...), data...)
	out = append(out, "\xab\xcd\xefMaxMind.com"...)
	return appendMMDB(t, out, map[string]any{
		"binary_format_major_version": uint16(2),
		"binary_format_minor_version": uint16(0),
		"build_epoch":                 uint64(1767312000),
		"database_type":               "Test",
		"description":                 map[string]any{"en": "made by a test"},
		"ip_version":                  uint16(version),
		"languages":                   []any{"en"},
		"node_count":                  uint32(len(nodes)),
		"record_size":                 uint16(32),
	})
}

type raw []byte

func appendMMDB(t testing.TB, out []byte, value any) []byte {
	t.Helper()
	head := func(kind, size int) {
		first := kind << 5
		if kind > 7 {
			first = 0
		}
		switch {
		case size < 29:
			out = append(out, byte(first|size))
		case size < 29+256:
			out = append(out, byte(first|29))
		default:
			out = append(out, byte(first|30))
		}
		if kind > 7 {
			out = append(out, byte(kind-7))
		}
		switch {
		case size >= 29+256:
			out = binary.BigEndian.AppendUint16(out, uint16(size-29-256))
		case size >= 29:
			out = append(out, byte(size-29))
		}
	}
	number := func(kind int, n uint64) {
		text := bytes.TrimLeft(binary.BigEndian.AppendUint64(nil, n), "\x00")
		head(kind, len(text))
		out = append(out, text...)
	}
	switch v := value.(type) {
	case raw:
		out = append(out, v...)
	case string:
		head(2, len(v))
		out = append(out, v...)
	case float64:
		head(3, 8)
		out = binary.BigEndian.AppendUint64(out, math.Float64bits(v))
	case uint16:
		number(5, uint64(v))
	case uint32:
		number(6, uint64(v))
	case uint64:
		number(9, v)
	case bool:
		size := 0
		if v {
			size = 1
		}
		head(14, size)
	case float32:
		head(15, 4)
		out = binary.BigEndian.AppendUint32(out, math.Float32bits(v))
	case map[string]any:
		head(7, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			out = appendMMDB(t, appendMMDB(t, out, key), v[key])
		}
	case []any:
		head(11, len(v))
		for _, element := range v {
			out = appendMMDB(t, out, element)
		}
	default:
		t.Fatalf("no MMDB type for %T", value)
	}
	return out
}
