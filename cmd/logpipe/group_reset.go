package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/option"
)

const resetAbout = "Without --execute it shows what it would do. The place is one of consume -o: beginning, end, 100 (that offset), " +
	"-100 (the last 100 of each partition), @2026-11-20T10:00 or @-1h (the first record of that time or later). Without --topic " +
	"it is about all that the group has committed; with it the group may be a new one.\n\n" +
	"A group with members is refused: their next commit would undo it. End the consumers, reset, start them again."

// resetSettings are those of group reset.
type resetSettings struct {
	topics     []string // T or T:0,1
	to         *kafka.Offset
	shift      int64
	shifted    bool
	file       string
	execute    bool
	partitions []int32
	exact      []kafka.Move
}

func (g *groupCommand) resetOptions(s *option.Set) {
	g.formats(s, "json is an object a partition, java what kafka-consumer-groups.sh prints", "table", "json", "java")
	r := &g.reset
	s.Repeated(&r.topics, "topic", "only this topic, `NAME` or NAME:0,1 for partitions; may be repeated")
	placeOption(s, &r.to, "to", "the `place`: beginning, end, N, -N, @TIME or @-1h")
	s.Add("shift", shiftBy{r}, "so many records `N` on from where the group is; back where N is negative")
	s.String(&r.file, "from-file", "", "the offsets of this `file`, lines as clicks,0,1234, which `group offsets --format java` writes")
	s.Bool(&r.execute, "execute", "do it; without it the reset is only shown")
	g.pastedReset(s)
}

// pastedReset declares the Java tool's own flags.
func (g *groupCommand) pastedReset(s *option.Set) {
	r := &g.reset
	var ignored bool
	s.Bool(&ignored, "dry-run", "the default").Hidden = true
	s.Bool(&ignored, "all-topics", "the default").Hidden = true
	s.Add("shift-by", shiftBy{r}, "the same as --shift").Hidden = true
	placeOption(s, &r.to, "to-offset", "the same as --to N")
	for name, place := range map[string]kafka.Offset{"to-earliest": kafka.Beginning, "to-latest": kafka.End} {
		s.Add(name, fixedPlace{r, place}, "the same as --to "+place.String()).Bare = "true"
	}
	s.Add("to-datetime", timedPlace{r, "@"}, "the same as --to @TIME")
	s.Add("by-duration", timedPlace{r, "@-"}, "the same as --to @-DURATION")
	for _, name := range []string{"to-offset", "to-earliest", "to-latest", "to-datetime", "by-duration"} {
		s.Lookup(name).Hidden = true
	}
}

// shiftBy is the value of --shift.
type shiftBy struct{ r *resetSettings }

func (v shiftBy) Set(text string) error {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("want a number of records such as 10 or -10, not %q", text)
	}
	v.r.shift, v.r.shifted = n, true
	return nil
}
func (v shiftBy) String() string { return "" }
func (v shiftBy) Type() string   { return "int" }

// fixedPlace is the value of --to-earliest and its like.
type fixedPlace struct {
	r     *resetSettings
	place kafka.Offset
}

func (v fixedPlace) Set(text string) error {
	if text == "true" {
		v.r.to = &v.place
	}
	return nil
}
func (v fixedPlace) String() string { return "false" }
func (v fixedPlace) Type() string   { return "bool" }

// timedPlace is the value of --to-datetime and --by-duration.
type timedPlace struct {
	r    *resetSettings
	lead string
}

func (v timedPlace) Set(text string) error {
	if v.lead == "@-" { // ISO 8601: P1DT2H
		text = strings.ToLower(strings.NewReplacer("P", "", "T", "").Replace(text))
	}
	o, err := kafka.ParseOffset(v.lead + text)
	if err == nil {
		v.r.to = &o
	}
	return err
}
func (v timedPlace) String() string { return "" }
func (v timedPlace) Type() string   { return "time" }

func (g *groupCommand) checkReset(names []string) error {
	if err := g.oneName(names); err != nil {
		return err
	}
	r, ways := &g.reset, 0
	for _, said := range []bool{r.to != nil, r.shifted, r.file != ""} {
		if said {
			ways++
		}
	}
	switch {
	case ways == 0:
		return fault.Hint(fault.Usagef("say to where"), "--to beginning|end|N|-N|@TIME|@-1h, --shift N or --from-file F")
	case ways > 1:
		return fault.Usagef("--to, --shift and --from-file contradict each other")
	}
	for i, t := range r.topics {
		name, ids, some := strings.Cut(t, ":")
		if r.topics[i] = name; !some {
			continue
		}
		if len(r.topics) > 1 {
			return fault.Usagef("--topic %s: partitions can be chosen of one topic alone", t)
		}
		var err error
		if r.partitions, err = partitionNumbers(strings.Split(ids, ",")); err != nil {
			return fault.Usagef("--topic %s: want numbers of partitions behind the colon, as %s:0,1", t, name)
		}
	}
	if r.file == "" {
		return nil
	}
	return r.readFile()
}

