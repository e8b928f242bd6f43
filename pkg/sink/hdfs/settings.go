package hdfs

import (
	"fmt"
	"math"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/logpipe/logpipe/pkg/filesystem"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/hadoopfile"
	"github.com/logpipe/logpipe/pkg/sink/escape"
	"github.com/logpipe/logpipe/pkg/sink/serializer"
)

// The values of hdfs.fileType.
const (
	sequenceFile     = "SequenceFile"
	dataStream       = "DataStream"
	compressedStream = "CompressedStream"
)

// settings are the properties, and what follows from them.
type settings struct {
	path, filePrefix, fileSuffix      string
	inUsePrefix, inUseSuffix          string
	emptyInUse                        bool
	rollInterval, idleTimeout         time.Duration
	rollSize, rollCount, batch        int
	fileType, writeFormat, codecName  string
	maxOpen                           int
	callTimeout, retryInterval        time.Duration
	closeTries                        int
	round, local                      bool
	roundValue                        int
	roundUnit, zone                   string
	principal, keytab, proxyUser      string
	text                              serializer.Settings
	ignored                           int
	suffixSet, inUseSet, localRawFile bool

	root         string // of the file system
	relative     bool   // hdfs.path is
	clock        escape.Clock
	dirs, names  *escape.Template
	codec        *hadoopfile.Codec
	suffix, tail string // behind the number in final names, and behind that in others
}

func (s *settings) describe(p *flume.Properties) {
	s.describeFiles(p)
	s.describeRolling(p)
	s.describeTimes(p)
	const threads = "files are written one after the other, and timers need no threads"
	p.Int(&s.ignored, "hdfs.threadsPoolSize", 10, 1, "threads for calls").Without(threads)
	p.Int(&s.ignored, "hdfs.rollTimerPoolSize", 1, 1, "threads for timers").Without(threads)
	p.Int(&s.ignored, "hdfs.minBlockReplicas", 0, 0, "copies of a block below which a file is rolled").
		Without("a datanode that goes away makes a batch fail, and a new file begins")
	p.Bool(&s.localRawFile, "hdfs.useRawLocalFileSystem", false, "no checksum files in local folders").
		Without("there are never any")
	p.String(&s.principal, "hdfs.kerberosPrincipal", "", "who logs in by Kerberos")
	p.String(&s.keytab, "hdfs.kerberosKeytab", "", "the keys for that")
	p.String(&s.proxyUser, "hdfs.proxyUser", "", "who the files belong to")
}

func (s *settings) describeFiles(p *flume.Properties) {
	p.String(&s.path, "hdfs.path", "", "folder with escapes: hdfs://, webhdfs://, file:///").Require()
	p.String(&s.filePrefix, "hdfs.filePrefix", "FlumeData", "what names begin with, with escapes")
	p.String(&s.fileSuffix, "hdfs.fileSuffix", "", "what names end with; the codec's own if it is empty")
	p.String(&s.inUsePrefix, "hdfs.inUsePrefix", "", "in front of the names of files that are written")
	p.String(&s.inUseSuffix, "hdfs.inUseSuffix", ".tmp", "behind the names of files that are written")
	p.Bool(&s.emptyInUse, "hdfs.emptyInUseSuffix", false, "nothing stands there")
	p.Choice(&s.fileType, "hdfs.fileType", sequenceFile, []string{sequenceFile, dataStream, compressedStream}, "the format of files")
	p.Choice(&s.writeFormat, "hdfs.writeFormat", "Writable", []string{"Writable", "Text"}, "of SequenceFile: the class of values, BytesWritable or Text")
	p.String(&s.codecName, "hdfs.codeC", "", "of CompressedStream and SequenceFile: gzip, bzip2, deflate, snappy")
	s.text.Describe(p, "serializer")
}

func (s *settings) describeRolling(p *flume.Properties) {
	p.Duration(&s.rollInterval, "hdfs.rollInterval", 30*time.Second, time.Second, "how long a file is written; 0 = by the other rules alone").OrNever()
	p.Int(&s.rollSize, "hdfs.rollSize", 1024, 0, "how many bytes of bodies a file takes; 0 = any").In("bytes").OrNever()
	p.Int(&s.rollCount, "hdfs.rollCount", 10, 0, "how many events a file takes; 0 = any").In("events").OrNever()
	p.Duration(&s.idleTimeout, "hdfs.idleTimeout", 0, time.Second, "how long a file waits for the next event; 0 = for ever").OrNever()
	p.Int(&s.batch, "hdfs.batchSize", 100, 1, "most events in one transaction").In("events")
	p.Int(&s.maxOpen, "hdfs.maxOpenFiles", 5000, 1, "with more, the file is closed that was not used for longest").In("files")
	p.Duration(&s.callTimeout, "hdfs.callTimeout", 30*time.Second, time.Millisecond, "how long a call of the file system may take; 0 = for ever")
	p.Int(&s.closeTries, "hdfs.closeTries", math.MaxInt32, 0, "how often closing and renaming are tried; 0 = until they succeed").OrNever()
	p.Duration(&s.retryInterval, "hdfs.retryInterval", 180*time.Second, time.Second, "how long a failed close waits for the next try; 0 = one try").OrNever()
}

func (s *settings) describeTimes(p *flume.Properties) {
	p.Bool(&s.round, "hdfs.round", false, "times in paths are rounded down")
	p.Int(&s.roundValue, "hdfs.roundValue", 1, 1, "to a multiple of so many units")
	p.Choice(&s.roundUnit, "hdfs.roundUnit", "second", []string{"second", "minute", "hour"}, "the unit")
	p.String(&s.zone, "hdfs.timeZone", "", "of times in paths, such as America/Los_Angeles; this machine's own if it is empty")
	p.Bool(&s.local, "hdfs.useLocalTimeStamp", false, "times in paths are those of writing, not those of the header timestamp")
}

