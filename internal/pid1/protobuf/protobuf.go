// Package protobuf writes and reads messages of Protocol Buffers, field by field, for the
// few that PID 1 exchanges with containerd. Whoever uses it has the numbers of the fields
// from the .proto files: PID 1 has no room for the code that is made from those.
//
// Format: protobuf.dev/programming-guides/encoding.
package protobuf

import "encoding/binary"

// Message is an encoded message.
type Message []byte

// Types of a field's value, the low bits of the tag before it.
const (
	varint    = 0
	fixed64   = 1
	delimited = 2
	fixed32   = 5

	typeBits = 3
	typeMask = 1<<typeBits - 1
)

// With adds a field that is a string, bytes or a message. One that is empty is the
// same as one that is not there.
func (m Message) With(field int, value string) Message {
	if value == "" {
		return m
	}
	m = binary.AppendUvarint(m, uint64(field)<<typeBits|delimited)
	return append(binary.AppendUvarint(m, uint64(len(value))), value...)
}

// WithNumber adds a field that is a number or, as 0 and 1, a bool.
func (m Message) WithNumber(field int, value uint64) Message {
	if value == 0 {
		return m
	}
	return binary.AppendUvarint(binary.AppendUvarint(m, uint64(field)<<typeBits|varint), value)
}

// Each calls fn for each field, with its number or its bytes, and with neither where it
// is of a fixed size. It ends early, and reports false, where m is not a whole message.
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

// maxField is the largest number of a field that is read. No field has one above 1<<29 - 1,
// which other readers do not mind either.
const maxField = 1<<31 - 1

// value reads what follows a tag. Its size is 0 where it is not whole.
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

// Number returns a field that is a number: the last of its kind, or 0.
func (m Message) Number(field int) (found uint64) {
	m.Each(func(f int, number uint64, _ Message) {
		if f == field {
			found = number
		}
	})
	return found
}

// Text returns a field that is a string: the last of its kind, or "".
func (m Message) Text(field int) (found string) {
	m.Each(func(f int, _ uint64, value Message) {
		if f == field {
			found = string(value)
		}
	})
	return found
}
