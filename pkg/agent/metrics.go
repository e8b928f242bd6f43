package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
)

// The counters that Flume shows for every component of a kind.
var (
	sourceCounters = []string{"EventReceivedCount", "EventAcceptedCount", "AppendReceivedCount", "AppendAcceptedCount",
		"AppendBatchReceivedCount", "AppendBatchAcceptedCount", "OpenConnectionCount", "ChannelWriteFail", "EventReadFail", "GenericProcessingFail"}
	channelCounters = []string{"ChannelSize", "ChannelCapacity", "EventPutAttemptCount", "EventPutSuccessCount",
		"EventTakeAttemptCount", "EventTakeSuccessCount"}
	sinkCounters = []string{"ConnectionCreatedCount", "ConnectionClosedCount", "ConnectionFailedCount", "BatchEmptyCount",
		"BatchUnderflowCount", "BatchCompleteCount", "EventDrainAttemptCount", "EventDrainSuccessCount", "EventWriteFail", "ChannelReadFail"}
)

// measured is what one component counts.
type measured struct {
	kind, name string // kind as Flume writes it: SOURCE
	started    time.Time
	values     map[string]int64
	working    bool
	trouble    string // why it does not work
}

// with fills in what a component does not count by itself.
func (m measured) with(name string, value int64) {
	if _, counted := m.values[name]; !counted {
		m.values[name] = value
	}
}

// measure reads the counters of all components.
func (r *running) measure() []measured {
	r.mu.Lock()
	sources, channels, runners := slices.Clone(r.sources), slices.Clone(r.channels), slices.Clone(r.runners)
	r.mu.Unlock()
	var all []measured
	for _, s := range sources {
		m := measured{"SOURCE", s.node.name, s.started, s.env.Counters.Values(), s.working.Load(), "it does not run"}
		m.with("EventReceivedCount", s.out.Received())
		m.with("EventAcceptedCount", s.out.Received()-s.out.Lost())
		all = append(all, m.padded(sourceCounters))
	}
	for _, c := range channels {
		m := measured{"CHANNEL", c.node.name, c.started, c.env.Counters.Values(), true, ""}
		m.with("ChannelSize", int64(c.channel().Size()))
		for _, property := range []string{"capacity", "memoryCapacity"} {
			if q, _ := c.node.props.Lookup(property); q != nil {
				if n, err := strconv.ParseInt(q.Value.String(), 10, 64); err == nil {
					m.with("ChannelCapacity", n)
				}
			}
		}
		delete(m.values, "ChannelFillPercentage") // see fill
		if m.values["Unhealthy"] != 0 {
			m.working, m.trouble = false, "it is unhealthy"
		}
		all = append(all, m.padded(channelCounters))
	}
	for _, l := range runners {
		for i, member := range l.members {
			m := measured{"SINK", l.node.members[i].name, l.started, member.Env.Counters.Values(), l.runner.Failing() == 0, "it cannot deliver"}
			m.with("EventDrainAttemptCount", member.Delivered()+member.DeadLetters())
			m.with("EventDrainSuccessCount", member.Delivered())
			all = append(all, m.padded(sinkCounters))
		}
	}
	return all
}

func (m measured) padded(names []string) measured {
	for _, name := range names {
		m.with(name, 0)
	}
	return m
}

// fill is how full a channel is, in percent.
func (m measured) fill() float64 {
	if capacity := m.values["ChannelCapacity"]; capacity > 0 {
		return float64(m.values["ChannelSize"]) * 100 / float64(capacity)
	}
	return 0
}

// flumeJSON is the answer of Flume's HTTPMetricsServer: all values are texts.
func flumeJSON(all []measured) map[string]map[string]string {
	answer := map[string]map[string]string{}
	for _, m := range all {
		texts := map[string]string{"Type": m.kind, "StartTime": strconv.FormatInt(m.started.UnixMilli(), 10), "StopTime": "0"}
		for name, value := range m.values {
			texts[name] = strconv.FormatInt(value, 10)
		}
		if m.kind == "CHANNEL" {
			percent := strconv.FormatFloat(m.fill(), 'f', -1, 64)
			if !strings.Contains(percent, ".") {
				percent += ".0"
			}
			texts["ChannelFillPercentage"] = percent
		}
		answer[m.kind+"."+m.name] = texts
	}
	return answer
}

// gauges are the counters that also fall.
var gauges = []string{"ChannelSize", "ChannelCapacity", "OpenConnectionCount", "Unhealthy", "Open", "Closed"}

