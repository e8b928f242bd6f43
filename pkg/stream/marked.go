package stream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/logpipe/logpipe/pkg/fault"
)

// openHeads are how a stream with control lines may begin.
var openHeads = []string{controlHead + `"open"`, controlHead + ` "open"`}

// Opens tells whether lines begin as a stream with control lines does.
func Opens(lines []byte) bool {
	return bytes.HasPrefix(lines, []byte(openHeads[0])) || bytes.HasPrefix(lines, []byte(openHeads[1]))
}

// mayOpen tells whether what begins with head may yet turn out to open a stream.
func mayOpen(head []byte) bool {
	return !Opens(head) && (strings.HasPrefix(openHeads[0], string(head)) || strings.HasPrefix(openHeads[1], string(head)))
}

// Defuse puts a blank before each of the records in lines that a reader of the stream
// with this token would take for a control, or for the begin of another stream; found
// tells whether there are any. Where not, it returns lines themselves.
func Defuse(lines []byte, token string) (safe []byte, found bool) {
	from := 0 // what is not in safe
	for at := candidate(lines, 0); at >= 0; {
		end := at + len(lineAt(lines, at))
		if _, ok, err := ParseControl(lines[at:end], token); ok || err != nil {
			safe = append(append(safe, lines[from:at]...), ' ')
			from, found = at, true
		}
		at = candidate(lines, end)
	}
	if !found {
		return lines, false
	}
	return append(safe, lines[from:]...), true
}

// MarkedReader is a Reader of input that may hold control lines: it takes them out
// and hands them on behind the records before them. Whether it does is known from
// the first bytes, which are read with the first block.
type MarkedReader struct {
	in     io.Reader
	name   string
	framer Framer
	src    Source // nil before the first Read
	looked int    // bytes of input without control lines that were looked at

	// Late, where set, is called once when control lines come without one before them
	// all that opens the stream, in the first MiB: they are records.
	Late func()
	// Long is that of the Reader.
	Long LongTaker
}

// NewMarkedReader reads in as NewReader does.
func NewMarkedReader(in io.Reader, name string, framer Framer) *MarkedReader {
	return &MarkedReader{in: in, name: name, framer: framer}
}

// Read returns the next block.
func (r *MarkedReader) Read(ctx context.Context) (*Block, error) {
	if r.src == nil {
		head, err := r.head(ctx)
		if err != nil {
			return nil, err
		}
		in := io.MultiReader(bytes.NewReader(head), r.in)
		if !Opens(head) {
			r.src = r.reader(in, r.framer)
		} else {
			r.src = &marked{src: r.reader(in, nil)}
			if r.framer != nil {
				r.src = Framed(r.src, r.framer)
			}
		}
	}
	b, err := r.src.Read(ctx)
	if err == nil && r.Late != nil && r.looked < lateLook {
		r.look(b.Data)
	}
	return b, err
}

func (r *MarkedReader) reader(in io.Reader, framer Framer) *Reader {
	reader := NewReader(in, r.name, framer)
	reader.Long = r.Long
	return reader
}

const lateLook = 1 << 20 // bytes

// look finds control lines that are none here.
func (r *MarkedReader) look(data []byte) {
	if _, ok := r.src.(*Reader); !ok {
		r.looked = lateLook
		return
	}
	r.looked += len(data)
	for at := candidate(data, 0); at >= 0; {
		line := lineAt(data, at)
		if stray(line) {
			r.looked = lateLook
			r.Late()
			return
		}
		at = candidate(data, at+len(line))
	}
}

// stray tells whether a line is a control of some stream.
func stray(line []byte) bool {
	var c Control
	if !headed(line) || json.Unmarshal(line, &c) != nil || c.Token == "" {
		return false
	}
	switch c.Kind {
	case ControlOpen, ControlSource, ControlWatermark, ControlMark, ControlReset:
		return true
	}
	return false
}

// lineAt is the line of data that begins at at, with its end where it has one.
func lineAt(data []byte, at int) []byte {
	if n := bytes.IndexByte(data[at:], '\n'); n >= 0 {
		return data[at : at+n+1]
	}
	return data[at:]
}

// head reads as many bytes as it takes to tell that they do not open a stream with
// control lines, or do. An error comes again with the next read.
func (r *MarkedReader) head(ctx context.Context) ([]byte, error) {
	head := make([]byte, 0, len(openHeads[1]))
	for mayOpen(head) {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		n, err := r.in.Read(head[len(head):cap(head)])
		head = head[:len(head)+n]
		if err != nil {
			if !errors.Is(err, io.EOF) {
				r.in = io.MultiReader(failing{err}, r.in)
			}
			break
		}
	}
	return head, nil
}

// failing gives an error that has been read.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// marked takes the control lines of a stream out of its blocks.
type marked struct {
	src    Source
	token  string // "" before the first line
	source string // of the records that come next
	queue  []*Block
	mark   *Control // the one that came last
}

