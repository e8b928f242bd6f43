package flumerpc

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/flume"
)

// The bytes are those of Flume's wire: the request of a running Flume 1.11 holds
// the same event.
func TestEventBytes(t *testing.T) {
	e := flume.Event{Headers: flume.Headers{{Key: "k1", Value: "v1"}, {Key: "host", Value: "web-1"}}, Body: []byte("hello flume")}
	const want = "04" + "046b31" + "047631" + "08686f7374" + "0a7765622d31" + "00" + "16" + "68656c6c6f20666c756d65"
	if got := hex.EncodeToString(AppendEvent(nil, &e)); got != want {
		t.Errorf("bytes %s, want %s", got, want)
	}
	if got := hex.EncodeToString(AppendEvent(nil, &flume.Event{})); got != "0000" {
		t.Errorf("an empty event is %s", got)
	}
}

func TestReadEvent(t *testing.T) {
	for name, test := range map[string]struct {
		bytes, headers, body string
	}{
		"empty":             {"0000", "", ""},
		"body":              {"000468690a"[:8], "", "hi"},
		"blocks":            {"02026102780202620279000262", "a=x b=y", "b"},
		"a block's size":    {"010802610278" + "000262", "a=x", "b"},
		"a key twice":       {"0402610278026102790" + "00262", "a=y", "b"},
		"not UTF-8":         {"020261" + "02ff" + "000262", "a=\ufffd", "b"},
		"two, one no UTF-8": {"040261" + "02ff" + "02620279" + "0000", "a=\ufffd b=y", ""},
	} {
		b, err := hex.DecodeString(test.bytes)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		e, err := ReadEvent(b)
		var headers []string
		for _, h := range e.Headers {
			headers = append(headers, h.Key+"="+h.Value)
		}
		if got := strings.Join(headers, " "); err != nil || got != test.headers || string(e.Body) != test.body {
			t.Errorf("%s: headers %q, body %q, %v", name, got, e.Body, err)
		}
	}
	for _, text := range []string{"", "00", "02", "0004", "000000", "00026262", "0f", "80", "03ffffffffffffffffff01", "68656c6c6f"} {
		b, _ := hex.DecodeString(text)
		if e, err := ReadEvent(b); !errors.Is(err, ErrNoEvent) {
			t.Errorf("%s is %v, %v", text, e, err)
		}
	}
}

func FuzzReadEvent(f *testing.F) {
	for _, text := range []string{"0000", "04046b3104763108686f73740a7765622d31001668656c6c6f20666c756d65", "01080261027800026200"} {
		b, _ := hex.DecodeString(text)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ReadEvent(b)
		if err != nil {
			return
		}
		again, err := ReadEvent(AppendEvent(nil, &e))
		if err != nil || !bytes.Equal(again.Body, e.Body) {
			t.Fatalf("%v is read as %v, %v", e, again, err)
		}
		slices.SortFunc(again.Headers, byKey)
		slices.SortFunc(e.Headers, byKey)
		if !slices.Equal(again.Headers, e.Headers) {
			t.Fatalf("%v is read as %v", e, again)
		}
	})
}

func byKey(a, b flume.Header) int { return strings.Compare(a.Key, b.Key) }
