package agent

import (
	"context"
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
	"sync"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
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
	trouble    string // why it does not work; "" = it does
	replaced   bool   // other sinks of its group deliver
}

// with fills in what a component does not count by itself.
func (m measured) with(name string, value int64) {
	if _, counted := m.values[name]; !counted {
		m.values[name] = value
	}
}

// measure reads the counters of all components.
func (r *running) measure() []measured {
	sources, channels, runners, parting := r.shown()
	var all []measured
	for _, s := range sources {
		accepted := s.out.Accepted() // before what was received, and before the puts of channels
		m := measured{"SOURCE", s.node.name, s.started, s.env.Counters.Values(), s.state.or(s.node.built), false}
		m.with("EventReceivedCount", s.out.Received())
		m.with("EventAcceptedCount", accepted)
		if s.node.selector != nil {
			m.with("EventUnroutedCount", s.out.Unrouted())
		}
		all = append(all, m.padded(sourceCounters))
	}
	for _, c := range channels {
		m := measured{"CHANNEL", c.node.name, c.started, c.counts(), c.state.or(c.node.built), false}
		m.with("ChannelSize", int64(c.size()))
		for _, property := range []string{"capacity", "memoryCapacity"} {
			if q, _ := c.node.props.Lookup(property); q != nil {
				if n, err := strconv.ParseInt(q.Value.String(), 10, 64); err == nil {
					m.with("ChannelCapacity", n)
				}
			}
		}
		delete(m.values, "ChannelFillPercentage") // see fill
		if m.values["Unhealthy"] != 0 {
			m.trouble = "it is unhealthy"
		}
		if parting[c] {
			m.trouble = ""
		}
		all = append(all, m.padded(channelCounters))
	}
	for _, l := range runners {
		troubles, delivers := l.troubles()
		if parting[l.channel] {
			clear(troubles)
		}
		for i, member := range l.members {
			m := measured{"SINK", l.node.members[i].name, l.started, member.Env.Counters.Values(), troubles[i], delivers}
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
		if is, told := m.values["Open"]; told {
			texts["Open"] = strconv.FormatBool(is != 0)
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
		if m.trouble == "" {
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
			l.report(Error, position{}, "write digits up to 65535", "-D%s=%s: want a port number", monitoringPort, text)
		}
	}
	if file := properties["lookups"]; file != "" {
		l.report(Warning, position{}, "the flag may be left out", "-Dlookups=%s has no effect: lookups are env, sys, date and other keys", file)
	}
}

// serveMetrics listens, where -Dflume.monitoring.type asks for it. With --lenient
// the agent runs, as in Flume, where the port is in use.
func (r *running) serveMetrics(ctx context.Context) (io.Closer, error) {
	prometheusFirst, served := monitorOf(r.options.Properties[monitoringType])
	if !served {
		return io.NopCloser(nil), nil
	}
	port := strconv.Itoa(flumesPort)
	if text := r.options.Properties[monitoringPort]; text != "" {
		port = text
	}
	var l net.Listener
	listen := func() (err error) {
		l, err = net.Listen("tcp", ":"+port)
		return fault.Hint(wrap("serve metrics", err), "choose another port with -D%s=…", monitoringPort)
	}
	err := listen()
	if err != nil && !r.options.Lenient {
		return nil, err
	}
	m := &metricsServer{Server: http.Server{Handler: r.metricsHandler(prometheusFirst), ReadHeaderTimeout: 10 * time.Second}}
	ctx, m.giveUp = context.WithCancel(ctx)
	serve := func() {
		r.logf("serves /metrics, /prometheus and /health on %s", l.Addr())
		m.serving.Go(func() {
			if err := m.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				r.logf("serve metrics: %v", err)
			}
		})
	}
	if err == nil {
		serve()
		return m, nil
	}
	r.stumbled(flume.Env{}, err, new(condition))
	m.serving.Go(func() {
		if r.insist(ctx, flume.Env{}, err, listen, new(condition)) {
			serve()
		}
	})
	return m, nil
}

// metricsServer is the server of the counters, which may wait for its port.
type metricsServer struct {
	http.Server
	giveUp  context.CancelFunc
	serving sync.WaitGroup
}

// Close ends the server.
func (m *metricsServer) Close() error {
	m.giveUp()
	err := m.Server.Close()
	m.serving.Wait()
	return err
}

// wrap says what an error is of. A nil err stays nil.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// metricsHandler answers what monitoring asks.
func (r *running) metricsHandler(prometheusFirst bool) http.Handler {
	mux := http.NewServeMux()
	asText := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		prometheus(w, r.options.Name, r.measure())
	}
	mux.HandleFunc("/metrics", anyMethod(func(w http.ResponseWriter, q *http.Request) {
		accept := q.Header.Get("Accept")
		// Prometheus says which text format it reads; Flume's clients do not.
		if prometheusFirst || strings.Contains(accept, "version=0.0.4") || strings.Contains(accept, "openmetrics") {
			asText(w)
			return
		}
		writeJSON(w, http.StatusOK, flumeJSON(r.measure()))
	}))
	// Flume answers here too, and probes of load balancers ask for it.
	mux.HandleFunc("/{$}", anyMethod(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, `<a href="./metrics">metrics</a>, <a href="./prometheus">prometheus</a>, <a href="./health">health</a>`+"\n")
	}))
	mux.HandleFunc("GET /prometheus", func(w http.ResponseWriter, _ *http.Request) { asText(w) })
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		code, answer := r.health()
		writeJSON(w, code, answer)
	})
	return mux
}

// anyMethod answers POST and other methods as GET, but those that Flume forbids.
func anyMethod(answer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, q *http.Request) {
		if q.Method == http.MethodTrace || q.Method == http.MethodOptions {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		answer(w, q)
	}
}

// health tells what does not work; 503 where something does not. A sink that
// others of its group replace keeps no event from its way: it is named alone, and
// so is an edit that was refused, since the agent goes on without it.
func (r *running) health() (code int, answer map[string]any) {
	troubles, replaced := map[string]string{}, map[string]string{}
	r.mu.Lock()
	for _, c := range r.left {
		troubles[c.kind+"."+c.name] = "it is left out: " + c.why
	}
	refused := r.refused
	r.mu.Unlock()
	for _, m := range r.measure() {
		switch {
		case m.trouble == "":
		case m.replaced:
			replaced[m.kind+"."+m.name] = m.trouble
		default:
			troubles[m.kind+"."+m.name] = m.trouble
		}
	}
	code, answer = http.StatusOK, map[string]any{"agent": r.options.Name, "status": "up"}
	if refused != "" {
		answer["refused"] = refused
	}
	if len(replaced) > 0 {
		answer["replaced"] = replaced
	}
	if len(troubles) > 0 {
		code, answer["status"], answer["troubles"] = http.StatusServiceUnavailable, "degraded", troubles
	}
	return code, answer
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // the client went away: nobody to tell
}
