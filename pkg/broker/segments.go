package broker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// kfake keeps the log of a partition in partitions/TOPIC-NUMBER: batches as they
// are sent (Kafka's record batch, version 2) in OFFSET.dat, what it knows of them
// in OFFSET.idx, and, after a clean end, snapshot.json. Two things in it do not
// outlive a crash, and are mended here: a compaction under way, which deletes
// the segments before it writes the new ones, and the end of a partition whose
// records are all gone, which would begin at offset 0 again.
const (
	partitionsName = "partitions"
	compactionName = "compaction" // links to the segments that a compaction replaces
	endName        = "end"        // in a partition's folder: its end, when it held no record
	snapshotName   = "snapshot.json"
	segmentSuffix  = ".dat"
	indexSuffix    = ".idx"
)

func (b *Broker) partitionDir(topic string, number int32) string {
	return filepath.Join(b.dir, partitionsName, fmt.Sprintf("%s-%d", url.PathEscape(topic), number))
}

// keptSegments are links to the segments of topics before their compaction.
type keptSegments string

// keepSegments links the segments of topics.
func (b *Broker) keepSegments(topics []kmsg.MetadataResponseTopic) (keptSegments, error) {
	kept := keptSegments(filepath.Join(b.dir, compactionName))
	for _, t := range topics {
		for _, p := range t.Partitions {
			from := b.partitionDir(*t.Topic, p.Partition)
			if err := linkSegments(from, filepath.Join(string(kept), filepath.Base(from))); err != nil {
				return "", errors.Join(err, kept.remove())
			}
		}
	}
	return kept, nil
}

func (k keptSegments) remove() error { return os.RemoveAll(string(k)) }

// linkSegments gives the segments in one folder a second name in another. A
// partition without a folder holds nothing.
func linkSegments(from, to string) error {
	files, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o777); err != nil {
		return err
	}
	for _, f := range files {
		if !isSegment(f.Name()) {
			continue
		}
		err := os.Link(filepath.Join(from, f.Name()), filepath.Join(to, f.Name()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // retention may take one away meanwhile
			return err
		}
	}
	return nil
}

func isSegment(name string) bool {
	return strings.HasSuffix(name, segmentSuffix) || strings.HasSuffix(name, indexSuffix)
}

// recoverDir makes a folder what it was before a crash. It runs before kfake reads it.
func recoverDir(dir string) error {
	clean, err := takeClean(dir)
	if err != nil {
		return err
	}
	kept := filepath.Join(dir, compactionName)
	folders, err := os.ReadDir(kept)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, f := range folders {
		if err := restoreSegments(filepath.Join(kept, f.Name()), filepath.Join(dir, partitionsName, f.Name())); err != nil {
			return fmt.Errorf("undo a compaction that was cut short: %w", err)
		}
	}
	if err := os.RemoveAll(kept); err != nil {
		return err
	}
	ends, err := filepath.Glob(filepath.Join(escapeGlob(dir), partitionsName, "*", endName))
	if err != nil {
		return err
	}
	for _, end := range ends {
		if err := restoreEnd(end); err != nil {
			return err
		}
	}
	if clean {
		return nil
	}
	return afterKill(dir)
}

// afterKill makes up for what kfake notes at its end alone.
func afterKill(dir string) error {
	err := os.Remove(filepath.Join(dir, sessionName)) // of an earlier end
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := mendGroups(dir); err != nil {
		return err
	}
	tails, err := tailsIn(dir)
	if err != nil {
		return err
	}
	if err := restoreWindows(dir, tails); err != nil {
		return fmt.Errorf("note what producers wrote last: %w", err)
	}
	return endOpen(dir, tails)
}

// escapeGlob takes the meaning from the signs of a pattern.
func escapeGlob(dir string) string {
	if os.PathSeparator == '\\' {
		return dir // where it is no escape
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// restoreSegments undoes a compaction that did not come to its end, which is its
// last batch: that one it keeps always.
func restoreSegments(kept, dir string) error {
	before, err := endOf(kept)
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil // the topic was deleted
	}
	now, err := endOf(dir)
	if err != nil || now >= before {
		return err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if isSegment(f.Name()) {
			if err := os.Remove(filepath.Join(dir, f.Name())); err != nil {
				return err
			}
		}
	}
	return linkSegments(kept, dir)
}

// endOf finds the offset behind the last whole batch in a folder; 0 where there
// is none.
func endOf(dir string) (int64, error) {
	names, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*"+segmentSuffix))
	if err != nil {
		return 0, err
	}
	var last int64
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return 0, err
		}
		end, err := lastOffset(f)
		f.Close()
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", name, err)
		}
		last = max(last, end)
	}
	return last, nil
}

// lastOffset walks over the batches of a segment, each with its first offset,
// its length from there on, and, 11 bytes further, how far its last record is
// from the first. It stops at one that is cut off.
func lastOffset(r io.ReadSeeker) (end int64, err error) {
	size, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	var buf [batchLast + 4]byte
	for at := int64(0); at+int64(len(buf)) <= size; {
		if _, err := r.Seek(at, io.SeekStart); err != nil {
			return 0, err
		}
		if _, err := io.ReadFull(r, buf[:]); err != nil {
			return 0, err
		}
		length := int64(binary.BigEndian.Uint32(buf[batchLengthAt:]))
		at += batchLength + length
		if length < int64(len(buf)-batchLength) || at > size {
			break
		}
		first, delta := int64(binary.BigEndian.Uint64(buf[:])), int64(binary.BigEndian.Uint32(buf[batchLast:]))
		end = max(end, first+delta+1)
	}
	return end, nil
}
