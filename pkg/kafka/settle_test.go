package kafka

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/IBM/sarama"
)

// TestSettle has a broker that hears of a change later than the one that is asked, and
// one that is gone: the first is waited for, the second is not.
func TestSettle(t *testing.T) {
	first, later := sarama.NewMockBroker(t, 1), sarama.NewMockBroker(t, 2)
	defer first.Close()
	defer later.Close()
	const gone = "127.0.0.1:1"
	answer := func() *sarama.MockMetadataResponse {
		return sarama.NewMockMetadataResponse(t).SetController(1).
			SetBroker(first.Addr(), 1).SetBroker(later.Addr(), 2).SetBroker(gone, 3)
	}
	without := answer()
	elected := answer().SetLeader("x", 0, 1).SetLeader("x", 1, -1)
	with := answer().SetLeader("x", 0, 1).SetLeader("x", 1, 2)
	tests := []struct {
		name   string
		first  *sarama.MockMetadataResponse
		behind []any // what the later one says, one answer after the other
		wait   func(*Admin)
	}{
		{"made", with, []any{without, without, elected, with}, func(a *Admin) { a.awaitTopic(t.Context(), "x", 2) }},
		{"more partitions", with, []any{answer().SetLeader("x", 0, 1), with}, func(a *Admin) { a.awaitTopic(t.Context(), "x", 2) }},
		{"hidden", with, []any{answer().SetError("x", sarama.ErrTopicAuthorizationFailed)}, func(a *Admin) { a.awaitTopic(t.Context(), "x", 2) }},
		{"deleted", without, []any{with, with, without}, func(a *Admin) { a.awaitGone(t.Context(), map[string]sarama.Uuid{"x": {}}) }},
		{"made anew", without, []any{with}, func(a *Admin) { a.awaitGone(t.Context(), map[string]sarama.Uuid{"x": {1}}) }},
		{"none deleted", without, nil, func(a *Admin) { a.awaitGone(t.Context(), nil) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			first.SetHandlerByMap(map[string]sarama.MockResponse{"MetadataRequest": tt.first})
			cfg := sarama.NewConfig()
			cfg.ApiVersionsRequest, cfg.Version = false, sarama.V2_1_0_0
			client, err := sarama.NewClient([]string{first.Addr()}, cfg)
			if err != nil {
				t.Fatal(err)
			}
			c := &conn{client: client, closing: new(atomic.Bool)}
			c.asking.heard(first.Addr())
			a := &Admin{conn: c}
			defer a.Close()
			timely(t, settleWait, func() error {
				if tt.behind != nil {
					later.SetHandlerByMap(map[string]sarama.MockResponse{"MetadataRequest": sarama.NewMockSequence(tt.behind...)})
				}
				before := len(later.History())
				tt.wait(a)
				if asked := len(later.History()) - before; asked != len(tt.behind) {
					return fmt.Errorf("the broker that is behind was asked %d times, want %d", asked, len(tt.behind))
				}
				return nil
			})
		})
	}
}
