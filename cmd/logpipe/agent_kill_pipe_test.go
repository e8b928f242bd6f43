//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/broker"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

const pipeAgent = `
	sources = r1
	channels = c1
	sinks = k1
	sources.r1.type = http
	sources.r1.bind = 127.0.0.1
	sources.r1.port = $PORT
	sources.r1.channels = c1
	channels.c1.type = file
	channels.c1.checkpointDir = $DIR/checkpoint
	channels.c1.dataDirs = $DIR/data
	channels.c1.minimumRequiredSpace = 1048576
	sinks.k1.type = pipe
	sinks.k1.channel = c1
	sinks.k1.command = aggregate --window 1m --by request count 'sum(n)' | produce rows --brokers $BROKER`

// clock posts requests of events, one after the other, whose times go on by a tenth
// of a second: a window of a minute has 30 requests.
type clock struct {
	url      string
	sent     []bool       // by request: it was answered with 200
	answered atomic.Int64 // how many were
}

func (c *clock) post() {
	request := len(c.sent)
	begin := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	var list []map[string]any
	for i := range httpBatch {
		n := request*httpBatch + i
		at := begin.Add(time.Duration(n) * 100 * time.Millisecond).Format(time.RFC3339Nano)
		list = append(list, map[string]any{"headers": map[string]string{}, "body": fmt.Sprintf(`{"time":%q,"request":%d,"n":%d}`, at, request, n)})
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic(err) // of strings alone
	}
	answer, err := http.Post(c.url, "application/json", bytes.NewReader(text))
	if err == nil {
		answer.Body.Close()
	}
	answered := err == nil && answer.StatusCode == http.StatusOK
	c.sent = append(c.sent, answered)
	if answered {
		c.answered.Add(1)
	}
}

func (c *clock) run(stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
			c.post()
			time.Sleep(3 * time.Millisecond)
		}
	}
}

// pipeRow is what the pipeline makes of a request in a window.
type pipeRow struct {
	Window     string `json:"window_start"`
	Request    int    `json:"request"`
	Count, Sum int
}

// http -> file channel -> pipe with windows: every event of a request that was
// answered is in one row, or in copies of it that are equal.
func TestKilledPipe(t *testing.T) {
	t.Parallel()
	b, err := broker.Start(t.Context(), broker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	out := collect(t, b.Addr()[0], "rows", 1)
	f := newFleet(t)
	port := strconv.Itoa(logpipetest.FreePort(t))
	a := f.agent("a", strings.NewReplacer("$PORT", port, "$BROKER", b.Addr()[0]).Replace(pipeAgent))
	c := &clock{url: "http://127.0.0.1:" + port}
	stop, over := make(chan struct{}), make(chan struct{})
	go func() { defer close(over); c.run(stop) }()
	f.killRandomly(a)
	begun := c.answered.Load()
	f.await(func() (bool, string) { // windows that nobody kills
		n := c.answered.Load()
		return n > begun+50, fmt.Sprint(n, " requests answered")
	})
	close(stop)
	<-over
	f.stop(a)
	f.await(func() (bool, string) {
		missing := missingRequests(t, c.sent, out.copies())
		return len(missing) == 0, fmt.Sprintf("%d of %d requests are not whole: %v", len(missing), len(c.sent), missing)
	})
	judgeRows(t, c.sent, out.copies(), len(a.kills))
}

// pipeRows reads rows, each copy of one, by request.
func pipeRows(t *testing.T, got copies) map[int][]pipeRow {
	t.Helper()
	all := map[int][]pipeRow{}
	for text, list := range got.events {
		var r struct {
			pipeRow
			SumN int `json:"sum_n"`
		}
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		r.Sum = r.SumN
		for range list {
			all[r.Request] = append(all[r.Request], r.pipeRow)
		}
	}
	return all
}

// whole is the count and the sum of a request over its windows.
func whole(rows []pipeRow) (count, sum int) {
	seen := map[string]bool{}
	for _, r := range rows {
		if !seen[r.Window] {
			count, sum = count+r.Count, sum+r.Sum
		}
		seen[r.Window] = true
	}
	return count, sum
}

// missingRequests are those that were answered and are not whole.
func missingRequests(t *testing.T, sent []bool, got copies) (missing []int) {
	rows := pipeRows(t, got)
	for request, answered := range sent {
		if n, _ := whole(rows[request]); answered && n < httpBatch {
			missing = append(missing, request)
		}
	}
	return missing
}

// judgeRows holds that no event is in two rows, and that copies of a row are equal.
func judgeRows(t *testing.T, sent []bool, got copies, kills int) {
	t.Helper()
	answered, rows, again := 0, 0, 0
	for request, list := range pipeRows(t, got) {
		if sent[request] {
			answered++
		}
		count, sum := whole(list)
		first := request * httpBatch
		if want := httpBatch*first + httpBatch*(httpBatch-1)/2; count != httpBatch || sum != want {
			t.Errorf("request %d: %d events with the sum %d, want %d", request, count, sum, want)
		}
		byWindow := map[string]pipeRow{}
		for _, r := range list {
			if before, ok := byWindow[r.Window]; ok {
				again++
				if before != r {
					t.Errorf("rows of one window: %v and %v", before, r)
				}
			}
			byWindow[r.Window] = r
			rows++
		}
	}
	t.Logf("%d kills: %d of %d requests answered; %d rows, %d of them again", kills, answered, len(sent), rows, again)
	if !slices.Contains(sent, true) {
		t.Error("no request was answered")
	}
}
