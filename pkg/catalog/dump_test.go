package catalog

import (
	"bufio"
	"bytes"
	"testing"

	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/record"
)

// FuzzDump reads anything as a dump: what is taken is what a dump writes of it.
func FuzzDump(f *testing.F) {
	f.Add([]byte(`{"topic":"t","partition":0,"offset":0,"timestamp":"2026-11-20T10:00:00.123Z","key":"a","headers":[{"key":"h","value":null}],"value":"one"}` +
		"\n" + `{"value":{"$b64":"AP8="}}` + "\n" + `{"dump_records":2}` + "\n"))
	f.Add([]byte(`{"timestamp":1763632800123456,"value":"microseconds, taken for milliseconds"}` + "\n" + `{"dump_records":1}` + "\n"))
	f.Add([]byte(`{"dump_records":0}` + "\n"))
	f.Add([]byte(`{"dump_records":null}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		read := func(text []byte) (list []kafka.Record, err error) {
			d := &dumpReader{in: bufio.NewReaderSize(bytes.NewReader(text), 16), scanner: record.NewScanner()}
			err = d.each(func(r kafka.Record, _ int64) error {
				list = append(list, r)
				return nil
			})
			return list, err
		}
		list, err := read(text)
		if err != nil {
			return
		}
		var again []byte
		for i := range list {
			list[i].Partition = max(list[i].Partition, 0)
			again = append(appendEnvelope(again, &list[i]), '\n')
		}
		again = append(again, text[bytes.LastIndex(text, []byte(`{"dump_records":`)):]...)
		same, err := read(again)
		if err != nil || len(same) != len(list) {
			t.Fatalf("%d records of %q, then %d of %q: %v", len(list), text, len(same), again, err)
		}
		for i := range list {
			if !bytes.Equal(list[i].Value, same[i].Value) || (list[i].Value == nil) != (same[i].Value == nil) ||
				list[i].Time.UnixMilli() != same[i].Time.UnixMilli() && !list[i].Time.IsZero() || !bytes.Equal(list[i].Key, same[i].Key) {
				t.Errorf("record %d: %+v, then %+v", i, list[i], same[i])
			}
		}
	})
}
