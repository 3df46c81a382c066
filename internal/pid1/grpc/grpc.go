// Package grpc is a minimal gRPC client for unary calls over an existing connection.
//
// PID 1 makes a few calls to containerd, and grpc-go is larger than all of PID 1. Each
// call has its own connection with one stream and no dynamic header table, so a small part
// of HTTP/2 is sufficient:
//
//	call.go     requests, and the handling of each frame
//	frame.go    frames of HTTP/2 (RFC 9113 §4, §6)
//	request.go  connection preface and request headers
//	hpack.go    response headers (RFC 7541)
//	huffman.go  their Huffman code (RFC 7541 appendix B)
//	status.go   status of a call
//
// The rest is "gRPC over HTTP2" (grpc/doc/PROTOCOL-HTTP2.md), without message compression,
// streaming and TLS. The peer is not trusted: the number and size of frames and messages
// are bounded, and no input causes a panic.
package grpc

import "io"

// MaxMessage bounds a request and a response, in bytes.
const MaxMessage = 4 << 20

// prefixSize is the size of a message's prefix in bytes: the compressed flag and the
// length.
const prefixSize = 5

// ErrProtocol is matched by the error of an invalid response. It is not made by
// errors.New, which would add initialization code to PID 1.
var ErrProtocol error = &protocolError{"unexpected data"}

// protocolError is an invalid response; what describes the reason.
type protocolError struct{ what string }

func (e *protocolError) Error() string        { return "invalid gRPC response: " + e.what }
func (e *protocolError) Is(target error) bool { return target == ErrProtocol }

func malformed(what string) error { return &protocolError{what} }

// Call makes one unary call. conn is a connected socket that is used for this call only.
// The caller sets its deadline, which is the only bound on time, and closes it.
//
// method is "/package.Service/Method"; metadata is pairs of a lower-case name and a value.
// The error is a *Status, not wrapped, if the peer has returned one or has not processed
// the call (Unavailable), or if the request exceeds MaxMessage or its headers exceed 16 KiB
// (ResourceExhausted). It matches ErrProtocol if the response is invalid. Other errors are
// those of conn.
func Call(conn io.ReadWriter, method string, metadata [][2]string, request []byte) ([]byte, error) {
	block := requestHeaders(method, metadata)
	if len(request) > MaxMessage || len(block) > maxFrame {
		return nil, &Status{ResourceExhausted, "the request is too large"}
	}
	c := &call{conn: conn, out: preface, initial: defaultWindow, window: [2]int{defaultWindow, defaultWindow}}
	c.buf = make([]byte, maxFrame)
	c.queue(headers, endHeaders, streamID, block)
	n := len(request)
	c.unsent = string([]byte{0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + string(request)
	for !c.done {
		c.send()
		if err := c.receive(); err != nil {
			return nil, err
		}
	}
	if len(c.response) < prefixSize || c.response[0] != 0 || int(number(c.response[1:])) != len(c.response)-prefixSize {
		return nil, malformed("not exactly one uncompressed message")
	}
	return c.response[prefixSize:], nil
}
