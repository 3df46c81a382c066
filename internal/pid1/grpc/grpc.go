// Package grpc makes unary calls of gRPC, over a connection that is there.
//
// PID 1 asks containerd a few things and is to stay small: the client of gRPC that
// everybody uses is larger than all of PID 1. What one call needs of HTTP/2 is not
// much, as its connection has one stream only and neither side has a table of
// headers that grows:
//
//	call.go     what is sent, and what is made of each frame
//	frame.go    the frames of HTTP/2 (RFC 9113 §4, §6)
//	request.go  what a connection and a request begin with
//	hpack.go    the headers of an answer (RFC 7541)
//	huffman.go  their Huffman code (RFC 7541 appendix B)
//	status.go   the status of an answer
//
// The rest is "gRPC over HTTP2" (grpc/doc/PROTOCOL-HTTP2.md). There is no compression
// of messages, no stream of messages and no TLS. The peer is not trusted: what it
// sends is bounded, and nothing that it sends panics.
package grpc

import "io"

// MaxMessage bounds a request and a response, in bytes.
const MaxMessage = 4 << 20

// prefixSize is the size of what stands before a message: whether it is compressed,
// and its length.
const prefixSize = 5

// ErrProtocol is what the error of an answer that is no gRPC is (errors.Is). Unlike one
// of errors.New it needs no code that makes it.
var ErrProtocol error = &protocolError{"it is something else"}

// protocolError says what in an answer is wrong.
type protocolError struct{ what string }

func (e *protocolError) Error() string        { return "the answer is no gRPC: " + e.what }
func (e *protocolError) Is(target error) bool { return target == ErrProtocol }

func wrong(what string) error { return &protocolError{what} }

// Call makes one unary call on a connection of its own: conn, a connected socket, is
// used for nothing else, before or after. The caller has set its deadline, which is
// the only bound on time, and closes it.
//
// method is "/package.Service/Method"; metadata are pairs of a name in lower case and
// a value. An error is a *Status, not wrapped, if the peer has answered so or has not
// begun the call (Unavailable), or if the request is above MaxMessage or its headers
// are above 16 KiB (ResourceExhausted). It is ErrProtocol if the answer is no gRPC. All
// others are conn's own.
func Call(conn io.ReadWriter, method string, metadata [][2]string, request []byte) ([]byte, error) {
	block := requestHeaders(method, metadata)
	if len(request) > MaxMessage || len(block) > maxFrame {
		return nil, &Status{ResourceExhausted, "the request is too large"}
	}
	c := &call{conn: conn, out: opening, initial: defaultWindow, window: [2]int{defaultWindow, defaultWindow}}
	c.buf = make([]byte, maxFrame)
	c.put(headers, endHeaders, theStream, block)
	n := len(request)
	c.rest = string([]byte{0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + string(request)
	for !c.over {
		c.send()
		if err := c.receive(); err != nil {
			return nil, err
		}
	}
	if len(c.answer) < prefixSize || c.answer[0] != 0 || int(number(c.answer[1:])) != len(c.answer)-prefixSize {
		return nil, wrong("not exactly one message, and that as it is")
	}
	return c.answer[prefixSize:], nil
}
