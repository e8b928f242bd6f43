// Package file is the channel that keeps its events on disk. It takes the
// properties of Apache Flume's file channel; the files are its own. Survey counts
// what Flume left in the same folders (see package flumelog), which stays there.
//
// # Promise
//
// A put that returned has been synced to disk and survives kill -9 and the loss
// of power. Puts that run at the same time share one sync. A take that returned
// from Commit is in the log and survives kill -9; it is synced with the next
// put, a second later at the latest, so that a loss of power may bring the takes
// of that second again. A take that was open comes again, at the head.
//
// # Files
//
// Each of dataDirs and checkpointDir is locked by in_use.lock. The log is one
// sequence of segments, segment-0000000001 and so on without a gap; a new one
// begins when maxFileSize is reached, in the next of dataDirs that has space.
// All integers are little-endian, sums are CRC-32C (Castagnoli), `varint` is the
// unsigned one of encoding/binary. Version 1 of a segment begins with 64 bytes:
//
//	 0  "logpipe\n"
//	 8  version uint32
//	12  tag uint32        random; begins every record, so that one can be found behind damage
//	16  channel uint64    random; the same in all files of a channel
//	24  number uint64     of the segment, as in its name
//	32  first uint64      sequence number of the first event in it
//	40  end uint64        length of the segment before; what it holds beyond is void
//	48  created uint64    Unix time in ms
//	56  zero uint32
//	60  sum of bytes 0-59
//
// Records follow, each with 40 bytes before its payload:
//
//	 0  tag uint32
//	 4  kind uint8        1 put, 2 take; then three zero bytes
//	 8  first uint64      sequence number of the first event put, or of the next one to be put
//	16  synced uint64     offset up to which the segment was known to be on disk
//	24  count uint32      events put or taken
//	28  length uint32     of the payload
//	32  sum of the payload
//	36  sum of bytes 0-35
//
// The payload of a put is one batch, which is therefore stored as a whole or not
// at all; of each event: varint number of headers, for each varint length and
// bytes of key and of value, then varint length and bytes of the body. The
// payload of a take is a list of ranges: varint first sequence number, varint
// count.
//
// # Checkpoint
//
// logpipe.checkpoint in checkpointDir holds two slots of 64 KiB, written in turn
// and in place, so that a full disk does not stop it: where the log ended, where
// the next take reads, and what before that is not taken for good (the format is
// in checkpoint.go). It saves reading the log from its beginning and allows to
// delete segments that have been taken; without it the log alone tells all.
//
// # Deliveries
//
// A sink that waits for its disk may take several batches at once, and tell of each
// that it is written. That is noted in logpipe.delivered in checkpointDir (the
// format is in delivered.go), so that a kill brings no more than one batch again.
// Such a note is worth nothing after a loss of power, and does not count then.
//
// # Retained events
//
// A sink that holds what it makes of events may retain them: the take is over, and
// the events stay in the log, as those of an open take, until they are committed. A
// note of the sink goes with that, in logpipe.retained in checkpointDir (the format
// is in note.go): what a kill brings again then has to be read with it.
//
// # Damage
//
// At start everything behind the checkpoint is read. A record at the end of the
// last segment that does not add up has never been acknowledged: it is cut off,
// and told. It is damage where a later record or the checkpoint says that the
// place had been synced, and everywhere else. Then the channel does not open, or
// the take fails, with file and offset; onCorruption = skip leaves the unreadable
// events out and counts them.
package file

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/folder"
)

// Channel is the file channel.
type Channel struct {
	settings
	overflow bool // nobody waits
	env      flume.Env
	disk     disk

	journal *journal
	locks   []folderLock
	saved   *checkpointFile

	delivered *delivered
	boot      func() string // bootID, unless a test is there
	syncAll   func()
	stop      chan struct{} // ends the housekeeping
	kicked    chan struct{} // wakes it
	ended     sync.WaitGroup

	token  chan struct{} // held by the take that reads
	reader *reader       // by whoever holds the token

	mu sync.Mutex
	queue
	reserved int           // events of puts that are not on disk yet
	exceeds  bool          // puts do not mind the capacity: see Exceed
	drained  bool          // no more puts will come
	closed   bool          // Close was called
	short    bool          // puts wait for space on disk, and that was told
	changes  flume.Changes // of space and events
	lacking  int           // events of the last put that found no room
	yielded  time.Time     // when room was made
	told     bool          // that it is made

	settling sync.Mutex // held while retained events are settled; before all other locks
	note     note       // guarded by mu; its file by settling

	spare []*transaction // to be used again

	counts counters
}

