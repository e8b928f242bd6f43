package broker

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// request frames a request as a client does.
func request(r kmsg.Request, version int16) []byte {
	r.SetVersion(version)
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("test")).AppendRequest(nil, r, 7)
}

// metadataFor is a metadata request for one topic.
func metadataFor(name string, version int16, create bool) []byte {
	req := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = &name
	req.Topics = append(req.Topics, t)
	req.AllowAutoTopicCreation = create
	return request(req, version)
}

func TestRubbishClosesOneConnection(t *testing.T) {
	b := start(t, Config{})
	long := binary.BigEndian.AppendUint32(nil, 1<<31)
	for name, bytes := range map[string][]byte{
		"http":        []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"tls":         {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3},
		"long":        append(long, make([]byte, 16)...),
		"empty":       make([]byte, 16),
		"unknown key": {0, 0, 0, 20, 0x7f, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	} {
		c, err := net.Dial("tcp", b.Addr()[0])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c.SetDeadline(time.Now().Add(time.Minute))
		if _, err := c.Write(bytes); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := io.ReadAll(c); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Errorf("%s: the connection stays open", name)
		}
		c.Close()
	}
	send(t, client(t, b.Addr()[0], kgo.AllowAutoTopicCreation()), "alive", 0, 1)
}

// replay is a connection that yields fixed bytes.
type replay struct {
	net.Conn
	r io.Reader
}

func (c replay) Read(p []byte) (int, error) { return c.r.Read(p) }
func (c replay) RemoteAddr() net.Addr       { return advertised("test") }

func TestGuardPassesEveryByte(t *testing.T) {
	b := start(t, Config{})
	stream := request(kmsg.NewPtrApiVersionsRequest(), 3)
	stream = append(stream, metadataFor("made", 12, true)...)
	stream = append(stream, request(kmsg.NewPtrListGroupsRequest(), 4)...)
	for name, r := range map[string]io.Reader{
		"whole":    bytes.NewReader(stream),
		"one byte": iotest.OneByteReader(bytes.NewReader(stream)),
		"halves":   iotest.HalfReader(bytes.NewReader(stream)),
	} {
		got, err := io.ReadAll(&guard{Conn: replay{r: r}, b: b, node: b.nodes[0]})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(got, stream) {
			t.Errorf("%s: the bytes changed", name)
		}
	}
}

func TestWanted(t *testing.T) {
	for _, v := range []struct {
		name    string
		version int16
		create  bool
		want    []string
	}{
		{"a", 12, true, []string{"a"}},
		{"a", 12, false, nil},
		{"a", 4, true, []string{"a"}},
		{"a", 4, false, nil},
		{"a", 1, false, []string{"a"}}, // knew no other way
		{"../a", 12, true, nil},
		{"", 12, true, nil},
		{strings.Repeat("x", 250), 12, true, nil},
	} {
		frame := metadataFor(v.name, v.version, v.create)
		if got := wanted(v.version, frame[frameHead:]); !slices.Equal(got, v.want) {
			t.Errorf("%+v: %q", v, got)
		}
	}
}

// manyTags claims 1.4 billion tagged fields and holds none.
var manyTags = []byte("\a\x00\x00\x00\xe3\u0385\xaa\u032e\a\x00\x04test\x05\xff\xff\x05")

func TestWantedCountsNoTagsThatAreNotThere(t *testing.T) {
	for range 1000 { // each took seconds when the number was counted down
		if got := wanted(12, manyTags); got != nil {
			t.Fatalf("%q", got)
		}
	}
}

// TestWantedReadsWhatClientsWrite compares with kmsg's encoding in all versions.
func TestWantedReadsWhatClientsWrite(t *testing.T) {
	names := []string{"first", "second", "third"}
	for version := range kmsg.NewPtrMetadataRequest().MaxVersion() + 1 {
		req := kmsg.NewPtrMetadataRequest()
		for i := range names {
			topic := kmsg.NewMetadataRequestTopic()
			topic.Topic = &names[i]
			req.Topics = append(req.Topics, topic)
		}
		req.AllowAutoTopicCreation = true
		if got := wanted(version, request(req, version)[frameHead:]); !slices.Equal(got, names) {
			t.Errorf("version %d: %q", version, got)
		}
	}
}

func FuzzWanted(f *testing.F) {
	for v := range int16(13) {
		f.Add(v, metadataFor("topic", v, true)[frameHead:])
	}
	f.Add(int16(12), manyTags)
	f.Fuzz(func(t *testing.T, version int16, rest []byte) {
		if version < 0 {
			return // refused before
		}
		for _, name := range wanted(version, rest) {
			if !validName(name) {
				t.Errorf("%q", name)
			}
		}
	})
}
