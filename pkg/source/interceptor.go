package source

import (
	"strconv"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Interceptor changes, adds or removes events on their way to the channels. It
// may change the slice in place and returns what goes on; calls may come from
// several goroutines at once.
type Interceptor interface {
	// Open prepares the interceptor before the first event.
	Open(flume.Env) error
	Intercept([]flume.Event) []flume.Event
}

// Interceptors is the table of interceptor types. Flume names their builders
// as classes: `…$Builder`.
func Interceptors() flume.Table[Interceptor] {
	const class = "org.apache.flume.interceptor."
	const morphline = "org.apache.flume.sink.solr.morphline."
	builder := func(name string) []string {
		return []string{class + name + "$Builder", class + name}
	}
	return flume.Table[Interceptor]{
		{Alias: "timestamp", Classes: builder("TimestampInterceptor"), New: newTimestamp,
			Help: "sets a header to the time of arrival"},
		{Alias: "host", Classes: builder("HostInterceptor"), New: newHost,
			Help: "sets a header to this host's address or name"},
		{Alias: "static", Classes: builder("StaticInterceptor"), New: newStatic,
			Help: "sets a header to a fixed text"},

		{Alias: "remove_header", Classes: builder("RemoveHeaderInterceptor"), New: newRemoveHeader,
			Help: "removes headers by name or pattern"},
		{Alias: "regex_filter", Classes: builder("RegexFilteringInterceptor"), New: newRegexFilter,
			Help: "keeps the events that a pattern fits, or the others"},
		{Alias: "regex_extractor", Classes: builder("RegexExtractorInterceptor"), New: newRegexExtractor,
			Help: "sets headers to parts of the body"},
		{Alias: "search_replace", Classes: builder("SearchAndReplaceInterceptor"), New: newSearchReplace,
			Help: "replaces text in the body"},
		{Alias: "uuid", Classes: []string{morphline + "UUIDInterceptor$Builder", morphline + "UUIDInterceptor"}, New: newUUID,
			Help: "sets a header to an id of its own"},
		{Classes: []string{morphline + "MorphlineInterceptor$Builder", morphline + "MorphlineInterceptor"},
			Instead: "an interceptor of type pipe with a command such as parse access | where 'status >= 500' | set kind=error"},
	}
}

type arrival struct {
	header string
	keep   bool
}

func newTimestamp(p *flume.Properties) Interceptor {
	i := &arrival{}
	p.String(&i.header, "headerName", "timestamp", "the header to set")
	p.Bool(&i.keep, "preserveExisting", false, "leave a header that is there")
	return i
}

func (i *arrival) Open(flume.Env) error { return nil }

func (i *arrival) Intercept(events []flume.Event) []flume.Event {
	return setAll(events, i.header, strconv.FormatInt(time.Now().UnixMilli(), 10), i.keep)
}

type static struct {
	key, value string
	keep       bool
}

func newStatic(p *flume.Properties) Interceptor {
	i := &static{}
	p.String(&i.key, "key", "key", "the header to set")
	p.String(&i.value, "value", "value", "its text")
	p.Bool(&i.keep, "preserveExisting", true, "leave a header that is there")
	return i
}

func (i *static) Open(flume.Env) error { return nil }

func (i *static) Intercept(events []flume.Event) []flume.Event {
	return setAll(events, i.key, i.value, i.keep)
}

// setAll sets one header in every event; keep leaves one that is there.
func setAll(events []flume.Event, key, value string, keep bool) []flume.Event {
	for n := range events {
		if keep {
			if _, there := events[n].Headers.Get(key); there {
				continue
			}
		}
		events[n].Headers.Set(key, value)
	}
	return events
}
