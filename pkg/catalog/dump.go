package catalog

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/record"
)

// A dump is a topic in a file: a line about the topic, the records as consume -J
// prints them, and a line that says how many they were, by which a file that was
// cut off is known.

// dumpVersion is the version of the form.
const dumpVersion = 1

// dumpHead is the first line.
type dumpHead struct {
	Dump        int               `json:"dump"` // the version
	Topic       string            `json:"topic"`
	Partitions  int               `json:"partitions"`
	Replication int               `json:"replication_factor"`
	Settings    map[string]string `json:"settings"` // the topic's own
}

// dumpEnd is the last line.
type dumpEnd struct {
	Records *int64 `json:"dump_records"`
}

// Moved is told how many records, and bytes of lines, have gone so far.
type Moved func(records, bytes int64)

// Dump writes a topic as it is now to w and returns the number of its records.
func Dump(ctx context.Context, w io.Writer, cfg kafka.Config, topic string, moved Moved) (int64, error) {
	head, err := headOf(ctx, cfg, topic)
	if err != nil {
		return 0, err
	}
	c, err := kafka.NewConsumer(ctx, cfg, kafka.ConsumerConfig{Topics: []string{topic}, From: kafka.Beginning, ExitAtEnd: true})
	if err != nil {
		return 0, err
	}
	n, err := dump(ctx, w, head, c, moved)
	return n, errors.Join(err, c.Close())
}

func headOf(ctx context.Context, cfg kafka.Config, topic string) (dumpHead, error) {
	a, err := kafka.NewAdmin(ctx, cfg)
	if err != nil {
		return dumpHead{}, err
	}
	defer a.Close()
	list, err := a.Topics(ctx, []string{topic})
	if err != nil {
		return dumpHead{}, err
	}
	settings, err := a.TopicSettings(ctx, topic)
	if err != nil {
		return dumpHead{}, err
	}
	head := dumpHead{dumpVersion, topic, len(list[0].Partitions), list[0].Replication, map[string]string{}}
	for _, s := range settings {
		if s.Origin == "topic" {
			head.Settings[s.Name] = s.Value
		}
	}
	return head, nil
}

func dump(ctx context.Context, w io.Writer, head dumpHead, c *kafka.Consumer, moved Moved) (n int64, err error) {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(head); err != nil {
		return 0, err
	}
	var lines []byte
	var total int64
	for {
		b, err := c.Read(ctx)
		if errors.Is(err, io.EOF) {
			return n, enc.Encode(dumpEnd{&n})
		}
		if err != nil {
			return n, err
		}
		lines = lines[:0]
		for i := range b.Records {
			lines = append(appendEnvelope(lines, &b.Records[i]), '\n')
		}
		if _, err := w.Write(lines); err != nil {
			return n, err
		}
		n, total = n+int64(len(b.Records)), total+int64(len(lines))
		moved(n, total)
	}
}

// Restoring says what becomes of a dump.
type Restoring struct {
	Topic       string // the topic to make; "" = as it was called
	Replication int    // 0 = as it was
	Moved       Moved
}

// Restored is what became of a dump.
type Restored struct {
	Topic      string
	Partitions int
	Records    int64 // that are in the topic
}

// Restore makes the topic that is in r, which must not exist, with its records.
// On an error the topic holds those that the result counts.
func Restore(ctx context.Context, r io.Reader, cfg kafka.Config, o Restoring) (Restored, error) {
	in := &dumpReader{in: bufio.NewReaderSize(r, 1<<18), scanner: record.NewScanner()}
	head, err := in.head()
	if err != nil {
		return Restored{}, err
	}
	if o.Topic != "" {
		head.Topic = o.Topic
	}
	if o.Replication != 0 {
		head.Replication = o.Replication
	}
	done := Restored{Topic: head.Topic, Partitions: head.Partitions}
	a, err := kafka.NewAdmin(ctx, cfg)
	if err != nil {
		return done, err
	}
	defer a.Close()
	first, later := settingsFor(head.Settings)
	if err := a.CreateTopic(ctx, head.Topic, int32(head.Partitions), int16(head.Replication), first); err != nil {
		return done, restoreHint(err, head, brokenOff(ctx, a, head))
	}
	limit, err := a.BatchLimit(ctx, head.Topic)
	if err != nil {
		return done, err
	}
	if done.Records, err = restore(ctx, in, cfg, head.Topic, limit, o.Moved); err != nil {
		return done, err
	}
	unset := slices.DeleteFunc([]string{retention}, func(name string) bool { _, own := later[name]; return own })
	return done, a.AlterTopic(ctx, head.Topic, later, unset)
}

// retention is the setting that keeps records for ever while a topic is restored.
const retention = "retention.ms"

// settingsFor parts the settings of a topic: those that would change, refuse or
// delete records that are older than it come last.
func settingsFor(all map[string]string) (first, later map[string]string) {
	first, later = map[string]string{}, map[string]string{}
	for name, value := range all {
		if strings.HasPrefix(name, "retention.") || name == "cleanup.policy" || name == "message.timestamp.type" ||
			name == "message.timestamp.before.max.ms" || name == "message.timestamp.difference.max.ms" {
			later[name] = value
			continue
		}
		first[name] = value
	}
	first[retention] = "-1"
	return first, later
}

