package cli

import "runtime/debug"

// collectAt is the growth of the heap, in percent, at which garbage is collected
// where GOGC does not say: what grows large here, group tables, holds no
// pointers, so that collecting costs little and saves a quarter of the memory.
const collectAt = 50

// Spare has garbage collected sooner from now on. Commands call it when their first
// records are there: before, it would mean a collection of what starting has made,
// which is a fifth of the time that a command takes to start.
func (a *App) Spare() {
	a.sparing.Do(func() {
		if _, set := a.Environ("GOGC"); !set {
			debug.SetGCPercent(collectAt)
		}
	})
}
