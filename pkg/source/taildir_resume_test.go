package source

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// rawMark is an element of the file of marks.
type rawMark map[string]json.RawMessage

func (x *tailTest) readMarks() (marks []rawMark) {
	x.t.Helper()
	text, err := os.ReadFile(x.pos + ".heads")
	x.must(err)
	x.must(json.Unmarshal(text, &marks))
	return marks
}

func (x *tailTest) write(path string, value any) {
	x.t.Helper()
	text, err := json.Marshal(value)
	x.must(err)
	x.must(os.WriteFile(path, text, 0o666))
}

// otherDevice makes the marks be of files on a device of another number.
func (x *tailTest) otherDevice() {
	x.t.Helper()
	marks := x.readMarks()
	for _, m := range marks {
		m["dev"] = json.RawMessage("987654321")
	}
	x.write(x.pos+".heads", marks)
}

// A device may have another number after a mount, or where a container begins.
func TestTaildirDeviceRenumbered(t *testing.T) {
	for _, skip := range []string{"false", "true"} {
		for name, change := range map[string]func(x *tailTest){
			"same name":    func(x *tailTest) {},
			"renamed":      func(x *tailTest) { x.must(os.Rename(x.path("a.log"), x.path("b.log"))) },
			"renamed away": func(x *tailTest) { x.must(os.Rename(x.path("a.log"), x.path("a.old"))) },
			"older mark": func(x *tailTest) {
				marks := x.readMarks()
				for _, m := range marks {
					for _, field := range []string{"file", "pos", "last", "end"} {
						delete(m, field)
					}
				}
				x.write(x.pos+".heads", marks)
			},
			"no mark": func(x *tailTest) { x.must(os.Remove(x.pos + ".heads")) },
		} {
			t.Run(name+" skipToEnd="+skip, func(t *testing.T) {
				x := newTailTest(t)
				x.add("a.log", "one\n")
				r := start(t, x.source(`.*\.log`))
				wantBodies(t, r.take(t, 1), "one")
				wantBodies(t, x.end(r))
				x.otherDevice()
				x.add("a.log", "two\n")
				change(x)
				r = start(t, x.source(`.*\.log`, "skipToEnd="+skip))
				wantBodies(t, r.take(t, 1), "two")
				wantBodies(t, x.end(r))
			})
		}
	}
}

// Files of two devices may have one inode. Here the other one is not there any more.
func TestTaildirInodeOfTwoDevices(t *testing.T) {
	for _, order := range []string{"a z", "z a"} {
		for _, skip := range []string{"false", "true"} {
			t.Run(order+" skipToEnd="+skip, func(t *testing.T) {
				x := newTailTest(t)
				x.add("a.log", "one\n")
				r := start(t, x.source(`.*\.log`))
				wantBodies(t, r.take(t, 1), "one")
				wantBodies(t, x.end(r))
				inode := inodeOf(t, x.path("a.log"))
				positions := []tailPosition{{inode, 4, x.path("a.log")}, {inode, 8, x.path("z.log")}}
				marks := x.readMarks()
				other := maps.Clone(marks[0])
				name, err := json.Marshal(x.path("z.log"))
				x.must(err)
				other["dev"], other["file"], other["pos"] = json.RawMessage("987654321"), name, json.RawMessage("8")
				marks = append(marks, other)
				if order == "z a" {
					slices.Reverse(positions)
					slices.Reverse(marks)
				}
				x.write(x.pos, positions)
				x.write(x.pos+".heads", marks)
				x.add("a.log", "two\nthree\n")
				r = start(t, x.source(`.*\.log`, "skipToEnd="+skip))
				wantBodies(t, r.take(t, 2), "two", "three")
				wantBodies(t, x.end(r))
			})
		}
	}
}

// A file with nothing but the inode of one on another device is a new one.
func TestTaildirInodeOfOtherDevice(t *testing.T) {
	x := newTailTest(t)
	x.add("a.log", "one\n")
	r := start(t, x.source(`.*\.log`))
	wantBodies(t, r.take(t, 1), "one")
	wantBodies(t, x.end(r))
	x.otherDevice()
	x.must(os.WriteFile(x.path("a.log"), []byte("new\nnewer\n"), 0o666))
	x.must(os.Rename(x.path("a.log"), x.path("b.log")))
	r = start(t, x.source(`.*\.log`, "skipToEnd=true"))
	x.add("b.log", "newest\n")
	wantBodies(t, r.take(t, 1), "newest")
	wantBodies(t, x.end(r))
}

