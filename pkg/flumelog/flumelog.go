// Package flumelog counts the events that Apache Flume's file channel left in its
// folders: what was put and has not been taken. It reads, and changes nothing.
//
// The format is that of Flume 1.3 to 1.11 (filechannel.proto, LogFileV3.java and
// EventQueueBackingStoreFileV3.java of its source). A log file log-N holds records:
// one byte (127 a record, 0 one that a tool took out, -128 the end of what is
// written; a file grows by 1 MiB of that), the length as big-endian int32, and three
// protobuf messages with the length before each: a header with kind, transaction and
// order of writing, then the put, take, rollback or commit, and an empty one. A take
// names the file and offset of its put. What lies between a kill and the last commit
// of a transaction has not happened. log-N.meta tells the version, and up to where
// the checkpoint has the log.
package flumelog

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

var logName = regexp.MustCompile(`^log-(\d+)$`)

// Rest is what is left in the log files of a file channel.
type Rest struct {
	Folders []string // those of the data folders that have log files
	Logs    int      // how many these are
	Events  int      // put and not taken
	// AtMost says that takes of some of these events may have been in logs that
	// Flume has deleted, and no checkpoint tells.
	AtMost bool
	// Doubt is why there may be more events, or less; nil where the logs were read
	// from end to end.
	Doubt error
}

// Count counts the events in all data folders of one channel. A folder that is not
// there has none. The checkpoint of the channel counts where its folder has one that
// is whole; "" is none.
func Count(dataDirs []string, checkpointDir string) Rest {
	var rest Rest
	all := make([][]*log, 0, len(dataDirs))
	for _, dir := range dataDirs {
		logs, err := list(dir)
		rest.doubt(err)
		if len(logs) > 0 {
			rest.Folders = append(rest.Folders, dir)
			rest.Logs += len(logs)
			all = append(all, logs)
		}
	}
	if rest.Logs == 0 {
		return rest
	}
	saved := readCheckpoint(checkpointDir) // before the notes that refer to it, in case Flume runs
	rest.AtMost = saved == nil && len(all) > 1 && gaps(all)
	l := newLedger(saved)
	rest.doubt(l.read(all))
	rest.Events = len(l.inside)
	return rest
}

func (r *Rest) doubt(err error) {
	if r.Doubt == nil {
		r.Doubt = err
	}
}

// list finds the logs in a folder, in the order in which they were written.
func list(dir string) ([]*log, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var all []*log
	for _, e := range entries {
		match := logName.FindStringSubmatch(e.Name())
		if match == nil || e.IsDir() {
			continue
		}
		path := filepath.Join(dir, e.Name())
		id, numberErr := strconv.ParseInt(match[1], 10, 32)
		if numberErr != nil {
			err = errors.Join(err, fmt.Errorf("%s has a number that Flume does not give", path))
		}
		all = append(all, &log{path: path, id: int32(id)})
	}
	slices.SortFunc(all, func(a, b *log) int { return cmp.Compare(a.id, b.id) })
	return all, err
}

// gaps reports whether a log has been deleted: they are numbered from 1, over all
// folders.
func gaps(all [][]*log) bool {
	logs := slices.Concat(all...)
	highest := slices.MaxFunc(logs, func(a, b *log) int { return cmp.Compare(a.id, b.id) }).id
	return int(highest) != len(logs)
}

// pointer is the place of a put: the number of the log and the offset in it.
type pointer uint64

func pointerTo(id, offset int32) pointer { return pointer(uint32(id))<<32 | pointer(uint32(offset)) }

// ledger is the state of the channel while its logs are read.
type ledger struct {
	since  int64               // what was written up to here, the checkpoint has
	inside map[pointer]bool    // events of puts that are committed
	early  map[pointer]bool    // events of takes that are committed, before their puts were read
	open   map[int64][]pointer // what transactions put or took
}

func newLedger(saved *checkpoint) *ledger {
	l := &ledger{inside: make(map[pointer]bool), early: make(map[pointer]bool), open: make(map[int64][]pointer)}
	if saved == nil {
		return l
	}
	l.since = saved.order
	for _, p := range saved.queue {
		l.inside[p] = true
	}
	for transaction, taken := range saved.takes {
		for _, p := range taken { // they come again, unless a commit follows
			l.inside[p] = true
		}
		l.open[transaction] = append(l.open[transaction], taken...)
	}
	for transaction, put := range saved.puts {
		l.open[transaction] = append(l.open[transaction], put...)
	}
	return l
}

// read reads the logs of each folder in turn, and goes on where the record lies that
// was written first, so that few takes come before their puts.
func (l *ledger) read(folders [][]*log) error {
	var streams []*stream
	defer func() {
		for _, s := range streams {
			s.close()
		}
	}()
	var doubt error
	for _, logs := range folders {
		s := &stream{logs: logs, since: l.since}
		if s.advance() {
			streams = append(streams, s)
		} else {
			doubt = cmp.Or(doubt, s.doubt)
		}
	}
	for len(streams) > 0 {
		first := 0
		for i, s := range streams {
			if s.record.order < streams[first].record.order {
				first = i
			}
		}
		s := streams[first]
		l.add(s.record)
		if !s.advance() {
			doubt = cmp.Or(doubt, s.doubt)
			streams = slices.Delete(streams, first, first+1)
		}
	}
	return doubt
}

// add does what a record says.
func (l *ledger) add(r record) {
	if r.order <= l.since {
		return
	}
	switch r.kind {
	case kindPut, kindTake:
		l.open[r.transaction] = append(l.open[r.transaction], r.event)
	case kindRollback:
		delete(l.open, r.transaction)
	case kindCommit:
		to, from := l.inside, l.early
		if r.commits == kindTake {
			to, from = l.early, l.inside
		}
		for _, p := range l.open[r.transaction] {
			if from[p] {
				delete(from, p)
			} else {
				to[p] = true
			}
		}
		delete(l.open, r.transaction)
	}
}
