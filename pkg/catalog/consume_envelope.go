package catalog

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/record"
)

// appendEnvelope appends a record with all that Kafka knows of it as a JSON
// object. Texts are strings, bytes that are no UTF-8 are {"$b64":"…"}, and what
// is missing is null. The time is one of UTC.
func appendEnvelope(dst []byte, r *kafka.Record) []byte {
	return appendEnvelopeIn(dst, r, time.UTC)
}

// appendEnvelopeIn is appendEnvelope with a time of another zone.
func appendEnvelopeIn(dst []byte, r *kafka.Record, zone *time.Location) []byte {
	dst = append(dst, `{"topic":`...)
	dst = record.AppendString(dst, []byte(r.Topic))
	dst = append(dst, `,"partition":`...)
	dst = strconv.AppendInt(dst, int64(r.Partition), 10)
	dst = append(dst, `,"offset":`...)
	dst = strconv.AppendInt(dst, r.Offset, 10)
	dst = append(dst, `,"timestamp":`...)
	dst = appendTimestamp(dst, r.Time.In(zone))
	dst = append(dst, `,"key":`...)
	dst = appendBytes(dst, r.Key)
	dst = append(dst, `,"headers":[`...)
	for i, h := range r.Headers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"key":`...)
		dst = appendBytes(dst, []byte(h.Key))
		dst = append(dst, `,"value":`...)
		dst = append(appendBytes(dst, h.Value), '}')
	}
	dst = append(dst, `],"value":`...)
	return append(appendBytes(dst, r.Value), '}')
}

// year10000 is the first time that RFC 3339 cannot write, in milliseconds. A
// producer that takes microseconds for milliseconds sends such times.
const year10000 = 253402300800000

// appendTimestamp writes Kafka's milliseconds as RFC 3339, or as they are where
// that cannot be. A zone that is not off by whole minutes, as few were in the past,
// cannot be written.
func appendTimestamp(dst []byte, t time.Time) []byte {
	switch ms := t.UnixMilli(); {
	case t.IsZero() || ms < 0:
		return append(dst, "null"...) // the producer gave none
	case ms >= year10000:
		return strconv.AppendInt(dst, ms, 10)
	}
	if _, off := t.Zone(); off%60 != 0 {
		t = t.UTC()
	}
	dst = append(dst, '"')
	dst = t.AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
	return append(dst, '"')
}

func appendBytes(dst, b []byte) []byte {
	switch {
	case b == nil:
		return append(dst, "null"...)
	case utf8.Valid(b):
		return record.AppendString(dst, b)
	}
	dst = append(dst, `{"$b64":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, `"}`...)
}
