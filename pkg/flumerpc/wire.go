package flumerpc

import (
	"bufio"
	"compress/zlib"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// zlibLevel is the level that Flume's server compresses with.
const zlibLevel = 6

// ahead is how much of a connection is read while an answer is made.
const ahead = 16 << 10

// wire is a connection of the server, below TLS and compression. Another
// goroutine may hang it up, and it can be read ahead to see whether the peer is
// still there.
type wire struct {
	net.Conn
	held    []byte // what was read ahead
	stopped atomic.Bool
}

func (w *wire) Read(b []byte) (int, error) {
	if len(w.held) > 0 {
		n := copy(b, w.held)
		w.held = w.held[n:]
		return n, nil
	}
	return w.Conn.Read(b)
}

// SetReadDeadline moves no deadline behind the end of the server.
func (w *wire) SetReadDeadline(t time.Time) error {
	err := w.Conn.SetReadDeadline(t)
	if w.stopped.Load() {
		return w.Conn.SetReadDeadline(time.Unix(1, 0))
	}
	return err
}

// hangUp ends all reading; an answer has a moment to get out.
func (w *wire) hangUp() {
	w.stopped.Store(true)
	w.Conn.SetReadDeadline(time.Unix(1, 0))
	w.Conn.SetWriteDeadline(time.Now().Add(farewell))
}

// farewell is how long an answer may take once the server ends.
const farewell = time.Second

// answerBy gives the peer time to take an answer.
func (w *wire) answerBy(patience time.Duration) error {
	if w.stopped.Load() {
		patience = farewell
	}
	return w.Conn.SetWriteDeadline(time.Now().Add(patience))
}

// readAhead reads until the connection or its deadline ends, or enough is held.
func (w *wire) readAhead() error {
	for len(w.held) < ahead {
		var b [512]byte
		n, err := w.Conn.Read(b[:])
		w.held = append(w.held, b[:n]...)
		if err != nil {
			return err
		}
	}
	return nil
}

// first waits for the first byte of the connection and leaves it there.
func (w *wire) first() (byte, error) {
	var b [1]byte
	if _, err := io.ReadFull(w, b[:]); err != nil {
		return 0, err
	}
	w.held = append(b[:1:1], w.held...)
	return b[0], nil
}

// deflated is a connection whose bytes are one zlib stream in each direction,
// flushed after each write.
type deflated struct {
	net.Conn
	in    io.Reader // nil until the first read
	out   *zlib.Writer
	buf   *bufio.Writer // joins the small writes of the compressor
	wrote bool
}

func newDeflated(conn net.Conn, level int) (*deflated, error) {
	d := &deflated{Conn: conn, buf: bufio.NewWriterSize(conn, 32<<10)}
	var err error
	d.out, err = zlib.NewWriterLevel(d.buf, level)
	return d, err
}

func (d *deflated) Read(b []byte) (int, error) {
	if d.in == nil {
		in, err := zlib.NewReader(bufio.NewReaderSize(d.Conn, 32<<10))
		if errors.Is(err, zlib.ErrHeader) {
			err = malformed("not a zlib stream; is the peer's compression-type deflate?")
		}
		if err != nil {
			return 0, err
		}
		d.in = in
	}
	n, err := d.in.Read(b)
	if n > 0 && err == io.ErrUnexpectedEOF {
		err = nil // it comes again
	}
	return n, err
}

func (d *deflated) Write(b []byte) (int, error) {
	d.wrote = true
	n, err := d.out.Write(b)
	if err == nil {
		err = d.out.Flush()
	}
	if err == nil {
		err = d.buf.Flush()
	}
	return n, err
}

// Close ends the stream and closes the connection.
func (d *deflated) Close() error {
	if d.wrote {
		d.Conn.SetWriteDeadline(time.Now().Add(farewell))
		if d.out.Close() == nil {
			d.buf.Flush()
		}
	}
	return d.Conn.Close()
}

// recordOfTLS is the first byte of TLS; a zlib stream does not begin with it.
const recordOfTLS = 0x16

// serverStream puts TLS and compression onto a connection. With both Flume 1.10
// and 1.11 have the zlib stream outside of TLS, and the releases before them
// inside, which the first byte tells.
func serverStream(w *wire, config *tls.Config, deflate bool) (net.Conn, error) {
	switch {
	case config == nil && !deflate:
		return w, nil
	case config == nil:
		return newDeflated(w, zlibLevel)
	case !deflate:
		return tls.Server(w, config), nil
	}
	first, err := w.first()
	if err != nil {
		return nil, err
	}
	if first == recordOfTLS {
		return newDeflated(tls.Server(w, config), zlibLevel)
	}
	outside, err := newDeflated(w, zlibLevel)
	if err != nil {
		return nil, err
	}
	return tls.Server(outside, config), nil
}

// ended reports whether an error is the end of a connection as it happens every
// day, and no news.
func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed)
}

// late reports whether an error is a deadline's.
func late(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
