package sink

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/flume"
)

// recipe takes a type and its properties out of what a table says to do instead.
func recipe(instead string) (typ string, settings []string) {
	m := regexp.MustCompile(`^type (\S+)`).FindStringSubmatch(instead)
	if m == nil {
		return "", nil
	}
	for _, s := range regexp.MustCompile(`([a-zA-Z][\w.]*) = ([^\s,;]+)`).FindAllStringSubmatch(instead, -1) {
		if s[1] != "command" { // of the interceptor
			settings = append(settings, s[1]+"="+s[2])
		}
	}
	return m[1], settings
}

// TestInsteadByHTTP posts events as the tables say for Elasticsearch and Solr.
func TestInsteadByHTTP(t *testing.T) {
	for alias, test := range map[string]struct {
		path   string
		status int
	}{
		"elasticsearch":  {"/INDEX/_doc", http.StatusCreated},
		"morphline_solr": {"/solr/COLLECTION/update/json/docs", http.StatusOK},
	} {
		var got []string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got = append(got, r.Method+" "+r.URL.Path+" "+r.Header.Get("Content-Type")+" "+string(body))
			w.WriteHeader(test.status)
		}))
		_, settings := recipe(Types().Lookup(alias).Instead)
		for i := range settings {
			settings[i] = regexp.MustCompile(`HOST:\d+`).ReplaceAllString(settings[i], strings.TrimPrefix(server.URL, "http://"))
		}
		s := configure(t, NewHTTP, settings...)
		if problems := s.(flume.Checker).Check(); len(problems) > 0 {
			t.Errorf("%s: %v: %v", alias, settings, problems)
		}
		counters := new(flume.Counters)
		if err := s.Open(flume.Env{Counters: counters, Logf: t.Logf}); err != nil {
			t.Fatal(err)
		}
		if err := s.Write(t.Context(), []flume.Event{{Body: []byte(`{"a":1}`)}}); err != nil {
			t.Errorf("%s: %v", alias, err)
		}
		if len(got) != 1 || got[0] != "POST "+test.path+` application/json {"a":1}` || counters.Values()["EventDrainSuccessCount"] != 1 {
			t.Errorf("%s: %q, counters %v", alias, got, counters.Values())
		}
		s.Close()
		server.Close()
	}
}

// TestInstead holds that what a table says to do instead names types and
// properties that there are.
func TestInstead(t *testing.T) {
	for _, typ := range Types() {
		if typ.New != nil {
			continue
		}
		name, settings := recipe(typ.Instead)
		other := Types().Lookup(name)
		if other == nil || other.New == nil {
			t.Errorf("%s: instead: there is no type %q", typ.Name(), name)
			continue
		}
		if name == "http" && len(settings) == 1 { // endpoint = the webhook …
			continue
		}
		if strings.HasSuffix(name, "KafkaSink") { // what follows is of type hdfs
			other = Types().Lookup("hdfs")
		}
		var p flume.Properties
		other.New(&p)
		for _, setting := range settings {
			property, value, _ := strings.Cut(setting, "=")
			q, _ := p.Lookup(property)
			if q == nil {
				t.Errorf("%s: instead: %s has no property %s", typ.Name(), other.Name(), property)
			} else if err := q.Assign(property, value); err != nil {
				t.Errorf("%s: instead: %s: %v", typ.Name(), setting, err)
			}
		}
	}
}
