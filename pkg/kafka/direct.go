package kafka

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

// direct is a connection that requests are written to and answers are read from
// here, because the library makes an object of each record, and copies. The
// library opens it and tells the broker who we are; after that it reads only when
// it has asked for something itself.
type direct struct {
	broker  *sarama.Broker
	conn    net.Conn
	conf    *sarama.Config
	keys    []sarama.ApiVersionsResponseKey // what the broker speaks
	asked   int32                           // correlation id of the last request
	renewed time.Time                       // when the library could last say who we are
}

// renewEvery is how often the library gets to say again who we are, where a
// broker wants to know that from time to time (KIP-368).
const renewEvery = time.Second

// openDirect connects to a broker. The connection is cut when ctx ends.
func openDirect(ctx context.Context, broker *sarama.Broker, conf sarama.Config) (*direct, error) {
	d := &directDialer{cutDialer: cutDialer{ctx, conf.Net.DialTimeout}}
	if conf.Net.TLS.Enable {
		d.tls, conf.Net.TLS.Enable = conf.Net.TLS.Config, false
	}
	conf.Net.Proxy.Enable, conf.Net.Proxy.Dialer = true, d
	if err := broker.Open(&conf); err != nil {
		return nil, err
	}
	if _, err := broker.Connected(); err != nil {
		return nil, err
	}
	resp, err := broker.ApiVersions(&sarama.ApiVersionsRequest{})
	if err != nil {
		return nil, err
	}
	return &direct{broker: broker, conn: d.conn, conf: &conf, keys: resp.ApiKeys, renewed: time.Now()}, nil
}

// directDialer makes the connection, and speaks TLS on it, so that what is written
// beside the library is secured too.
type directDialer struct {
	cutDialer
	tls  *tls.Config
	conn net.Conn
}

func (d *directDialer) Dial(network, address string) (net.Conn, error) {
	conn, err := d.cutDialer.Dial(network, address)
	if err != nil || d.tls == nil {
		d.conn = conn
		return conn, err
	}
	config := d.tls
	if config.ServerName == "" {
		config = config.Clone()
		config.ServerName, _, _ = net.SplitHostPort(address)
	}
	secure := tls.Client(conn, config)
	ctx, cancel := context.WithTimeout(d.ctx, d.timeout)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	d.conn = secure
	return secure, nil
}

// version chooses the newest version of a request, whose name is said in errors,
// that is spoken here and there.
func (d *direct) version(key, oldest, newest int16, name string) (int16, error) {
	for _, k := range d.keys {
		if k.ApiKey != key {
			continue
		}
		if k.MaxVersion < oldest || k.MinVersion > newest {
			return 0, fmt.Errorf("broker %s: it speaks versions %d to %d of %s, and here %d to %d are spoken", d.broker.Addr(), k.MinVersion, k.MaxVersion, name, oldest, newest)
		}
		return min(k.MaxVersion, newest), nil
	}
	return 0, fmt.Errorf("broker %s: it does not speak %s: it is no broker for records", d.broker.Addr(), name)
}

// speaks tells whether the broker speaks a version of a request.
func (d *direct) speaks(key, version int16) bool {
	return slices.ContainsFunc(d.keys, func(k sarama.ApiVersionsResponseKey) bool {
		return k.ApiKey == key && k.MinVersion <= version && version <= k.MaxVersion
	})
}

// due tells whether it is time for the library to say who we are, for which no
// request may be without its answer.
func (d *direct) due() bool {
	return d.conf.Net.SASL.Enable && time.Since(d.renewed) >= renewEvery
}

// renew lets the library say who we are.
func (d *direct) renew() error {
	if _, err := d.broker.ApiVersions(&sarama.ApiVersionsRequest{}); err != nil {
		return err
	}
	d.renewed = time.Now()
	return nil
}

// begin appends the header of the next request, with room for the length of all.
func (d *direct) begin(b []byte, key, version int16) []byte {
	d.asked++
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = binary.BigEndian.AppendUint32(b, uint32(d.asked))
	return appendString(b, d.conf.ClientID)
}

// answerError is an answer that no broker gives.
type answerError string

func (e answerError) Error() string { return string(e) }

const (
	errAnswer      = answerError("the answer of the broker ends early or has a length that cannot be")
	mostOfAnAnswer = 100 << 20 // whoever sends more than this is no broker
)

// awaitAnswer reads the header of the answer to request id, and returns how many
// bytes follow.
func (d *direct) awaitAnswer(id int32) (int, error) {
	if err := d.conn.SetReadDeadline(time.Now().Add(d.conf.Net.ReadTimeout)); err != nil {
		return 0, err
	}
	var head [8]byte
	if _, err := io.ReadFull(d.conn, head[:]); err != nil {
		return 0, err
	}
	length, got := int64(binary.BigEndian.Uint32(head[:])), int32(binary.BigEndian.Uint32(head[4:]))
	if got != id || length < 4 {
		return 0, answerError(fmt.Sprintf("it answers request %d where %d was asked: what stands between is no broker", got, id))
	}
	if length > mostOfAnAnswer {
		return 0, answerError(fmt.Sprintf("its answer has %d bytes; at most %d are taken", length, mostOfAnAnswer))
	}
	return int(length) - 4, nil
}

// appendString encodes a text whose length is below 32 KiB.
func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}
