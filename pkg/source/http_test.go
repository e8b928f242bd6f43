package source

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
)

func netipAddr(s string) (netip.Addr, error)         { return netip.ParseAddr(s) }
func netipAddrPort(s string) (netip.AddrPort, error) { return netip.ParseAddrPort(s) }

func post(t *testing.T, url, contentType, body string) (code int, answer string) {
	t.Helper()
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	resp, err := client.Post(url, contentType, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func TestHTTP(t *testing.T) {
	tests := []struct {
		contentType, body string
		code              int
		want              []string
	}{
		{"application/json", `[{"headers":{"b":"2","a":"1"},"body":"hello"},{"body":"größe"}]`, 200, []string{"a=1 b=2|hello", "|größe"}},
		{"", `[{"headers":{"n":1,"t":true,"z":null},"body":null},{}]`, 200, []string{"n=1 t=true|", "|"}},
		{"application/json; charset=UTF-8", `[]`, 200, nil},
		{"application/json; charset=utf-16", "\x00[\x00]", 200, nil},
		{"application/json; charset=UTF-32", "\x00\x00\x00[\x00\x00\x00{\x00\x00\x00\"\x00\x00\x00b\x00\x00\x00o\x00\x00\x00d\x00\x00\x00y\x00\x00\x00\"\x00\x00\x00:\x00\x00\x00\"\x00\x01\xf6\x00\x00\x00\x00\"\x00\x00\x00}\x00\x00\x00]",
			200, []string{"|\x00\x01\xf6\x00"}},
		{"application/json; charset=UTF-16", "\xff\xfe[\x00{\x00\"\x00b\x00o\x00d\x00y\x00\"\x00:\x00\"\x00x\x00\"\x00}\x00]\x00", 200, []string{"|\xfe\xff\x00x"}},
		{"application/json; charset=utf-16", "\x00[\x00{\x00b\x00o\x00d\x00y\x00:\x00'\x00'\x00}\x00]", 200, []string{"|"}},
		{"", "\uFEFF[{'body':'shell\tmade'}] ", 200, []string{"|shell\tmade"}},
		{"", `{"body":"x"}`, 400, nil},
		{"", `[{"body":{}}]`, 400, nil},
		{"", `[null]`, 400, nil},
		{"", `[{"body":"x"`, 400, nil},
		{"", ``, 400, nil},
		{"text/plain; charset=latin1", `[]`, 500, nil},
	}
	var counts flume.Counters
	s := configure(t, NewHTTP, "bind=127.0.0.1", "port=0")
	r := startCounted(t, s, &counts)
	url := "http://" + s.(*HTTP).Addr().String() + "/"
	events := 0
	for _, test := range tests {
		code, answer := post(t, url, test.contentType, test.body)
		if code != test.code {
			t.Errorf("%s %s: %d %s", test.contentType, test.body, code, answer)
		}
		wantBodies(t, r.takeEvents(t, len(test.want)), test.want...)
		events += len(test.want)
	}
	if resp := must(http.Head(url)); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Error(resp.Status)
	}
	r.stop()
	wantBodies(t, r.rest(t))
	if v := counts.Values(); v["EventAcceptedCount"] != int64(events) || v["AppendBatchReceivedCount"] != 8 || v["EventReadFail"] != 6 {
		t.Errorf("%v", v)
	}
}

// A full channel is answered with 503, and nothing of the request is stored.
func TestHTTPFull(t *testing.T) {
	s := configure(t, NewHTTP, "bind=127.0.0.1", "port=0")
	r := start(t, s, "capacity=3", "transactionCapacity=3", "keep-alive=0")
	url := "http://" + s.(*HTTP).Addr().String() + "/"
	two := `[{"body":"1"},{"body":"2"}]`
	if code, _ := post(t, url, "", two); code != 200 {
		t.Fatal(code)
	}
	if code, answer := post(t, url, "", two); code != 503 || !strings.Contains(answer, "Channel might be full") || r.channel.Size() != 2 {
		t.Fatal(code, answer, r.channel.Size())
	}
	r.take(t, 2)
	// What never fits is told where somebody can do something about it.
	const never = "4 events at once are more than the channel's capacity 3: send fewer at once, or raise it"
	if code, answer := post(t, url, "", `[{"body":"1"},{"body":"2"},{"body":"3"},{"body":"4"}]`); code != 503 || !strings.Contains(answer, never) {
		t.Fatal(code, answer)
	}
	if !strings.Contains(r.diary.String(), "events are not stored: "+never) || r.channel.Size() > 0 {
		t.Fatal(&r.diary, r.channel.Size())
	}
}

// A request above transactionCapacity, which Flume refuses, is stored as a whole.
func TestHTTPLargeRequest(t *testing.T) {
	s := configure(t, NewHTTP, "bind=127.0.0.1", "port=0")
	r := start(t, s, "capacity=5", "transactionCapacity=2", "keep-alive=0")
	url := "http://" + s.(*HTTP).Addr().String() + "/"
	three := `[{"body":"1"},{"body":"2"},{"body":"3"}]`
	if code, answer := post(t, url, "", three); code != 200 {
		t.Fatal(code, answer)
	}
	if code, answer := post(t, url, "", three); code != 503 || r.channel.Size() != 3 {
		t.Fatal(code, answer, r.channel.Size())
	}
	wantBodies(t, r.take(t, 3), "1", "2", "3")
}

func TestHTTPBlob(t *testing.T) {
	s := configure(t, NewHTTP, "bind=127.0.0.1", "port=0", "handler=org.apache.flume.source.http.BLOBHandler", "handler.mandatoryParameters=a,b")
	r := start(t, s)
	url := "http://" + s.(*HTTP).Addr().String() + "/x"
	if code, _ := post(t, url+"?a=1&b=2", "application/octet-stream", "\x00\xff"); code != 200 {
		t.Fatal(code)
	}
	wantBodies(t, r.takeEvents(t, 1), "a=1 b=2|\x00\xff")
	if code, answer := post(t, url+"?a=1", "", "x"); code != 500 || !strings.Contains(answer, "please specify b") {
		t.Fatal(code, answer)
	}
	small := configure(t, NewHTTP, "bind=127.0.0.1", "port=0", "handler=org.apache.flume.sink.solr.morphline.BlobHandler", "handler.maxBlobLength=3")
	start(t, small)
	if code, _ := post(t, "http://"+small.(*HTTP).Addr().String(), "", "1234"); code != 413 {
		t.Fatal(code)
	}
}

func TestHTTPS(t *testing.T) {
	s := configure(t, NewHTTP, "bind=127.0.0.1", "port=0", "enableSSL=true",
		"keystore=../../testdata/keystore/server.jks", "keystorePassword=changeit")
	if problems := s.(flume.Checker).Check(); len(problems) > 0 {
		t.Fatal(problems)
	}
	r := start(t, s)
	if code, answer := post(t, "https://"+s.(*HTTP).Addr().String(), "", `[{"body":"x"}]`); code != 200 {
		t.Fatal(code, answer)
	}
	wantBodies(t, r.take(t, 1), "x")
}

func TestStress(t *testing.T) {
	r := start(t, configure(t, NewStress, "size=3", "maxTotalEvents=7", "batchSize=3"))
	if got := fmt.Sprintf("%q", r.rest(t)); got != fmt.Sprintf("%q", bytes.Fields(bytes.Repeat([]byte("\x7f\x7f\x7f "), 7))) {
		t.Fatal(got)
	}
	begin := time.Now()
	r = start(t, configure(t, NewStress, "maxSuccessfulEvents=20", "maxEventsPerSecond=200"))
	if got := r.rest(t); len(got) != 20 || time.Since(begin) < 90*time.Millisecond {
		t.Fatalf("%d events in %v", len(got), time.Since(begin))
	}
}
