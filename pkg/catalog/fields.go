package catalog

import (
	"slices"

	"github.com/logpipe/logpipe/pkg/gen"
)

// FieldNames lists the names that fields usually have, for completion: those of
// an access log, of enrich, and of rows.
func FieldNames() []string {
	var names []string
	for _, k := range gen.Kinds() {
		if k.Name == "access" || k.Name == "behavior" {
			names = append(names, k.Fields...)
		}
	}
	names = append(names, "country", "region", "city", "lat", "lon", "asn", "org",
		"browser", "browser_version", "os", "os_version", "device", "bot",
		"window_start", "window_end", "count", "rank")
	slices.Sort(names)
	return slices.Compact(names)
}
