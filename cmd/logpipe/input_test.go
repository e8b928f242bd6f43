package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// TestLongLine holds that a line of 100 MB is told and skipped, whether it ends
// or not, and that memory does not grow with it.
func TestLongLine(t *testing.T) {
	const size = 100 << 20
	for name, end := range map[string]string{"ended": "\n{\"n\":2}\n", "cut": ""} {
		t.Run(name, func(t *testing.T) {
			cmd := start(t, "logpipe", "where", "n > 0")
			cmd.Stdin = io.MultiReader(strings.NewReader("{\"n\":1}\n"),
				io.LimitReader(letters{}, size), strings.NewReader(end))
			got := finish(t, cmd, "")
			want := "{\"n\":1}\n" + strings.TrimPrefix(end, "\n")
			if got.out != want || got.code != 0 {
				t.Errorf("output %q, exit code %d", got.out, got.code)
			}
			if !strings.Contains(got.err, "stdin:2: line of 104857600 bytes is longer than the limit of 16 MiB") {
				t.Errorf("standard error: %s", got.err)
			}
			if kb := peak(cmd); kb > 80<<10 {
				t.Errorf("%d KB of memory", kb)
			}
		})
	}
}

type letters struct{}

func (letters) Read(b []byte) (int, error) {
	return copy(b, manyLetters), nil
}

var manyLetters = bytes.Repeat([]byte("x"), 1<<20)

// TestRubbish holds that binary input is refused line by line, with messages
// that are text.
func TestRubbish(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 3<<20))
	if err != nil {
		t.Fatal(err)
	}
	got := logpipe(t, string(b)+"\n{\"n\":1}\n", "where", "n == 1")
	if got.out != "{\"n\":1}\n" || got.code != 0 {
		t.Errorf("output %.100q, exit code %d", got.out, got.code)
	}
	lines := strings.Split(strings.TrimSuffix(got.err, "\n"), "\n")
	if len(lines) != 7 { // five records, the counts by reason, the end
		t.Errorf("%d lines: %s", len(lines), got.err)
	}
	for _, line := range lines {
		if len(line) > 1000 || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0xFFFD }) {
			t.Errorf("a message that is no text: %q", line)
		}
	}
}

// TestCompressed reads files that are compressed, whatever they are called, and
// a pattern of files.
func TestCompressed(t *testing.T) {
	dir := t.TempDir()
	writeGzip(t, filepath.Join(dir, "a.log.gz"), "{\"n\":1}\n")
	writeZstd(t, filepath.Join(dir, "b.log.zst"), "{\"n\":2}\n")
	writeGzip(t, filepath.Join(dir, "c.log"), "{\"n\":3}")
	if err := os.WriteFile(filepath.Join(dir, "d.log.gz"), []byte("{\"n\":4}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	got := logpipe(t, "", "run", "where true", filepath.Join(dir, "*"))
	if want := "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n{\"n\":4}\n"; got.out != want || got.code != 0 || got.err != "" {
		t.Errorf("%q, exit code %d, %s", got.out, got.code, got.err)
	}
	got = logpipe(t, "{\"n\":0}\n", "run", "where true", "-", filepath.Join(dir, "b.log.zst"))
	if want := "{\"n\":0}\n{\"n\":2}\n"; got.out != want {
		t.Errorf("standard input and a file: %q", got.out)
	}
	for _, name := range []string{"a.log.gz", "b.log.zst", "d.log.gz"} { // as it comes on standard input, slowly too
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		cmd := start(t, "logpipe", "where", "true")
		cmd.Stdin = iotest.OneByteReader(bytes.NewReader(b))
		if got := finish(t, cmd, ""); !strings.HasPrefix(got.out, "{\"n\":") || got.err != "" {
			t.Errorf("%s on standard input: %q, %s", name, got.out, got.err)
		}
	}
	cut := filepath.Join(dir, "cut.gz")
	b, err := os.ReadFile(filepath.Join(dir, "a.log.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cut, b[:len(b)-6], 0o666); err != nil {
		t.Fatal(err)
	}
	got = logpipe(t, "", "run", "where true", cut)
	if got.code != 1 || got.out != "{\"n\":1}\n" || !strings.Contains(got.err, cut+": unexpected EOF") {
		t.Errorf("cut off: %q, exit code %d, %s", got.out, got.code, got.err)
	}
}

// TestLongQuotedRecord holds that a quoted value of 40 MB is told and skipped as
// one record, and that memory does not grow with it.
func TestLongQuotedRecord(t *testing.T) {
	many := strings.Repeat("a line of some text\n", 50_000)
	for name, end := range map[string]string{"closed": "\",x\n3,y,z\n", "open": ""} {
		t.Run(name, func(t *testing.T) {
			cmd := start(t, "logpipe", "parse", "csv")
			parts := []io.Reader{strings.NewReader("a,b,c\n1,x,x\n2,\"")}
			for range 40 {
				parts = append(parts, strings.NewReader(many))
			}
			cmd.Stdin = io.MultiReader(append(parts, strings.NewReader(end))...)
			got := finish(t, cmd, "")
			want := `{"a":"1","b":"x","c":"x"}` + "\n"
			if end != "" {
				want += `{"a":"3","b":"y","c":"z"}` + "\n"
			}
			if got.out != want || got.code != 0 {
				t.Errorf("output %q, exit code %d", got.out, got.code)
			}
			for _, text := range []string{"stdin:3: record of 400000", " in 200000", " lines is longer than the limit of 16 MiB and was skipped", "rejected 1 "} {
				if !strings.Contains(got.err, text) {
					t.Errorf("no %q in standard error: %s", text, got.err)
				}
			}
			if kb := peak(cmd); kb > 100<<10 {
				t.Errorf("%d KB of memory", kb)
			}
		})
	}
}
