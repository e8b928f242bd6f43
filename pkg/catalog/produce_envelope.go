package catalog

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/record"
)

// readEnvelope makes dst the Kafka record that appendEnvelope has written as r,
// less its topic and offset: those are the target's. The names and headers of
// kcat -J are understood too. Keys and values that are
// neither text nor bytes are taken as their JSON text. Nothing of r is kept.
func readEnvelope(dst *kafka.Record, r *record.Record) error {
	var err error
	valued := false
	dst.Partition = -1
	r.Each(func(name string, v record.Value) {
		if err != nil {
			return
		}
		switch name {
		case "topic", "offset", "tstype", "broker":
		case "partition":
			dst.Partition, err = partitionIn(v)
		case "timestamp", "ts":
			dst.Time, err = timestampIn(v)
		case "key":
			dst.Key, err = bytesIn(v)
		case "headers":
			dst.Headers, err = headersIn(v)
		case "value", "payload":
			valued = true
			dst.Value, err = bytesIn(v)
		default:
			err = errors.New("an envelope has no such field")
		}
		if err != nil {
			err = fmt.Errorf("no envelope as consume -J writes it: field %q: %w", name, err)
		}
	})
	if err == nil && !valued {
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
		if v.Int() >= 0 {
			return time.UnixMilli(v.Int()), nil
		}
	case record.String:
		if t, err := time.Parse(time.RFC3339Nano, string(v.Bytes)); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("want a time such as 2026-11-20T10:00:00.000Z, not %s", record.AppendValue(nil, v))
}

// bytesIn is what appendBytes has written; nil is null.
func bytesIn(v record.Value) ([]byte, error) {
	switch v.Kind {
	case record.Null:
		return nil, nil
	case record.String:
		return append(make([]byte, 0, len(v.Bytes)), v.Bytes...), nil
	case record.Object:
		if b, ok, err := base64In(v.Bytes); ok {
			return b, err
		}
	}
	return record.AppendValue(nil, v), nil
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
			if b, err = bytesIn(text); err != nil || b == nil && name == nil {
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
			key, err = bytesIn(record.DecodeJSON(value))
		case "value":
			h.Value, err = bytesIn(record.DecodeJSON(value))
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
