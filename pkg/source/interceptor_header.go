package source

import (
	"crypto/rand"
	"encoding/hex"
	"slices"

	"github.com/logpipe/logpipe/pkg/flume"
)

// removeHeader removes headers by name, from a list of names, or by a pattern.
type removeHeader struct {
	name, list, separator, pattern string

	names    []string
	matching *pattern
}

func newRemoveHeader(p *flume.Properties) Interceptor {
	i := &removeHeader{}
	p.String(&i.name, "withName", "", "the header to remove")
	p.String(&i.list, "fromList", "", "headers to remove")
	p.String(&i.separator, "fromListSeparator", `\s*,\s*`, "pattern of what stands between the names of fromList")
	p.String(&i.pattern, "matching", "", "pattern of names, which has to fit as a whole")
	return i
}

func (i *removeHeader) Check() []flume.Problem {
	if _, err := newPattern(i.separator); err != nil {
		return problemOf("fromListSeparator", err, fixPattern)
	}
	_, err := newWholePattern(i.pattern)
	return problemOf("matching", err, fixPattern)
}

func (i *removeHeader) Open(env flume.Env) (err error) {
	i.names = nil
	if i.name != "" {
		i.names = append(i.names, i.name)
	}
	if i.list != "" {
		separator, err := newPattern(i.separator)
		if err != nil {
			return err
		}
		i.names = append(i.names, separator.split(i.list)...)
	}
	if i.pattern != "" {
		if i.matching, err = newWholePattern(i.pattern); err == nil {
			i.matching.telling(env.Logf, "the header stays")
		}
	}
	return err
}

func (i *removeHeader) Intercept(events []flume.Event) []flume.Event {
	for n := range events {
		events[n].Headers = slices.DeleteFunc(events[n].Headers, func(h flume.Header) bool {
			return slices.Contains(i.names, h.Key) || i.matching != nil && i.matching.matchesName(h.Key)
		})
	}
	return events
}

// uuid gives every event an id.
type uuid struct {
	header, prefix string
	keep           bool
}

func newUUID(p *flume.Properties) Interceptor {
	i := &uuid{}
	p.String(&i.header, "headerName", "id", "the header to set")
	p.Bool(&i.keep, "preserveExisting", true, "leave a header that is there")
	p.String(&i.prefix, "prefix", "", "what stands before the id")
	return i
}

func (i *uuid) Open(flume.Env) error { return nil }

func (i *uuid) Intercept(events []flume.Event) []flume.Event {
	random := make([]byte, 16*len(events))
	rand.Read(random) // it never fails
	for n := range events {
		if _, there := events[n].Headers.Get(i.header); there && i.keep {
			continue
		}
		events[n].Headers.Set(i.header, i.prefix+formatUUID(random[16*n:]))
	}
	return events
}

// formatUUID writes 16 random bytes as a UUID of version 4.
func formatUUID(b []byte) string {
	b[6] = b[6]&0x0F | 0x40
	b[8] = b[8]&0x3F | 0x80
	var text [36]byte
	hex.Encode(text[0:], b[0:4])
	hex.Encode(text[9:], b[4:6])
	hex.Encode(text[14:], b[6:8])
	hex.Encode(text[19:], b[8:10])
	hex.Encode(text[24:], b[10:16])
	for _, i := range []int{8, 13, 18, 23} {
		text[i] = '-'
	}
	return string(text[:])
}