// settings are the properties.
type settings struct {
	checkpointDir   string
	backupDir       string
	dataDirs        string
	dual            bool
	compress        bool
	batch           int
	interval        time.Duration
	maxFileSize     int
	minimumSpace    int
	capacity        int
	keepAlive       time.Duration
	checkpointClose bool
	corruption      string
	encryption      map[string]string

	ignoredBool     bool
	ignoredDuration time.Duration
}

// New describes and makes a file channel.
func New(p *flume.Properties) flume.Channel {
	c := newChannel(p)
	p.Int(&c.capacity, "capacity", 1_000_000, 1, "most events inside").In("events")
	p.Duration(&c.keepAlive, "keep-alive", 3*time.Second, time.Second, "how long a put waits for space")
	return c
}

// NewOverflow is New without the properties capacity and keep-alive, for the
// channel that overflows into this one. It never waits: a put that finds no space
// is flume.ErrFull, and a take that finds no event ErrEmpty.
func NewOverflow(p *flume.Properties) *Channel {
	c := newChannel(p)
	c.overflow = true
	return c
}

// ErrEmpty is a take of a channel of NewOverflow that has nothing to take.
var ErrEmpty = errors.New("the channel is empty")

// SetCapacity sets the most events inside, before Check and Open.
func (c *Channel) SetCapacity(events int) { c.capacity = events }

// Exceed lets puts go beyond the capacity and into minimumRequiredSpace from now
// on, for what its owner stores last and would lose otherwise.
func (c *Channel) Exceed() {
	c.mu.Lock()
	c.exceeds = true
	c.mu.Unlock()
	c.journal.exceed()
}

func newChannel(p *flume.Properties) *Channel {
	c := &Channel{disk: osDisk{}, boot: bootID, syncAll: syncAll, token: make(chan struct{}, 1)}
	p.String(&c.checkpointDir, "checkpointDir", "~/.flume/file-channel/checkpoint", "folder of the checkpoint")
	p.String(&c.dataDirs, "dataDirs", "~/.flume/file-channel/data", "folders of the events, separated by commas")
	p.Bool(&c.dual, "useDualCheckpoints", false, "keep a second checkpoint in backupCheckpointDir")
	p.String(&c.backupDir, "backupCheckpointDir", "", "folder of the second checkpoint")
	p.Bool(&c.compress, "compressBackupCheckpoint", false, "compress the second checkpoint").
		Without("a checkpoint has 128 KiB")
	p.Int(&c.batch, "transactionCapacity", 10000, 1, "most events that one put or take may move").In("events")
	p.Duration(&c.interval, "checkpointInterval", 30*time.Second, time.Millisecond, "time between checkpoints")
	p.Int(&c.maxFileSize, "maxFileSize", 1623195647, 1, "size at which a new segment begins").In("bytes")
	p.Int(&c.minimumSpace, "minimumRequiredSpace", 524288000, 0,
		"free space on disk below which puts wait; at least 1 MiB counts").In("bytes")
	p.Bool(&c.checkpointClose, "checkpointOnClose", true, "write a checkpoint when the agent ends")
	p.Choice(&c.corruption, "onCorruption", "refuse", []string{"refuse", "skip"},
		"what to do where the log is damaged: refuse to go on, or skip the events and count them (not in Flume)")
	p.Bool(&c.ignoredBool, "use-log-replay-v1", false, "replay as Flume 1.2 did").Without("there is one way to replay")
	p.Bool(&c.ignoredBool, "use-fast-replay", false, "replay without the queue").Without("replay is always fast")
	p.Bool(&c.ignoredBool, "fsyncPerTransaction", true, "sync each put").
		Without("every acknowledged put is synced; puts at the same time share the sync")
	p.Duration(&c.ignoredDuration, "fsyncInterval", 5*time.Second, time.Second, "time between syncs").
		Without("every acknowledged put is synced")
	p.Family(&c.encryption, "encryption.", "encryption of the events, which is refused")
	return c
}

