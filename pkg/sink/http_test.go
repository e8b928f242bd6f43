package sink

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

// answering is a server that answers with the statuses in turn, and then with
// the last of them, and remembers what it got.
type answering struct {
	*httptest.Server
	mu       sync.Mutex
	statuses []int
	got      []string
}

func newAnswering(t *testing.T, statuses ...int) *answering {
	a := &answering{statuses: statuses}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.got = append(a.got, fmt.Sprintf("%s %s %s %s %s", r.Method, r.URL.Path, r.Header.Get("Content-Type"), r.Header.Get("Accept"), body))
		status := a.statuses[0]
		if len(a.statuses) > 1 {
			a.statuses = a.statuses[1:]
		}
		if status == http.StatusFound {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
		fmt.Fprint(w, "answer")
	}))
	t.Cleanup(a.Close)
	return a
}

func openHTTP(t *testing.T, settings ...string) (*HTTP, *flume.Counters, *strings.Builder) {
	t.Helper()
	s := configure(t, NewHTTP, settings...).(*HTTP)
	if problems := s.Check(); len(problems) > 0 {
		t.Fatal(problems)
	}
	counters, told := &flume.Counters{}, &strings.Builder{}
	if err := s.Open(flume.Env{Counters: counters, Logf: func(format string, args ...any) { fmt.Fprintf(told, format+"\n", args...) }}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, counters, told
}

func TestHTTPDelivers(t *testing.T) {
	server := newAnswering(t, 200)
	s, counters, _ := openHTTP(t, "endpoint="+server.URL+"/in", "contentTypeHeader=application/json", "acceptHeader=*/*",
		"rollback.2XX=false", "backoff.200=false", "incrementMetrics.200=true")
	for _, body := range []string{"one", "", "größe"} {
		if err := s.Write(t.Context(), []flume.Event{{Body: []byte(body)}}); err != nil {
			t.Fatal(err)
		}
	}
	want := "POST /in application/json */* one|POST /in application/json */* größe"
	if got := strings.Join(server.got, "|"); got != want {
		t.Errorf("the server got %s", got)
	}
	for name, n := range map[string]int64{"EventDrainAttemptCount": 2, "EventDrainSuccessCount": 2, "ConnectionCreatedCount": 1, "EventWriteFail": 0} {
		if got := counters.Values()[name]; got != n {
			t.Errorf("%s %d, want %d", name, got, n)
		}
	}
	if property, n := s.Batch(); property != "" || n != 1 {
		t.Errorf("batch %s %d", property, n)
	}
}

// What a status means, by itself, by its class, and by default.
func TestHTTPStatuses(t *testing.T) {
	const defaults = "rollback.2XX=false backoff.2XX=false"
	tests := []struct {
		settings  string
		statuses  []int
		fails     bool // the event comes again
		requests  int
		delivered int64
		given     int64
	}{
		{defaults, []int{200}, false, 1, 0, 0},
		{defaults, []int{503}, true, 1, 0, 0},
		{defaults, []int{302}, true, 1, 0, 0},
		{defaults + " backoff.503=false", []int{503, 503, 200}, false, 3, 0, 0},
		{defaults + " backoff.503=false", []int{503}, true, hurry, 0, 0},
		{defaults + " rollback.4XX=false rollback.429=true", []int{404}, false, 1, 0, 1},
		{defaults + " rollback.4XX=false rollback.429=true", []int{429}, true, 1, 0, 0},
		{"defaultRollback=false defaultBackoff=false defaultIncrementMetrics=true", []int{500}, false, 1, 1, 1},
		{"defaultRollback=false incrementMetrics.2XX=true", []int{204}, false, 1, 1, 0},
	}
	for _, test := range tests {
		server := newAnswering(t, test.statuses...)
		s, counters, told := openHTTP(t, append(strings.Fields(test.settings), "endpoint="+server.URL)...)
		err := s.Write(t.Context(), []flume.Event{{Body: []byte("b")}})
		values := counters.Values()
		if (err != nil) != test.fails || len(server.got) != test.requests || values["EventDrainSuccessCount"] != test.delivered ||
			values["EventGivenUpCount"] != test.given || (told.Len() > 0) != (test.given > 0) {
			t.Errorf("%s %v: %v, %d requests, counters %v, told %s", test.settings, test.statuses, err, len(server.got), values, told)
		}
	}
}

// A status with backoff and without rollback makes the next event wait.
func TestHTTPBackoff(t *testing.T) {
	server := newAnswering(t, 200)
	s, _, _ := openHTTP(t, "endpoint="+server.URL, "rollback.200=false")
	begin := time.Now()
	for range 2 {
		if err := s.Write(t.Context(), []flume.Event{{Body: []byte("b")}}); err != nil {
			t.Fatal(err)
		}
	}
	if d := time.Since(begin); d < backoffStep {
		t.Errorf("the second event waited %v", d)
	}
}

func TestHTTPTimeout(t *testing.T) {
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer server.Close()
	defer close(hang)
	s, counters, _ := openHTTP(t, "endpoint="+server.URL, "requestTimeout=50", "rollback.200=false")
	if err := s.Write(t.Context(), []flume.Event{{Body: []byte("b")}}); err == nil || counters.Values()["EventWriteFail"] != 1 {
		t.Errorf("a server that does not answer: %v", err)
	}
}

func TestHTTPMistakes(t *testing.T) {
	for settings, want := range map[string]string{
		"endpoint=http://h/":                                          "every answer sends the event again",
		"endpoint=h:80 rollback.200=false":                            "no URL of HTTP",
		"endpoint=http://h/ rollback.200=false backoff.2xx=false":     `"2xx" is no status`,
		"endpoint=http://h/ rollback.200=false rollback.5XX=no":       `want true or false, not "no"`,
		"endpoint=http://h/ rollback.200=false connectTimeout=0":      "connectTimeout is 0",
		"endpoint=http://h/ rollback.2XX=true rollback.404=false":     "every answer sends the event again",
		"endpoint=http://h/ rollback.2XX=false incrementMetrics.9XX=": `"9XX" is no status`,
	} {
		s := configure(t, NewHTTP, strings.Fields(settings)...).(*HTTP)
		problems := s.Check()
		if len(problems) == 0 || !strings.Contains(problems[0].Message, want) || problems[0].Fix == "" {
			t.Errorf("%s: %v", settings, problems)
		}
	}
}
