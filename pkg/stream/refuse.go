package stream

// Refuser is a Sink whose records may be refused after Write has returned: by the
// server that they are sent to.
type Refuser interface {
	Sink
	// Place is called before Write and tells where its lines come from.
	Place(Places)
	// Refused returns the records that were refused since the last call, with their
	// places. It is called where Write is, about once a second and behind Close.
	Refused() []Rejection
}

// Places say from which lines of the input the lines come that a sink is given.
type Places struct {
	Name string   // of the input
	Line int64    // of the first line of the block, from 1; 0 = not known
	Pos  []uint32 // of each line, how far it is behind that one; nil = each is one further
}

// At is the line of the input from which line i comes, 0 where that is not known.
func (p Places) At(i int64) int64 {
	switch {
	case p.Line == 0:
		return 0
	case p.Pos != nil:
		return p.Line + int64(p.Pos[i])
	}
	return p.Line + i
}

// place tells the sink where the lines come from that it is given next; pos is its
// own then.
func (e *engine) place(pos []uint32) {
	if e.refuser != nil {
		e.refuser.Place(Places{e.col.name, e.col.line, pos})
	}
}

// placeBatch is place for the records that a batch has at the end of the tail.
func (t *tail) placeBatch(b *Batch) {
	e := t.e
	if e.refuser == nil {
		return
	}
	if !t.placed {
		e.refuser.Place(Places{Name: e.col.name})
		return
	}
	e.place(appendPlaces(nil, b))
}

func appendPlaces(pos []uint32, b *Batch) []uint32 {
	for _, r := range b.Records {
		pos = append(pos, r.Pos)
	}
	return pos
}

// refused reports what the sink has had refused by now: those records have not
// gone out.
func (e *engine) refused() error {
	if e.refuser == nil {
		return nil
	}
	for _, r := range e.refuser.Refused() {
		e.ledger.Out--
		e.ledger.Rejected++
		e.ledger.Refused++
		if e.opts.OnReject != nil {
			if err := e.opts.OnReject(r); err != nil {
				return err
			}
		}
	}
	return nil
}
