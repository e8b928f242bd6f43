package broker

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Limits of a request. The first is Kafka's socket.request.max.bytes; the
// second is far above what a list of topic names needs.
const (
	maxRequest  = 100 << 20
	maxMetadata = 8 << 20
	frameHead   = 8 // length, key, version
)

// guard stands between a client's connection and kfake. It lets only requests
// through: kfake would set memory aside for whatever length it reads (an HTTP
// request line is a length of 1.2 GB), and would end the process at a key that
// it does not know. It also creates the topics that a metadata request asks
// for, before kfake answers it.
type guard struct {
	net.Conn
	b       *Broker
	pending []byte // read from the connection, not yet handed on
	body    int    // bytes of the current request still to come from the connection
	scratch [frameHead]byte
}

// Read hands on the bytes of whole requests.
func (g *guard) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(g.pending) == 0 && g.body == 0 {
		if err := g.next(); err != nil {
			return 0, err
		}
	}
	if len(g.pending) > 0 {
		n := copy(p, g.pending)
		g.pending = g.pending[n:]
		return n, nil
	}
	n, err := g.Conn.Read(p[:min(len(p), g.body)])
	g.body -= n
	return n, err
}

// next reads the head of a request and judges it.
func (g *guard) next() error {
	head := g.scratch[:]
	if _, err := io.ReadFull(g.Conn, head); err != nil {
		return err
	}
	length, key, version, err := parseHead(head)
	if err != nil {
		g.b.log.Debug("connection closed", "client", g.RemoteAddr().String(), "reason", err)
		return err
	}
	g.pending = head
	g.body = length - 4
	if key != keyMetadata || length > maxMetadata {
		return nil
	}
	whole := make([]byte, 4+length)
	copy(whole, head)
	if _, err := io.ReadFull(g.Conn, whole[frameHead:]); err != nil {
		return err
	}
	g.pending, g.body = whole, 0
	for _, name := range wanted(version, whole[frameHead:]) {
		g.b.createTopic(name)
	}
	return nil
}

// parseHead reads the length of a request (of all that follows it), its key and
// its version, and refuses what no client of Kafka sends.
func parseHead(head []byte) (length int, key, version int16, err error) {
	n := binary.BigEndian.Uint32(head)
	key = int16(binary.BigEndian.Uint16(head[4:]))
	version = int16(binary.BigEndian.Uint16(head[6:]))
	switch {
	case n < frameHead || n > maxRequest:
		return 0, 0, 0, fmt.Errorf("not a Kafka request: length %d", n)
	case kmsg.RequestForKey(key) == nil:
		return 0, 0, 0, fmt.Errorf("not a Kafka request: key %d", key)
	case version < 0:
		return 0, 0, 0, fmt.Errorf("not a Kafka request: version %d", version)
	}
	return int(n), key, version, nil
}

// wanted lists the topics that a metadata request (what follows its key and
// version) may create. Before version 4 every request might.
//
// It reads the request itself (Kafka protocol guide, Metadata): kmsg counts
// tagged fields down from whatever number a client sends, for seconds.
func wanted(version int16, rest []byte) []string {
	req := kmsg.NewPtrMetadataRequest()
	req.SetVersion(version)
	if version > req.MaxVersion() {
		return nil
	}
	r := &kbin.Reader{Src: rest}
	r.Int32()          // correlation id
	r.NullableString() // client id
	flexible := req.IsFlexible()
	if flexible && !skipTags(r) {
		return nil
	}
	names, ok := topicNames(r, version, flexible)
	if !ok || version >= 4 && !r.Bool() || !r.Ok() {
		return nil
	}
	return names
}

// topicNames reads the request's list of topics; ok is false where it ends
// early.
func topicNames(r *kbin.Reader, version int16, flexible bool) (names []string, ok bool) {
	length := r.ArrayLen
	if flexible {
		length = r.CompactArrayLen
	}
	for n := length(); n > 0 && r.Ok(); n-- {
		if version >= 10 {
			r.Uuid()
		}
		var name *string
		switch {
		case version >= 10:
			name = r.CompactNullableString()
		case flexible:
			s := r.CompactString()
			name = &s
		default:
			s := r.String()
			name = &s
		}
		if flexible && !skipTags(r) {
			return nil, false
		}
		if name != nil && validName(*name) {
			names = append(names, *name)
		}
	}
	return names, r.Ok()
}

// skipTags reads over tagged fields (KIP-482).
func skipTags(r *kbin.Reader) bool {
	for n := r.Uvarint(); n > 0 && r.Ok(); n-- {
		r.Uvarint()
		r.Span(int(r.Uvarint()))
	}
	return r.Ok()
}

// validName tells whether Kafka allows a topic of this name.
func validName(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > 249 {
		return false
	}
	for _, c := range []byte(name) {
		ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
		if !ok {
			return false
		}
	}
	return true
}
