package kafka

import (
	"context"
	"encoding/binary"
	"io"
	"time"

	"github.com/IBM/sarama"
)

// fetchConn is a connection for fetching: one request after the other.
type fetchConn struct {
	direct
	version int16
	request []byte
	pool    *pool
}

// openFetch connects to a leader. The connection is cut when ctx ends.
func (c *Consumer) openFetch(ctx context.Context, leader *sarama.Broker) (*fetchConn, error) {
	d, err := openDirect(ctx, leader, *c.conn.client.Config())
	if err != nil {
		return nil, err
	}
	version, err := d.fetchVersion()
	if err != nil {
		return nil, err
	}
	return &fetchConn{direct: *d, version: version, pool: &c.pool}, nil
}

// fetch sends a request and returns the answer behind its header. The caller
// releases it.
func (f *fetchConn) fetch(r *fetchRequest) (*memory, error) {
	if f.due() {
		if err := f.renew(); err != nil {
			return nil, err
		}
	}
	b := f.begin(f.request[:0], keyFetch, f.version)
	if f.version > fetchNamed {
		b = append(b, 0) // no tagged fields of the header
	}
	b = r.append(b, f.version)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	f.request = b
	if err := f.conn.SetWriteDeadline(time.Now().Add(f.conf.Net.WriteTimeout)); err != nil {
		return nil, err
	}
	if _, err := f.conn.Write(b); err != nil {
		return nil, err
	}
	n, err := f.awaitAnswer(f.asked)
	if err != nil {
		return nil, err
	}
	m := f.pool.get(n)
	if _, err := io.ReadFull(f.conn, m.b); err != nil {
		m.release()
		return nil, err
	}
	return m, nil
}

// parse reads an answer.
func (f *fetchConn) parse(m *memory, each func(*fetched) error) (fetchAnswer, error) {
	r := answerReader{b: m.b}
	if f.version > fetchNamed {
		r.tags() // of the header
	}
	if r.bad {
		return fetchAnswer{}, errAnswer
	}
	return parseFetch(r.b, f.version, each)
}

// fetchVersion chooses a version of Fetch that a broker speaks.
func (d *direct) fetchVersion() (int16, error) {
	version, err := d.version(keyFetch, fetchOldest, fetchNamed, "Fetch")
	if err == nil && d.speaks(keyFetch, fetchNewest) {
		version = fetchNewest
	}
	return version, err
}
