package source

// account counts the events that a source has handed over at once, until all of
// them are stored or given up.
type account struct {
	o     *Output
	whole int  // that came and are not accepted
	kept  int  // that interceptors left of them and are not stored
	told  bool // that they wait

	tell func(n int) // of what is stored, where that is known of each event; may be nil
}

// begin counts events that a source handed over, and what interceptors left of
// them, which waits now for space.
func (o *Output) begin(whole, kept int) account {
	o.received.Add(int64(whole))
	o.filtered.Add(int64(whole - kept))
	o.putting.Add(int64(kept))
	return account{o: o, whole: whole, kept: kept}
}

// stored counts the next events, which all required channels have.
func (a *account) stored(n int) {
	a.count(n)
	if a.tell != nil && n > 0 {
		a.tell(n)
	}
}

// count is stored for some of the events.
func (a *account) count(n int) {
	a.kept -= n
	a.o.putting.Add(-int64(n))
	a.accept(min(n, a.whole)) // interceptors may have made more of them
}

func (a *account) accept(n int) {
	a.whole -= n
	a.o.accepted.Add(int64(n))
}

// end counts what is left: lost where err is why it could not be stored.
func (a *account) end(err error) {
	a.o.putting.Add(-int64(a.kept))
	if err != nil {
		a.o.lost.Add(int64(a.kept))
		return
	}
	a.accept(a.whole)
}
