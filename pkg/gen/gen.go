// Package gen makes synthetic data: access logs, page visits, music tracks,
// their customers, and the task events of a Spark job. It feeds demos, tests
// and benchmarks, so the same seed gives the same bytes on every platform: all
// randomness comes from PCG (math/rand/v2) and is drawn with integers only,
// since a fused multiply-add may round floats differently.
//
// The forms are those of the usual exercises: the combined log format of
// Apache httpd and nginx, `page|clicks|minutes|like` messages, the track and
// customer files of a music service, and Spark's event log.
package gen

import (
	"math"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
)

// Options says how many records to make, how fast, and with which times.
type Options struct {
	N    int64  // number of lines; 0 = endless
	Seed uint64 // the same seed gives the same lines

	Rate     float64       // records per second; 0 = as fast as possible
	Every    time.Duration // a batch of a random size each time this has passed; 0 = no batches
	BatchMin int           // smallest batch, with Every
	BatchMax int           // largest batch; 0 with BatchMin 0 = one record a batch

	Bad  float64 // share of malformed lines, 0 to 1; the other lines stay as they are without it
	JSON bool    // one JSON object a line instead of the text form

	// Start is the event time of the first record. Zero means a fixed date, or
	// the wall clock where Rate or Every paces the data.
	Start time.Time
	// Step is the event-time distance between records. Zero means the kind's
	// own, or with Rate or Every the time at which a record is due.
	Step        time.Duration
	Cardinality int // number of courses, pages or customers to choose from; 0 = the kind's own
}

// Kind describes one sort of data.
type Kind struct {
	Name        string
	Help        string        // one line
	Text        string        // the default form, in one line
	Fields      []string      // top-level fields of the JSON form, in order
	Step        time.Duration // default event-time distance between records
	Cardinality int           // default number of courses, pages or customers; 0 = has none
}

// lines makes the records of one kind, without the newline.
type lines interface {
	append(dst []byte, at time.Time) []byte
}

// kind is a Kind with what makes and spoils its lines.
type kind struct {
	Kind
	open  func(Options) lines
	spoil func(r *random, dst []byte, from int) []byte // the text form's own damage
}

var kinds = []kind{
	{Kind{
		Name:   "access",
		Help:   "web server access log of a course site: pages, videos, search, bots",
		Text:   `combined log format: ip - user [time] "method path proto" status bytes "referer" "agent"`,
		Fields: []string{"time", "ip", "user", "method", "path", "query", "proto", "status", "bytes", "referer", "agent"},
		Step:   10 * time.Millisecond, Cardinality: 300,
	}, newAccess, spoilAccess},
	{Kind{
		Name:   "behavior",
		Help:   "visits to pages, for the heat of a page: clicks, minutes and a like",
		Text:   "page|clicks|minutes|like, as in page37|5|1.5119122|-1",
		Fields: []string{"page", "clicks", "minutes", "like", "ts"},
		Step:   time.Millisecond, Cardinality: 100,
	}, newBehavior, spoilBehavior},
	{Kind{
		Name:   "tracks",
		Help:   "songs played by the customers of a music service",
		Text:   "CSV without a header: event id, customer id, track id, date, mobile, zip",
		Fields: []string{"event_id", "customer_id", "track_id", "time", "mobile", "zip"},
		Step:   500 * time.Millisecond, Cardinality: defaultCustomers,
	}, newTracks, spoilCSV},
	{Kind{
		Name: "customers",
		Help: "the customers of the music service, by id from 1",
		Text: "CSV without a header: customer id, name, gender, age, zip, address, sign date, status, level, campaign, linked with apps",
		Fields: []string{"customer_id", "name", "gender", "age", "zip", "address", "sign_date",
			"status", "level", "campaign", "linked_with_apps"},
		Step: time.Second,
	}, newCustomers, spoilCSV},
	{Kind{
		Name: "spark-events",
		Help: "starts and ends of the tasks of a Spark job, in order of time; 1 % never end",
		Text: "Spark event log: one JSON object a line",
		Fields: []string{"Event", "Stage ID", "Stage Attempt ID", "Task Type", "Task End Reason",
			"Task Info", "Task Metrics"},
		Step: 3 * time.Millisecond,
	}, newSparkEvents, spoilJSON},
}