func (m *marked) Read(ctx context.Context) (*Block, error) {
	for len(m.queue) == 0 {
		b, err := m.src.Read(ctx)
		if err != nil {
			return nil, err
		}
		if err := m.split(b); err != nil {
			return nil, err
		}
	}
	b := m.queue[0]
	m.queue = m.queue[1:]
	return b, nil
}

// split queues the pieces of b between its control lines.
func (m *marked) split(b *Block) error {
	p := pieces{of: m, now: &Block{Source: m.source}}
	from := 0 // where the records begin that have not been taken
	for at := candidate(b.Data, 0); at >= 0; {
		end := at + len(lineAt(b.Data, at))
		c, ok, err := ParseControl(b.Data[at:end], m.token)
		if half := b.Half && end == len(b.Data); err != nil && !(half && errors.Is(err, errUnreadable)) {
			return err
		}
		if ok {
			p.take(b.Data[from:at])
			from = end
			if err := m.control(c); err != nil {
				return err
			}
			if c.Kind == ControlSource {
				p.next()
			} else {
				p.now.Control = append(p.now.Control, c)
			}
		}
		at = candidate(b.Data, end)
	}
	rest, torn := m.torn(b, b.Data[from:])
	p.take(rest)
	p.long(append(b.Long, torn...))
	p.next()
	m.queue = append(m.queue, shareAck(b, p.list)...)
	return nil
}

// pieces are what a block is split into: of each the records come before the control
// lines.
type pieces struct {
	of   *marked
	list []*Block
	now  *Block // the one that still grows
}

// next begins another piece.
func (p *pieces) next() {
	if len(p.now.Data) > 0 || len(p.now.Control) > 0 || len(p.now.Long) > 0 {
		p.list = append(p.list, p.now)
	}
	p.now = &Block{Source: p.of.source}
}

// take puts records into a piece.
func (p *pieces) take(records []byte) {
	if len(records) == 0 {
		return
	}
	if len(p.now.Control) > 0 {
		p.next()
	}
	p.now.Data = records
}

// long takes what was cut off or skipped, which comes behind all lines.
func (p *pieces) long(list []LongLine) {
	if len(list) == 0 {
		return
	}
	if len(p.now.Control) > 0 {
		p.next()
	}
	p.now.Long = list
	for i := range list {
		list[i].Before = countLines(p.now.Data)
	}
}

// torn takes the last line out of records, the rest of b, where it has no end and the
// stream has not come to its own: who wrote it died within it, and no mark is behind it.
// So the record comes again, whole.
func (m *marked) torn(b *Block, records []byte) (whole []byte, torn []LongLine) {
	if !b.Half || len(records) == 0 || m.token == "" || m.mark != nil && m.mark.Last {
		return records, nil
	}
	whole = records[:bytes.LastIndexByte(records[:len(records)-1], '\n')+1]
	part := bytes.Clone(records[len(whole) : len(records)-1])
	return whole, []LongLine{{Size: int64(len(part)), Cut: part}}
}

// control follows what c says of the lines behind it.
func (m *marked) control(c *Control) error {
	switch c.Kind {
	case ControlOpen:
		m.token = c.Token
	case ControlSource:
		m.source = c.Source
	case ControlReset:
		m.source = ""
	case ControlMark:
		return m.inTurn(c)
	}
	return nil
}

// inTurn refuses a mark that would take its group back to where it has been, or is for
// another one: whatever is committed with it, the records would not be those before it.
func (m *marked) inTurn(c *Control) error {
	before := m.mark
	m.mark = c
	switch {
	case before == nil:
		return nil
	case c.Group != before.Group:
		return fault.Hint(fmt.Errorf("marks of the groups %q and %q are in one stream: only one can be committed as it was read", before.Group, c.Group),
			"read all topics with one: consume A B -g G --marks")
	case c.Epoch < before.Epoch:
		return fault.Hint(fmt.Errorf("mark %d comes behind mark %d: a program in the pipe has changed the order of the lines", c.Epoch, before.Epoch),
			"one that works on several records at a time has to write all lines in the order in which they came")
	}
	return nil
}

// shareAck acknowledges b when all of its pieces are, and frees it when all are.
func shareAck(b *Block, pieces []*Block) []*Block {
	left, used := new(atomic.Int32), new(atomic.Int32)
	left.Store(int32(len(pieces)))
	used.Store(int32(len(pieces)))
	for _, p := range pieces {
		p.Name, p.Time = b.Name, b.Time
		p.Ack = func(err error) {
			if left.Add(-1) == 0 && b.Ack != nil {
				b.Ack(err)
			}
		}
		if b.Free != nil {
			p.Free = func() {
				if used.Add(-1) == 0 {
					b.Free()
				}
			}
		}
	}
	if len(pieces) == 0 && b.Ack != nil {
		b.Ack(nil)
	}
	return pieces
}

// candidate is the place of the next line, from the beginning of one at at on, that
// looks like a control; -1 without one.
func candidate(data []byte, at int) int {
	if bytes.HasPrefix(data[at:], []byte(controlHead)) {
		return at
	}
	if i := bytes.Index(data[at:], []byte("\n"+controlHead)); i >= 0 {
		return at + i + 1
	}
	return -1
}
