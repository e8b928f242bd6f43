package format

import (
	"github.com/logpipe/logpipe/pkg/record"
	"github.com/logpipe/logpipe/pkg/timestamp"
)

// clock turns the times of an access log into RFC 3339. Consecutive lines are
// mostly of the same minute, so it keeps the last one: in the same minute only
// the seconds are written, and in the same second of one batch the field shares
// the bytes of the line before.
type clock struct {
	day, hour, zone uint64 // bytes 0-7, 8-15 and 20-25 of the last time
	minute          uint16 // bytes 16 and 17
	second          uint16 // bytes 18 and 19
	text            []byte // the last time as RFC 3339
	arena           *record.Arena
	off             int // of text in the arena
}

// accessLen is the length of 17/May/2015:10:05:03 +0000.
const accessLen = 26

// set makes the access-log time at i of b, which has accessLen bytes, the field
// f of r.
func (c *clock) set(r *record.Record, f int, b []byte, i int) bool {
	day, hour, tail := le64(b, i), le64(b, i+8), le64(b, i+18)
	minute := uint16(b[i+16]) | uint16(b[i+17])<<8
	second := uint16(tail)
	if day != c.day || hour != c.hour || minute != c.minute || tail>>16 != c.zone {
		text, ok := timestamp.AppendParsed(c.text[:0], b[i:i+accessLen], nil)
		if !ok || len(text) < 20 || text[19] == '.' {
			c.day = 0
			c.text = text
			return ok && setTime(r, f, i, b[i:i+accessLen], nil)
		}
		c.text, c.arena = text, nil
		c.day, c.hour, c.minute, c.zone = day, hour, minute, tail>>16
	} else if second != c.second || c.arena != r.Arena {
		s1, s2 := b[i+18], b[i+19]
		if s1-'0' > 5 || s2-'0' > 9 {
			return false
		}
		c.text[17], c.text[18] = s1, s2
		c.arena = nil
	}
	c.second = second
	buf, n := r.Arena.Buf, len(c.text)
	if c.arena == nil || c.off+n > len(buf) || string(buf[c.off:c.off+n]) != string(c.text) {
		c.arena, c.off = r.Arena, len(buf)
		r.Arena.Buf = append(buf, c.text...)
	}
	s := &r.Spans[f]
	s.Off, s.End, s.Enc, s.Arena = uint32(c.off), uint32(c.off+n), record.Text, true
	return true
}
