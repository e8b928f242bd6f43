package broker

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
)

// kfake's logs of groups and of producers are entries of JSON behind their length,
// a check of what follows, and a version.
const (
	groupsName = "groups.log"
	pidsName   = "pids.log"

	entryHead    = 8 // length and check
	entryVersion = 2 // bytes of it, which the length counts
)

// stateLog is such a log up to its last whole entry, where kfake ends reading. It
// would write behind what is cut off there, and not find that again.
type stateLog struct {
	name    string
	size    int64
	entries [][]byte // the JSON of each
	torn    bool     // more follows
}

// readLog reads a log; one that is not there is empty.
func readLog(name string) (stateLog, error) {
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return stateLog{}, err
	}
	l := stateLog{name: name}
	l.entries, l.size = logEntries(text)
	l.torn = l.size < int64(len(text))
	return l, nil
}

// logEntries takes text apart; size is that of the whole entries.
func logEntries(text []byte) (entries [][]byte, size int64) {
	rest := text
	for len(rest) >= entryHead {
		n := int64(binary.LittleEndian.Uint32(rest))
		if n < entryVersion || n > int64(len(rest)-entryHead) ||
			crc32.Checksum(rest[entryHead:entryHead+n], castagnoli) != binary.LittleEndian.Uint32(rest[4:]) {
			break
		}
		entries = append(entries, rest[entryHead+entryVersion:entryHead+n])
		rest = rest[entryHead+n:]
	}
	return entries, int64(len(text) - len(rest))
}

// add writes entries behind the last whole one.
func (l stateLog) add(entries [][]byte) error {
	if len(entries) == 0 && !l.torn {
		return nil
	}
	return replaceEnd(l.name, l.size, logText(entries))
}

// logText puts entries into the form of a log.
func logText(entries [][]byte) []byte {
	var text []byte
	for _, e := range entries {
		entry := append([]byte{1, 0}, e...)
		text = binary.LittleEndian.AppendUint32(text, uint32(len(entry)))
		text = binary.LittleEndian.AppendUint32(text, crc32.Checksum(entry, castagnoli))
		text = append(text, entry...)
	}
	return text
}
