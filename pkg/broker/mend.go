package broker

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// mend makes requests such that kfake answers them as Kafka does, or answers them
// in its place.
func mend(c *kfake.Cluster) {
	for key, f := range map[int16]func(kmsg.Request) kmsg.Response{
		keyFetch:                wholePartitions,
		keyListGroups:           lowerTypes,
		keyDescribeClientQuotas: noQuotas,
		keyCreateTopics:         refuseCreate,
		keyAlterConfigs:         refuseAlter,
		keyIncrementalAlter:     refuseIncremental,
	} {
		mendKey(c, key, f)
	}
}

// mendKey lets f see each request of a key first: kfake answers where f does not.
func mendKey(c *kfake.Cluster, key int16, f func(kmsg.Request) kmsg.Response) {
	c.ControlKey(key, func(req kmsg.Request) (kmsg.Response, error, bool) {
		// kfake keeps the connection of each request that a function has seen as
		// long as it has the function.
		c.DropControl()
		mendKey(c, key, f)
		resp := f(req)
		return resp, nil, resp != nil
	})
}

// lowerTypes writes types of groups as kfake does: Java's clients write "Classic",
// and kfake finds only "classic".
func lowerTypes(req kmsg.Request) kmsg.Response {
	if r, ok := req.(*kmsg.ListGroupsRequest); ok {
		for i, t := range r.TypesFilter {
			r.TypesFilter[i] = strings.ToLower(t)
		}
	}
	return nil
}

// noQuotas says that there are none, with a list that is empty: kfake's is null,
// which Java's clients cannot read. Quotas cannot be set here (versions).
func noQuotas(req kmsg.Request) kmsg.Response {
	resp, ok := req.ResponseKind().(*kmsg.DescribeClientQuotasResponse)
	if !ok || req.GetVersion() > req.MaxVersion() {
		return nil
	}
	resp.Entries = []kmsg.DescribeClientQuotasResponseEntry{}
	return resp
}

// refuseCreate refuses topics with settings that Kafka does not have, and values
// that they cannot have, which kfake would keep. Nothing of such a request is done.
func refuseCreate(req kmsg.Request) kmsg.Response {
	r, ok := req.(*kmsg.CreateTopicsRequest)
	if !ok {
		return nil
	}
	wrong := false
	resp := req.ResponseKind().(*kmsg.CreateTopicsResponse)
	for _, t := range r.Topics {
		out := kmsg.NewCreateTopicsResponseTopic()
		out.Topic = t.Topic
		out.ErrorCode, out.ErrorMessage = kerr.InvalidRequest.Code, kmsg.StringPtr("another topic of the request was refused")
		for _, s := range t.Configs {
			if err := checkSetting(s.Name, s.Value); err != nil {
				wrong = true
				out.ErrorCode, out.ErrorMessage = kerr.InvalidConfig.Code, kmsg.StringPtr(err.Error())
			}
		}
		resp.Topics = append(resp.Topics, out)
	}
	if !wrong {
		return nil
	}
	return resp
}

// refuseAlter does the same where the settings of a topic are replaced.
func refuseAlter(req kmsg.Request) kmsg.Response {
	r, ok := req.(*kmsg.AlterConfigsRequest)
	if !ok {
		return nil
	}
	wrong := false
	resp := req.ResponseKind().(*kmsg.AlterConfigsResponse)
	for _, t := range r.Resources {
		out := kmsg.NewAlterConfigsResponseResource()
		out.ResourceType, out.ResourceName = t.ResourceType, t.ResourceName
		out.ErrorCode, out.ErrorMessage = kerr.InvalidRequest.Code, kmsg.StringPtr("another change of the request was refused")
		for _, s := range t.Configs {
			if err := checkSetting(s.Name, s.Value); err != nil && t.ResourceType == kmsg.ConfigResourceTypeTopic {
				wrong = true
				out.ErrorCode, out.ErrorMessage = kerr.InvalidConfig.Code, kmsg.StringPtr(err.Error())
			}
		}
		resp.Resources = append(resp.Resources, out)
	}
	if !wrong {
		return nil
	}
	return resp
}

