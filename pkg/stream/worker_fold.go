package stream

import "bytes"

// pass lets the blocks behind go on whatever happened to this one.
func (w *worker) pass() {
	if w.fold == nil || !w.fold.Watermarked() {
		return
	}
	select {
	case <-w.job.turn.done:
	default:
		<-w.job.prev.done
		w.job.turn.reached = w.job.reached(w.job.prev.reached)
		close(w.job.turn.done)
	}
}

// reached is p after the controls behind the block.
func (j *job) reached(p Progress) Progress {
	for _, c := range j.block.Control {
		p = p.Control(c)
	}
	return p
}

func (w *worker) turn() { <-w.job.prev.done }

// foldBlock finishes the block in the fold.
func (w *worker) foldBlock() error {
	t := w.job.turn
	var before Clock
	empty := len(w.job.block.Data) == 0 // the fold has been given nothing of it
	if w.fold.Watermarked() {
		<-w.job.prev.done
		p, source := w.job.prev.reached, w.job.block.Source
		before = p.Before(source)
		if m, ok := w.fold.MaxTime(); ok && !empty {
			p = p.Seen(source, m)
		}
		t.reached = w.job.reached(p)
		close(t.done)
	}
	if empty {
		return nil
	}
	return w.fold.Finish(before, func(r Reject) {
		r.Line = bytes.Clone(r.Line)
		w.reject(len(w.ops), r)
	})
}
