package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// smallDisk mounts a file system in memory, or skips the test.
func smallDisk(t *testing.T, path string) {
	t.Helper()
	makeFolder(t, path)
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, "size=6m"); err != nil {
		t.Skipf("no small disk here (it takes root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(path, 0); err != nil {
			t.Error(err)
		}
	})
}

// ballast is a file that takes all space of a disk.
type ballast struct {
	t    *testing.T
	path string
}

// grow takes what is left, until not even a byte has space. An agent that runs may
// free some at any time, as where a file takes the place of another.
func (b ballast) grow() {
	b.t.Helper()
	file, err := os.OpenFile(b.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		b.t.Fatal(err)
	}
	defer file.Close()
	for size := 1 << 20; size > 0; {
		if _, err := file.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b ballast) free() {
	b.t.Helper()
	if err := os.Remove(b.path); err != nil {
		b.t.Fatal(err)
	}
}

const diskAgent = `
	sources = r1 r2
	channels = c1
	sinks = k1
	sources.r1.type = TAILDIR
	sources.r1.filegroups = g
	sources.r1.filegroups.g = $DIR/logs/.*
	sources.r1.positionFile = $DIR/position/position.json
	sources.r1.writePosInterval = 50
	sources.r1.channels = c1
	sources.r2.type = spooldir
	sources.r2.spoolDir = $DIR/spool
	sources.r2.pollDelay = 50
	sources.r2.ignorePattern = [.].*
	sources.r2.channels = c1
	channels.c1.type = file
	channels.c1.checkpointDir = $DIR/channel/checkpoint
	channels.c1.dataDirs = $DIR/channel/data
	channels.c1.minimumRequiredSpace = 1048576
	channels.c1.maxFileSize = 1000000
	channels.c1.checkpointInterval = 100
	channels.c1.transactionCapacity = 100
	sinks.k1.type = file_roll
	sinks.k1.sink.directory = $DIR/out
	sinks.k1.sink.rollInterval = 1
	sinks.k1.sink.serializer = header_and_text
	sinks.k1.channel = c1`

// A disk is full, that of the file channel, of file_roll, of a spool folder or
// of positions: the agent waits where it has to, tells it, and goes on by itself
// when there is space.
func TestRealOutageDiskFull(t *testing.T) {
	logpipetest.Real(t)
	for disk, told := range map[string]string{"channel": "channel c1: ", "out": "k1: cannot deliver", "spool": "tries again", "position": "cannot write positionFile"} {
		t.Run(disk, func(t *testing.T) {
			f := newFleet(t)
			smallDisk(t, filepath.Join(f.dir, disk))
			for _, name := range []string{"channel", "out", "spool", "position", "logs"} {
				makeFolder(t, f.dir, name)
			}
			a := f.agent("a", diskAgent)
			f.awaitTold(a, 0, "a runs:")
			p := &phases{t: t, path: filepath.Join(f.dir, "logs", "a.log")}
			all := func() {
				f.await(func() (bool, string) {
					n, examples := readCopies(t, filepath.Join(f.dir, "out")).missing(p.want)
					return n == 0, fmt.Sprintf("%d of %d lines are missing, such as %q", n, len(p.want), examples)
				})
			}
			p.write()
			spool(t, p, filepath.Join(f.dir, "spool"), "first")()
			all()
			put := spool(t, p, filepath.Join(f.dir, "spool"), "second")
			since := a.toldSize()
			b := ballast{t, filepath.Join(f.dir, disk, ".ballast")}
			b.grow()
			put()
			p.write()
			f.await(func() (bool, string) {
				b.grow()
				return a.hasTold(since, told)
			})
			b.free()
			all()
			p.judge(readCopies(t, filepath.Join(f.dir, "out")), 2*100)
			f.await(func() (bool, string) {
				names, _ := filepath.Glob(filepath.Join(f.dir, "spool", "*.COMPLETED"))
				return len(names) == 2, fmt.Sprintf("done in spool: %q", names)
			})
			f.stop(a)
			checkTold(t, a, told, 4)
		})
	}
}

// spool writes a file beside those to be read; put moves it there.
func spool(t *testing.T, p *phases, folder, name string) (put func()) {
	hidden := &phases{t: t, path: filepath.Join(folder, "."+name), want: p.want}
	hidden.write()
	p.want = hidden.want
	return func() {
		if err := os.Rename(hidden.path, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
}
