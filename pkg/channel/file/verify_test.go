package file

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestVerify puts damage into a log of several segments and folders.
func TestVerify(t *testing.T) {
	dir := t.TempDir()
	names := []string{filepath.Join(dir, "data", "1"), filepath.Join(dir, "data", "2")}
	c, _ := open(t, dir, "maxFileSize=1000", "dataDirs="+strings.Join(names, ","))
	const puts, each = 20, 3
	for i := range puts {
		put(t, c, fmt.Sprintf("a%d b%d %s", i, i, strings.Repeat("c", 100)))
		if i%5 == 4 {
			tx, _ := take(t, c, 2)
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := Verify(names, t.Logf); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a channel that is open: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	v, err := Verify(names, t.Logf)
	if err != nil || v.Segments < 3 || v.Events != puts*each || len(v.Damages) > 0 {
		t.Fatalf("%+v %v", v, err)
	}
	if _, err := Verify(names[:1], t.Logf); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("one folder of two: %v", err)
	}
	if _, err := Verify([]string{filepath.Join(dir, "none")}, t.Logf); err == nil {
		t.Error("no folder: no error")
	}
	segments, err := findSegments(osDisk{}, names)
	if err != nil {
		t.Fatal(err)
	}
	first, last := segments[0].path, segments[len(segments)-1].path
	for _, test := range []struct {
		name, path string
		edit       func(b []byte) []byte
		want       []string
	}{
		{"a body", first, func(b []byte) []byte { b[segmentHeader+recordHeader+3] ^= 1; return b },
			[]string{first + " is damaged at offset 64: the record does not add up; the next whole record is at "}},
		{"a head", first, func(b []byte) []byte { b[segmentHeader+5] ^= 1; return b },
			[]string{first + " is damaged at offset 64: no record begins here; the next whole record is at "}},
		{"the end of a segment", first, func(b []byte) []byte { return b[:len(b)-1] },
			[]string{"no whole record follows in these last ", first + " is damaged at offset "}},
		{"the end of the log", last, func(b []byte) []byte { return b[:len(b)-1] }, []string{"after a loss of power"}},
	} {
		whole, err := os.ReadFile(test.path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(test.path, test.edit(slices.Clone(whole)), 0o666); err != nil {
			t.Fatal(err)
		}
		v, err := Verify(names, t.Logf)
		if err != nil || len(v.Damages) != len(test.want) {
			t.Errorf("%s: %v, damages %v", test.name, err, v.Damages)
			continue
		}
		for i, want := range test.want {
			if !strings.Contains(v.Damages[i].Error(), want) {
				t.Errorf("%s: %v, want %s", test.name, v.Damages[i], want)
			}
		}
		if v.Events > puts*each || v.Events < puts*each-20 {
			t.Errorf("%s: %d events", test.name, v.Events)
		}
		if err := os.WriteFile(test.path, whole, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// TestVerifySequence tells of a record that is not where it was written, though
// its sums are right.
func TestVerifySequence(t *testing.T) {
	dir := t.TempDir()
	c, _ := open(t, dir)
	put(t, c, "a b")
	put(t, c, "c d")
	put(t, c, "e f")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	path := filepath.Join(data, "segment-0000000001")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	size := (len(b) - segmentHeader) / 3
	b = slices.Delete(b, segmentHeader+size, segmentHeader+2*size)
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	v, err := Verify([]string{data}, t.Logf)
	if err != nil || v.Events != 4 || len(v.Damages) != 1 || !strings.Contains(v.Damages[0].Error(), "was expected here, not") {
		t.Errorf("%+v %v", v, err)
	}
}
