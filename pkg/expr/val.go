package expr

import (
	"math"
	"unsafe"

	"github.com/logpipe/logpipe/pkg/record"
)

// val is a record.Value in three words. The compiler keeps structs of up to
// four words in registers; a record.Value has five and goes through memory at
// every call, which costs more than most of what expressions do.
type val struct {
	kind record.Kind
	num  uint64 // as in record.Value; of texts, objects and arrays their length
	ptr  *byte  // first byte of these
}

func textVal(b []byte) val { return val{record.String, uint64(len(b)), unsafe.SliceData(b)} }

func intVal(n int64) val { return val{kind: record.Int, num: uint64(n)} }

func boolVal(b bool) val { return truthIf(b).value() }

// floatVal is canonical: integral numbers within int64 are integers, NaN and
// infinities null.
func floatVal(f float64) val {
	if f >= math.MinInt64 && f < -math.MinInt64 {
		if n := int64(f); float64(n) == f {
			return intVal(n)
		}
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return val{}
	}
	return val{kind: record.Float, num: math.Float64bits(f)}
}

// valOf takes a record.Value apart.
func valOf(v record.Value) val {
	if v.Kind >= record.String {
		return val{v.Kind, uint64(len(v.Bytes)), unsafe.SliceData(v.Bytes)}
	}
	return val{kind: v.Kind, num: v.Num}
}

// record returns v as other packages see it. The fields are set one by one: a
// copy of the whole would wait for its own stores.
func (v val) record() (out record.Value) {
	out.Kind = v.kind
	if v.kind >= record.String {
		out.Bytes = v.bytes()
	} else {
		out.Num = v.num
	}
	return out
}

// bytes returns the text of a String, the JSON of an Object or an Array; nil for
// other kinds, whose pointer is nil.
func (v val) bytes() []byte {
	if v.ptr == nil {
		return nil
	}
	return unsafe.Slice(v.ptr, int(v.num))
}

// text is bytes without leave to change or to keep them.
func (v val) text() string {
	if v.ptr == nil {
		return ""
	}
	return unsafe.String(v.ptr, int(v.num))
}

func (v val) isText() bool { return v.kind == record.String }

func (v val) isNull() bool { return v.kind == record.Null }

func (v val) isNumber() bool { return v.kind == record.Int || v.kind == record.Float }

func (v val) int() int64 { return int64(v.num) }

// float returns a number as float64.
func (v val) float() float64 { return numOf(v).float() }

// clone returns v with bytes of its own.
func (v val) clone() val { return valOf(v.record().Clone()) }

// decodeJSON reads a JSON value; null where raw is none.
func decodeJSON(raw []byte) val { return valOf(record.DecodeJSON(raw)) }
