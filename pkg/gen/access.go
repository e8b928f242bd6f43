package gen

import (
	"net/netip"
	"strconv"
	"time"
)

// access makes the log of a course site. Text and JSON are two renderings of
// one request, so that parsing the text gives the JSON.
type access struct {
	random   random
	visitors uint64 // key of visitorOf
	json     bool
	time     stamp
	courses  ids
	agents   table
	referers table
	protos   table
	routes   table
	statuses [len(statusMixes)]table
	terms    table
	req      request
}

// request is one line. Empty text and a negative size are absent ("-").
type request struct {
	addr           netip.Addr
	user, method   string
	path, query    []byte
	proto          string
	status         int
	bytes          int64
	referer, agent string
}

func newAccess(o Options) lines {
	a := &access{
		random:   newRandom(o.Seed, streamRecords),
		visitors: mix(mix(o.Seed) ^ streamVisitors),
		json:     o.JSON,
		time:     stamp{layout: "02/Jan/2006:15:04:05 -0700"},
		courses:  newIDs(o.Cardinality),
		agents:   newTable(len(agents), func(i int) uint64 { return agents[i].weight }),
		referers: newTable(len(referers), func(i int) uint64 { return referers[i].weight }),
		protos:   newTable(len(protos), func(i int) uint64 { return protos[i].weight }),
		routes:   newTable(len(routes), func(i int) uint64 { return routes[i].weight }),
		terms:    newTable(len(terms), func(i int) uint64 { return 1 << 20 / uint64(i+1) }),
	}
	if o.JSON {
		a.time.layout = time.RFC3339
	}
	for i, m := range statusMixes {
		a.statuses[i] = newTable(len(m), func(j int) uint64 { return m[j].weight })
	}
	return a
}

func (a *access) append(dst []byte, at time.Time) []byte {
	a.next()
	if a.json {
		return a.appendJSON(dst, at)
	}
	return a.appendText(dst, at)
}

// next draws one request into a.req.
func (a *access) next() {
	r, q := &a.random, &a.req
	v := visitorOf(a.visitors, r.octave(visitorBits))
	q.addr, q.user = v.addr, v.user
	if r.below(4) == 0 { // a household or an office has more than one client
		v.agent = r.uint64()
	}
	q.agent = agents[a.agents.pick(v.agent)].text
	q.referer = referers[a.referers.pick(r.uint64())].text
	q.proto = protos[a.protos.pick(r.uint64())].text
	q.method = "GET"
	q.query = q.query[:0]
	usual, size := a.route()
	q.status = statusMixes[usual][a.statuses[usual].pick(r.uint64())].code
	q.bytes = sizeOf(q.status, size)
}

// route draws what is asked for; it returns which answers are usual (an
// index of statusMixes) and the size of a complete one.
func (a *access) route() (usual int, size int64) {
	r, q := &a.random, &a.req
	id := a.courses.next(r)
	switch routes[a.routes.pick(r.uint64())].to {
	case toCourse:
		q.path = append(strconv.AppendUint(append(q.path[:0], "/course/"...), id, 10), ".html"...)
		return mixPage, 6_000 + int64(weigh(id, 48_000)) // a page has one size
	case toVideo:
		q.path = strconv.AppendUint(append(q.path[:0], "/video/"...), id, 10)
		return mixVideo, 1<<18 + int64(r.skewed(8<<20))
	case toStatic:
		f := staticFiles[r.below(uint64(len(staticFiles)))]
		q.path = append(q.path[:0], f.path...)
		return mixStatic, f.size
	case toSearch:
		q.path = append(q.path[:0], "/api/v1/search"...)
		q.query = append(append(q.query, "q="...), terms[a.terms.pick(r.uint64())]...)
		q.query = strconv.AppendUint(append(q.query, "&page="...), 1+r.skewed(20), 10)
		return mixAPI, 200 + int64(r.skewed(9_000))
	case toProgress:
		q.method = "POST"
		q.path = strconv.AppendUint(append(q.path[:0], "/api/v1/course/"...), id, 10)
		q.path = append(q.path, "/progress"...)
		return mixAPI, 30 + int64(r.below(60))
	case toProbe:
		q.path = append(q.path[:0], probes[r.below(uint64(len(probes)))]...)
		return mixProbe, 0
	default:
		q.path = append(q.path[:0], '/')
		return mixPage, 21_480
	}
}

// weigh spreads ids over 0 to n-1, always in the same way.
func weigh(id, n uint64) uint64 { return mix(id) % n }

// sizeOf is the length of the body that goes with a status.
func sizeOf(status int, complete int64) int64 {
	switch {
	case status == 304:
		return -1
	case status < 300:
		return complete
	case status == 499:
		return 0
	default: // the server's own short pages, longer with a longer reason
		return 145 + int64(status)%24
	}
}

func (a *access) appendText(dst []byte, at time.Time) []byte {
	q := &a.req
	dst = q.addr.AppendTo(dst)
	dst = append(dst, " - "...)
	dst = appendOrDash(dst, q.user)
	dst = a.time.append(append(dst, " ["...), at)
	dst = append(append(dst, `] "`...), q.method...)
	dst = append(append(dst, ' '), q.path...)
	if len(q.query) > 0 {
		dst = append(append(dst, '?'), q.query...)
	}
	dst = append(append(dst, ' '), q.proto...)
	dst = strconv.AppendInt(append(dst, `" `...), int64(q.status), 10)
	if q.bytes < 0 {
		dst = append(dst, " -"...)
	} else {
		dst = strconv.AppendInt(append(dst, ' '), q.bytes, 10)
	}
	dst = appendOrDash(append(dst, ` "`...), q.referer)
	dst = appendOrDash(append(dst, `" "`...), q.agent)
	return append(dst, '"')
}

// appendJSON needs no escaping: nothing that is drawn from has characters that
// want it, which a test holds.
func (a *access) appendJSON(dst []byte, at time.Time) []byte {
	q := &a.req
	dst = a.time.append(append(dst, `{"time":"`...), at)
	dst = q.addr.AppendTo(append(dst, `","ip":"`...))
	if q.user != "" {
		dst = append(append(dst, `","user":"`...), q.user...)
	}
	dst = append(append(dst, `","method":"`...), q.method...)
	dst = append(append(dst, `","path":"`...), q.path...)
	if len(q.query) > 0 {
		dst = append(append(dst, `","query":"`...), q.query...)
	}
	dst = append(append(dst, `","proto":"`...), q.proto...)
	dst = strconv.AppendInt(append(dst, `","status":`...), int64(q.status), 10)
	if q.bytes >= 0 {
		dst = strconv.AppendInt(append(dst, `,"bytes":`...), q.bytes, 10)
	}
	if q.referer != "" {
		dst = append(append(append(dst, `,"referer":"`...), q.referer...), '"')
	}
	if q.agent != "" {
		dst = append(append(append(dst, `,"agent":"`...), q.agent...), '"')
	}
	return append(dst, '}')
}

func appendOrDash(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, '-')
	}
	return append(dst, s...)
}