// banner is a first line that each run of a program writes.
var banner = strings.Repeat("=", 2*tailHead)

// A file that is truncated and filled again while nobody looks may begin as it did.
func TestTaildirRefilledAlike(t *testing.T) {
	for _, name := range []string{"a.log", "b.log"} {
		for _, skip := range []string{"false", "true"} {
			t.Run(name+" skipToEnd="+skip, func(t *testing.T) {
				x := newTailTest(t)
				x.add("a.log", banner+"\nfirst\n")
				r := start(t, x.source(`.*\.log`))
				wantBodies(t, r.take(t, 2), banner, "first")
				wantBodies(t, x.end(r))
				x.must(os.WriteFile(x.path("a.log"), []byte(banner+"\nother\nmore\n"), 0o666))
				x.must(os.Rename(x.path("a.log"), x.path(name)))
				r = start(t, x.source(`.*\.log`, "skipToEnd="+skip))
				wantBodies(t, r.take(t, 3), banner, "other", "more")
				wantBodies(t, x.end(r))
				if told := strings.Contains(r.diary.String(), "was truncated: it begins as before, but"); told != (name == "a.log") {
					t.Errorf("told %s", &r.diary)
				}
			})
		}
	}
}

// So may one that is filled again while the source waits for space, and one that is
// as long as before.
func TestTaildirRefilledAlikeWhileItRuns(t *testing.T) {
	x := newTailTest(t)
	x.add("a.log", banner+"\nfirst\nsecond\n")
	r := start(t, x.source(`.*\.log`, "batchSize=1"), "capacity=1", "transactionCapacity=1", "keep-alive=0")
	x.awaitThat(func() bool { return r.channel.Size() > 0 }, func() string { return "nothing came" })
	again := banner + "\nthis line is much longer\nend\n"
	x.must(os.WriteFile(x.path("a.log"), []byte(again), 0o666))
	wantBodies(t, r.take(t, 6), banner, "first", "second", banner, "this line is much longer", "end")
	for i := range 3 {
		line := fmt.Sprintf("this one is as long as %d", i)
		x.overwrite("a.log", banner+"\n"+line+"\nend\n")
		wantBodies(t, r.take(t, 3), banner, line, "end")
	}
	wantBodies(t, x.end(r))
}

// overwrite replaces what a file has without a moment in which it is shorter.
func (x *tailTest) overwrite(name, text string) {
	x.t.Helper()
	f, err := os.OpenFile(x.path(name), os.O_WRONLY, 0o666)
	x.must(err)
	defer f.Close()
	_, err = f.WriteString(text)
	x.must(err)
}

// What a source that begins at the end of its files has passed over tells them too.
func TestTaildirRefilledAfterSkip(t *testing.T) {
	x := newTailTest(t)
	x.add("a.log", banner+"\nfirst\n")
	r := start(t, x.source(`.*\.log`, "skipToEnd=true"))
	wantBodies(t, x.end(r))
	x.must(os.WriteFile(x.path("a.log"), []byte(banner+"\nother\nmore\n"), 0o666))
	r = start(t, x.source(`.*\.log`, "skipToEnd=true"))
	wantBodies(t, r.take(t, 3), banner, "other", "more")
	wantBodies(t, x.end(r))
}

// A file that was closed because nothing came for a while may be written anew, and
// become as long as it was.
func TestTaildirRefilledWhileClosed(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skipf("the system does not tell which files are open: %v", err)
	}
	x := newTailTest(t)
	x.add("a.log", "12:00\n")
	r := start(t, x.source(`.*\.log`, "idleTimeout=30"))
	wantBodies(t, r.take(t, 1), "12:00")
	for _, line := range []string{"13:00", "14:00"} {
		x.awaitThat(func() bool { return !isOpen(x.path("a.log")) }, func() string { return "it stays open" })
		x.overwrite("a.log", line+"\n")
		wantBodies(t, r.take(t, 1), line)
	}
	wantBodies(t, x.end(r))
}

// isOpen tells whether this process has a file open.
func isOpen(path string) bool {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if name, _ := os.Readlink("/proc/self/fd/" + e.Name()); name == path {
			return true
		}
	}
	return false
}
