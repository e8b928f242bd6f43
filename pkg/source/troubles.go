package source

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// troubles are what a source cannot do now. Each is told once, until it is over,
// and is what the agent says of the source's health.
type troubles struct {
	mu   sync.Mutex
	logf func(format string, args ...any)
	some atomic.Bool // there are any: a look that takes no time, for each batch
	now  map[trouble]string
}

// trouble is what cannot be done, and with what. One without a text is told, but
// keeps the source from nothing.
type trouble struct{ verb, object string }

// begin forgets all, and has what comes told by logf.
func (t *troubles) begin(logf func(format string, args ...any)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.logf, t.now = logf, map[trouble]string{}
	t.some.Store(false)
}

// note takes note of a trouble, and reports whether it is a new one.
func (t *troubles) note(verb, object, text string) (first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, known := t.now[trouble{verb, object}]
	t.now[trouble{verb, object}] = text
	t.some.Store(true)
	return !known
}

// tell takes note of a trouble and tells of a new one.
func (t *troubles) tell(verb, object, format string, args ...any) {
	if text := fmt.Sprintf(format, args...); t.note(verb, object, text) {
		t.logf("%s", text)
	}
}

// mention tells once of what a source waits for while it works.
func (t *troubles) mention(verb, object, format string, args ...any) {
	if t.note(verb, object, "") {
		t.logf(format, args...)
	}
}

// over notes that a trouble is no more.
func (t *troubles) over(verb, object string) {
	if !t.some.Load() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.now, trouble{verb, object})
	t.some.Store(len(t.now) > 0)
}

// retain forgets the troubles of a verb with objects that are not there any more.
func (t *troubles) retain(verb string, there func(object string) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.now, func(k trouble, _ string) bool { return k.verb == verb && !there(k.object) })
	t.some.Store(len(t.now) > 0)
}

// lasts tells whether there is a trouble.
func (t *troubles) lasts(verb, object string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, there := t.now[trouble{verb, object}]
	return there
}

// Trouble names one of them, and how many there are beside it; "" = there is none.
func (t *troubles) Trouble() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	texts := slices.DeleteFunc(slices.Sorted(maps.Values(t.now)), func(text string) bool { return text == "" })
	switch len(texts) {
	case 0:
		return ""
	case 1:
		return texts[0]
	}
	return fmt.Sprintf("%s (and %d more)", texts[0], len(texts)-1)
}
