package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

const dumpAbout = "The file holds the topic as it is now: its own settings, and of each record key, value, headers, timestamp and " +
	"partition, byte for byte. It is text, a record a line as consume -J prints it, compressed where the FILE ends in .zst or .gz; " +
	"without one it goes to standard output. The file has its name only when it is whole; until then it is .FILE.NUMBER " +
	"beside it, which stays there where the dump is killed. Offsets and what groups have committed " +
	"are not in it."

const restoreAbout = "Makes a topic that holds what `topic dump` has written: the same records in the same order in the same partitions, with " +
	"their times, and the settings of the topic. The topic must not exist; NAME calls it otherwise. - is standard input. What the settings " +
	"say of the age of records counts when all are there."

func (t *topicCommand) dumpOptions(*option.Set) {}

func (t *topicCommand) checkDump(names []string) error {
	if len(names) > 2 {
		return fault.Usagef("want a topic and a file, not %d words", len(names))
	}
	return t.someName(names)
}

func (t *topicCommand) dump(ctx context.Context, names []string) error {
	moved, clear := t.app.Watch()
	cfg := t.cluster.Config(t.app.Log)
	if len(names) == 1 || names[1] == "-" {
		out := bufio.NewWriterSize(t.app.Out, 1<<18)
		n, err := catalog.Dump(ctx, out, cfg, names[0], moved)
		clear()
		if err == nil {
			err = out.Flush()
		}
		if err != nil {
			return err
		}
		t.say("dumped %s of topic %q", countOf(n, "record"), names[0])
		return nil
	}
	n, size, err := dumpFile(names[1], func(w io.Writer) (int64, error) { return catalog.Dump(ctx, w, cfg, names[0], moved) })
	clear()
	if err != nil {
		return err
	}
	t.say("dumped %s of topic %q into %s (%s)", countOf(n, "record"), names[0], names[1], cli.Bytes(size))
	return nil
}

// dumpFile writes a file beside its place and gives it its name when it is whole
// and on the disk.
func dumpFile(path string, write func(io.Writer) (int64, error)) (n, size int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", path, errors.Unwrap(err)) // not the name that nobody has written
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	out := bufio.NewWriterSize(f, 1<<18)
	packed, err := cli.Compress(out, path)
	if err != nil {
		return 0, 0, errors.Join(err, f.Close())
	}
	n, err = write(packed)
	err = errors.Join(err, packed.Close(), out.Flush(), f.Chmod(0o644), f.Sync())
	if info, statErr := f.Stat(); statErr == nil {
		size = info.Size()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return n, size, err
	}
	return n, size, os.Rename(f.Name(), path)
}

func (t *topicCommand) restoreOptions(s *option.Set) {
	s.Int(&t.replication, "replication-factor", -1, "`number` of brokers that hold each partition; without it as it was")
}

func (t *topicCommand) checkRestore(names []string) error {
	if len(names) == 0 || len(names) > 2 {
		return fault.Hint(fault.Usagef("say which file"), "logpipe topic restore clicks.zst")
	}
	return nil
}

func (t *topicCommand) restore(ctx context.Context, names []string) error {
	in := t.app.In
	if names[0] != "-" {
		f, err := os.Open(names[0])
		if err != nil {
			return fault.With(fault.Usage, err)
		}
		defer f.Close()
		in = f
	}
	o := catalog.Restoring{Replication: max(t.replication, 0)}
	if len(names) == 2 {
		o.Topic = names[1]
	}
	var clear func()
	o.Moved, clear = t.app.Watch()
	lines := cli.Expand(in)
	defer lines.Close()
	done, err := catalog.Restore(ctx, lines, t.cluster.Config(t.app.Log), o)
	clear()
	if err != nil {
		if done.Records > 0 {
			t.app.Say("%s are in topic %q", countOf(done.Records, "record"), done.Topic)
		}
		return err
	}
	t.say("restored %s into topic %q with %s", countOf(done.Records, "record"), done.Topic, countOf(int64(done.Partitions), "partition"))
	return nil
}
