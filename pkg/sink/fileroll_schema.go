package sink

import (
	"context"
	"errors"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/sink/serializer"
)

// A file of Avro's datums has one schema. Where events of another one come, a
// new file begins: Flume writes them into the file of the first one, which
// nobody can read then.

// schemaGroup are events of a batch with one schema.
type schemaGroup struct {
	schema *serializer.Schema
	events []flume.Event
}

// bySchema sorts a batch by schemas, that of the open file first. As long as no
// event had a schema, events without one are taken for a mistake in the
// properties, and the batch fails; later they are rejected.
func (s *FileRoll) bySchema(ctx context.Context, batch []flume.Event) (groups []schemaGroup, rejected []Rejection, err error) {
	at := map[string]int{}
	if s.schema != nil {
		groups = append(groups, schemaGroup{schema: s.schema})
		at[s.schema.Text()] = 0
	}
	for i := range batch {
		schema, err := s.format.Schema(ctx, &batch[i])
		if errors.As(err, new(*serializer.FetchError)) {
			return nil, nil, err
		}
		if err != nil {
			rejected = append(rejected, Rejection{i, err})
			continue
		}
		n, there := at[schema.Text()]
		if !there {
			n = len(groups)
			at[schema.Text()] = n
			groups = append(groups, schemaGroup{schema: schema})
		}
		groups[n].events = append(groups[n].events, batch[i])
	}
	if len(rejected) == len(batch) && !s.proven && len(batch) > 0 {
		return nil, nil, rejected[0].Err
	}
	s.proven = true
	if len(groups) > 0 && len(groups[0].events) == 0 {
		groups = groups[1:]
	}
	return groups, rejected, nil
}

// changeSchema sees to it that the file is one for a schema.
func (s *FileRoll) changeSchema(schema *serializer.Schema) error {
	if s.file != nil && s.schema.Text() == schema.Text() {
		return nil
	}
	if s.file != nil && s.size == 0 { // the file waits for its first event
		s.schema, s.events = schema, s.format.New(schema)
		return nil
	}
	if err := s.end(); err != nil {
		return err
	}
	s.schema = schema
	return s.begin()
}
