package op

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/geo"
	"github.com/logpipe/logpipe/pkg/option"
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Enrich is the operator that adds the place of an address and the client of a
// user agent.
var Enrich = Definition{
	Name:  "enrich",
	Usage: "enrich [--ip FIELD] [--agent FIELD] [--geo FILE.mmdb] [--only FIELDS]",
	Short: "add country and place by address, browser and system by user agent",
	Long: `The address gives country, a code of ISO 3166, from a table that is built in
(logpipe version tells its date). --geo reads any database in the MaxMind DB format
instead and adds what that file has of country region city lat lon asn org. Two
files are two stages: enrich --geo city.mmdb | enrich --geo asn.mmdb --only asn,org.

The user agent gives browser browser_version os os_version device, and bot, which is
true or false wherever there is a user agent. device is desktop, mobile, tablet, tv,
console or bot. On the pgts list of uap-core, 12,500 user agents, browser agrees for
88.2 %, without the rules of pkg/ua for 78.0 %: LOGPIPE_UAP_CORE=FOLDER repeats that
in pkg/ua/agreement_test.go; figures of other lists stand in the comment of pkg/ua.

What is not known is left out, and so is everything about an address that is a host
name. Of a list of addresses (X-Forwarded-For) the first one counts. A field that
the record has already is replaced where there is a new value, and keeps its place.
Records of parse --schema otel or ecs are read with
--ip client.address --agent user_agent.original.`,
	Examples: []Example{{
		Command: `printf '{"ip":"193.0.6.139","agent":"curl/8.5.0"}\n' | logpipe enrich`,
		Output: `{"ip":"193.0.6.139","agent":"curl/8.5.0","country":"NL","browser":"curl","browser_version":"8.5.0","device":"bot","bot":true}
`,
	}, {
		Note:    "only what is asked for; a private address is nowhere",
		Command: `printf '{"ip":"2001:4860:4860::8888"}\n{"ip":"10.0.0.1"}\n' | logpipe enrich --only country`,
		Output: `{"ip":"2001:4860:4860::8888","country":"US"}
{"ip":"10.0.0.1"}
`,
	}, {
		Note:    "fields of other names, also inside objects",
		Command: `printf '{"client":{"address":"8.8.8.8"}}\n' | logpipe enrich --ip client.address`,
		Output: `{"client":{"address":"8.8.8.8"},"country":"US"}
`,
	}},
	New: func() Builder { return new(enrich) },
}

// The fields that enrich adds, in the order of output.
var (
	placeFields  = []string{"country", "region", "city", "lat", "lon", "asn", "org"}
	clientFields = []string{"browser", "browser_version", "os", "os_version", "device", "bot"}
)

// enrich is the stage; its fields are the settings.
type enrich struct {
	ip    string
	agent string
	geo   string
	only  []string

	address, client *record.Field // nil where nothing of it is wanted
	database        *geo.Database // of --geo
	unreadable      sync.Once     // an unreadable record of database is told once
}

// projectedEnrich adds only the fields that are read behind it.
type projectedEnrich struct {
	*enrich
	read stream.Fields
}

// Project leaves out what nobody reads. The address and the user agent are read
// even so, to tell where they are missing.
func (e *enrich) Project(out stream.Fields) (stream.Stage, stream.Fields) {
	if out.All() {
		return e, out
	}
	in := out
	for _, f := range []*record.Field{e.address, e.client} {
		if f != nil {
			in = in.With(f)
		}
	}
	return projectedEnrich{e, out}, in
}

// Parallel is that of all fields, for fewer of them.
func (e projectedEnrich) Parallel(env *stream.Env) (stream.Operator, error) {
	return newEnricher(e.enrich, e.read, env), nil
}

// Options declares the settings.
func (e *enrich) Options(s *option.Set) {
	s.String(&e.ip, "ip", "ip", "`FIELD` with the address").Field = true
	s.String(&e.agent, "agent", "agent", "`FIELD` with the user agent").Field = true
	s.String(&e.geo, "geo", "", "find places in this `FILE.mmdb` instead of the built-in table")
	s.Strings(&e.only, "only", "add only these `FIELDS`, separated by commas").Words = slices.Concat(placeFields, clientFields)
}

// Build opens the database.
func (e *enrich) Build(args []string) (stream.Stage, error) {
	if len(args) > 0 {
		return nil, fault.Hint(fault.Usagef("enrich takes no words, not %q", args[0]), "name fields with --ip and --agent")
	}
	if err := e.checkOnly(); err != nil {
		return nil, err
	}
	if err := e.open(); err != nil {
		return nil, fmt.Errorf("enrich: %w", err)
	}
	return e, nil
}

// open resolves the fields and opens the database, as far as they are wanted.
func (e *enrich) open() (err error) {
	if e.wants(placeFields) {
		if e.address, err = record.NewField(e.ip); err != nil {
			return fault.Usagef("--ip %s: %w", e.ip, err)
		}
		if e.geo != "" {
			if e.database, err = geo.Open(e.geo); err != nil {
				return err
			}
		}
	}
	if e.wants(clientFields) {
		if e.client, err = record.NewField(e.agent); err != nil {
			return fault.Usagef("--agent %s: %w", e.agent, err)
		}
	}
	return nil
}

func (e *enrich) checkOnly() error {
	for _, name := range e.only {
		if !slices.Contains(placeFields, name) && !slices.Contains(clientFields, name) {
			return fault.Hint(fault.Usagef("enrich: --only: enrich adds no field %q", name),
				"there are %s", strings.Join(slices.Concat(placeFields, clientFields), ", "))
		}
		if e.geo == "" && slices.Contains(placeFields[1:], name) {
			return fault.Hint(fault.Usagef("enrich: --only: the built-in table does not have %s", name), "give a database that does: --geo FILE.mmdb")
		}
	}
	return nil
}

// wants reports whether any of the fields is to be added.
func (e *enrich) wants(fields []string) bool {
	return len(e.only) == 0 || slices.ContainsFunc(fields, func(f string) bool { return slices.Contains(e.only, f) })
}

// Name is "enrich".
func (e *enrich) Name() string { return "enrich" }

// Input is objects.
func (e *enrich) Input() stream.Input { return stream.Objects }

// Parallel enriches on all cores. Each worker keeps the answers that it has
// found: a log repeats its visitors.
func (e *enrich) Parallel(env *stream.Env) (stream.Operator, error) {
	return newEnricher(e, stream.AllFields(), env), nil
}

// tellUnreadable reports the first record of the database that could not be read.
func (e *enrich) tellUnreadable(env *stream.Env) {
	if e.database == nil || e.database.Err() == nil || env == nil || env.Log == nil {
		return
	}
	e.unreadable.Do(func() {
		env.Log.Warn(fmt.Sprintf("%v; such addresses count as not found", e.database.Err()))
	})
}
