//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// httpBatch is the number of events in a request.
const httpBatch = 20

const httpAgent = `
	sources = r1
	channels = c1
	sinks = k1
	sources.r1.type = http
	sources.r1.bind = 127.0.0.1
	sources.r1.port = $PORT
	sources.r1.channels = c1
	channels.c1.checkpointDir = $DIR/checkpoint
	channels.c1.dataDirs = $DIR/data
	channels.c1.minimumRequiredSpace = 1048576
	channels.c1.transactionCapacity = 100
	sinks.k1.type = file_roll
	sinks.k1.sink.directory = $DIR/out
	sinks.k1.sink.rollInterval = 1
	sinks.k1.sink.batchSize = 50
	sinks.k1.sink.serializer = header_and_text
	sinks.k1.channel = c1
	`

// posters send events by HTTP from several goroutines, and send again what was
// not answered with 200. Every try is another event, so that a copy of one tells
// of a mistake behind the source.
type posters struct {
	url  string
	stop chan struct{}
	all  sync.WaitGroup

	mu       sync.Mutex
	answered []string // events of requests with answer 200
	open     map[string]bool
}

// postersMade tells the events of one from those of another.
var postersMade atomic.Int64

func post(port string) *posters {
	number := postersMade.Add(1)
	p := &posters{url: "http://127.0.0.1:" + port, stop: make(chan struct{}), open: map[string]bool{}}
	for client := range 3 {
		p.all.Go(func() {
			for n := 0; !p.stopped(); n++ {
				for try := 0; !p.stopped() && !p.post(fmt.Sprintf("poster %d client %d request %d try %d", number, client, n, try)); try++ {
					time.Sleep(5 * time.Millisecond)
				}
			}
		})
	}
	return p
}

func (p *posters) stopped() bool {
	select {
	case <-p.stop:
		return true
	default:
		return false
	}
}

func (p *posters) end() {
	close(p.stop)
	p.all.Wait()
}

// post sends one request and notes what became of it.
func (p *posters) post(name string) bool {
	var list []map[string]any
	var bodies []string
	for i := range httpBatch {
		body := fmt.Sprintf("%s event %d", name, i)
		bodies = append(bodies, body)
		list = append(list, map[string]any{"headers": map[string]string{"id": body}, "body": body})
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic(err) // of strings alone
	}
	answer, err := http.Post(p.url, "application/json", bytes.NewReader(text))
	if err == nil {
		answer.Body.Close()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil && answer.StatusCode == http.StatusOK {
		p.answered = append(p.answered, bodies...)
		return true
	}
	for _, body := range bodies {
		p.open[body] = true
	}
	return false
}

// judge holds that what arrived was sent, and that nothing which was answered
// arrived more often than kills of the sink allow.
func (p *posters) judge(t *testing.T, got copies, kills int) {
	t.Helper()
	known := map[string]bool{}
	for _, body := range p.answered {
		known[body] = true
	}
	more := 0
	for body := range got.events {
		switch {
		case p.open[body]:
			more++
		case !known[body]:
			t.Errorf("nobody sent %q", body)
		}
	}
	again := got.again("id")
	t.Logf("%d kills: %d events answered with 200; %d came again; %d more came whose request had no answer", kills, len(p.answered), again, more)
	if again > 50*kills {
		t.Errorf("%d events came again after %d kills, want at most a batch of 50 for each", again, kills)
	}
}

func makeFolder(t *testing.T, path ...string) string {
	t.Helper()
	folder := filepath.Join(path...)
	if err := os.MkdirAll(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	return folder
}

// http -> file or jdbc channel -> file_roll: what was answered with 200 arrives.
func TestKilledHTTP(t *testing.T) {
	t.Parallel()
	for name, channel := range map[string]string{"file": "type = file", "jdbc": "type = jdbc\nchannels.c1.driver.url = jdbc:sqlite:$DIR/c1.sqlite"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			killHTTP(t, "channels.c1."+channel)
		})
	}
}

func killHTTP(t *testing.T, channel string) {
	f := newFleet(t)
	out, port := makeFolder(t, f.dir, "out"), strconv.Itoa(logpipetest.FreePort(t))
	a := f.agent("a", strings.Replace(httpAgent, "$PORT", port, 1)+channel)
	p := post(port)
	f.killRandomly(a)
	p.end()
	f.await(func() (bool, string) {
		n, examples := readCopies(t, out).missing(p.answered)
		return n == 0, fmt.Sprintf("%d of %d events are missing, such as %q", n, len(p.answered), examples)
	})
	f.stop(a)
	p.judge(t, readCopies(t, out), len(a.kills))
}

