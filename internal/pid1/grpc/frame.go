package grpc

import (
	"io"
	"strconv"
)

// maxFrame bounds the payload of a frame either way, in bytes: what HTTP/2 allows
// unless a side asks for more (RFC 9113 §4.2).
const maxFrame = 16384

// headSize is the size of what stands before a payload.
const headSize = 9

// theStream is the number of the only stream; 0 stands for the connection.
const theStream = 1

// Types of frames (RFC 9113 §6).
const (
	data = iota
	headers
	priority
	rstStream
	settings
	pushPromise
	ping
	goAway
	windowUpdate
	continuation
)

// Flags of frames.
const (
	ack         = 0x1 // SETTINGS, PING
	endStream   = 0x1 // DATA, HEADERS
	endHeaders  = 0x4
	padded      = 0x8
	hasPriority = 0x20
)

// Where a frame may be: bit 0 is the connection, bit 1 theStream.
const (
	onConnection = 1 << 0
	onStream     = 1 << theStream
	anywhere     = 1 << 7
)

// rules are where a type may be, and the size that it has, where it has one.
var rules = [...]struct{ on, size uint8 }{
	data: {onStream, 0}, headers: {onStream, 0}, priority: {anywhere, 0}, rstStream: {onStream, 4},
	settings: {onConnection, 0}, pushPromise: {0, 0}, ping: {onConnection, 0}, goAway: {onConnection, 0},
	windowUpdate: {onConnection | onStream, 4}, continuation: {onStream, 0},
}

// frame is the frame that was read last.
type frame struct {
	kind, flags byte
	stream      uint32
	payload     []byte // in buf
	buf         []byte // has room for maxFrame
}

// read reads a frame and checks it against the rules. A type that has none is to be
// ignored (RFC 9113 §4.1).
func (f *frame) read(from io.Reader) error {
	if err := fill(from, f.buf[:headSize]); err != nil {
		return err
	}
	size := int(number(f.buf) >> 8)
	f.kind, f.flags, f.stream = f.buf[3], f.buf[4], number(f.buf[5:])&^(1<<31)
	if size > maxFrame {
		return f.wrong()
	}
	f.payload = f.buf[:size]
	if err := fill(from, f.payload); err != nil || int(f.kind) >= len(rules) {
		return err
	}
	rule := rules[f.kind]
	if rule.on != anywhere && rule.on>>f.stream&1 == 0 || rule.size > 0 && size != int(rule.size) {
		return f.wrong()
	}
	return nil
}

// fill reads all of b.
func fill(from io.Reader, b []byte) error {
	for len(b) > 0 {
		n, err := from.Read(b)
		if b = b[n:]; err != nil && len(b) > 0 {
			return err
		}
	}
	return nil
}

// number is the one that b begins with.
func number(b []byte) uint32 {
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

func (f *frame) wrong() error {
	return wrong("a wrong frame of type " + strconv.Itoa(int(f.kind)))
}

// collect appends the payload to what may have so many bytes: without padding (RFC
// 9113 §6.1) and, of HEADERS, without the priority (§6.2).
func (f *frame) collect(into *[]byte, most int) error {
	first, end := 0, len(f.payload)
	if f.flags&padded != 0 && f.kind != continuation {
		first = 1
		end -= int(f.buf[0]) // which is of no use if there is no payload: first > end
	}
	if f.flags&hasPriority != 0 && f.kind == headers {
		first += 5
	}
	if first > end {
		return f.wrong()
	}
	if len(*into)+end-first > most {
		return wrong("it is too large")
	}
	*into = append(*into, f.payload[first:end]...)
	return nil
}
