package flumelog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/logpipe/logpipe/pkg/protofield"
)

const (
	kindPut      = 1
	kindTake     = 2
	kindRollback = 3
	kindCommit   = 4
)

// mostHead is how much of a record is looked at: all but the event of a put.
const mostHead = 256

// record is one record, without the event.
type record struct {
	kind        uint32
	transaction int64
	order       int64   // grows with every record of a channel
	event       pointer // that is put or taken
	commits     uint32  // kindPut or kindTake
}

var errMessage = errors.New("it is no record of Flume's file channel")

// decodeRecord reads a record of that length, whose first bytes are head: a message
// with what all kinds have, and one of its kind.
func decodeRecord(head []byte, length int) (r record, err error) {
	message, n, err := delimited(head)
	if err != nil {
		return r, err
	}
	err = fields(message, func(field int, number uint64) {
		switch field {
		case 1:
			r.kind = uint32(number)
		case 2:
			r.transaction = int64(number)
		case 3:
			r.order = int64(number)
		}
	})
	if err != nil {
		return r, err
	}
	head, length = head[n:], length-n
	if r.kind == kindPut { // only its length is looked at
		size, n := binary.Uvarint(head)
		if n <= 0 || size >= uint64(length-n) {
			return r, errMessage
		}
		return r, nil
	}
	if message, n, err = delimited(head); err != nil {
		return r, err
	}
	if _, _, err := delimited(head[n:]); err != nil { // the empty one
		return r, err
	}
	err = r.decode(message)
	return r, err
}

// decode reads the message of the record's kind, which is none that puts.
func (r *record) decode(message []byte) error {
	var id, offset int32
	err := fields(message, func(field int, number uint64) {
		switch {
		case r.kind == kindCommit && field == 1:
			r.commits = uint32(number)
		case field == 1:
			id = int32(number)
		case field == 2:
			offset = int32(number)
		}
	})
	switch {
	case r.kind == kindTake:
		r.event = pointerTo(id, offset)
	case r.kind == kindCommit && r.commits != kindPut && r.commits != kindTake, r.kind != kindRollback && r.kind != kindCommit:
		return errMessage
	}
	return err
}

// delimited is a message with its length before it, and how long both are.
func delimited(b []byte) (message []byte, n int, err error) {
	if message, n, err = protofield.Delimited(b); err != nil {
		return nil, 0, errMessage
	}
	return message, n, nil
}

// fields calls f for each field of a message; none that is looked at has bytes.
func fields(message []byte, f func(field int, number uint64)) error {
	err := protofield.Each(message, func(field int, number uint64, _ []byte) error {
		f(field, number)
		return nil
	})
	if err != nil {
		return errMessage
	}
	return nil
}

// meta is what log-N.meta says of a log.
type meta struct {
	version   uint32
	id        int32
	encrypted bool
	// Where the log was at the last two checkpoints: all before has an order up to
	// that of the checkpoint.
	position, order             int64
	backupPosition, backupOrder int64
	size                        int64 // of the log
}

// from is the offset at which the records begin that a checkpoint does not have.
func (m meta) from(since int64) int64 {
	for _, at := range [][2]int64{{m.position, m.order}, {m.backupPosition, m.backupOrder}} {
		if at[0] > 0 && at[0] <= m.size && at[1] <= since {
			return at[0]
		}
	}
	return 0
}

// mostMeta bounds a file of which Flume writes less than a kilobyte.
const mostMeta = 1 << 20

// readMeta reads the note about a log of that size; io.EOF is a log with nothing in
// it. Flume may have been killed while it gave the note its name.
func readMeta(l *log, size int64) (meta, error) {
	var b []byte
	err := error(os.ErrNotExist)
	for _, suffix := range []string{".meta", ".meta.tmp", ".meta.old"} {
		if b, err = readShort(l.path+suffix, mostMeta); !errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	switch {
	case size == 0:
		return meta{}, io.EOF
	case errors.Is(err, os.ErrNotExist):
		return meta{}, fmt.Errorf("%s has no %s.meta beside it: a Flume before 1.3 may have written it", l.path, l.path)
	case err != nil:
		return meta{}, err
	}
	m, err := decodeMeta(b)
	m.size = size
	switch {
	case err != nil:
		return m, fmt.Errorf("%s.meta is damaged", l.path)
	case m.version != 3:
		return m, fmt.Errorf("%s has version %d of Flume's format, of which only 3 is known", l.path, m.version)
	case m.encrypted:
		return m, fmt.Errorf("%s is encrypted", l.path)
	case m.id != l.id:
		return m, fmt.Errorf("%s has the name of another log: it is log-%d", l.path, m.id)
	}
	return m, nil
}

func decodeMeta(b []byte) (m meta, err error) {
	message, _, err := delimited(b)
	if err != nil {
		return m, err
	}
	err = fields(message, func(field int, number uint64) {
		switch field {
		case 1:
			m.version = uint32(number)
		case 2:
			m.id = int32(number)
		case 3:
			m.position = int64(number)
		case 4:
			m.order = int64(number)
		case 5:
			m.encrypted = true
		case 6:
			m.backupPosition = int64(number)
		case 7:
			m.backupOrder = int64(number)
		}
	})
	return m, err
}

// readShort reads a file that has to be no longer than that.
func readShort(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%s is too long", path)
	}
	return b, err
}
