package grpc

import (
	"io"
	"strconv"
)

// maxFrame bounds the payload of a frame in both directions, in bytes. It is the initial
// SETTINGS_MAX_FRAME_SIZE (RFC 9113 §4.2).
const maxFrame = 16384

// frameHeaderSize is the size of a frame header in bytes (RFC 9113 §4.1).
const frameHeaderSize = 9

// streamID is the identifier of the only stream; 0 is the connection.
const streamID = 1

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

// Streams on which a frame is allowed, as bits: 0 is the connection, 1 is streamID.
const (
	onConnection = 1 << 0
	onStream     = 1 << streamID
	anywhere     = 1 << 7
)

// frameRules contains the allowed streams and the fixed payload size, or 0, of each type.
var frameRules = [...]struct{ on, size uint8 }{
	data: {onStream, 0}, headers: {onStream, 0}, priority: {anywhere, 0}, rstStream: {onStream, 4},
	settings: {onConnection, 0}, pushPromise: {0, 0}, ping: {onConnection, 0}, goAway: {onConnection, 0},
	windowUpdate: {onConnection | onStream, 4}, continuation: {onStream, 0},
}

// frame is the last frame that was read.
type frame struct {
	kind, flags byte
	stream      uint32
	payload     []byte // a part of buf
	buf         []byte // of size maxFrame
}

// read reads a frame and checks it against frameRules. Unknown types are allowed: they
// must be ignored (RFC 9113 §4.1).
func (f *frame) read(from io.Reader) error {
	if err := readFull(from, f.buf[:frameHeaderSize]); err != nil {
		return err
	}
	size := int(number(f.buf) >> 8)
	f.kind, f.flags, f.stream = f.buf[3], f.buf[4], number(f.buf[5:])&^(1<<31)
	if size > maxFrame {
		return f.invalid()
	}
	f.payload = f.buf[:size]
	if err := readFull(from, f.payload); err != nil || int(f.kind) >= len(frameRules) {
		return err
	}
	rule := frameRules[f.kind]
	if rule.on != anywhere && rule.on>>f.stream&1 == 0 || rule.size > 0 && size != int(rule.size) {
		return f.invalid()
	}
	return nil
}

// readFull fills b. If the connection ends before, it returns the error of Read.
func readFull(from io.Reader, b []byte) error {
	for len(b) > 0 {
		n, err := from.Read(b)
		if b = b[n:]; err != nil && len(b) > 0 {
			return err
		}
	}
	return nil
}

// number decodes the 32-bit number at the beginning of b.
func number(b []byte) uint32 {
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

func (f *frame) invalid() error {
	return malformed("invalid frame of type " + strconv.Itoa(int(f.kind)))
}

// appendPayload appends the payload to dst, which may become max bytes long: without
// padding (RFC 9113 §6.1) and, of HEADERS, without the priority (§6.2).
func (f *frame) appendPayload(dst *[]byte, max int) error {
	first, end := 0, len(f.payload)
	if f.flags&padded != 0 && f.kind != continuation {
		first = 1
		end -= int(f.buf[0]) // of an empty payload any value makes first > end
	}
	if f.flags&hasPriority != 0 && f.kind == headers {
		first += 5
	}
	if first > end {
		return f.invalid()
	}
	if len(*dst)+end-first > max {
		return malformed("too large")
	}
	*dst = append(*dst, f.payload[first:end]...)
	return nil
}
