package stream

import (
	"bytes"
	"fmt"

	"github.com/logpipe/logpipe/pkg/record"
)

// Between two stages of a shell pipe there is text: a stage that reads lines reads
// what the one before it has printed. The operators here, which stand before such
// a stage, make the same lines and records without printing them.

// joint is the operator before a stage that reads lines, or what another stage has
// written as lines.
func joint(s Stage) Operator {
	if f, ok := s.(Framer); ok {
		return &reframer{framer: f, out: NewBatch()}
	}
	return &relines{returns: keepsReturns(s)}
}

// relines cuts lines as a Reader does: at the line ends that they hold, and
// without a carriage return before these.
type relines struct {
	returns bool // with it
	begun   bool
	list    []*record.Record
}

func (o *relines) Process(b *Batch, emit Emit) error {
	o.list = o.list[:0]
	for _, r := range b.Records {
		if r.Indexed() { // printed as one line of JSON
			o.begun = true
			o.list = append(o.list, r)
			continue
		}
		text := r.Line
		if !o.begun {
			text = bytes.TrimPrefix(text, bom)
			o.begun = true
		}
		for more := true; more; {
			var line []byte
			line, text, more = bytes.Cut(text, []byte{'\n'})
			next := r
			if more {
				next = b.Spare()
				next.Reset(nil, r.Arena)
				next.Pos, next.Block, next.Meta = r.Pos, r.Block, r.Meta
			}
			if !o.returns {
				line = bytes.TrimSuffix(line, []byte{'\r'})
			}
			next.Line = line
			o.list = append(o.list, next)
			if more {
				b.Made++
			}
		}
	}
	b.Records = append(b.Records[:0], o.list...)
	return emit(b)
}

func (o *relines) Flush(Emit) error { return nil }

// reframer makes the records of a Framer of the lines that come.
type reframer struct {
	framer Framer
	buf    []byte // the begin of a record
	begun  bool
	skip   func([]byte) (int, bool, string) // reads over a record that is too long, or nil
	out    *Batch
	folded int64 // lines of which records were made
	made   int64 // those records
}

// Account implements Accountant: a line that is a record by itself has passed.
func (o *reframer) Account() Account {
	same := min(o.folded, o.made)
	return Account{Folded: o.folded - same, Made: o.made - same, Open: int64(countLines(o.buf))}
}

func (o *reframer) Process(b *Batch, emit Emit) error {
	if len(b.Records) == 0 {
		return nil
	}
	held := countLines(o.buf)
	o.buf = b.AppendJSON(o.buf)
	b.Made += int64(countLines(o.buf) - held - len(b.Records)) // a record may be several lines
	if !o.begun {
		o.buf = bytes.TrimPrefix(o.buf, bom)
		o.begun = true
	}
	at := 0
	if o.skip != nil {
		n, ended, _ := o.skip(o.buf)
		o.folded += int64(countLines(o.buf[:n]))
		if at = n; ended {
			o.skip = nil
		}
	}
	end := at
	if o.skip == nil {
		end += o.framer.Cut(o.buf[at:])
	}
	pos := b.Records[0].Pos
	b.Records = b.Records[:0]
	o.out.Block, o.out.Time = b.Block, b.Time
	left, err := o.emit(b, o.buf[at:end], pos, held, emit)
	o.buf = append(o.buf[:0], o.buf[end-left:]...)
	if err != nil {
		return err
	}
	if o.skip == nil && len(o.buf) > maxRecord {
		o.skip = o.framer.Skip()
		o.skip(o.buf)
		o.folded, o.made = o.folded+int64(countLines(o.buf)), o.made+1
		o.buf = o.buf[:0]
		b.Rejected = append(b.Rejected, Reject{Pos: pos, Err: errTooLong})
	}
	return nil
}

// maxRecord is the longest record with its line end, as in a Reader.
const maxRecord = MaxLine + 1

var errTooLong = fmt.Errorf("record is longer than the limit of %d MiB and was skipped", MaxLine>>20)

// emit hands on the records of text, which have come with b and before. pos is the
// place of b's first line; held lines of text had come before it. left is how much of
// text is nobody's because of the error.
func (o *reframer) emit(b *Batch, text []byte, pos uint32, held int, emit Emit) (left int, err error) {
	lines := 0
	for len(text) > 0 {
		o.out.Reset()
		for len(text) > 0 && len(o.out.Records) < BatchSize {
			line, n := o.framer.Next(text)
			at := pos + uint32(max(0, lines-held))
			read := countLines(text[:n])
			lines += read
			o.folded, o.made = o.folded+int64(read), o.made+1
			text = text[n:]
			if n > maxRecord && b != nil {
				b.Rejected = append(b.Rejected, Reject{Pos: at, Err: errTooLong})
				continue
			}
			r := o.out.New()
			r.Reset(line, &o.out.Arena)
			r.Pos, r.Block = at, o.out.Block
		}
		if err := emit(o.out); err != nil {
			return len(text), err
		}
	}
	return 0, nil
}

// Flush hands on what the end of the input ends.
func (o *reframer) Flush(emit Emit) error {
	if o.skip != nil {
		return nil
	}
	left, err := o.emit(nil, o.buf, 0, 0, emit)
	o.buf = o.buf[len(o.buf)-left:]
	return err
}
