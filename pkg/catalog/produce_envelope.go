package catalog

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/record"
)

// The parts of a record that an envelope says.
const (
	ofPartition = iota
	ofTime
	ofKey
	ofHeaders
	ofValue
	ofParts // their number
)

// readEnvelope makes dst the Kafka record that appendEnvelope has written as r,
// less its topic and offset: those are the target's. The names and headers of
// kcat -J are understood too. Keys and values that are neither text nor bytes are
// taken as their JSON text, and bytes of a text that are no UTF-8, as kcat prints
// them, as they are. Nothing of r is kept.
func readEnvelope(dst *kafka.Record, r *record.Record) error {
	var err error
	var said [ofParts]string // which field has said a part of the record
	dst.Partition = -1
	r.EachJSON(func(name string, raw []byte) {
		if err != nil {
			return
		}
		part := ofPartition
		switch name {
		case "topic", "offset", "tstype", "broker":
			return
		case "partition":
			dst.Partition, err = partitionIn(record.DecodeJSON(raw))
		case "timestamp", "ts":
			part = ofTime
			dst.Time, err = timeIn(raw)
		case "key":
			part = ofKey
			dst.Key, err = bytesIn(raw)
		case "headers":
			part = ofHeaders
			dst.Headers, err = headersIn(record.DecodeJSON(raw))
		case "value", "payload":
			part = ofValue
			dst.Value, err = bytesIn(raw)
		default:
			err = errors.New("an envelope has no such field")
		}
		if said[part] != "" && err == nil {
			err = fmt.Errorf("field %q says it already", said[part])
		}
		if said[part] = name; err != nil {
			err = fmt.Errorf("no envelope as consume -J writes it: field %q: %w", name, err)
		}
	})
	if err == nil && said[ofValue] == "" {
		err = errors.New(`no envelope as consume -J writes it: field "value" is missing`)
	}
	return err
}

func partitionIn(v record.Value) (int32, error) {
	switch {
	case v.Kind == record.Null:
		return -1, nil
	case v.Kind == record.Int && v.Int() >= 0 && v.Int() <= math.MaxInt32:
		return int32(v.Int()), nil
	}
	return 0, fmt.Errorf("want the number of a partition, not %s", record.AppendValue(nil, v))
}

// timestampIn reads RFC 3339, or milliseconds since 1970 as other tools write
// them; null is no time.
func timestampIn(v record.Value) (time.Time, error) {
	switch v.Kind {
	case record.Null:
		return time.Time{}, nil
	case record.Int:
		t := time.UnixMilli(v.Int())
		return t, kafka.CheckTime(t)
	case record.String:
		if t, err := time.Parse(time.RFC3339Nano, string(v.Bytes)); err == nil {
			return t, kafka.CheckTime(t)
		}
	}
	return time.Time{}, fmt.Errorf("want a time such as 2026-11-20T10:00:00.000Z, not %s", record.AppendValue(nil, v))
}

// timeIn is timestampIn of JSON.
func timeIn(raw []byte) (time.Time, error) {
	if raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 {
		return timestampIn(record.StringValue(raw[1 : len(raw)-1]))
	}
	return timestampIn(record.DecodeJSON(raw))
}

// bytesIn is what appendBytes has written; nil is null. raw is JSON.
func bytesIn(raw []byte) ([]byte, error) {
	switch raw[0] {
	case 'n':
		return nil, nil
	case '{':
		if b, ok, err := base64In(raw); ok {
			return b, err
		}
	}
	return record.AppendExact(make([]byte, 0, len(raw)), raw)
}

// base64In reads {"$b64":"…"}; ok tells whether raw is that.
func base64In(raw []byte) (b []byte, ok bool, err error) {
	var text record.Value
	members := 0
	record.EachMember(raw, func(key, value []byte) bool {
		members++
		ok = string(key) == "$b64"
		text = record.DecodeJSON(value)
		return true
	})
	if ok = ok && members == 1 && text.Kind == record.String; !ok {
		return nil, false, nil
	}
	b = make([]byte, 0, base64.StdEncoding.DecodedLen(len(text.Bytes)))
	if b, err = base64.StdEncoding.AppendDecode(b, text.Bytes); err != nil {
		return nil, true, fmt.Errorf("$b64: %w", err)
	}
	return b, true, nil
}

var errHeaders = errors.New(`want [{"key":"…","value":"…"},…]`)

func headersIn(v record.Value) (list []kafka.Header, err error) {
	if v.Kind == record.Null {
		return nil, nil
	}
	if v.Kind != record.Array {
		return nil, errHeaders
	}
	var name *string // kcat writes names and values in turn
	record.EachElement(v.Bytes, func(element []byte) bool {
		if text := record.DecodeJSON(element); text.Kind != record.Object {
			var b []byte
			if b, err = bytesIn(element); err != nil || b == nil && name == nil {
				err = errors.Join(err, errHeaders)
				return false
			}
			if name == nil {
				s := string(b)
				name = &s
				return true
			}
			list = append(list, kafka.Header{Key: *name, Value: b})
			name = nil
			return true
		}
		var h kafka.Header
		if h, err = headerIn(element); err == nil {
			list = append(list, h)
		}
		return err == nil
	})
	if name != nil && err == nil {
		err = errHeaders
	}
	return list, err
}

func headerIn(raw []byte) (h kafka.Header, err error) {
	v := record.DecodeJSON(raw)
	if v.Kind != record.Object {
		return h, errHeaders
	}
	var key []byte
	record.EachMember(v.Bytes, func(name, value []byte) bool {
		switch string(name) {
		case "key":
			key, err = bytesIn(value)
		case "value":
			h.Value, err = bytesIn(value)
		default:
			err = errHeaders
		}
		return err == nil
	})
	if err == nil && key == nil {
		err = errHeaders
	}
	h.Key = string(key)
	return h, err
}
