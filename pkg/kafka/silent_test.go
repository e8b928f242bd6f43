package kafka

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/fault"
)

// lockedBuffer is a buffer for the log of several goroutines.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// promptly dials with a short time for the first answer, and knows these brokers.
func promptly(brokers ...string) (*promptDialer, *lockedBuffer) {
	told := new(lockedBuffer)
	d := newPromptDialer(sarama.NewConfig(), brokers, slog.New(slog.NewTextHandler(told, nil)))
	d.limit = 200 * time.Millisecond
	return d, told
}

// TestSilentBroker gives a broker that takes a connection and answers nothing a short
// time, where there is another one to ask; it is told of once.
func TestSilentBroker(t *testing.T) {
	mute, other := server(t, "", true), server(t, "", true)
	d, told := promptly(mute, other)
	for range 2 {
		b := sarama.NewBroker(mute)
		conf := sarama.NewConfig()
		conf.Net.ReadTimeout = longTimeout
		conf.Net.Proxy.Enable, conf.Net.Proxy.Dialer = true, d
		if err := b.Open(conf); err != nil {
			t.Fatal(err)
		}
		if _, err := b.GetMetadata(sarama.NewMetadataRequest(conf.Version, nil)); err == nil || !passing(err) {
			t.Errorf("%v: want an error after which another one is asked", err)
		}
	}
	if n := strings.Count(told.String(), mute+" does not answer"); n != 1 {
		t.Errorf("it was told %d times:\n%s", n, told)
	}

	cfg, _ := cluster(t, broker.Config{})
	if used, ok := admin(t, cfg).conn.client.Config().Net.Proxy.Dialer.(*promptDialer); !ok || used.limit != silence || len(used.known) != 1 {
		t.Errorf("administration dials with %+v", used)
	}
}

// TestSlowBroker has brokers whose first answer takes longer than the limit: each is given
// twice as long the next time, until it is enough.
func TestSlowBroker(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			time.AfterFunc(300*time.Millisecond, func() {
				io.WriteString(c, "hello")
				c.Close()
			})
		}
	}()
	d, told := promptly(l.Addr().String(), "127.0.0.1:1")
	d.limit = 100 * time.Millisecond
	try := 1
	for ; ; try++ {
		c, err := d.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadFull(c, make([]byte, 5))
		c.Close()
		if err == nil {
			break
		}
		if !errors.Is(err, errSilent) || try > mostDoubled {
			t.Fatalf("try %d: %v", try, err)
		}
	}
	if n := strings.Count(told.String(), "does not answer"); n != min(try-1, 1) {
		t.Errorf("it was told %d times:\n%s", n, told)
	}
}

// TestPromptConn leaves a connection to the reader's own times once there was an answer,
// or where those are shorter, or where the broker is the only one.
func TestPromptConn(t *testing.T) {
	mute, answers := server(t, "", true), server(t, "hello", false)
	d, told := promptly(answers)
	dial := func(addr string) net.Conn {
		conn, err := d.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	if conn, ok := dial(answers).(*promptConn); ok {
		t.Errorf("the only broker has %v for its answer", conn.limit)
	}
	short := dial(mute)
	if err := short.SetDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := short.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v: want the reader's own time to be over", err)
	}
	conn := dial(answers).(*promptConn)
	conn.limit = longTimeout
	if _, err := conn.Write([]byte("?")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 5)); err != nil || !conn.heard.Load() {
		t.Errorf("%v, heard %v", err, conn.heard.Load())
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("%v, want the end", err)
	}
	if told.String() != "" {
		t.Errorf("told: %s", told)
	}
}

