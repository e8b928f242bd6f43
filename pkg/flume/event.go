// Package flume holds what every part of an agent shares: the event, the
// channel and its transactions, the tables of component types and the
// description of their properties. Names and meaning follow the user guide and
// the behaviour of Apache Flume 1.11.
package flume

// Event is what moves through an agent: a body and a few headers. The body is
// owned by the event; whoever hands an event on does not write to it again.
type Event struct {
	Headers Headers
	Body    []byte

	// Copied is how many headers the event had when Flume's source would have
	// copied them from another map; for JavaOrder.
	Copied uint8

	place uint32 // 1 + where the body begins in the block; 0 = not known
	block *Block // where the event lies, if that is known
}

// Header is one header of an event.
type Header struct{ Key, Value string }

// Headers are the headers of an event in the order in which they were set.
// Events carry few of them, so a list is both smaller and faster than a map,
// and it keeps the order that JavaOrder needs.
type Headers []Header

// Get returns the value of a header and whether it is there.
func (h Headers) Get(key string) (string, bool) {
	for i := range h {
		if h[i].Key == key {
			return h[i].Value, true
		}
	}
	return "", false
}

// Set adds a header or replaces its value.
func (h *Headers) Set(key, value string) {
	for i := range *h {
		if (*h)[i].Key == key {
			(*h)[i].Value = value
			return
		}
	}
	*h = append(*h, Header{key, value})
}

// Clone returns a copy that can be changed without changing h.
func (h Headers) Clone() Headers {
	if len(h) == 0 {
		return nil
	}
	return append(Headers(nil), h...)
}
