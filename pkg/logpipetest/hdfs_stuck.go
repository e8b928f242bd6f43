package logpipetest

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// StuckHDFS is a cluster of one namenode, which answers all that the writer of a
// file asks, and of one datanode, which takes a block and then reads and answers
// nothing more.
type StuckHDFS struct {
	Root  string          // hdfs://…
	Stuck <-chan struct{} // gets one for each block whose data begin to come

	datanode net.Listener
	stuck    chan struct{}
	mu       sync.Mutex
	conns    []net.Conn
}

// StartStuckHDFS starts the cluster, which ends with the test.
func StartStuckHDFS(t testing.TB) *StuckHDFS {
	t.Helper()
	h := &StuckHDFS{stuck: make(chan struct{}, 1000)}
	h.Stuck = h.stuck
	listen := func(serve func(net.Conn)) net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				h.mu.Lock()
				h.conns = append(h.conns, c)
				h.mu.Unlock()
				go serve(c)
			}
		}()
		return l
	}
	h.datanode = listen(h.take)
	h.Root = "hdfs://" + listen(h.answer).Addr().String()
	t.Cleanup(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, c := range h.conns {
			c.Close()
		}
	})
	return h
}

// take is the datanode: it accepts a block (DataTransferProtocol, OP_WRITE_BLOCK),
// waits for the first byte of a packet and reads no other.
func (h *StuckHDFS) take(c net.Conn) {
	if _, err := io.ReadFull(c, make([]byte, 3)); err != nil { // version, operation
		return
	}
	if _, err := readMessage(c); err != nil {
		return
	}
	if _, err := c.Write(message(number(1, 0), field(2))); err != nil { // BlockOpResponseProto: SUCCESS, no bad link
		return
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err == nil {
		h.stuck <- struct{}{}
	}
}

// answer is the namenode (Hadoop's RPC, version 9, without authentication).
func (h *StuckHDFS) answer(c net.Conn) {
	if _, err := io.ReadFull(c, make([]byte, 7)); err != nil { // hrpc, version, class, authentication
		return
	}
	for first := true; ; first = false {
		var size [4]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		call := io.LimitReader(c, int64(binary.BigEndian.Uint32(size[:])))
		head, err := readMessage(call)
		if err != nil {
			return
		}
		request, err := readMessage(call)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, call); err != nil {
			return
		}
		if first {
			continue // the context of the connection
		}
		// RpcResponseHeaderProto: callId, status SUCCESS.
		body := append(message(number(1, callID(head)), number(2, 0)), message(h.result(request))...)
		if _, err := c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)); err != nil {
			return
		}
	}
}

// result is what a method of ClientProtocol answers; nothing says that there is no
// such file or folder.
func (h *StuckHDFS) result(request []byte) []byte {
	asks := func(method string) bool { return strings.HasPrefix(string(request[min(2, len(request)):]), method) }
	switch {
	case asks("getServerDefaults"): // blockSize, bytesPerChecksum, writePacketSize, replication, fileBufferSize
		return field(1, number(1, 1<<27), number(2, 512), number(3, 1<<16), number(4, 1), number(5, 4096))
	case asks("mkdirs"), asks("complete"), asks("rename"), asks("delete"):
		return number(1, 1)
	case asks("create"): // HdfsFileStatusProto: a file
		return field(1, number(1, 2), field(2), number(3, 0), field(4, number(1, 0o644)), field(5), field(6), number(7, 0), number(8, 0))
	case asks("addBlock"): // LocatedBlockProto
		at := h.datanode.Addr().(*net.TCPAddr)
		block := field(1, field(1, []byte("pool")), number(2, 1), number(3, 1), number(4, 0))
		id := field(1, field(1, []byte(at.IP.String())), field(2, []byte("localhost")), field(3, []byte("one")), number(4, uint64(at.Port)), number(5, 0), number(6, 0))
		token := field(5, field(1), field(2), field(3), field(4))
		return field(1, block, number(2, 0), field(3, id), number(4, 0), token)
	}
	return nil
}

// callID is the field callId, a signed number, of an RpcRequestHeaderProto. Before
// it are numbers alone.
func callID(head []byte) uint64 {
	for len(head) > 0 {
		tag, n := binary.Uvarint(head)
		value, m := binary.Uvarint(head[n:])
		if n <= 0 || m <= 0 {
			break
		}
		if tag == 3<<3 {
			return uint64(int64(value>>1) ^ -int64(value&1))
		}
		head = head[n+m:]
	}
	return 0
}

// readMessage reads a message behind its length.
func readMessage(r io.Reader) ([]byte, error) {
	size, err := binary.ReadUvarint(oneByte{r})
	if err != nil {
		return nil, err
	}
	b := make([]byte, min(size, 1<<20))
	_, err = io.ReadFull(r, b)
	return b, err
}

// oneByte reads no byte more than it is asked for.
type oneByte struct{ io.Reader }

func (r oneByte) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(r.Reader, b[:])
	return b[0], err
}

// number and field are fields of a protobuf message; message puts its length in
// front.
func number(n int, value uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, uint64(n)<<3), value)
}

func field(n int, parts ...[]byte) []byte {
	return append(binary.AppendUvarint(nil, uint64(n)<<3|2), message(parts...)...)
}

func message(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return append(binary.AppendUvarint(nil, uint64(len(all))), all...)
}