// brokenOff tells whether the topic that is there keeps its records for ever, as one does
// while it is restored, and the dump does not say so.
func brokenOff(ctx context.Context, a *kafka.Admin, head dumpHead) bool {
	if head.Settings[retention] == "-1" {
		return false
	}
	settings, err := a.TopicSettings(ctx, head.Topic)
	return err == nil && slices.ContainsFunc(settings, func(s kafka.TopicSetting) bool {
		return s.Name == retention && s.Value == "-1" && s.Origin == "topic"
	})
}

// restoreHint adds the flags of restore to what creating a topic says.
func restoreHint(err error, head dumpHead, broken bool) error {
	switch text := err.Error(); {
	case strings.Contains(text, "exists already") && broken:
		return fault.Hint(fmt.Errorf("%w, and keeps its records for ever, unlike the one that was dumped: it may be what a restore has left that was broken off, with a part of the records", err),
			"logpipe topic delete %s takes it away, and restore makes it anew", head.Topic)
	case strings.Contains(text, "exists already"):
		return fault.Hint(err, "logpipe topic restore FILE NAME makes another one, logpipe topic delete %s takes it away", head.Topic)
	case strings.Contains(text, "replication factor"):
		return fault.Hint(err, "--replication-factor takes the number of brokers that are to hold each partition")
	}
	return err
}

func restore(ctx context.Context, in *dumpReader, cfg kafka.Config, topic string, limit int, moved Moved) (int64, error) {
	p, err := kafka.NewProducer(ctx, cfg, kafka.ProducerConfig{MaxMessageBytes: limit})
	if err != nil {
		return 0, err
	}
	sendErr := in.each(func(r kafka.Record, bytes int64) error {
		r.Topic = topic
		if err := p.Send(ctx, r); err != nil {
			return err
		}
		if in.records%1000 == 0 {
			moved(in.records, bytes)
		}
		return nil
	})
	flushErr := p.Flush(ctx)
	n, _ := p.Counts()
	return n, errors.Join(sendErr, flushErr, p.Close())
}

// dumpReader reads the lines of a dump.
type dumpReader struct {
	in      *bufio.Reader
	scanner *record.Scanner
	rec     record.Record
	arena   record.Arena
	line    []byte
	number  int   // of the line
	records int64 // so far
	bytes   int64
}

// maxDumpLine is above the largest line that a record of Kafka can be.
const maxDumpLine = 1 << 30

// next reads a line with its newline.
func (d *dumpReader) next() error {
	d.line = d.line[:0]
	for {
		part, err := d.in.ReadSlice('\n')
		d.line = append(d.line, part...)
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		if len(d.line) > maxDumpLine {
			return fmt.Errorf("line %d is longer than any record", d.number+1)
		}
	}
	d.number++
	d.bytes += int64(len(d.line))
	d.line = slices.Grow(d.line, record.Padding)
	return nil
}

func (d *dumpReader) head() (dumpHead, error) {
	var h dumpHead
	if err := d.next(); errors.Is(err, io.ErrUnexpectedEOF) {
		return h, errCutOff
	} else if err != nil && !errors.Is(err, io.EOF) {
		return h, err
	}
	if json.Unmarshal(d.line, &h) != nil || h.Dump == 0 {
		return h, fault.Hint(errors.New("it is no dump of a topic"), "`logpipe topic dump` writes one; logpipe produce -J takes what consume -J prints")
	}
	if h.Dump != dumpVersion || h.Partitions < 1 {
		return h, fmt.Errorf("a dump of version %d with %d partitions: this program reads version %d", h.Dump, h.Partitions, dumpVersion)
	}
	return h, nil
}

var errCutOff = errors.New("the dump ends early: it is not whole")

// each calls f with each record, and the bytes of lines so far.
func (d *dumpReader) each(f func(kafka.Record, int64) error) error {
	for {
		if err := d.next(); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errCutOff
		} else if err != nil {
			return err
		}
		if bytes.HasPrefix(d.line, []byte(`{"dump_records":`)) {
			var end dumpEnd
			if err := json.Unmarshal(d.line, &end); err != nil || end.Records == nil {
				return fmt.Errorf("line %d: no end of a dump: %s", d.number, d.line)
			}
			if *end.Records != d.records {
				return fmt.Errorf("the dump holds %s and says that they were %d", countRecords(d.records), *end.Records)
			}
			return nil
		}
		r := kafka.Record{Partition: -1}
		d.arena.Buf = d.arena.Buf[:0]
		d.rec.Reset(nil, &d.arena)
		_, err := d.scanner.Scan(d.line, 0, &d.rec)
		if err == nil {
			err = readEnvelope(&r, &d.rec)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", d.number, err)
		}
		d.records++
		if err := f(r, d.bytes); err != nil {
			return err
		}
	}
}
