package file

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/flume"
)

// flumeFolder writes log-1 of Apache Flume's file channel with events, of which that
// many are taken, into data below a folder.
func flumeFolder(t *testing.T, dir string, events, taken int) {
	t.Helper()
	le, be := binary.LittleEndian, binary.BigEndian
	message := func(b []byte) []byte { return append([]byte{byte(len(b))}, b...) }
	field := func(b []byte, n byte, value uint32) []byte { return le.AppendUint32(append(b, n<<3|5), value) }
	var log []byte
	order := uint64(0)
	add := func(kind uint32, transaction uint64, m []byte) {
		order++
		head := le.AppendUint64(append(field(nil, 1, kind), 2<<3|1), transaction)
		record := append(append(message(le.AppendUint64(append(head, 3<<3|1), order)), message(m)...), 0)
		log = append(be.AppendUint32(append(log, 0x7f), uint32(len(record))), record...)
	}
	var puts []int
	for range events {
		puts = append(puts, len(log))
		add(1, 1, append([]byte{1<<3 | 2}, message(append([]byte{2<<3 | 2}, message([]byte("body"))...))...))
	}
	add(4, 1, field(nil, 1, 1))
	for _, at := range puts[:taken] {
		add(2, 2, field(field(nil, 1, 1), 2, uint32(at)))
	}
	add(4, 2, field(nil, 1, 2))
	data := filepath.Join(dir, "data")
	err := errors.Join(os.MkdirAll(data, 0o777), os.WriteFile(filepath.Join(data, "log-1"), append(log, bytes.Repeat([]byte{0x80}, 99)...), 0o666),
		os.WriteFile(filepath.Join(data, "log-1.meta"), message(field(field(nil, 1, 3), 2, 1)), 0o666))
	if err != nil {
		t.Fatal(err)
	}
}

// TestSurveyFlume tells how many events Flume left, and changes nothing in its files.
func TestSurveyFlume(t *testing.T) {
	for _, test := range []struct {
		events, taken int
		edit          string // of log-1.meta
		note          bool
		want          string
	}{
		{5, 2, "", false, "Apache Flume left 3 undelivered events in DATA, and logpipe does not read them"},
		{1, 0, "", false, "Apache Flume left 1 undelivered event in DATA, "},
		{4, 4, "", true, "the log files of Apache Flume in DATA have no event left"},
		{4, 4, "\x05\x0d\x04\x00\x00\x00", false, "Apache Flume may have left undelivered events in DATA, and logpipe does not read them: " +
			"0 could be counted, but DATA/log-1 has version 4 of Flume's format"},
	} {
		dir := t.TempDir()
		flumeFolder(t, dir, test.events, test.taken)
		data := filepath.Join(dir, "data")
		if test.edit != "" {
			if err := os.WriteFile(filepath.Join(data, "log-1.meta"), []byte(test.edit), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		before, err := os.ReadFile(filepath.Join(data, "log-1"))
		if err != nil {
			t.Fatal(err)
		}
		problems := configure(t, dir).Survey()
		if len(problems) != 1 || problems[0].Property != "dataDirs" || problems[0].Note != test.note || problems[0].Harmless == test.note ||
			!strings.HasPrefix(filepath.ToSlash(problems[0].Message), strings.ReplaceAll(test.want, "DATA", filepath.ToSlash(data))) {
			t.Errorf("%+v, want %s", problems, test.want)
		}
		c, said := open(t, dir) // beside it
		put(t, c, "a")
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if n := said.count("Flume"); n > 0 {
			t.Errorf("it was told again %d times", n)
		}
		if after, err := os.ReadFile(filepath.Join(data, "log-1")); err != nil || !bytes.Equal(before, after) {
			t.Errorf("the log of Flume changed: %v", err)
		}
	}
	if problems := configure(t, t.TempDir()).Survey(); len(problems) > 0 {
		t.Errorf("without Flume: %v", problems)
	}
}

var _ flume.Surveyor = (*Channel)(nil)
