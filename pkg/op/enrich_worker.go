package op

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/geo"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
	"github.com/logpipe/logpipe/pkg/ua"
)

// enricher is the operator of one worker.
type enricher struct {
	spec        *enrich
	env         *stream.Env
	address     *textField // nil where nothing of it is wanted
	client      *textField
	locates     bool         // places are looked up
	identifies  bool         // clients are looked up
	finder      geo.Finder   // opened by the first address
	table       *geo.Table   // finder, where it is the built-in table
	countries   [256]*answer // by number of the built-in table
	places      answers
	clients     answers
	placeNames  []*record.Name // of placeFields; nil where not wanted
	clientNames []*record.Name // of clientFields
	turn        uint64         // number of the batch
	firstDone   bool           // the first records have been looked at for the fields
}

func newEnricher(e *enrich, read stream.Fields, env *stream.Env) *enricher {
	w := &enricher{spec: e, env: env, placeNames: e.names(placeFields, read), clientNames: e.names(clientFields, read),
		places: newAnswers(), clients: newAnswers()}
	// A database is asked in any case, as it may tell of records that it cannot read.
	w.locates = slices.ContainsFunc(w.placeNames, isName) || e.database != nil
	w.identifies = slices.ContainsFunc(w.clientNames, isName)
	if e.address != nil {
		w.address = newTextField(e.address)
	}
	if e.client != nil {
		w.client = newTextField(e.client)
	}
	return w
}

// names interns those of fields that are wanted and read.
func (e *enrich) names(fields []string, read stream.Fields) []*record.Name {
	list := make([]*record.Name, len(fields))
	for i, f := range fields {
		if (len(e.only) == 0 || slices.Contains(e.only, f)) && read.Has(f) {
			list[i] = record.Intern(f)
		}
	}
	return list
}

func isName(n *record.Name) bool { return n != nil }

func (w *enricher) Process(b *stream.Batch, emit stream.Emit) error {
	w.turn++
	if !w.firstDone && b.Block == 0 && len(b.Records) > 0 {
		w.firstDone = true
		if !slices.ContainsFunc(b.Records, w.hasText) {
			w.tellMissing(len(b.Records))
		}
	}
	for _, r := range b.Records {
		// Without edits none can be of the same name, and they need no search.
		fresh := len(r.Edits) == 0
		if w.locates {
			if text, ok := w.address.of(r); ok {
				a, err := w.place(text)
				if err != nil {
					return err
				}
				a.put(r, w.turn, fresh)
			}
		}
		if w.identifies {
			if text, ok := w.client.of(r); ok {
				w.clientOf(text).put(r, w.turn, fresh)
			}
		}
	}
	return emit(b)
}

// hasText reports whether r has something to work on.
func (w *enricher) hasText(r *record.Record) bool {
	for _, f := range []*textField{w.address, w.client} {
		if f != nil {
			if _, ok := f.of(r); ok {
				return true
			}
		}
	}
	return false
}

func (w *enricher) Flush(stream.Emit) error { return nil }

// tellMissing says that the first records have nothing to work on, which is
// mostly a wrong name.
func (w *enricher) tellMissing(records int) {
	if w.env == nil || w.env.Log == nil {
		return
	}
	var names []string
	if w.address != nil {
		names = append(names, fmt.Sprintf("%q (--ip)", w.spec.ip))
	}
	if w.client != nil {
		names = append(names, fmt.Sprintf("%q (--agent)", w.spec.agent))
	}
	first := "the first record has"
	if records > 1 {
		first = fmt.Sprintf("the first %d records have", records)
	}
	w.env.Log.Warn(fmt.Sprintf("%s no text in the field %s", first, strings.Join(names, " or ")))
}

// place returns the answer for the text of an address.
func (w *enricher) place(text []byte) (*answer, error) {
	if w.finder == nil {
		if err := w.open(); err != nil {
			return nil, err
		}
	}
	// The table answers faster than a large map does, and a log of the open web
	// has more addresses than a map should hold.
	if w.table != nil {
		if addr, ok := parseIPv4(text); ok {
			return w.find(addr), nil
		}
	}
	a := w.places.find(text)
	if a == nil {
		a = &noAnswer
		if addr, ok := addressOf(text); ok {
			a = w.find(addr)
		}
		w.places.add(text, a)
	}
	return a, nil
}

// noAnswer is the answer where nothing is known. It is never written to.
var noAnswer answer

// find asks for the place of addr.
func (w *enricher) find(addr netip.Addr) *answer {
	if w.table != nil {
		return w.country(w.table.Country(addr))
	}
	p, ok := w.finder.Find(addr)
	w.spec.tellUnreadable(w.env)
	if !ok {
		return &noAnswer
	}
	return newAnswer(w.placeNames, placeValues(p))
}

