package broker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// asked sends a request to any node.
func asked[T kmsg.Response](t *testing.T, cl *kgo.Client, req kmsg.Request) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	resp, err := cl.Request(ctx, req)
	if err != nil {
		t.Fatalf("%T: %v", req, err)
	}
	return resp.(T)
}

// TestGroupsByType holds that groups are found by their type as Java's clients
// write it, again and again.
func TestGroupsByType(t *testing.T) {
	b := start(t, Config{Nodes: 3})
	cl := client(t, b.Addr()[0], kgo.AllowAutoTopicCreation())
	send(t, cl, "x", 0, 5)
	member := client(t, b.Addr()[0], kgo.ConsumerGroup("g"), kgo.ConsumeTopics("x"))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	member.ForceMetadataRefresh()
	member.PollFetches(ctx)
	if err := member.CommitUncommittedOffsets(ctx); err != nil {
		t.Fatal(err)
	}
	for filter, want := range map[string]int{"Classic": 1, "classic": 1, "Consumer": 0} {
		for range 2 {
			req := kmsg.NewPtrListGroupsRequest()
			req.TypesFilter = []string{filter}
			n := 0
			for _, shard := range cl.RequestSharded(ctx, req) {
				if shard.Err != nil {
					t.Fatal(shard.Err)
				}
				n += len(shard.Resp.(*kmsg.ListGroupsResponse).Groups)
			}
			if n != want {
				t.Errorf("%d groups of type %q, want %d", n, filter, want)
			}
		}
	}
}

// TestNoQuotas holds that there are none, as a list that Java's clients can read.
func TestNoQuotas(t *testing.T) {
	cl := client(t, start(t, Config{}).Addr()[0])
	for range 2 {
		resp := asked[*kmsg.DescribeClientQuotasResponse](t, cl, kmsg.NewPtrDescribeClientQuotasRequest())
		if resp.ErrorCode != 0 || resp.Entries == nil || len(resp.Entries) > 0 {
			t.Errorf("%+v", resp)
		}
	}
}

// TestWrongSettings holds that topics get no settings that Kafka does not have.
func TestWrongSettings(t *testing.T) {
	b := start(t, Config{})
	cl := client(t, b.Addr()[0])
	create := func(topic, name, value string) (code int16, message string) {
		t.Helper()
		req := kmsg.NewPtrCreateTopicsRequest()
		rt := kmsg.NewCreateTopicsRequestTopic()
		rt.Topic, rt.NumPartitions, rt.ReplicationFactor = topic, 1, 1
		if name != "" {
			rt.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: name, Value: &value}}
		}
		req.Topics = append(req.Topics, rt)
		req.TimeoutMillis = 5000
		out := asked[*kmsg.CreateTopicsResponse](t, cl, req).Topics[0]
		if out.ErrorMessage != nil {
			message = *out.ErrorMessage
		}
		return out.ErrorCode, message
	}
	incremental := func(name string, value *string, op kmsg.IncrementalAlterConfigOp) (code int16, message string) {
		t.Helper()
		req := kmsg.NewPtrIncrementalAlterConfigsRequest()
		r := kmsg.NewIncrementalAlterConfigsRequestResource()
		r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, "there"
		r.Configs = []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: name, Op: op, Value: value}}
		req.Resources = append(req.Resources, r)
		out := asked[*kmsg.IncrementalAlterConfigsResponse](t, cl, req).Resources[0]
		if out.ErrorMessage != nil {
			message = *out.ErrorMessage
		}
		return out.ErrorCode, message
	}
	replace := func(name, value string) (code int16, message string) {
		t.Helper()
		req := kmsg.NewPtrAlterConfigsRequest()
		r := kmsg.NewAlterConfigsRequestResource()
		r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, "there"
		r.Configs = []kmsg.AlterConfigsRequestResourceConfig{{Name: name, Value: &value}}
		req.Resources = append(req.Resources, r)
		out := asked[*kmsg.AlterConfigsResponse](t, cl, req).Resources[0]
		if out.ErrorMessage != nil {
			message = *out.ErrorMessage
		}
		return out.ErrorCode, message
	}
	if code, message := create("there", "", ""); code != 0 {
		t.Fatal(code, message)
	}
	for i, c := range []struct{ name, value, message string }{
		{"nonsense", "1", "Unknown topic config name: nonsense"},
		{"retention.ms", "week", "Invalid value week for configuration retention.ms: Not a number of type LONG"},
		{"retention.ms", "-2", "Invalid value -2 for configuration retention.ms: Value must be at least -1"},
		{"retention.ms", "-1", ""},
		{"max.message.bytes", "3000000000", "Invalid value 3000000000 for configuration max.message.bytes: Not a number of type INT"},
		{"cleanup.policy", "compact,delete", ""},
		{"cleanup.policy", "keep", "Invalid value keep for configuration cleanup.policy: String must be one of: compact, delete"},
		{"unclean.leader.election.enable", "yes", "Invalid value yes for configuration unclean.leader.election.enable: Expected value to be either true or false"},
		{"min.cleanable.dirty.ratio", "0.01", ""},
	} {
		want := int16(0)
		if c.message != "" {
			want = kerr.InvalidConfig.Code
		}
		created, saysCreate := create(fmt.Sprint("t", i), c.name, c.value)
		altered, saysAlter := incremental(c.name, &c.value, kmsg.IncrementalAlterConfigOpSet)
		replaced, saysReplace := replace(c.name, c.value)
		if codes := []int16{created, altered, replaced}; !slices.Equal(codes, []int16{want, want, want}) {
			t.Errorf("%s=%s: codes %d, want %d", c.name, c.value, codes, want)
		}
		if says := []string{saysCreate, saysAlter, saysReplace}; !slices.Equal(says, []string{c.message, c.message, c.message}) {
			t.Errorf("%s=%s: says %q, want %q", c.name, c.value, says, c.message)
		}
		if info := b.cluster.TopicInfo(fmt.Sprint("t", i)); (info != nil) != (want == 0) {
			t.Errorf("%s=%s: topic %+v", c.name, c.value, info)
		}
	}
	if code, message := incremental("retention.ms", nil, kmsg.IncrementalAlterConfigOpDelete); code != 0 {
		t.Errorf("delete a setting: %d %s", code, message)
	}
}

