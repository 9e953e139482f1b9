package provider

import (
	"bytes"
	"io"
)

// eventStream splits a text/event-stream into events, however its bytes are
// cut. It follows the HTML standard, section 9.2.6 (lines end in LF, CR or
// CRLF; one space after the colon; data lines joined by LF; a leading BOM),
// and forgives what providers were recorded to do: white space before a field
// name, a last event without its blank line, and what the standard would drop
// and with it the only sign of a failure: llama.cpp's field `error`, and JSON
// without a field's name.
type eventStream struct {
	body io.Reader

	buffer  []byte // bytes read; buffer[start:] are not yet consumed
	start   int
	scanned int  // buffer[start:scanned] holds no end of line
	skipLF  bool // the last line ended in CR: an LF now belongs to it
	began   bool // the BOM was looked for
	ended   bool // body gave io.EOF

	name []byte
	data []byte
	some bool // a data field was seen since the last event
}

// eventLimit bounds one line and the data of one event, in bytes. It is the
// limit of the vendors' own SDKs.
const eventLimit = 32 << 20

// next returns the next event's name and data, which stay valid until the next
// call. The error is io.EOF after the last event, or an *Error.
func (s *eventStream) next() (name, data []byte, err error) {
	s.name, s.data, s.some = s.name[:0], s.data[:0], false
	bare := false // the event is JSON without a field's name
	for {
		line, err := s.line()
		if err == io.EOF && s.some {
			return s.name, validUTF8(s.data), nil
		}
		if err != nil {
			return nil, nil, err
		}
		if len(line) == 0 {
			if s.some {
				return s.name, validUTF8(s.data), nil
			}
			s.name = s.name[:0]
			continue
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(bytes.TrimLeft(field, " \t")) {
		case "data":
			if s.some {
				s.data = append(s.data, '\n')
			}
			s.data, s.some = append(s.data, value...), true
			if len(s.data) > eventLimit {
				return nil, nil, errEventLimit()
			}
		case "event":
			s.name = append(s.name[:0], value...)
		case "error":
			s.name = append(s.name[:0], "error"...)
			s.data, s.some = append(s.data[:0], value...), true
		default:
			// Google breaks streams off with an error that has no field name and
			// may take several lines.
			if bare = bare || !s.some && (line[0] == '{' || line[0] == '['); !bare {
				continue
			}
			if s.some {
				s.data = append(s.data, '\n')
			}
			s.data, s.some = append(s.data, line...), true
			if len(s.data) > eventLimit {
				return nil, nil, errEventLimit()
			}
		}
	}
}

// line returns the next line without its end. The last line needs no end.
func (s *eventStream) line() ([]byte, error) {
	for {
		if s.skipLF && s.start < len(s.buffer) {
			if s.buffer[s.start] == '\n' {
				s.start++
			}
			s.skipLF = false
			s.scanned = s.start
		}
		if !s.began && (len(s.buffer) >= len(bom) || s.ended) {
			s.buffer, s.began = bytes.TrimPrefix(s.buffer, bom), true
		}
		if s.began {
			if i := bytes.IndexAny(s.buffer[s.scanned:], "\r\n"); i >= 0 {
				end := s.scanned + i
				line := s.buffer[s.start:end]
				s.skipLF = s.buffer[end] == '\r'
				s.start = end + 1
				s.scanned = s.start
				return line, nil
			}
			s.scanned = len(s.buffer)
		}
		if s.ended {
			line := s.buffer[s.start:]
			s.start = len(s.buffer)
			if len(line) == 0 {
				return nil, io.EOF
			}
			return line, nil
		}
		if err := s.fill(); err != nil {
			return nil, err
		}
	}
}

func errEventLimit() *Error {
	return &Error{Kind: TooLarge, Message: "the provider sent an event longer than 32 MB", Next: shorterAnswer}
}

var bom = []byte("\xef\xbb\xbf")

// fill reads more of the body.
func (s *eventStream) fill() error {
	if s.start > 0 {
		rest := copy(s.buffer, s.buffer[s.start:])
		s.buffer, s.scanned, s.start = s.buffer[:rest], s.scanned-s.start, 0
	}
	if len(s.buffer) > eventLimit {
		return errEventLimit()
	}
	if len(s.buffer) == cap(s.buffer) {
		s.buffer = append(make([]byte, 0, max(4<<10, 2*cap(s.buffer))), s.buffer...)
	}
	n, err := s.body.Read(s.buffer[len(s.buffer):cap(s.buffer)])
	s.buffer = s.buffer[:len(s.buffer)+n]
	if err == io.EOF {
		s.ended = true
		return nil
	}
	if err != nil {
		return AsError(err)
	}
	return nil
}
