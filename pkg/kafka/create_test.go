package kafka

import (
	"testing"

	"github.com/IBM/sarama"
)

// TestCreatesOnDemand holds what a broker's setting says; one that hides it may
// create topics.
func TestCreatesOnDemand(t *testing.T) {
	for value, want := range map[string]bool{"true": true, "false": false, "": true} {
		t.Run(value, func(t *testing.T) {
			answer := &sarama.DescribeConfigsResponse{Version: 1}
			if value != "" {
				answer.Resources = []*sarama.ResourceResponse{{Type: sarama.BrokerResource, Name: "1",
					Configs: []*sarama.ConfigEntry{{Name: "auto.create.topics.enable", Value: value}}}}
			}
			b := sarama.NewMockBroker(t, 1)
			defer b.Close()
			b.SetHandlerByMap(map[string]sarama.MockResponse{
				"MetadataRequest":        sarama.NewMockMetadataResponse(t).SetController(1).SetBroker(b.Addr(), 1),
				"DescribeConfigsRequest": sarama.NewMockWrapper(answer),
			})
			cfg := sarama.NewConfig()
			cfg.ApiVersionsRequest, cfg.Version = false, sarama.V2_1_0_0
			client, err := sarama.NewClient([]string{b.Addr()}, cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			seen := new(sarama.MetadataResponse)
			seen.AddBroker(b.Addr(), 1)
			if got := (&conn{client: client}).createsOnDemand(t.Context(), seen); got != want {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}
