package broker

import (
	"slices"
	"strings"
	"testing"
)

const tcpTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2384 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:2384 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 100 0 0 10 0
   2: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0000000000000000 100 0 0 10 0
`

func TestListening(t *testing.T) {
	for port, want := range map[int][]string{9092: {"4711"}, 22: {"4713"}, 80: nil} {
		if got := listening(strings.NewReader(tcpTable), port); !slices.Equal(got, want) {
			t.Errorf("port %d: %v, want %v", port, got, want)
		}
	}
}

func FuzzListening(f *testing.F) {
	f.Add(tcpTable, 9092)
	f.Fuzz(func(t *testing.T, table string, port int) { listening(strings.NewReader(table), port) })
}