// http -> SPILLABLEMEMORY: a kill loses at most what the memory holds; what is on
// disk arrives, and an orderly end loses nothing.
func TestKilledSpillable(t *testing.T) {
	t.Parallel()
	const memory = 200
	f := newFleet(t)
	out, port := makeFolder(t, f.dir, "out"), strconv.Itoa(logpipetest.FreePort(t))
	a := f.agent("a", strings.Replace(httpAgent, "$PORT", port, 1)+`channels.c1.type = SPILLABLEMEMORY
		channels.c1.memoryCapacity = `+strconv.Itoa(memory)+`
		channels.c1.overflowTimeout = 0
		channels.c1.overflowCapacity = 1000000`)
	p := post(port)
	f.killRandomly(a)
	p.end()
	kills := len(a.kills)
	before := len(p.answered)
	orderly := post(port) // and then nobody kills
	f.await(func() (bool, string) {
		orderly.mu.Lock()
		defer orderly.mu.Unlock()
		return len(orderly.answered) > 2000, fmt.Sprint(len(orderly.answered), " events answered")
	})
	orderly.end()
	f.stop(a)
	got := readCopies(t, out)
	lost, _ := got.missing(p.answered)
	t.Logf("%d kills: %d of %d events that were answered are lost", kills, lost, before)
	if lost > kills*memory {
		t.Errorf("%d events are lost after %d kills, with room for %d in memory", lost, kills, memory)
	}
	if n, examples := got.missing(orderly.answered); n > 0 {
		t.Errorf("%d events are lost at an orderly end, such as %q", n, examples)
	}
}

const kafkaAgent = `
	sources = r1
	channels = c1
	sinks = k1
	sources.r1.type = spooldir
	sources.r1.spoolDir = $DIR/spool
	sources.r1.pollDelay = 10
	sources.r1.batchSize = 50
	sources.r1.channels = c1
	sources.r1.interceptors = id
	sources.r1.interceptors.id.type = org.apache.flume.sink.solr.morphline.UUIDInterceptor$Builder
	sources.r1.interceptors.id.headerName = key
	channels.c1.type = org.apache.flume.channel.kafka.KafkaChannel
	channels.c1.kafka.bootstrap.servers = $BROKER
	channels.c1.kafka.consumer.group.instance.id = a
	sinks.k1.type = org.apache.flume.sink.kafka.KafkaSink
	sinks.k1.kafka.bootstrap.servers = $BROKER
	sinks.k1.kafka.topic = out
	sinks.k1.flumeBatchSize = 50
	sinks.k1.channel = c1`

// spooldir -> Kafka channel -> Kafka sink: every line of every file arrives. The
// key is an id that an event gets when it is read.
func TestKilledKafka(t *testing.T) {
	t.Parallel()
	b, err := broker.Start(t.Context(), broker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	out := collect(t, b.Addr()[0], "out", 1)
	f := newFleet(t)
	spool := makeFolder(t, f.dir, "spool")
	a := f.agent("a", strings.ReplaceAll(kafkaAgent, "$BROKER", b.Addr()[0]))
	stop, fed := make(chan struct{}), make(chan []string, 1)
	go func() { fed <- feedSpool(t, f.dir, spool, 15*time.Millisecond, stop) }()
	f.killRandomly(a)
	close(stop)
	want := <-fed
	f.await(func() (bool, string) {
		n, examples := out.copies().missing(want)
		return n == 0, fmt.Sprintf("%d of %d lines are missing, such as %q", n, len(want), examples)
	})
	f.stop(a)
	got := out.copies()
	again, read := got.again("key"), got.more()
	t.Logf("%d kills: %d lines written; %d came again from the channel, %d from reading again", len(a.kills), len(want), again, read)
	if most := 50 * len(a.kills); read > most {
		t.Errorf("%d lines were read again, want at most %d: a batch for each kill", read, most)
	}
	if most := 50 * len(a.kills); again > most {
		t.Errorf("%d events were delivered again, want at most %d: a batch for each kill", again, most)
	}
}

// feedSpool moves whole files into a folder until stop, and returns their lines.
func feedSpool(t *testing.T, dir, spool string, pause time.Duration, stop chan struct{}) (want []string) {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return want
		case <-time.After(pause):
		}
		var text strings.Builder
		for i := range 120 {
			line := fmt.Sprintf("file %d line %d", n, i)
			want = append(want, line)
			text.WriteString(line + "\n")
		}
		made := filepath.Join(dir, "made")
		err := os.WriteFile(made, []byte(text.String()), 0o666)
		if err = errors.Join(err, os.Rename(made, filepath.Join(spool, fmt.Sprintf("%d.log", n)))); err != nil {
			t.Error(err)
			return want
		}
	}
}

// collected are the records of a topic.
type collected struct {
	mu  sync.Mutex
	all copies
}

func (c *collected) copies() copies {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := copies{events: map[string][]copied{}}
	for body, list := range c.all.events {
		all.events[body] = list
	}
	return all
}

// collect reads a topic until the test ends; the header key is the record's key.
func collect(t *testing.T, addr, topic string, replicas int16) *collected {
	t.Helper()
	cfg := kafka.Config{Brokers: strings.Split(addr, ",")}
	admin, err := kafka.NewAdmin(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	// An agent that runs already may have been first.
	if err := admin.CreateTopic(t.Context(), topic, 3, replicas, nil); err != nil && !strings.Contains(err.Error(), "exists already") {
		t.Fatal(err)
	}
	consumer, err := kafka.NewConsumer(t.Context(), cfg, kafka.ConsumerConfig{Topics: []string{topic}, From: kafka.Beginning})
	if err != nil {
		t.Fatal(err)
	}
	c := &collected{all: copies{events: map[string][]copied{}}}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			batch, err := consumer.Read(ctx)
			if err != nil {
				return
			}
			c.mu.Lock()
			for _, r := range batch.Records {
				c.all.events[string(r.Value)] = append(c.all.events[string(r.Value)], copied{map[string]string{"key": string(r.Key)}})
			}
			c.mu.Unlock()
		}
	}()
	t.Cleanup(func() { stop(); <-done; consumer.Close() })
	return c
}
