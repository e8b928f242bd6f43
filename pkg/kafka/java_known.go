package kafka

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/option"
)

// read are the settings of a consumer that have an effect here, besides those of
// its security.
const read = "group.id auto.offset.reset session.timeout.ms group.instance.id max.partition.fetch.bytes isolation.level client.id metadata.max.age.ms"

// UnknownConsumer warns of settings, whose names stand behind prefix, that Kafka's
// Java consumer does not have: it leaves them out.
func UnknownConsumer(prefix string, settings map[string]string) (all []flume.Problem) {
	known := strings.Fields(read)
	for _, list := range [][]unused{unusedByConsumers, unusedByClients} {
		for _, u := range list {
			known = append(known, strings.Fields(u.names)...)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if slices.Contains(known, name) {
			continue
		}
		fix := "leave the line out"
		if near := option.Closest(strings.ToLower(name), known); near != "" {
			fix = fmt.Sprintf("did you mean %q?", prefix+near)
		}
		all = append(all, flume.Problem{Property: prefix + name, Harmless: true, Fix: fix,
			Message: fmt.Sprintf("Kafka's consumer has no setting %s; it has no effect", name)})
	}
	return all
}
