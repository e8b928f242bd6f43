package catalog

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/record"
)

// envelopeOf reads a line as produce -J does.
func envelopeOf(line []byte) (kafka.Record, error) {
	data := append(make([]byte, 0, len(line)+1+record.Padding), line...)
	data = append(data, '\n')
	var r record.Record
	var out kafka.Record
	r.Reset(nil, &record.Arena{})
	if _, err := record.NewScanner().Scan(data, 0, &r); err != nil {
		return out, err
	}
	return out, readEnvelope(&out, &r)
}

// TestReadEnvelope holds that what consume -J writes is read as it was.
func TestReadEnvelope(t *testing.T) {
	for _, want := range []kafka.Record{
		{Partition: 3, Time: time.UnixMilli(1_700_000_000_123).UTC(), Key: []byte("k"), Value: []byte("v")},
		{},
		{Key: []byte{}, Value: []byte{}},
		{Key: []byte{0xff, 0}, Value: []byte("\xc3\x28 bytes")},
		{Value: []byte("two\nlines, \"quotes\", \\ and \x00\u2028")},
		{Value: []byte(`{"$b64":"/w=="}`)},
		{Value: []byte("x"), Headers: []kafka.Header{{Key: "a", Value: []byte("1")}, {Key: "a", Value: []byte{}}, {Key: ""}, {Key: "\xff", Value: []byte{0xfe}}}},
	} {
		line := appendEnvelope(nil, &want)
		got, err := envelopeOf(line)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v, want\n%+v, %v", line, got, want, err)
		}
	}
}

func TestEnvelopeByHand(t *testing.T) {
	for line, want := range map[string]kafka.Record{
		`{"value":"v"}`:                                       {Partition: -1, Value: []byte("v")},
		`{"value":null,"key":7,"headers":null}`:               {Partition: -1, Key: []byte("7")},
		`{"value":{"a": 1},"partition":null}`:                 {Partition: -1, Value: []byte(`{"a": 1}`)},
		`{"value":{"$b64":"/w==","a":1}}`:                     {Partition: -1, Value: []byte(`{"$b64":"/w==","a":1}`)},
		`{"value":"v","timestamp":1700000000123}`:             {Partition: -1, Value: []byte("v"), Time: time.UnixMilli(1_700_000_000_123)},
		`{"value":"v","topic":"x","offset":9}`:                {Partition: -1, Value: []byte("v")},
		`{"value":"v","headers":[{"key":"a"}]}`:               {Partition: -1, Value: []byte("v"), Headers: []kafka.Header{{Key: "a"}}},
		"{\"value\":\"\xc3(\",\"key\":\"\xff k\\n\"}":         {Partition: -1, Key: []byte("\xff k\n"), Value: []byte("\xc3(")}, // as kcat prints them
		"{\"payload\":\"v\",\"headers\":[\"\xfe\",\"\xff\"]}": {Partition: -1, Value: []byte("v"), Headers: []kafka.Header{{Key: "\xfe", Value: []byte{0xff}}}},
		`{"value":12345678901234567890123,"key":1.50}`:        {Partition: -1, Key: []byte("1.50"), Value: []byte("12345678901234567890123")},
		`{"value":"\ud83d\ude00"}`:                            {Partition: -1, Value: []byte("😀")},
		`{"value":"\ud800"}`:                                  {},
		`{"value":"v","key":"\udc00"}`:                        {},
		`{"value":"v","payload":"w"}`:                         {},
		`{"value":"v","value":"w"}`:                           {},
		`{"value":"v","ts":5,"timestamp":5}`:                  {},
		`{"value":"v","timestamp":"2026-01-02T03:04Z"}`:       {},
		`{"value":"v","timestamp":-1}`:                        {},
		`{"value":"v","partition":-1}`:                        {},
		`{"value":"v","partition":1.5}`:                       {},
		`{"value":"v","headers":{"a":"b"}}`:                   {},
		`{"value":"v","headers":["a"]}`:                       {},
		`{"topic":"t","partition":2,"offset":1,"tstype":"create","ts":1700000000123,"broker":1,"headers":["a","b"],"key":"k","payload":null}`: {Partition: 2,
			Time: time.UnixMilli(1_700_000_000_123), Key: []byte("k"), Headers: []kafka.Header{{Key: "a", Value: []byte("b")}}}, // of kcat -J
		`{"topic":"t","key":"k","value":"v","timestamp":1700000000123,"partition":0,"offset":7}`: {Time: time.UnixMilli(1_700_000_000_123),
			Key: []byte("k"), Value: []byte("v")}, // of rpk
		`{"value":"v","headers":[{"value":"b"}]}`: {},
		`{"value":{"$b64":"?"}}`:                  {},
		`{"key":"k"}`:                             {},
		`{"value":1,"sensor":"a"}`:                {},
	} {
		got, err := envelopeOf([]byte(line))
		if refused := reflect.DeepEqual(want, kafka.Record{}); refused {
			if err == nil || !strings.Contains(err.Error(), "no envelope as consume -J writes it: field ") {
				t.Errorf("%s: %+v, %v", line, got, err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v, want\n%+v, %v", line, got, want, err)
		}
	}
}

func FuzzReadEnvelope(f *testing.F) {
	f.Add([]byte(`{"value":"v","key":{"$b64":"/w=="},"headers":[{"key":"a","value":null}]}`))
	f.Add([]byte(`{"value":null,"timestamp":"2026-01-02T03:04:05.678Z","partition":1}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.ContainsAny(line, "\n") {
			return
		}
		first, err := envelopeOf(line)
		if err != nil || first.Partition < 0 || first.Time.UnixMilli() < 0 || first.Time.Year() > 9999 {
			return
		}
		first.Time = time.UnixMilli(first.Time.UnixMilli()).UTC()
		again, err := envelopeOf(appendEnvelope(nil, &first))
		if err != nil || !reflect.DeepEqual(first, again) {
			t.Errorf("%+v, then %+v, %v", first, again, err)
		}
	})
}

// Times that no record can have are refused while their line is known.
func TestTimestampIn(t *testing.T) {
	for text, want := range map[string]string{
		`9223372036854`:          "",
		`0`:                      "",
		`"2262-04-11T23:47:16Z"`: "",
		`9223372036855`:          "is behind 2262-04-11T23:47:16Z",
		`9223372036854775807`:    "is behind 2262-04-11T23:47:16Z",
		`"2262-04-12T00:00:00Z"`: "is behind 2262-04-11T23:47:16Z",
		`"9999-12-31T23:59:59Z"`: "is behind 2262-04-11T23:47:16Z",
		`-1`:                     "is before 1970",
		`-9223372036854775808`:   "is before 1970",
		`"1969-12-31T23:59:59Z"`: "is before 1970",
		`"0001-01-01T00:00:00Z"`: "is before 1970",
		`9223372036854775808`:    "want a time such as",
	} {
		_, err := timestampIn(record.DecodeJSON([]byte(text)))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
