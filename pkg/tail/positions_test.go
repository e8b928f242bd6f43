package tail

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPositions(t *testing.T) {
	folder := t.TempDir()
	path, kept := filepath.Join(folder, "a.log"), filepath.Join(folder, "a.pos")
	cfg := Config{Files: []string{path}, Beginning: true, Positions: kept}
	add(t, path, "one\ntwo\n")
	r := open(t, cfg)
	r.want("one\ntwo\n")
	add(t, path, "three\n")
	r.block() // read, but not acknowledged
	r.close()

	r = open(t, cfg)
	r.want("three\n")
	r.close()

	add(t, path, "four\nfive")
	r = open(t, cfg)
	r.want("four\n")
	r.close()

	add(t, path, "\n")
	r = open(t, cfg)
	r.want("five\n")
}

func TestPositionsRotated(t *testing.T) {
	folder := t.TempDir()
	path, kept := filepath.Join(folder, "a.log"), filepath.Join(folder, "a.pos")
	cfg := Config{Files: []string{path}, Positions: kept, Beginning: true}
	add(t, path, "one\n")
	r := open(t, cfg)
	r.want("one\n")
	r.close()
	add(t, path, "two\n")
	must(t, os.Rename(path, path+".1"))
	add(t, path, "three\n")
	r = open(t, cfg)
	r.want("two\nthree\n")
	r.close()
	r = open(t, cfg)
	add(t, path, "four\n")
	r.want("four\n")
}

func TestPositionsGone(t *testing.T) {
	folder := t.TempDir()
	path, kept := filepath.Join(folder, "a.log"), filepath.Join(folder, "a.pos")
	cfg := Config{Files: []string{path}, Positions: kept, Beginning: true}
	add(t, path, "one\n")
	r := open(t, cfg)
	r.want("one\n")
	r.close()
	// Often the new file gets the inode of the old one: its beginning tells.
	must(t, os.Remove(path))
	add(t, path, "two\nthree\n")
	r = open(t, cfg)
	r.want("two\nthree\n")
	r.close()
	must(t, os.Truncate(path, 0))
	add(t, path, "4\n")
	r = open(t, cfg)
	r.want("4\n")
}

// A file that begins as before, such as with the banner of a program, but goes on
// otherwise was truncated while nobody looked.
func TestPositionsSameBeginning(t *testing.T) {
	folder := t.TempDir()
	path, kept := filepath.Join(folder, "a.log"), filepath.Join(folder, "a.pos")
	cfg := Config{Files: []string{path}, Beginning: true, Positions: kept}
	banner := strings.Repeat("=", 2*headSize) + "\n"
	add(t, path, banner)
	r := open(t, cfg)
	r.want(banner)
	add(t, path, "one\n")
	r.want("one\n")
	r.close()
	must(t, os.WriteFile(path, []byte(banner+"two\nthree\n"), 0o666))
	r = open(t, cfg)
	r.want(banner + "two\nthree\n")
	if told := "has other bytes before byte 517 than were read"; !strings.Contains(r.log.String(), told) {
		t.Errorf("log: %s", r.log)
	}
}

// A file system may have another device number after a mount: the inode, and
// what was read, tell the file.
func TestPositionsOtherDevice(t *testing.T) {
	for _, renamed := range []bool{false, true} {
		folder := t.TempDir()
		path, kept := filepath.Join(folder, "a.log"), filepath.Join(folder, "a.pos")
		cfg := Config{Files: []string{path}, Beginning: true, Positions: kept}
		add(t, path, "one\n")
		r := open(t, cfg)
		r.want("one\n")
		r.close()
		var f positionsFile
		data, err := os.ReadFile(kept)
		must(t, err)
		must(t, json.Unmarshal(data, &f))
		f.Files[0].Dev++
		data, err = json.Marshal(f)
		must(t, err)
		must(t, os.WriteFile(kept, data, 0o666))
		add(t, path, "two\n")
		if renamed {
			must(t, os.Rename(path, path+".1"))
			add(t, path, "three\n")
		}
		r = open(t, cfg)
		r.want("two\n")
		if renamed {
			r.want("three\n")
		}
		r.close()
	}
}

func TestPositionsOfOthers(t *testing.T) {
	folder := t.TempDir()
	a, b, kept := filepath.Join(folder, "a.log"), filepath.Join(folder, "b.log"), filepath.Join(folder, "pos")
	add(t, a, "a1\n")
	add(t, b, "b1\n")
	for _, path := range []string{a, b} {
		r := open(t, Config{Files: []string{path}, Beginning: true, Positions: kept})
		r.want(filepath.Base(path)[:1] + "1\n")
		r.close()
	}
	add(t, a, "a2\n")
	r := open(t, Config{Files: []string{a}, Positions: kept})
	r.want("a2\n")
	r.close()
	var f positionsFile
	data, err := os.ReadFile(kept)
	must(t, err)
	must(t, json.Unmarshal(data, &f))
	if len(f.Files) != 2 || f.Files[0].Offset+f.Files[1].Offset != 9 {
		t.Errorf("%s", data)
	}
	if left, _ := filepath.Glob(kept + ".*"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestPositionsRefused(t *testing.T) {
	kept := filepath.Join(t.TempDir(), "pos")
	for _, text := range []string{"", "{", `{"version":2}`, `{"version":1,"files":[{"path":"","offset":1}]}`,
		`{"version":1,"files":[{"path":"a","offset":-1}]}`, `[]`} {
		must(t, os.WriteFile(kept, []byte(text), 0o666))
		if _, err := Open(Config{Files: []string{"a"}, Positions: kept}); err == nil || !strings.Contains(err.Error(), "positions") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := Open(Config{Files: []string{"a"}, Positions: filepath.Join(t.TempDir(), "no", "pos")}); err == nil {
		t.Error("a folder that is not there is accepted")
	}
}

func FuzzParsePositions(f *testing.F) {
	f.Add([]byte(`{"version":1,"files":[{"path":"/a","dev":1,"inode":2,"offset":3,"head":4}]}`))
	f.Add([]byte(`{"version":1,"files":[{"path":"/a","offset":3,"last":{"size":2,"crc":4}}]}`))
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := parsePositions(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(positionsFile{Version: positionsVersion, Files: list})
		must(t, err)
		second, err := parsePositions(again)
		if err != nil || len(second) != len(list) {
			t.Fatalf("%s reads back as %v, %v", again, second, err)
		}
		for i := range list {
			if list[i] != second[i] {
				t.Fatalf("%v became %v", list[i], second[i])
			}
		}
	})
}

// Behind stages that keep records back nothing is stored before all is written.
func TestPositionsHeld(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a.log")
	cfg := Config{Files: []string{path}, Beginning: true, Positions: filepath.Join(folder, "a.pos")}
	add(t, path, "one\n")
	for _, released := range []bool{false, true} {
		r := open(t, cfg)
		r.tail.Hold()
		r.want("one\n")
		if released {
			r.tail.Release()
		}
		r.close()
	}
	add(t, path, "two\n")
	r := open(t, cfg)
	r.want("two\n")
}