// country returns the answer of a country of the built-in table, which knows
// no more.
func (w *enricher) country(n uint8) *answer {
	a := w.countries[n]
	if a == nil {
		a = &noAnswer
		if n > 0 {
			a = newAnswer(w.placeNames, placeValues(geo.Place{Country: w.table.Code(n)}))
		}
		w.countries[n] = a
	}
	return a
}

// open makes the finder. The built-in table is decoded here, so that a stage
// without addresses does not pay for it.
func (w *enricher) open() error {
	if w.spec.database != nil {
		w.finder = w.spec.database
		return nil
	}
	t, err := geo.Embedded()
	if err != nil {
		return fmt.Errorf("enrich: built-in table of countries: %w", err)
	}
	w.finder, w.table = t, t
	return nil
}

// clientOf returns the answer for a user agent.
func (w *enricher) clientOf(text []byte) *answer {
	if a := w.clients.find(text); a != nil {
		return a
	}
	a := &noAnswer
	if len(text) > 0 && string(text) != "-" {
		a = newAnswer(w.clientNames, clientValues(ua.Parse(string(text))))
	}
	w.clients.add(text, a)
	return a
}

// parseIPv4 reads four numbers with dots between them, as netip.ParseAddr does.
func parseIPv4(text []byte) (addr netip.Addr, ok bool) {
	var b [4]byte
	n, digits, value := 0, 0, 0
	for _, c := range text {
		switch d := c - '0'; {
		case d <= 9:
			value = value*10 + int(d)
			if digits++; value > 255 || digits > 1 && value < 10 {
				return addr, false
			}
		case c != '.' || digits == 0 || n == 3:
			return addr, false
		default:
			b[n] = byte(value)
			n, digits, value = n+1, 0, 0
		}
	}
	b[3] = byte(value)
	return netip.AddrFrom4(b), n == 3 && digits > 0
}

// addressOf reads an address: the first one of a list, with or without a port.
func addressOf(text []byte) (netip.Addr, bool) {
	first, _, _ := bytes.Cut(text, []byte{','})
	s := string(bytes.TrimSpace(first))
	if a, err := netip.ParseAddr(s); err == nil {
		return a, true
	}
	if a, err := netip.ParseAddrPort(s); err == nil {
		return a.Addr(), true
	}
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		a, err := netip.ParseAddr(s[1 : len(s)-1])
		return a, err == nil
	}
	return netip.Addr{}, false
}

// placeValues are the values of placeFields; null is not known.
func placeValues(p geo.Place) []record.Value {
	v := []record.Value{textOrNull(p.Country), textOrNull(p.Region), textOrNull(p.City), {}, {}, {}, textOrNull(p.Org)}
	if p.HasLocation {
		v[3], v[4] = record.FloatValue(p.Lat), record.FloatValue(p.Lon)
	}
	if p.ASN != 0 {
		v[5] = record.IntValue(int64(p.ASN))
	}
	return v
}

// clientValues are the values of clientFields; null is not known.
func clientValues(c ua.Client) []record.Value {
	return []record.Value{textOrNull(c.Browser), textOrNull(c.BrowserVersion), textOrNull(c.OS), textOrNull(c.OSVersion),
		textOrNull(c.Device), record.BoolValue(c.Bot)}
}

func textOrNull(s string) record.Value {
	if s == "" {
		return record.Value{}
	}
	return record.StringValue([]byte(strings.ToValidUTF8(s, "\uFFFD")))
}

// answer is the fields that a text gives, ready to be set.
type answer struct {
	edits []record.Edit // their spans lie in arena at base, as far as text goes
	text  []byte
	arena *record.Arena // that the text was put into last
	turn  uint64        // when that was
	base  uint32
}

// newAnswer makes an answer of the values that are known and wanted.
func newAnswer(names []*record.Name, values []record.Value) *answer {
	one := record.Record{Arena: new(record.Arena)}
	a := new(answer)
	for i, v := range values {
		if names[i] != nil && v.Kind != record.Null {
			a.edits = append(a.edits, record.Edit{Name: names[i], Span: one.Encode(v)})
		}
	}
	a.text = one.Arena.Buf
	return a
}

// size is about how many bytes a takes.
func (a *answer) size() int { return 96 + len(a.text) + 32*len(a.edits) }

// put sets the fields of a in r. Records of one batch share the bytes. turn
// numbers the batches; fresh tells that r has no edits but those of this stage.
func (a *answer) put(r *record.Record, turn uint64, fresh bool) {
	if len(a.edits) == 0 {
		return
	}
	if a.turn != turn || a.arena != r.Arena {
		a.move(r.Arena)
		a.turn = turn
	}
	if fresh {
		r.Edits = append(r.Edits, a.edits...)
		return
	}
	for i := range a.edits {
		r.SetSpan(a.edits[i].Name, a.edits[i].Span)
	}
}

// move puts the text into another arena.
func (a *answer) move(to *record.Arena) {
	base, _ := to.Add(a.text)
	for i := range a.edits {
		s := &a.edits[i].Span
		s.Off += base - a.base
		s.End += base - a.base
	}
	a.arena, a.base = to, base
}
