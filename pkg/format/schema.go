package format

import (
	"bytes"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
)

// Schema renames the short names of fields to those of a convention, whose
// dotted names become nested objects. It is immutable.
type Schema struct {
	name  string
	names map[string]string // short name -> dotted name
}

// Schemas are the names that LookupSchema knows.
var schemaNames = []string{"short", "otel", "ecs"}

// SchemaNames returns the names of the schemas, the default one first.
func SchemaNames() []string { return slices.Clone(schemaNames) }

// schemaTable is short name, OpenTelemetry semantic conventions 1.44, Elastic
// Common Schema. Where OpenTelemetry has no name for a log it is the one of ECS.
// "" keeps the short name.
var schemaTable = [][3]string{
	{"time", "timestamp", "@timestamp"},
	{"ip", "client.address", "client.address"}, // ecs: client.ip too, if it is an address
	{"user", "user.name", "user.name"},
	{"method", "http.request.method", "http.request.method"},
	{"path", "url.path", "url.path"},
	{"query", "url.query", "url.query"},
	{"proto", "network.protocol.version", "http.version"},
	{"status", "http.response.status_code", "http.response.status_code"},
	{"bytes", "http.response.body.size", "http.response.body.bytes"},
	{"referer", "http.request.header.referer", "http.request.referrer"},
	{"agent", "user_agent.original", "user_agent.original"},
	{"browser", "user_agent.name", "user_agent.name"},
	{"browser_version", "user_agent.version", "user_agent.version"},
	{"os", "user_agent.os.name", "user_agent.os.name"},
	{"os_version", "user_agent.os.version", "user_agent.os.version"},
	{"device", "user_agent.device.name", "user_agent.device.name"},
	{"bot", "user_agent.synthetic.type", "tags"},
	{"country", "geo.country.iso_code", "client.geo.country_iso_code"},
	{"region", "geo.region.iso_code", "client.geo.region_iso_code"},
	{"city", "geo.locality.name", "client.geo.city_name"},
	{"lat", "geo.location.lat", "client.geo.location.lat"},
	{"lon", "geo.location.lon", "client.geo.location.lon"},
	{"asn", "as.number", "client.as.number"},
	{"org", "as.organization.name", "client.as.organization.name"},
	{"took", "event.duration", "event.duration"},
	{"line", "log.record.original", "event.original"},
	{"file", "log.file.path", "log.file.path"},
	{"topic", "messaging.destination.name", ""},
	{"partition", "messaging.destination.partition.id", ""},
	{"offset", "messaging.kafka.offset", ""},
	{"key", "messaging.kafka.message.key", ""},
}

// LookupSchema returns the schema called name: short, otel (otel-1.44 names its
// version) or ecs. The error is one of usage.
func LookupSchema(name string) (*Schema, error) {
	column := slices.Index(schemaNames, strings.TrimSuffix(name, "-1.44"))
	if column < 0 || column != 1 && strings.HasSuffix(name, "-1.44") {
		return nil, fault.Hint(fault.Usagef("there is no schema %q", name), "schemas are %s", strings.Join(schemaNames, ", "))
	}
	s := &Schema{name: schemaNames[column], names: map[string]string{}}
	for _, row := range schemaTable {
		if column > 0 && row[column] != "" {
			s.names[row[0]] = row[column]
		}
	}
	return s, nil
}

// Name returns short, otel or ecs.
func (s *Schema) Name() string { return s.name }

// Rename returns the dotted name of the field that is called short in the
// short schema, or short itself where the schema has no name for it.
func (s *Schema) Rename(short string) string {
	if n, ok := s.names[short]; ok {
		return n
	}
	return short
}

// renamed is one field that a schema makes of another.
type renamed struct {
	path    []string
	convert conversion
}

// conversion says how a schema writes the value of a field.
type conversion uint8

const (
	asIs          conversion = iota
	versionOnly              // HTTP/1.1 -> 1.1
	listOf                   // x -> ["x"]
	nanoseconds              // seconds -> ns
	knownMethod              // _OTHER for what RFC 9110 and 5789 do not define
	unknownMethod            // the others
	addressOnly              // only where it is an IP address
)

// rename returns what the schema makes of the field short; dotted names become
// paths, names that the schema does not have stay as they are.
func (s *Schema) rename(short string) []renamed {
	name, ok := s.names[short]
	if !ok {
		return []renamed{{path: []string{short}}}
	}
	path := strings.Split(name, ".")
	otel := s.name == "otel"
	switch {
	case short == "proto":
		return []renamed{{path, versionOnly}}
	case short == "took":
		return []renamed{{path, nanoseconds}}
	case short == "referer" && otel, short == "bot" && !otel:
		return []renamed{{path, listOf}}
	case short == "method" && otel:
		return []renamed{{path, knownMethod}, {[]string{"http", "request", "method_original"}, unknownMethod}}
	case short == "ip" && !otel:
		return []renamed{{path, asIs}, {[]string{"client", "ip"}, addressOnly}}
	}
	return []renamed{{path: path}}
}

// methods are those of RFC 9110 and PATCH of RFC 5789.
func knownMethodName(text []byte) bool {
	switch string(text) {
	case "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE":
		return true
	}
	return false
}

// withoutHTTP takes HTTP/ off.
func withoutHTTP(text []byte) []byte { return bytes.TrimPrefix(text, []byte("HTTP/")) }