// behind is an Admin at the mock broker b, which the dialer d connects.
func behind(t *testing.T, b *sarama.MockBroker, d *promptDialer) *Admin {
	t.Helper()
	conf := sarama.NewConfig()
	conf.ApiVersionsRequest, conf.Version, conf.Metadata.Full = false, sarama.V4_0_0_0, false
	conf.Net.ReadTimeout = longTimeout
	conf.Net.Proxy.Enable, conf.Net.Proxy.Dialer = true, d
	client, err := sarama.NewClient([]string{b.Addr()}, conf)
	if err != nil {
		t.Fatal(err)
	}
	a := newAdmin(&conn{client: client, closing: new(atomic.Bool), outage: &outage{log: Config{}.log()}})
	a.conn.asking.heard(b.Addr())
	t.Cleanup(func() { a.Close() })
	return a
}

// TestListGroupsSilent has a broker that stands still until the cluster leaves it out:
// the groups of the others are listed then, and which one it was is told.
func TestListGroupsSilent(t *testing.T) {
	mute, b := server(t, "", true), sarama.NewMockBroker(t, 1)
	defer b.Close()
	with := sarama.NewMockMetadataResponse(t).SetController(1).SetBroker(b.Addr(), 1).SetBroker(mute, 2)
	without := sarama.NewMockMetadataResponse(t).SetController(1).SetBroker(b.Addr(), 1)
	b.SetHandlerByMap(map[string]sarama.MockResponse{
		"MetadataRequest":   sarama.NewMockSequence(with, without),
		"ListGroupsRequest": sarama.NewMockListGroupsResponse(t).AddGroup("g", "consumer"),
	})
	d, told := promptly(b.Addr())
	groups, err := behind(t, b, d).ListGroups(soon(t))
	if err != nil || len(groups) != 1 || groups[0].Name != "g" {
		t.Errorf("%v, %v", groups, err)
	}
	if !strings.Contains(told.String(), mute) {
		t.Errorf("told: %s", told)
	}
}

// TestOffsetsSilent has a leader that stands still until another broker leads: that one
// is asked. Partitions that there are not are left out.
func TestOffsetsSilent(t *testing.T) {
	mute, b := server(t, "", true), sarama.NewMockBroker(t, 1)
	defer b.Close()
	led := func(by int32) *sarama.MockMetadataResponse {
		return sarama.NewMockMetadataResponse(t).SetController(1).SetBroker(b.Addr(), 1).SetBroker(mute, 2).
			SetLeader("x", 0, by).SetLeader("gone", 0, 1)
	}
	ends := &sarama.OffsetResponse{Version: sarama.NewOffsetRequest(sarama.V4_0_0_0).Version, Blocks: map[string]map[int32]*sarama.OffsetResponseBlock{
		"x": {0: {Offset: 5}}, "gone": {0: {Err: sarama.ErrUnknownTopicOrPartition}},
	}}
	b.SetHandlerByMap(map[string]sarama.MockResponse{
		"MetadataRequest": sarama.NewMockSequence(led(2), led(1)),
		"OffsetRequest":   sarama.NewMockWrapper(ends), "ListOffsetsRequest": sarama.NewMockWrapper(ends),
	})
	d, told := promptly(b.Addr())
	x, gone := part{"x", 0}, part{"gone", 0}
	found, _, err := behind(t, b, d).offsetsAt(soon(t), []part{x, gone, gone}, sarama.OffsetNewest)
	if err != nil || len(found) != 1 || found[x] != 5 {
		t.Errorf("%v, %v", found, err)
	}
	if !strings.Contains(told.String(), mute) {
		t.Errorf("told: %s", told)
	}
}

// TestNotListed names the broker where it is silent, and leaves to others what it refuses.
func TestNotListed(t *testing.T) {
	err := explain(errors.Join(notListed("a:1", nil), notListed("b:2", errSilent)), "")
	const want = "broker b:2 does not tell which groups it looks after: it accepts connections and does not answer"
	if err == nil || err.Error() != want || !passing(err) || fault.CodeOf(err) != fault.Unreachable {
		t.Errorf("%v with code %d", err, fault.CodeOf(err))
	}
	if err := notListed("a:1", sarama.ErrClusterAuthorizationFailed); !errors.Is(err, sarama.ErrClusterAuthorizationFailed) || fault.HintOf(err) != "" {
		t.Error(err)
	}
}