// TestRefusedWhole holds that nothing of a request is done one part of which is
// wrong, and that each part is told why.
func TestRefusedWhole(t *testing.T) {
	b := start(t, Config{})
	cl := client(t, b.Addr()[0])
	for _, topic := range []string{"a", "b"} {
		makeTopic(t, cl, topic, 1, 1, nil)
	}
	week, number := "week", "1000"
	type part struct {
		name, says string
		code       int16
	}
	said := func(name string, code int16, message *string) part {
		if message == nil {
			return part{name, "", code}
		}
		return part{name, *message, code}
	}
	is := func(what string, got []part, names []string, another string) {
		t.Helper()
		want := []part{{names[0], another, kerr.InvalidRequest.Code},
			{names[1], "Invalid value week for configuration retention.ms: Not a number of type LONG", kerr.InvalidConfig.Code}}
		slices.SortFunc(got, func(a, b part) int { return strings.Compare(a.name, b.name) })
		if !slices.Equal(got, want) {
			t.Errorf("%s: %+v\nwant %+v", what, got, want)
		}
	}
	create := kmsg.NewPtrCreateTopicsRequest()
	replace := kmsg.NewPtrAlterConfigsRequest()
	change := kmsg.NewPtrIncrementalAlterConfigsRequest()
	for _, p := range []struct{ made, there, value string }{{"c", "a", number}, {"d", "b", week}} {
		topic := kmsg.CreateTopicsRequestTopic{Topic: p.made, NumPartitions: 1, ReplicationFactor: 1}
		topic.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: "retention.ms", Value: &p.value}}
		create.Topics = append(create.Topics, topic)
		replace.Resources = append(replace.Resources, kmsg.AlterConfigsRequestResource{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: p.there,
			Configs: []kmsg.AlterConfigsRequestResourceConfig{{Name: "retention.ms", Value: &p.value}}})
		change.Resources = append(change.Resources, kmsg.IncrementalAlterConfigsRequestResource{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: p.there,
			Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "retention.ms", Value: &p.value}}})
	}
	var got []part
	for _, r := range asked[*kmsg.CreateTopicsResponse](t, cl, create).Topics {
		got = append(got, said(r.Topic, r.ErrorCode, r.ErrorMessage))
	}
	is("create", got, []string{"c", "d"}, "another topic of the request was refused")
	got = nil
	for _, r := range asked[*kmsg.AlterConfigsResponse](t, cl, replace).Resources {
		got = append(got, said(r.ResourceName, r.ErrorCode, r.ErrorMessage))
	}
	is("replace", got, []string{"a", "b"}, "another change of the request was refused")
	got = nil
	for _, r := range asked[*kmsg.IncrementalAlterConfigsResponse](t, cl, change).Resources {
		got = append(got, said(r.ResourceName, r.ErrorCode, r.ErrorMessage))
	}
	is("change", got, []string{"a", "b"}, "another change of the request was refused")
	if b.cluster.TopicInfo("c") != nil || settingOf(b.cluster.TopicInfo("a"), "retention.ms") != "" {
		t.Error("a part of a refused request was done")
	}
}