// prometheus writes the counters in the text format of Prometheus, under the
// names flume_source_event_received_count and so on.
func prometheus(w io.Writer, agent string, all []measured) {
	lines := map[string][]string{}
	kinds := map[string]string{}
	for _, m := range all {
		kind := strings.ToLower(m.kind)
		add := func(counter, format string, value any) {
			name := "flume_" + kind + "_" + snake(counter)
			kinds[name] = "counter"
			if slices.Contains(gauges, counter) || counter == "ChannelFillPercentage" || counter == "Working" {
				kinds[name] = "gauge"
			}
			lines[name] = append(lines[name], fmt.Sprintf("%s{agent=%s,%s=%s} "+format, name, label(agent), kind, label(m.name), value))
		}
		for counter, value := range m.values {
			add(counter, "%d", value)
		}
		if m.kind == "CHANNEL" {
			add("ChannelFillPercentage", "%g", m.fill())
		}
		working := 0
		if m.working {
			working = 1
		}
		add("Working", "%d", working)
	}
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		fmt.Fprintf(w, "# TYPE %s %s\n%s\n", name, kinds[name], strings.Join(lines[name], "\n"))
	}
}

// label quotes the value of a label.
func label(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text) + `"`
}

// snake makes event_received_count of EventReceivedCount.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// The system properties by which Flume's metrics are asked for.
const (
	monitoringType = "flume.monitoring.type"
	monitoringPort = "flume.monitoring.port"

	instrumentation = "org.apache.flume.instrumentation.http."
	flumesPort      = 41414
)

// monitors are the types of monitoring that are served, and whether /metrics
// answers in the format of Prometheus.
var monitors = map[string]bool{"http": false, instrumentation + "HTTPMetricsServer": false,
	"prometheus": true, instrumentation + "PrometheusHTTPMetricsServer": true}

// monitorOf looks a type of monitoring up: as in Flume, short names in any case,
// classes as they are.
func monitorOf(kind string) (prometheusFirst, served bool) {
	if !strings.Contains(kind, ".") {
		kind = strings.ToLower(kind)
	}
	prometheusFirst, served = monitors[kind]
	return prometheusFirst, served
}

// checkSystemProperties looks at -D properties that promise something.
func (l *linter) checkSystemProperties(properties map[string]string) {
	kind := properties[monitoringType]
	if _, served := monitorOf(kind); kind != "" && !served {
		l.report(Warning, position{}, "-D"+monitoringType+"=http serves metrics for programs that ask for them", "-D%s=%s has no effect", monitoringType, kind)
	}
	if text := properties[monitoringPort]; text != "" {
		if n, err := strconv.Atoi(text); err != nil || n < 0 || n > 65535 {
			l.report(Error, position{}, "", "-D%s=%s: want a port number", monitoringPort, text)
		}
	}
	if file := properties["lookups"]; file != "" {
		l.report(Warning, position{}, "", "-Dlookups=%s has no effect: lookups are env, sys, date and other keys", file)
	}
}

// serveMetrics listens, where -Dflume.monitoring.type asks for it.
func (r *running) serveMetrics() (io.Closer, error) {
	prometheusFirst, served := monitorOf(r.options.Properties[monitoringType])
	if !served {
		return io.NopCloser(nil), nil
	}
	port := strconv.Itoa(flumesPort)
	if text := r.options.Properties[monitoringPort]; text != "" {
		port = text
	}
	l, err := net.Listen("tcp", ":"+port)
	if err != nil {
		return nil, fault.Hint(fmt.Errorf("serve metrics: %w", err), "choose another port with -D%s=…", monitoringPort)
	}
	server := &http.Server{Handler: r.metricsHandler(prometheusFirst), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			r.logf("serve metrics: %v", err)
		}
	}()
	r.logf("serves /metrics, /prometheus and /health on %s", l.Addr())
	return server, nil
}

// metricsHandler answers what monitoring asks.
func (r *running) metricsHandler(prometheusFirst bool) http.Handler {
	mux := http.NewServeMux()
	asText := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		prometheus(w, r.options.Name, r.measure())
	}
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, q *http.Request) {
		accept := q.Header.Get("Accept")
		// Prometheus says which text format it reads; Flume's clients do not.
		if prometheusFirst || strings.Contains(accept, "version=0.0.4") || strings.Contains(accept, "openmetrics") {
			asText(w)
			return
		}
		writeJSON(w, http.StatusOK, flumeJSON(r.measure()))
	})
	mux.HandleFunc("GET /prometheus", func(w http.ResponseWriter, _ *http.Request) { asText(w) })
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		code, answer := r.health()
		writeJSON(w, code, answer)
	})
	return mux
}

// health tells what does not work; 503 where something does not.
func (r *running) health() (code int, answer map[string]any) {
	troubles := map[string]string{}
	for _, m := range r.measure() {
		if !m.working {
			troubles[m.kind+"."+m.name] = m.trouble
		}
	}
	if len(troubles) == 0 {
		return http.StatusOK, map[string]any{"agent": r.options.Name, "status": "up"}
	}
	return http.StatusServiceUnavailable, map[string]any{"agent": r.options.Name, "status": "degraded", "troubles": troubles}
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // the client went away: nobody to tell
}
