package op

import (
	"bytes"
	"unicode/utf8"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/format"
)

// archives are inputs that people give as they are, with what makes text of them.
var archives = []struct{ magic, name, program string }{
	{"BZh", "bzip2", "bzip2 -dc"},
	{"\xfd7zXZ\x00", "xz", "xz -dc"},
	{"PK\x03\x04", "zip", "unzip -p"},
	{"PAR1", "Parquet", "duckdb"},
}

// NoRecord adds to err, for which the first line of an input is no record, what
// would make records of such lines.
func NoRecord(line []byte, err error) error {
	for _, a := range archives {
		if bytes.HasPrefix(line, []byte(a.magic)) {
			return fault.Hint(err, "the input is %s, not text: %s … | logpipe …", a.name, a.program)
		}
	}
	text := bytes.TrimSpace(line)
	switch {
	case len(text) == 0 || !utf8.Valid(text):
		return err
	case text[0] == '{':
		return fault.Hint(err, "a record is one JSON object on one line; jq -c . writes them so")
	case text[0] == '[':
		return fault.Hint(err, "a record is one JSON object on one line; jq -c '.[]' writes those of an array so")
	}
	if name := format.Suggest(text); name != "" {
		return fault.Hint(err, "`logpipe parse %s` makes records of such lines", name)
	}
	return fault.Hint(err, "`logpipe parse FORMAT` makes records of lines; its help lists the formats, such as csv and text")
}
