package channel

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/kafka"
)

// smallTopic makes a topic that takes batches of up to 1,000 bytes.
func smallTopic(t *testing.T, addr, name string) {
	t.Helper()
	admin, err := kafka.NewAdmin(t.Context(), kafka.Config{Brokers: []string{addr}, Wait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if err := admin.CreateTopic(t.Context(), name, 1, 1, map[string]string{"max.message.bytes": "1000"}); err != nil {
		t.Fatal(err)
	}
}

// Events that no broker takes, by the setting or by the topic, are kept, and the
// others of their batch are stored in order, each once.
func TestKafkaKeepsRefusedEvents(t *testing.T) {
	addr, _ := kafkaCluster(t)
	smallTopic(t, addr, "small")
	k, counters := openKafka(t, addr, "kafka.topic=small", "kafka.producer.max.request.size=3000", "deadLetter=dead.ndjson")
	var kept []string
	k.env.Refused = func(_ context.Context, e *flume.Event, why error) error {
		kept = append(kept, string(e.Body[:1])+": "+why.Error())
		return nil
	}
	batch := numberedEvents(0, 5)
	batch[1].Body = []byte(strings.Repeat("s", 4000)) // above the setting
	batch[3].Body = []byte(strings.Repeat("t", 2000)) // above the topic's limit
	putKafka(t, k, batch...)
	putKafka(t, k, numberedEvents(5, 6)...)
	k.Drain()
	events, open := takeKafka(t, k, 4)
	commitAll(t, open)
	if got := bodiesOf(events); got != "e0 e2 e4 e5" {
		t.Errorf("took %s", got)
	}
	if len(kept) != 2 || !strings.Contains(kept[0], "s: ") || !strings.Contains(kept[0], "the limit is 3000") || !strings.HasPrefix(kept[1], "t: ") {
		t.Errorf("kept %q", kept)
	}
	if n := counters.Values()["EventPutSuccessCount"]; n != 4 {
		t.Errorf("%d events put", n)
	}
}

// Without a file for them, an event that the topic does not take is waited with,
// and the others of its batch do not come again and again.
func TestKafkaWaitsWithRefusedEvents(t *testing.T) {
	addr, _ := kafkaCluster(t)
	smallTopic(t, addr, "small")
	k, _ := openKafka(t, addr, "kafka.topic=small")
	var mu sync.Mutex
	var told []string
	tried := make(chan struct{}, 100)
	k.env.Logf = func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, strings.ReplaceAll(format, "%v", "")+textOf(args))
		tried <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	batch := numberedEvents(0, 3)
	batch[1].Body = []byte(strings.Repeat("t", 2000))
	ended := make(chan error)
	go func() { ended <- k.Put(ctx, batch) }()
	<-tried // the first attempt is told
	<-tried // and the second
	if why := k.Trouble(); !strings.HasPrefix(why, "cannot put events: ") {
		t.Errorf("trouble %q", why)
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("the put is done")
	}
	mu.Lock()
	if text := strings.Join(told, "\n"); !strings.Contains(text, "1 of 3 events are refused") || !strings.Contains(text, "deadLetter = FILE") {
		t.Errorf("told %s", text)
	}
	mu.Unlock()
	putKafka(t, k, numberedEvents(7, 8)...)
	events, open := takeKafka(t, k, 3)
	commitAll(t, open)
	if got := bodiesOf(events); got != "e0 e2 e7" {
		t.Errorf("took %s", got)
	}
}

// textOf joins what a message is made of.
func textOf(args []any) string {
	var b strings.Builder
	for _, a := range args {
		if err, ok := a.(error); ok {
			b.WriteString(" " + err.Error())
		}
	}
	return b.String()
}
