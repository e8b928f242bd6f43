package kafka

import (
	"slices"
	"strings"
	"testing"

	"github.com/IBM/sarama"
)

// metadataOf is an answer about the topic t at a broker: its partitions have these
// leaders, where -1 = none, and run on the broker, or on one that does not run.
func metadataOf(b *sarama.MockBroker, topic string, runs bool, leaders ...int32) *sarama.MetadataResponse {
	resp := &sarama.MetadataResponse{Version: sarama.NewMetadataRequest(sarama.V4_0_0_0, nil).Version, ControllerID: 1}
	resp.AddBroker(b.Addr(), 1)
	for id, leader := range leaders {
		replica, offline, code := int32(1), []int32(nil), sarama.ErrNoError
		if !runs {
			replica, offline = 2, []int32{2}
		}
		if leader < 0 {
			code = sarama.ErrLeaderNotAvailable
		}
		resp.AddTopicPartition(topic, int32(id), leader, []int32{replica}, []int32{replica}, offline, code)
	}
	return resp
}

// TestLearn holds that the controller is asked for by a topic that has all its leaders:
// the library waits for seconds for those of others.
func TestLearn(t *testing.T) {
	b := sarama.NewMockBroker(t, 1)
	defer b.Close()
	all := metadataOf(b, "dead", false, -1)
	all.AddTopicPartition("whole", 0, 1, []int32{1}, []int32{1}, nil, sarama.ErrNoError)
	one := metadataOf(b, "whole", true, 1)
	b.SetHandlerByMap(map[string]sarama.MockResponse{
		"MetadataRequest": sarama.NewMockSequence(sarama.NewMockWrapper(all), sarama.NewMockWrapper(one)),
	})
	d, _ := promptly(b.Addr())
	a := behind(t, b, d)
	if _, err := a.changes(soon(t)); err != nil {
		t.Fatal(err)
	}
	var asked [][]string
	for _, r := range b.History() {
		if m, ok := r.Request.(*sarama.MetadataRequest); ok {
			asked = append(asked, m.Topics)
		}
	}
	if len(asked) != 2 || len(asked[0]) != 0 || !slices.Equal(asked[1], []string{"whole"}) {
		t.Errorf("asked for %q", asked)
	}
}

// TestOffsetsLeaderless asks for the end of partitions of which one has no leader: it is
// waited for while a replica of it runs.
func TestOffsetsLeaderless(t *testing.T) {
	for name, c := range map[string]struct {
		first, then func(*sarama.MockBroker) *sarama.MetadataResponse
		leaderless  []part
	}{
		"none will come": {
			func(b *sarama.MockBroker) *sarama.MetadataResponse { return metadataOf(b, "x", false, 1, -1) },
			func(b *sarama.MockBroker) *sarama.MetadataResponse { return metadataOf(b, "x", true, 1, 1) },
			[]part{{"x", 1}},
		},
		"one comes": {
			func(b *sarama.MockBroker) *sarama.MetadataResponse { return metadataOf(b, "x", true, 1, -1) },
			func(b *sarama.MockBroker) *sarama.MetadataResponse { return metadataOf(b, "x", true, 1, 1) },
			nil,
		},
		"none comes": {
			func(b *sarama.MockBroker) *sarama.MetadataResponse { return metadataOf(b, "x", true, 1, -1) },
			func(b *sarama.MockBroker) *sarama.MetadataResponse { return metadataOf(b, "x", true, 1, -1) },
			[]part{{"x", 1}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := sarama.NewMockBroker(t, 1)
			defer b.Close()
			offsets := &sarama.OffsetResponse{Version: sarama.NewOffsetRequest(sarama.V4_0_0_0).Version,
				Blocks: map[string]map[int32]*sarama.OffsetResponseBlock{"x": {0: {Offset: 5}}}}
			want := map[part]int64{{"x", 0}: 5}
			if c.leaderless == nil {
				offsets.Blocks["x"][1] = &sarama.OffsetResponseBlock{Offset: 7}
				want[part{"x", 1}] = 7
			}
			b.SetHandlerByMap(map[string]sarama.MockResponse{
				"MetadataRequest": sarama.NewMockSequence(sarama.NewMockWrapper(c.first(b)), sarama.NewMockWrapper(c.then(b))),
				"OffsetRequest":   sarama.NewMockWrapper(offsets), "ListOffsetsRequest": sarama.NewMockWrapper(offsets),
			})
			d, _ := promptly(b.Addr())
			found, leaderless, err := behind(t, b, d).offsetsAt(soon(t), []part{{"x", 0}, {"x", 1}}, sarama.OffsetNewest)
			if err != nil || !slices.Equal(leaderless, c.leaderless) || len(found) != len(want) {
				t.Fatalf("%v, without a leader %v, %v", found, leaderless, err)
			}
			for p, n := range want {
				if found[p] != n {
					t.Errorf("%v: %d, want %d", p, found[p], n)
				}
			}
		})
	}
}

// TestOffsetsUnclear holds that an answer without the partitions of a topic, for another
// reason than that there is no such topic, is none that they are gone.
func TestOffsetsUnclear(t *testing.T) {
	for _, c := range []struct {
		code sarama.KError
		want string
	}{
		{sarama.ErrTopicAuthorizationFailed, "not authorized"},
		{sarama.ErrLeaderNotAvailable, "has no leader"},
	} {
		t.Run(c.want, func(t *testing.T) {
			t.Parallel()
			b := sarama.NewMockBroker(t, 1)
			defer b.Close()
			resp := metadataOf(b, "y", true, 1)
			resp.AddTopic("x", c.code)
			b.SetHandlerByMap(map[string]sarama.MockResponse{"MetadataRequest": sarama.NewMockWrapper(resp)})
			d, _ := promptly(b.Addr())
			found, leaderless, err := behind(t, b, d).offsetsAt(soon(t), []part{{"x", 0}}, sarama.OffsetNewest)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, without a leader %v, %v, want %q", found, leaderless, err, c.want)
			}
		})
	}
}

// TestBrokerThatHasBegun holds that a broker that knows of no brokers yet is not believed
// that there is nothing.
func TestBrokerThatHasBegun(t *testing.T) {
	b := sarama.NewMockBroker(t, 1)
	defer b.Close()
	none := &sarama.MetadataResponse{Version: sarama.NewMetadataRequest(sarama.V4_0_0_0, nil).Version}
	b.SetHandlerByMap(map[string]sarama.MockResponse{
		"MetadataRequest":   sarama.NewMockSequence(sarama.NewMockWrapper(none), sarama.NewMockWrapper(metadataOf(b, "x", true, 1))),
		"ListGroupsRequest": sarama.NewMockListGroupsResponse(t).AddGroup("g", "consumer"),
	})
	d, _ := promptly(b.Addr())
	if groups, err := behind(t, b, d).ListGroups(soon(t)); err != nil || len(groups) != 1 {
		t.Errorf("%v, %v", groups, err)
	}
}