// readFile takes the offsets of the file that the flags ask for.
func (r *resetSettings) readFile() error {
	all, err := offsetsIn(r.file)
	if err != nil {
		return err
	}
	for _, m := range all {
		asked := len(r.topics) == 0 || slices.Contains(r.topics, m.Topic)
		if asked && (r.partitions == nil || slices.Contains(r.partitions, m.Partition)) {
			r.exact = append(r.exact, m)
		}
	}
	for _, topic := range r.topics {
		if !slices.ContainsFunc(r.exact, func(m kafka.Move) bool { return m.Topic == topic }) {
			return fault.Usagef("%s holds no such offset of topic %q", r.file, topic)
		}
	}
	return nil
}

// offsetsIn reads lines of topic, partition and offset.
func offsetsIn(path string) ([]kafka.Move, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.With(fault.Usage, err)
	}
	defer f.Close()
	rows := csv.NewReader(f)
	rows.FieldsPerRecord = 3
	var list []kafka.Move
	lines := map[kafka.TopicPartition]int{}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fault.Hint(fault.Usagef("%s: %w", path, err), "a line is TOPIC,PARTITION,OFFSET")
		}
		line, _ := rows.FieldPos(0)
		id, idErr := strconv.ParseInt(strings.TrimSpace(row[1]), 10, 32)
		offset, err := strconv.ParseInt(strings.TrimSpace(row[2]), 10, 64)
		if err = errors.Join(idErr, err); err != nil || id < 0 || offset < 0 {
			return nil, fault.Hint(fault.Usagef("%s:%d: %s is no partition with an offset", path, line, strings.Join(row[1:], ",")), "a line is TOPIC,PARTITION,OFFSET")
		}
		p := kafka.TopicPartition{Topic: row[0], Partition: int32(id)}
		if lines[p] > 0 {
			return nil, fault.Usagef("%s:%d: an offset of partition %s,%d stands in line %d too", path, line, p.Topic, p.Partition, lines[p])
		}
		lines[p] = line
		list = append(list, kafka.Move{TopicPartition: p, To: offset})
	}
	if len(list) == 0 {
		return nil, fault.Usagef("%s holds no offsets", path)
	}
	return list, nil
}

// resetRow is a partition in --format json.
type resetRow struct {
	Group     string `json:"group"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	From      *int64 `json:"from"` // null = nothing was committed
	To        int64  `json:"to"`
	Executed  bool   `json:"executed"`
}

func (g *groupCommand) runReset(ctx context.Context, a *kafka.Admin, names []string) error {
	r, name := &g.reset, names[0]
	plan, err := a.PlanReset(ctx, name, kafka.Reset{Topics: slices.Clone(r.topics), Partitions: r.partitions, To: r.to, Shift: r.shift, Exact: r.exact})
	if err != nil {
		return err
	}
	if r.execute {
		if err := a.CommitReset(ctx, name, plan); err != nil {
			return err
		}
	}
	if err := g.printReset(name, plan); err != nil {
		return err
	}
	g.sayMoved(plan)
	if !r.execute {
		g.say("nothing was changed: --execute does it")
	}
	return nil
}

// sayMoved names the offsets of the file that their partitions do not have.
func (g *groupCommand) sayMoved(plan []kafka.Move) {
	for _, m := range plan {
		for _, asked := range g.reset.exact {
			if asked.TopicPartition == m.TopicPartition && asked.To != m.To {
				g.say("%s,%d has no offset %d: %d is the nearest", m.Topic, m.Partition, asked.To, m.To)
			}
		}
	}
}

func (g *groupCommand) printReset(name string, plan []kafka.Move) error {
	rows := [][]string{{"GROUP", "TOPIC", "PARTITION", "FROM", "TO"}}
	for _, m := range plan {
		if g.format == "json" {
			if err := g.encode(resetRow{name, m.Topic, m.Partition, orNull(m.From), m.To, g.reset.execute}); err != nil {
				return err
			}
		}
		rows = append(rows, append([]string{fault.Visible(name), m.Topic}, numbers(int64(m.Partition), m.From, m.To)...))
	}
	switch g.format {
	case "java":
		return kafka.FormatResetJava(g.app.Out, name, plan)
	case "table":
		return printRows(g.app.Out, rows)
	}
	return nil
}
