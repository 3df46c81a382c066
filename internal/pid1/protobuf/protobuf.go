// Package protobuf encodes and decodes messages of Protocol Buffers field by field, for the
// few messages that PID 1 exchanges with containerd. Callers use the field numbers of the
// .proto files: generated code would make PID 1 too large.
//
// Format: protobuf.dev/programming-guides/encoding. Groups are not supported.
package protobuf

import "encoding/binary"

// Message is an encoded message.
type Message []byte

// Wire types, the low bits of a tag.
const (
	varint    = 0
	fixed64   = 1
	delimited = 2
	fixed32   = 5

	typeBits = 3
	typeMask = 1<<typeBits - 1
)

// With appends a string, bytes or message field. An empty value is omitted: it is the
// default.
func (m Message) With(field int, value string) Message {
	if value == "" {
		return m
	}
	m = binary.AppendUvarint(m, uint64(field)<<typeBits|delimited)
	return append(binary.AppendUvarint(m, uint64(len(value))), value...)
}

// WithNumber appends an integer or bool field. 0 is omitted: it is the default.
func (m Message) WithNumber(field int, value uint64) Message {
	if value == 0 {
		return m
	}
	return binary.AppendUvarint(binary.AppendUvarint(m, uint64(field)<<typeBits|varint), value)
}

// Each calls fn for each field in order: with number for a varint, with value for a
// delimited field, and with neither for one of fixed size. It stops and returns false at
// the first invalid field.
func (m Message) Each(fn func(field int, number uint64, value Message)) bool {
	for len(m) > 0 {
		tag, n := binary.Uvarint(m)
		if n <= 0 || tag>>typeBits == 0 || tag>>typeBits > maxField {
			return false
		}
		number, value, size := m[n:].value(tag & typeMask)
		if size <= 0 || size > len(m)-n {
			return false
		}
		fn(int(tag>>typeBits), number, value)
		m = m[n+size:]
	}
	return true
}

// maxField is the largest field number that is accepted. Numbers above 1<<29 - 1 are not
// valid, but other decoders accept them too.
const maxField = 1<<31 - 1

// value decodes the value after a tag. size is 0 if it is truncated or of unknown type.
func (m Message) value(kind uint64) (number uint64, value Message, size int) {
	switch kind {
	case varint:
		number, size = binary.Uvarint(m)
	case delimited:
		if length, n := binary.Uvarint(m); n > 0 && length <= uint64(len(m)-n) {
			size = n + int(length)
			value = m[n:size:size]
		}
	case fixed64:
		size = 8
	case fixed32:
		size = 4
	}
	return number, value, size
}

// Number returns the last value of an integer field, or 0.
func (m Message) Number(field int) (found uint64) {
	m.Each(func(f int, number uint64, _ Message) {
		if f == field {
			found = number
		}
	})
	return found
}

// Text returns the last value of a string field, or "".
func (m Message) Text(field int) (found string) {
	m.Each(func(f int, _ uint64, value Message) {
		if f == field {
			found = string(value)
		}
	})
	return found
}
