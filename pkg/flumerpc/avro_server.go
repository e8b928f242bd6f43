package flumerpc

import (
	"encoding/binary"
)

// avroSession is the server's side of one connection.
type avroSession struct {
	gathering
	reader  *reader
	serial  uint32
	greeted bool // the handshake is done
	out     []byte
}

func (s *avroSession) read(r *reader) (message []byte, err error) {
	s.reader = r
	s.serial, message, err = readAvro(r)
	return message, err
}

// answer handles one request. What is wrong with it is told to the client, and
// in fault; the connection stays usable.
func (s *avroSession) answer(message []byte, handle func(Call) Status) (out []byte, fault, end error) {
	c := &cursor{rest: message}
	s.out = binary.BigEndian.AppendUint32(s.out[:0], s.serial)
	s.out = append(s.out, 0, 0, 0, 3)
	if s.greeted {
		s.out = append(s.out, 0, 0, 0, 0)
	} else if goesOn, fault := s.greet(c); fault != nil || !goesOn {
		if fault != nil {
			s.fail(fault.Error())
		}
		return s.out, fault, nil
	}
	c.avroMap()
	name := string(c.avroBytes())
	if c.bad {
		fault = malformed("the request ends too early")
		s.fail(fault.Error())
		return s.out, fault, nil
	}
	switch name {
	case "":
		// A ping, which asks for the handshake alone.
		binary.BigEndian.PutUint32(s.out[4:], 1)
	case "append", "appendBatch":
		call := Call{Batch: name == "appendBatch"}
		if fault = s.avroEvents(c, call.Batch); fault != nil {
			s.fail(fault.Error())
			break
		}
		call.Events = s.events
		s.reader.lend(s.events)
		s.out = append(s.out, 0, 0, 0, 1, 0) // no metadata
		s.out = append(s.out, 0, 0, 0, 2, 0, byte(handle(call))<<1)
	default:
		s.fail("org.apache.avro.AvroRuntimeException: No such remote message: " + name)
		fault = malformed("there is no message %q", name)
	}
	return s.out, fault, nil
}

// fail appends an answer that is an error: no metadata, and a text.
func (s *avroSession) fail(text string) {
	s.out = append(s.out, 0, 0, 0, 1, 0)
	b := appendText([]byte{1, 0}, text)
	s.out = append(binary.BigEndian.AppendUint32(s.out, uint32(len(b))), b...)
}

// greet answers the handshake that opens a connection. The request that came
// with it goes on, unless the client is unknown and has to tell its protocol.
func (s *avroSession) greet(c *cursor) (goesOn bool, fault error) {
	client := string(c.take(16))
	var protocol []byte
	if c.varint() != 0 {
		protocol = c.avroBytes()
	}
	server := string(c.take(16))
	if c.varint() != 0 {
		c.avroMap()
	}
	if c.bad {
		s.greeted = true // as Flume, which reads all that follows as calls
		s.out = append(s.out, 0, 0, 0, 0)
		return false, malformed("the handshake ends too early")
	}
	match := matchBoth
	switch {
	case client != avroHash && protocol == nil:
		match = matchNone
	case server != avroHash:
		match = matchClient
	}
	b := []byte{byte(match) << 1}
	if match == matchBoth {
		b = append(b, 0, 0, 0)
	} else {
		b = appendText(append(b, 2), avroProtocol)
		b = append(append(append(b, 2), avroHash...), 0)
	}
	s.out = append(binary.BigEndian.AppendUint32(s.out, uint32(len(b))), b...)
	if match == matchNone {
		binary.BigEndian.PutUint32(s.out[4:], 1)
		return false, nil
	}
	s.greeted = true
	if protocol != nil && client != avroHash {
		if err := compatible(protocol); err != nil {
			return false, err
		}
	}
	return true, nil
}