// Check finds what cannot work.
func (c *Channel) Check() []flume.Problem {
	var all []flume.Problem
	problem := func(property, fix, format string, args ...any) {
		all = append(all, flume.Problem{Property: property, Message: fmt.Sprintf(format, args...), Fix: fix})
	}
	if c.batch > c.capacity {
		problem("capacity", fmt.Sprintf("set capacity to at least %d or transactionCapacity to at most %d", c.batch, c.capacity),
			"capacity %d is below transactionCapacity %d", c.capacity, c.batch)
	}
	if keys := sortedKeys(c.encryption); len(keys) > 0 { // once for all of them
		problem("encryption."+keys[0], "leave the encryption lines out and encrypt the disk instead (LUKS, for example)",
			"a file channel does not encrypt: the events would lie on disk as they are")
	}
	dirs, err := c.folders()
	if err != nil {
		problem("dataDirs", "write the folders as absolute paths", "%v", err)
		return all
	}
	if c.dual && c.backupDir == "" {
		problem("useDualCheckpoints", "set backupCheckpointDir", "useDualCheckpoints needs backupCheckpointDir")
	}
	if c.dual && dirs.backup == dirs.checkpoint {
		problem("backupCheckpointDir", "name another folder", "backupCheckpointDir is checkpointDir itself")
	}
	if i := strings.Index(c.dataDirs, " /"); i > 0 && !strings.Contains(c.dataDirs, ",") {
		all = append(all, flume.Problem{Property: "dataDirs", Offset: utf8.RuneCountInString(c.dataDirs[:i]), Harmless: true,
			Message: "dataDirs names one folder with a blank in its name", Fix: "separate folders by commas"})
	}
	if len(dirs.data) == 0 {
		problem("dataDirs", "name a folder", "dataDirs names no folder")
	}
	for i, d := range dirs.data {
		if slices.Contains(dirs.data[:i], d) {
			problem("dataDirs", "name it once", "dataDirs names %s twice", d)
		}
		if d == dirs.checkpoint {
			problem("dataDirs", "name another folder", "dataDirs names %s, which is checkpointDir: Flume cannot lock it twice", d)
		}
	}
	return all
}

func sortedKeys(m map[string]string) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// folders are the absolute paths that the settings name; backup is "" where
// there is none.
type folders struct {
	checkpoint, backup string
	data               []string
}

func (f folders) all() []string {
	all := append([]string{f.checkpoint}, f.data...)
	if f.backup != "" {
		all = append(all, f.backup)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (c *Channel) folders() (f folders, err error) {
	if f.checkpoint, err = folder.Absolute(c.checkpointDir); err != nil {
		return f, err
	}
	for name := range strings.SplitSeq(c.dataDirs, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		path, err := folder.Absolute(name)
		if err != nil {
			return f, err
		}
		f.data = append(f.data, path)
	}
	if c.dual && c.backupDir != "" {
		f.backup, err = folder.Absolute(c.backupDir)
	}
	return f, err
}

// propertyOf names the property that has a folder.
func (c *Channel) propertyOf(dir string, in folders) string {
	switch dir {
	case in.checkpoint:
		return "checkpointDir"
	case in.backup:
		return "backupCheckpointDir"
	}
	return "dataDirs"
}

// Folders are the absolute paths of all folders that the channel locks; no
// other channel can have one of them. It is empty where a path cannot be told.
func (c *Channel) Folders() []string {
	f, err := c.folders()
	if err != nil {
		return nil
	}
	return f.all()
}

// Survey looks whether the folders are there or can be made, and what Flume left in
// them.
func (c *Channel) Survey() []flume.Problem {
	f, err := c.folders()
	if err != nil {
		return nil
	}
	all := flume.SurveyMade("checkpointDir", f.checkpoint)
	for _, folder := range f.data {
		all = append(all, flume.SurveyMade("dataDirs", folder)...)
	}
	if f.backup != "" {
		all = append(all, flume.SurveyMade("backupCheckpointDir", f.backup)...)
	}
	return append(all, surveyFlume(f)...)
}

// Holds are the folders, each of which has a lock.
func (c *Channel) Holds() (all []flume.Holding) {
	f, err := c.folders()
	if err != nil {
		return nil // and so Open fails
	}
	for _, folder := range f.all() {
		all = append(all, flume.HoldFolder(folder))
	}
	return all
}

// Guarantee tells what the channel promises.
func (c *Channel) Guarantee() string {
	return "at least once: synced to disk before it is acknowledged; survives kill -9 and power loss; a take that was open then comes again"
}

// MaxBatch is the transactionCapacity.
func (c *Channel) MaxBatch() int { return c.batch }

// Size is the number of events inside.
func (c *Channel) Size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queue.size()
}

func (c *Channel) logf(format string, args ...any) {
	if c.env.Logf != nil {
		c.env.Logf(format, args...)
	}
}
