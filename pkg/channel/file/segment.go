package file

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/folder"
)

const (
	segmentMagic   = "logpipe\n"
	segmentVersion = 1
	segmentHeader  = 64 // bytes before the first record
)

var segmentName = regexp.MustCompile(`^segment-(\d{10,19})$`)

// segment is one file of the log.
type segment struct {
	path      string
	tag       uint32
	channel   uint64
	number    uint64
	first     uint64      // sequence number of the first event in it
	beforeEnd int64       // where the segment before it ends
	end       int64       // where the next record goes; fixed once another segment follows
	handle    handle      // open for writing in the last segment alone
	gone      atomic.Bool // the file is deleted: its space is free when nobody has it open
}

func (s *segment) header() []byte {
	b := make([]byte, segmentHeader)
	le := binary.LittleEndian
	copy(b, segmentMagic)
	le.PutUint32(b[8:], segmentVersion)
	le.PutUint32(b[12:], s.tag)
	le.PutUint64(b[16:], s.channel)
	le.PutUint64(b[24:], s.number)
	le.PutUint64(b[32:], s.first)
	le.PutUint64(b[40:], uint64(s.beforeEnd))
	le.PutUint64(b[48:], uint64(time.Now().UnixMilli()))
	le.PutUint32(b[60:], checksum(b[:60]))
	return b
}

// parseSegment reads what header wrote, from a file of that path and size.
func parseSegment(b []byte, path string, size int64) (*segment, error) {
	le := binary.LittleEndian
	switch {
	case len(b) < segmentHeader || string(b[:8]) != segmentMagic:
		return nil, fmt.Errorf("%s is no segment of a file channel", path)
	case le.Uint32(b[60:]) != checksum(b[:60]):
		return nil, damaged(path, 0, "the head of the segment does not add up")
	case le.Uint32(b[8:]) != segmentVersion:
		return nil, fault.Hint(fmt.Errorf("%s has version %d, this logpipe reads version %d", path, le.Uint32(b[8:]), segmentVersion),
			"use the logpipe that wrote it, until the channel is empty")
	}
	s := &segment{path: path, tag: le.Uint32(b[12:]), channel: le.Uint64(b[16:]), number: le.Uint64(b[24:]),
		first: le.Uint64(b[32:]), beforeEnd: int64(le.Uint64(b[40:])), end: size}
	if s.beforeEnd < 0 {
		return nil, damaged(path, 0, "the head of the segment makes no sense")
	}
	return s, nil
}

// damaged is an error about bytes that are not what was written.
func damaged(path string, offset int64, why string) error {
	return fault.Hint(fmt.Errorf("%s is damaged at offset %d: %s", path, offset, why),
		"restore the file, or set onCorruption = skip, which leaves out and counts the events that cannot be read")
}

// findSegments returns the segments in the folders, none of which is missing.
func findSegments(d disk, dirs []string) ([]*segment, error) {
	all, err := listSegments(d, dirs)
	if err == nil {
		err = checkSequence(all)
	}
	return all, err
}

// needed parts segments in those that a channel with this checkpoint needs, none of
// which is missing, and those that it was about to delete. Which of these are gone
// tells nothing: they lie on several disks, and a loss of power, or a disk that
// comes back, brings some of them again.
func needed(all []*segment, saved *checkpoint) (kept, taken []*segment, err error) {
	kept = all
	for saved != nil && len(kept) > 0 && kept[0].channel == saved.channel && kept[0].number < saved.low() {
		taken, kept = append(taken, kept[0]), kept[1:]
	}
	return kept, taken, checkSequence(kept)
}

// listSegments reads the heads of all segments in the folders and puts them in
// order. It takes away what a kill left half made.
func listSegments(d disk, dirs []string) ([]*segment, error) {
	var all []*segment
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			name := e.Name()
			if half, ok := strings.CutSuffix(name, ".new"); ok && segmentName.MatchString(half) {
				if err := os.Remove(path); err != nil {
					return nil, err
				}
			}
			if !segmentName.MatchString(name) {
				continue
			}
			s, err := readSegment(d, path)
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *segment) int { return int(min(max(int64(a.number-b.number), -1), 1)) })
	return all, nil
}

func readSegment(d disk, path string) (*segment, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	h, err := d.open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	b := make([]byte, min(segmentHeader, info.Size()))
	if _, err := h.ReadAt(b, 0); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	s, err := parseSegment(b, path, info.Size())
	if err != nil {
		return nil, err
	}
	if text := segmentName.FindStringSubmatch(filepath.Base(path))[1]; text != fmt.Sprintf("%010d", s.number) {
		number, _ := strconv.ParseUint(text, 10, 64)
		return nil, fmt.Errorf("%s has the name of segment %d but is segment %d", path, number, s.number)
	}
	return s, nil
}

// checkSequence looks for segments that are missing or belong elsewhere, and
// fixes where each ends.
func checkSequence(all []*segment) error {
	for i, s := range all[min(1, len(all)):] {
		before := all[i]
		switch {
		case s.channel != before.channel:
			return fault.Hint(fmt.Errorf("%s and %s are of different channels", before.path, s.path),
				"give each file channel dataDirs of its own")
		case s.number == before.number:
			return fmt.Errorf("%s and %s are the same segment twice", before.path, s.path)
		case s.number != before.number+1:
			return missing(before.number+1, s.number-1)
		case s.beforeEnd < segmentHeader || s.first < before.first:
			return damaged(s.path, 0, "the head of the segment does not follow from the one before")
		}
		if before.end >= s.beforeEnd {
			before.end = s.beforeEnd
		}
	}
	return nil
}

const hintMissing = "name all folders in dataDirs that the channel had, and see that their disks are mounted"

func missing(from, to uint64) error {
	what := fmt.Sprintf("segment-%010d is missing", from)
	if to > from {
		what = fmt.Sprintf("segment-%010d to segment-%010d are missing", from, to)
	}
	return fault.Hint(errors.New(what), hintMissing)
}

// createSegment makes a segment that is whole or not there: a kill leaves a file
// that the next start removes.
func createSegment(d disk, s *segment) error {
	// What this channel could not make to the end may be there, and nothing else.
	there, err := readSegment(d, s.path)
	if !errors.Is(err, os.ErrNotExist) && (err != nil || there.channel != s.channel) {
		return fault.Hint(errors.New("it is there already, and is not of this channel"),
			"if a disk was mounted over the folder while the agent ran, start the agent again")
	}
	half := s.path + ".new"
	h, err := d.open(half, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = h.WriteAt(s.header(), 0)
	if err == nil {
		err = h.Sync()
	}
	if err := errors.Join(err, h.Close()); err != nil {
		return errors.Join(err, os.Remove(half))
	}
	if err := os.Rename(half, s.path); err != nil {
		return err
	}
	if err := folder.Sync(filepath.Dir(s.path)); err != nil {
		return err
	}
	if s.handle, err = d.open(s.path, os.O_RDWR); err != nil {
		return err
	}
	s.end = segmentHeader
	return nil
}

// dropAll deletes segments all of which is taken. What else has the name of one,
// on a disk that was mounted over its folder, stays.
func dropAll(d disk, all []*segment) error {
	for _, s := range all {
		if there, err := readSegment(d, s.path); err == nil && (there.channel != s.channel || there.tag != s.tag) {
			continue
		}
		if err := os.Remove(s.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("delete a segment that is taken: %w", err)
		}
	}
	return nil
}

// random32 and random64 are numbers that nobody else has.
func random32() uint32 { return uint32(random64()) }

func random64() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint64(b[:])
}