// prepare works out what follows from the properties; hosts tells this machine's
// names.
func (s *settings) prepare(hosts func() escape.Hosts) []flume.Problem {
	all := problems(s.text.Check())
	root, name, err := filesystem.Split(s.path)
	if err != nil && s.path != "" {
		all.add("hdfs.path", "write a path such as hdfs://namenode:8020/logs/%Y-%m-%d", "%v", err)
	}
	if strings.Contains(root, "%") {
		all.add("hdfs.path", "name one cluster", "the host in %q cannot have escapes", root)
	}
	if host, _, _ := strings.Cut(name, "/"); root == "" && strings.Contains(host, ":") {
		all.add("hdfs.path", "write hdfs://"+s.path, "%q is no path: a host comes behind hdfs://", s.path)
		return all
	}
	s.root, s.relative = root, !strings.HasPrefix(name, "/")
	if s.dirs, err = escape.Parse(path.Clean("/"+name), hosts); err != nil {
		all.addUnknown("hdfs.path", name, utf8.RuneCountInString(strings.TrimSuffix(s.path, name)))
	}
	if s.names, err = escape.Parse(s.filePrefix, hosts); err != nil {
		all.addUnknown("hdfs.filePrefix", s.filePrefix, 0)
	}
	if strings.Contains(root, "hdfs://") {
		all = append(all, checkColons("hdfs.path", s.path, name)...)
		all = append(all, checkColons("hdfs.filePrefix", s.filePrefix, s.filePrefix)...)
	}
	for property, text := range map[string]string{"hdfs.fileSuffix": s.fileSuffix, "hdfs.inUsePrefix": s.inUsePrefix, "hdfs.inUseSuffix": s.inUseSuffix} {
		if strings.Contains(text, "/") {
			all.add(property, "write folders into hdfs.path", "%q names a folder", text)
		}
	}
	s.prepareClock(&all)
	if s.principal != "" || s.keytab != "" {
		all.add("hdfs.kerberosPrincipal", "write through a gateway without Kerberos, such as HttpFS by webhdfs://", "Kerberos is not supported")
	}
	return append(all, s.prepareFormat()...)
}

// prepareClock works out the times in paths.
func (s *settings) prepareClock(all *problems) {
	var err error
	if s.clock.Zone, err = escape.Zone(s.zone); err != nil {
		all.add("hdfs.timeZone", "write a name such as Europe/Berlin or GMT+8", "%v", err)
	}
	s.clock.Local, s.clock.Value, s.clock.Unit = s.local, s.roundValue, ""
	if !s.round {
		return
	}
	s.clock.Unit = s.roundUnit
	most := 60
	if s.roundUnit == "hour" {
		most = 24
	}
	if s.roundValue > most {
		all.add("hdfs.roundValue", fmt.Sprintf("write 1 to %d", most), "hdfs.roundValue %d is more than %d, which %ss have", s.roundValue, most, s.roundUnit)
	}
}

// problems are those that were found in the properties.
type problems []flume.Problem

func (p *problems) add(property, fix, format string, args ...any) {
	*p = append(*p, flume.Problem{Property: property, Message: fmt.Sprintf(format, args...), Fix: fix})
}

// addUnknown adds the escapes that there are not in text, which stands at from in the
// property.
func (p *problems) addUnknown(property, text string, from int) {
	for _, u := range escape.FindUnknown(text) {
		*p = append(*p, flume.Problem{Property: property, Offset: from + u.Offset, Message: u.Error(), Fix: u.Fix})
	}
}

// checkColons finds colons in a name, which is the end of the text of a property:
// HDFS takes none, so that every event would fail.
func checkColons(property, text, name string) []flume.Problem {
	from := len(text) - len(name)
	i := strings.Index(strings.ReplaceAll(name, "%c", "::"), ":") // which is such as 10:09:08
	if from < 0 || i < 0 {
		return nil
	}
	return []flume.Problem{{Property: property, Offset: utf8.RuneCountInString(text[:from+i]),
		Message: property + " has a colon, which no name in HDFS can have", Fix: "write times such as %H%M or %H-%M"}}
}

// prepareFormat works out the codec and the ends of names.
func (s *settings) prepareFormat() []flume.Problem {
	var all []flume.Problem
	s.codec = nil
	if s.codecName != "" {
		var err error
		if s.codec, err = hadoopfile.LookupCodec(s.codecName); err != nil {
			all = append(all, flume.Problem{Property: "hdfs.codeC", Message: err.Error(), Fix: "write hdfs.codeC = gzip"})
		}
	}
	switch {
	case s.fileType == dataStream && s.codecName != "":
		all = append(all, flume.Problem{Property: "hdfs.codeC", Message: "hdfs.fileType DataStream does not pack",
			Fix: "leave hdfs.codeC out, or set hdfs.fileType = CompressedStream"})
	case s.fileType == compressedStream && s.codec == nil && len(all) == 0:
		all = append(all, flume.Problem{Property: "hdfs.fileType", Message: "hdfs.fileType CompressedStream needs a codec",
			Fix: "add hdfs.codeC = gzip"})
	}
	s.suffix = s.fileSuffix
	if s.suffix == "" && s.codec != nil {
		s.suffix = s.codec.Extension
	}
	s.tail = s.inUseSuffix
	if s.emptyInUse {
		s.tail = ""
	}
	if s.closeTries == 0 {
		s.closeTries = math.MaxInt32
	}
	if s.retryInterval == 0 {
		s.closeTries = 1
	}
	return all
}
