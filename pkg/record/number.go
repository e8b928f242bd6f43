package record

// NumberSpan describes the JSON number text, which lies at off of a record's
// line, or of its arena when the caller sets Arena. It fails where text is not
// one number of RFC 8259 from its first to its last byte, as with 007, +1 or .5.
func NumberSpan(text []byte, off uint32) (s Span, ok bool) {
	var small [64]byte
	b := small[:]
	if len(text)+Padding > len(b) {
		b = make([]byte, len(text)+Padding)
	}
	b[copy(b, text)] = '\n'
	if end := scanNumber(b, 0, 0, &s); end != len(text) {
		return Span{}, false
	}
	s.Off, s.End = off, off+uint32(len(text))
	return s, true
}