// Kinds lists what New can make.
func Kinds() []Kind {
	all := make([]Kind, len(kinds))
	for i, k := range kinds {
		all[i] = k.Kind
		all[i].Fields = append([]string(nil), k.Fields...)
	}
	return all
}

// Generator makes the lines of one kind. It is not safe for concurrent use.
type Generator struct {
	lines    lines
	schedule schedule
	n        int64 // 0 = endless
	bad      uint64
	damage   random // its own stream, so that bad lines leave the others alone
	spoil    func(r *random, dst []byte, from int) []byte
}

// New prepares a generator. Errors are errors of usage.
func New(name string, o Options) (*Generator, error) {
	k, err := find(name)
	if err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Cardinality == 0 {
		o.Cardinality = k.Cardinality
	}
	g := &Generator{
		lines:    k.open(o),
		schedule: newSchedule(o, k.Step),
		n:        o.N,
		bad:      threshold(o.Bad),
		damage:   newRandom(o.Seed, streamDamage),
		spoil:    k.spoil,
	}
	if o.JSON {
		g.spoil = spoilJSON
	}
	return g, nil
}

// Next appends one line with its newline to dst. It reports false, and leaves
// dst as it is, when N lines have been made. It never waits: pacing is Run's.
func (g *Generator) Next(dst []byte) ([]byte, bool) {
	if g.done() {
		return dst, false
	}
	g.schedule.begin()
	from := len(dst)
	dst = g.lines.append(dst, g.schedule.at)
	if g.bad > 0 && g.damage.chance(g.bad) {
		dst = g.spoil(&g.damage, dst, from)
	}
	g.schedule.advance()
	return append(dst, '\n'), true
}

func (g *Generator) done() bool { return g.n > 0 && g.schedule.made >= g.n }

func find(name string) (kind, error) {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		if k.Name == name {
			return k, nil
		}
		names[i] = k.Name
	}
	err := fault.Usagef("unknown kind of data %q", name)
	list := strings.Join(names, ", ")
	if near := closest(name, names); near != "" {
		return kind{}, fault.Hint(err, "did you mean %s? the kinds are %s", near, list)
	}
	return kind{}, fault.Hint(err, "the kinds are %s", list)
}

// check refuses options that contradict themselves or that nothing can follow.
func (o Options) check() error {
	switch {
	case o.N < 0:
		return fault.Usagef("number of records %d is negative; 0 is endless", o.N)
	case !(o.Rate >= 0) || math.IsInf(o.Rate, 1):
		return fault.Usagef("rate %v is not a number of records per second", o.Rate)
	case o.Every < 0:
		return fault.Usagef("time between batches %v is negative", o.Every)
	case o.Rate > 0 && o.Every > 0:
		return fault.Hint(fault.Usagef("a rate and batches exclude each other"),
			"--rate paces single records, --every with --batch whole batches")
	case o.BatchMin < 0 || o.BatchMax < o.BatchMin:
		return fault.Usagef("batch size %d..%d is not a range of sizes", o.BatchMin, o.BatchMax)
	case o.BatchMax > 0 && o.Every == 0:
		return fault.Hint(fault.Usagef("a batch size without a time between batches"),
			"--every 5s sends a batch every five seconds")
	case !(o.Bad >= 0 && o.Bad <= 1):
		return fault.Usagef("share of malformed lines %v is not within 0 and 1", o.Bad)
	case !o.Start.IsZero() && (o.Start.Year() < 1970 || o.Start.Year() > 9999):
		return fault.Usagef("start %v is not within the years 1970 and 9999", o.Start)
	case o.Step < 0:
		return fault.Usagef("event-time step %v is negative", o.Step)
	case o.Cardinality < 0 || int64(o.Cardinality) > math.MaxUint32:
		return fault.Usagef("cardinality %d is not within 1 and %d", o.Cardinality, uint32(math.MaxUint32))
	}
	return nil
}
