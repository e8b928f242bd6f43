package source

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/flume"
)

// readJSONEvents reads a list of events: [{"headers": {…}, "body": "…"}]. Without
// a charset it is UTF-8, as Flume's handler says of itself; the server below it
// takes ISO-8859-1 for what is not called JSON, and so stores other text.
func readJSONEvents(r *http.Request) ([]flume.Event, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	_, parameters, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	name := cmp.Or(parameters["charset"], "UTF-8")
	if !strings.EqualFold(name, "utf-8") && !strings.EqualFold(name, "utf-16") && !strings.EqualFold(name, "utf-32") {
		return nil, fmt.Errorf("charset %s is not supported: UTF-8, UTF-16 and UTF-32 are", name)
	}
	in, err := newCharset(name)
	if err != nil {
		return nil, err
	}
	body = body[min(len(body), in.marked(body)):]
	text, _, _, err := in.decode(body, malformedReplaced)
	if err != nil {
		return nil, err
	}
	out, err := newCharset(name) // as Java writes it, whatever the order of the request
	if err != nil {
		return nil, err
	}
	return parseJSONEvents(text, &out)
}

// parseJSONEvents makes events of a whole request. The bodies are written in out.
func parseJSONEvents(text []byte, out *charset) ([]flume.Event, error) {
	events, err := newJSONReader(text).events(out)
	if err != nil {
		return nil, &badRequest{fmt.Errorf(`want [{"headers": {"a": "b"}, "body": "text"}]: %w`, err)}
	}
	return events, nil
}

// events reads the whole text.
func (r *jsonReader) events(out *charset) ([]flume.Event, error) {
	switch r.next() {
	case -1:
		return nil, errors.New("the request is empty")
	case '[':
		r.at++
	default:
		if r.null(false) {
			return nil, errors.New("the request is null")
		}
		return nil, r.wrong("a list in [ ]")
	}
	events := []flume.Event{}
	for {
		more, err := r.element(len(events) == 0)
		if err != nil {
			return nil, err
		}
		if !more {
			return events, r.end()
		}
		e, err := r.event(out)
		if err != nil {
			return nil, fmt.Errorf("event %d: %w", len(events)+1, err)
		}
		events = append(events, e)
	}
}

// event reads one event of the list. What is there twice counts as it stands
// last, what has another name not at all.
func (r *jsonReader) event(out *charset) (flume.Event, error) {
	e := flume.Event{Body: []byte{}}
	if r.next() != '{' {
		if r.null(true) {
			return e, errors.New("it is null")
		}
		return e, r.wrong("an event in { }")
	}
	r.at++
	for first := true; ; first = false {
		name, more, err := r.name(first)
		if err != nil || !more {
			return e, err
		}
		switch string(name) {
		case "body":
			if e.Body, err = r.body(out); err != nil {
				err = fmt.Errorf("body: %w", err)
			}
		case "headers":
			if e.Headers, err = r.headers(); err != nil {
				err = fmt.Errorf("headers: %w", err)
			}
		default:
			err = r.skip()
		}
		if err != nil {
			return e, err
		}
	}
}

// body reads the text of an event; null is the empty text.
func (r *jsonReader) body(out *charset) ([]byte, error) {
	half := javaUnknown
	if !out.utf8 {
		half = "\uFFFD"
	}
	text, there, err := r.scalar(false, half)
	switch {
	case err != nil:
		return nil, err
	case !there:
		return []byte{}, nil
	case out.utf8: // a copy: text is a part of the request or valid for a moment
		return bytes.Clone(text), nil
	}
	return out.encode(text), nil
}

// jsonHeader is a header as it stands in the request; null is none.
type jsonHeader struct {
	flume.Header
	there bool
	place int // in the order in which they stand
}

// headers reads the headers of an event: an object, or the list of pairs that
// Gson takes for one.
func (r *jsonReader) headers() ([]flume.Header, error) {
	read := r.headerField
	switch r.next() {
	case '{':
	case '[':
		read = r.headerPair
	default:
		if r.null(false) {
			return nil, nil
		}
		return nil, r.wrong("names and values in { }")
	}
	r.at++
	var all []jsonHeader
	for {
		h, more, err := read(len(all) == 0)
		if err != nil {
			return nil, err
		}
		if !more {
			return uniqueHeaders(all)
		}
		all = append(all, h)
	}
}

// headerField reads the next "name": "value".
func (r *jsonReader) headerField(first bool) (h jsonHeader, more bool, err error) {
	name, more, err := r.name(first)
	if err != nil || !more {
		return h, false, err
	}
	h.Key = string(name)
	return h, true, r.headerValue(&h, false)
}

// headerPair reads the next ["name", "value"].
func (r *jsonReader) headerPair(first bool) (h jsonHeader, more bool, err error) {
	const want = `a header as ["name", "value"]`
	if more, err := r.element(first); err != nil || !more {
		return h, false, err
	}
	if r.next() != '[' {
		return h, false, r.wrong(want)
	}
	r.at++
	if more, err := r.element(true); err != nil || !more {
		return h, false, cmp.Or(err, r.wrong(want))
	}
	key, there, err := r.scalar(true, javaUnknown)
	if err != nil || !there {
		return h, false, cmp.Or(err, r.wrong("a name before this place"))
	}
	h.Key = string(key)
	if more, err := r.element(false); err != nil || !more {
		return h, false, cmp.Or(err, r.wrong(want))
	}
	if err := r.headerValue(&h, true); err != nil {
		return h, false, err
	}
	if more, err := r.element(false); err != nil || more {
		return h, false, cmp.Or(err, r.wrong(want))
	}
	return h, true, nil
}

func (r *jsonReader) headerValue(h *jsonHeader, inArray bool) error {
	value, there, err := r.scalar(inArray, javaUnknown)
	if err != nil {
		return fmt.Errorf("%q: %w", h.Key, err)
	}
	h.Value, h.there = string(value), there
	return nil
}

// uniqueHeaders leaves out what is null. Flume refuses a name that is there twice,
// unless null is what comes second to; its place is the first one then.
func uniqueHeaders(all []jsonHeader) ([]flume.Header, error) {
	for i := range all {
		all[i].place = i
	}
	slices.SortStableFunc(all, func(a, b jsonHeader) int { return strings.Compare(a.Key, b.Key) })
	kept := make([]jsonHeader, 0, len(all))
	place := 0
	for i, h := range all {
		if i == 0 || all[i-1].Key != h.Key {
			place = h.place
		}
		if !h.there {
			continue
		}
		if i+1 < len(all) && all[i+1].Key == h.Key {
			return nil, fmt.Errorf("%q is there twice", h.Key)
		}
		h.place = place
		kept = append(kept, h)
	}
	slices.SortFunc(kept, func(a, b jsonHeader) int { return a.place - b.place })
	var headers []flume.Header
	for _, h := range kept {
		headers = append(headers, h.Header)
	}
	return headers, nil
}
