package stream

import "github.com/logpipe/logpipe/pkg/record"

// BatchSize is how many records a batch holds when a block is cut into
// batches: few enough that their index stays in the processor's cache.
const BatchSize = 256

// Batch is a list of records that share one block of bytes and one arena.
// Operators may reorder Records and shorten it; the records that leave it stay
// owned by the batch.
type Batch struct {
	Records  []*record.Record
	Arena    record.Arena
	Rejected []Reject
	Block    uint64 // number of the block
	Time     int64  // arrival of the block, ns since 1970 UTC
	Blank    int    // lines that the stage has taken for no records: blank ones, headers
	Account         // what Process has done with records of the batch that it does not hand on
	Sniffed  any    // what the first stage's Sniff returned for the block, or nil
	pool     []*record.Record
	used     int
}

// Reject is a record that a stage refused.
type Reject struct {
	Pos  uint32 // line in its block
	Line []byte // borrowed from the block
	Err  error
	Late bool                    // refused for its time alone
	Lost bool                    // by the sink's own stage: what was to be stored is not
	To   func(line []byte) error // where the stage wants the line, called in input order; or nil
}

// NewBatch returns an empty batch.
func NewBatch() *Batch { return &Batch{} }

// Reset empties the batch and takes all its records back.
func (b *Batch) Reset() {
	b.Records, b.Rejected = b.Records[:0], b.Rejected[:0]
	b.Arena.Buf = b.Arena.Buf[:0]
	b.used, b.Blank, b.Account = 0, 0, Account{}
}

// New appends a record to the batch; the caller resets or begins it.
func (b *Batch) New() *record.Record {
	r := b.Spare()
	b.Records = append(b.Records, r)
	return r
}

// Spare returns a record owned by the batch that is not in Records yet.
func (b *Batch) Spare() *record.Record {
	if b.used == len(b.pool) {
		chunk := make([]record.Record, 64)
		for i := range chunk {
			b.pool = append(b.pool, &chunk[i])
		}
	}
	r := b.pool[b.used]
	b.used++
	return r
}

// Unuse gives back the record that Spare or New returned last.
func (b *Batch) Unuse() { b.used-- }

// Reject takes r out of the counts: the caller must not keep it in Records.
func (b *Batch) Reject(r *record.Record, err error) {
	b.Rejected = append(b.Rejected, Reject{Pos: r.Pos, Line: r.Line, Err: err})
}

// moveTo gives what b holds to dst, which is empty but for room that b takes.
// The rejected records and the counts stay: they are the concern of who calls.
func (b *Batch) moveTo(dst *Batch) *Batch {
	dst.Reset()
	rejected, account := b.Rejected, b.Account
	*dst, *b = *b, *dst
	b.Rejected, dst.Rejected = rejected, b.Rejected
	b.Account, dst.Account = account, Account{}
	for _, r := range dst.Records {
		if r.Arena == &b.Arena {
			r.Arena = &dst.Arena
		}
	}
	return dst
}

// Filter keeps the records for which keep is true, in order.
func (b *Batch) Filter(keep func(*record.Record) bool) {
	n := 0
	for _, r := range b.Records {
		if keep(r) {
			b.Records[n] = r
			n++
		}
	}
	b.Records = b.Records[:n]
}

// AppendJSON appends the records, a line each.
func (b *Batch) AppendJSON(dst []byte) []byte {
	for _, r := range b.Records {
		dst = append(r.AppendJSON(dst), '\n')
	}
	return dst
}

// Map is the Operator of a function that changes or rejects one record at a
// time: f returns false to drop the record, or an error to reject it.
type Map func(r *record.Record) (keep bool, err error)

// Process applies the function to every record.
func (f Map) Process(b *Batch, emit Emit) error {
	n := 0
	for _, r := range b.Records {
		keep, err := f(r)
		if err != nil {
			b.Reject(r, err)
			continue
		}
		if keep {
			b.Records[n] = r
			n++
		} else {
			b.Dropped++
		}
	}
	b.Records = b.Records[:n]
	return emit(b)
}

// Flush does nothing.
func (f Map) Flush(Emit) error { return nil }