// refuseIncremental does the same where some of them are changed.
func refuseIncremental(req kmsg.Request) kmsg.Response {
	r, ok := req.(*kmsg.IncrementalAlterConfigsRequest)
	if !ok {
		return nil
	}
	wrong := false
	resp := req.ResponseKind().(*kmsg.IncrementalAlterConfigsResponse)
	for _, t := range r.Resources {
		out := kmsg.NewIncrementalAlterConfigsResponseResource()
		out.ResourceType, out.ResourceName = t.ResourceType, t.ResourceName
		out.ErrorCode, out.ErrorMessage = kerr.InvalidRequest.Code, kmsg.StringPtr("another change of the request was refused")
		for _, s := range t.Configs {
			value := s.Value
			if s.Op == kmsg.IncrementalAlterConfigOpDelete {
				value = nil // counts for nothing
			}
			if err := checkSetting(s.Name, value); err != nil && t.ResourceType == kmsg.ConfigResourceTypeTopic {
				wrong = true
				out.ErrorCode, out.ErrorMessage = kerr.InvalidConfig.Code, kmsg.StringPtr(err.Error())
			}
		}
		resp.Resources = append(resp.Resources, out)
	}
	if !wrong {
		return nil
	}
	return resp
}

// setting says what values one may have.
type setting struct {
	kind  string   // LONG, INT, DOUBLE, BOOLEAN or "": as Kafka names them
	least float64  // of a number
	words []string // the values of others; none = any
}

// topicSettings are those of topics in Kafka 4 (LogConfig), and three of older
// versions that people still set. Segments may be as small as before Kafka 4, to
// see compaction with few records. What kfake does not know it keeps and shows.
func topicSettings() map[string]setting {
	all := map[string]setting{
		"cleanup.policy":            {words: []string{"compact", "delete"}},
		"compression.type":          {words: []string{"uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"}},
		"message.timestamp.type":    {words: []string{"CreateTime", "LogAppendTime"}},
		"min.cleanable.dirty.ratio": {kind: "DOUBLE"},
		"message.format.version":    {},

		"follower.replication.throttled.replicas": {},
		"leader.replication.throttled.replicas":   {},
	}
	for kind, names := range map[string]string{
		"BOOLEAN": "preallocate remote.log.copy.disable remote.log.delete.on.disable remote.storage.enable unclean.leader.election.enable message.downconversion.enable",
		"LONG": "delete.retention.ms file.delete.delay.ms flush.messages flush.ms max.compaction.lag.ms min.compaction.lag.ms segment.jitter.ms segment.ms " +
			"message.timestamp.after.max.ms message.timestamp.before.max.ms message.timestamp.difference.max.ms",
		"INT": "max.message.bytes min.insync.replicas index.interval.bytes segment.bytes segment.index.bytes",
	} {
		for name := range strings.FieldsSeq(names) {
			all[name] = setting{kind: kind}
		}
	}
	for _, name := range []string{"retention.bytes", "retention.ms"} {
		all[name] = setting{kind: "LONG", least: -1}
	}
	for _, name := range []string{"local.retention.bytes", "local.retention.ms"} {
		all[name] = setting{kind: "LONG", least: -2}
	}
	for name, least := range map[string]float64{"max.compaction.lag.ms": 1, "segment.ms": 1} {
		all[name] = setting{kind: "LONG", least: least}
	}
	for name, least := range map[string]float64{"min.insync.replicas": 1, "segment.bytes": 14, "segment.index.bytes": 4} {
		all[name] = setting{kind: "INT", least: least}
	}
	for _, name := range []string{"gzip", "lz4", "zstd"} {
		all["compression."+name+".level"] = setting{kind: "INT", least: -1 << 17} // the least of zstd
	}
	return all
}

// checkSetting says in Kafka's words what is wrong with a setting of a topic; a
// value of nil is any.
func checkSetting(name string, value *string) error {
	s, ok := topicSettings()[name]
	if !ok {
		return fmt.Errorf("Unknown topic config name: %s", name)
	}
	if value == nil {
		return nil
	}
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("Invalid value %s for configuration %s: %s", *value, name, fmt.Sprintf(format, args...))
	}
	text := strings.TrimSpace(*value)
	switch s.kind {
	case "":
		for word := range strings.SplitSeq(text, ",") {
			if len(s.words) > 0 && !slices.Contains(s.words, strings.TrimSpace(word)) {
				return wrong("String must be one of: %s", strings.Join(s.words, ", "))
			}
		}
		return nil
	case "BOOLEAN":
		if !strings.EqualFold(text, "true") && !strings.EqualFold(text, "false") {
			return wrong("Expected value to be either true or false")
		}
		return nil
	}
	n, err := number(s.kind, text)
	switch {
	case err != nil:
		return wrong("Not a number of type %s", s.kind)
	case n < s.least:
		return wrong("Value must be at least %.0f", s.least)
	}
	return nil
}

func number(kind, text string) (float64, error) {
	switch kind {
	case "INT":
		n, err := strconv.ParseInt(text, 10, 32)
		return float64(n), err
	case "LONG":
		n, err := strconv.ParseInt(text, 10, 64)
		return float64(n), err
	}
	return strconv.ParseFloat(text, 64)
}
