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
	maxRequest = 100 << 20
	maxWhole   = 8 << 20
	frameHead  = 8 // length, key, version; in an answer: length, correlation id

	requestHead = frameHead + 4 // and correlation id
)

// guard stands between a client's connection and kfake. It lets only requests
// through: kfake would set memory aside for whatever length it reads (an HTTP
// request line is a length of 1.2 GB), and would end the process at a key that
// it does not know. It asks for SASL where the broker does, creates the topics
// that a metadata request asks for before kfake answers it, and has the
// controller answer what only that one can.
type guard struct {
	net.Conn
	b       *Broker
	node    *node
	login   login
	pending []byte // read from the connection, not yet handed on
	body    int    // bytes of the current request still to come from the connection
	scratch [requestHead]byte
	answers answers
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

// Close ends the connection.
func (g *guard) Close() error {
	g.node.remove(g)
	return g.Conn.Close()
}

// next reads the head of a request and judges it.
func (g *guard) next() error {
	if g.login.bare {
		return g.bareToken()
	}
	head := g.scratch[:]
	if _, err := io.ReadFull(g.Conn, head[:frameHead]); err != nil {
		return err
	}
	length, key, version, err := parseHead(head)
	if err == nil {
		err = g.login.allows(g.b.login, key, length)
	}
	if err != nil {
		g.b.log.Debug("connection closed", "client", g.RemoteAddr().String(), "reason", err)
		return err
	}
	if _, err := io.ReadFull(g.Conn, head[frameHead:]); err != nil {
		return err
	}
	r := received{key: key, version: version, correlation: int32(binary.BigEndian.Uint32(head[frameHead:]))}
	if isLookedInto(key) && length <= maxWhole {
		frame := make([]byte, 4+length)
		copy(frame, head)
		if _, err := io.ReadFull(g.Conn, frame[requestHead:]); err != nil {
			return err
		}
		return g.look(r, frame)
	}
	g.pending, g.body = head, length-(requestHead-4)
	if isChanged(key) {
		g.answers.add(owed{correlation: r.correlation, key: key, version: version})
	}
	return nil
}

// received is the head of a request.
type received struct {
	key, version int16
	correlation  int32
}

// isLookedInto tells whether requests of that key are read whole.
func isLookedInto(key int16) bool {
	switch key {
	case keyMetadata, keyLeaderEpoch, keySASLHandshake, keySASLAuthenticate, keyCreateTopics, keyDeleteTopics, keyCreatePartitions:
		return true
	}
	return false
}

// look does what is done about a request besides what kfake does, or instead.
func (g *guard) look(r received, frame []byte) error {
	rest := frame[frameHead:]
	switch r.key {
	case keyMetadata:
		for _, name := range wanted(r.version, rest) {
			g.b.createTopic(name)
		}
		g.pending = frame
		g.answers.add(owed{correlation: r.correlation, key: r.key, version: r.version})
	case keyLeaderEpoch:
		g.pending = frame
		g.answers.add(owed{correlation: r.correlation, key: r.key, version: r.version, epochs: epochsIn(r.version, rest)})
	case keySASLHandshake:
		resp, err := g.login.handshake(g.b.login, r.version, rest)
		if err != nil {
			return err
		}
		g.answer(r.correlation, answerFrame(resp, r.version, r.correlation), false)
	case keySASLAuthenticate:
		resp, err := g.login.authenticate(g.b.login, r.version, rest)
		if err != nil {
			return err
		}
		g.answer(r.correlation, answerFrame(resp, r.version, r.correlation), resp.ErrorCode != 0)
	default:
		answer, err := g.b.inside.exchange(frame)
		if err != nil {
			return err
		}
		g.answer(r.correlation, answer, false)
	}
	return nil
}

// bareToken reads a token of SASL without a request around it.
func (g *guard) bareToken() error {
	var size [4]byte
	if _, err := io.ReadFull(g.Conn, size[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxLogin {
		return fmt.Errorf("not a token of SASL: length %d", n)
	}
	token := make([]byte, n)
	if _, err := io.ReadFull(g.Conn, token); err != nil {
		return err
	}
	answer, err := g.login.step(g.b.login, token)
	if err != nil { // there is no way to say why
		return err
	}
	g.answer(0, append(binary.BigEndian.AppendUint32(nil, uint32(len(answer))), answer...), false)
	return nil
}

// answer sends a frame in its turn, behind the answers that kfake still owes:
// kfake gets a harmless question in place of the client's, and the frame goes
// out instead of what it says to that. With end, it is the last one.
func (g *guard) answer(correlation int32, frame []byte, end bool) {
	g.pending = kmsg.NewRequestFormatter().AppendRequest(nil, kmsg.NewPtrApiVersionsRequest(), correlation)
	g.answers.add(owed{correlation: correlation, instead: frame, end: end})
}

// Write sends an answer of kfake's, which comes whole, or the one in its place.
func (g *guard) Write(p []byte) (int, error) {
	if err := g.b.failure.get(); err != nil {
		return 0, err
	}
	o, ok := g.answers.take(p)
	switch {
	case !ok:
		return g.Conn.Write(p)
	case o.instead == nil:
		o.instead = g.b.change(o, p)
	}
	if _, err := g.Conn.Write(o.instead); err != nil {
		return 0, err
	}
	if o.end {
		g.Close()
	}
	return len(p), nil
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
	flexible := req.IsFlexible()
	r := behindHead(rest, flexible)
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

// behindHead reads what follows the key and version of a request up to its body.
func behindHead(rest []byte, flexible bool) *kbin.Reader {
	r := &kbin.Reader{Src: rest}
	r.Int32()          // correlation id
	r.NullableString() // client id
	if flexible {
		skipTags(r)
	}
	return r
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
