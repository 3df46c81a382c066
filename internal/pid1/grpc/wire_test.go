package grpc

import (
	"bytes"
	"io"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// wire collects the frames of a peer, valid or not.
type wire struct {
	*http2.Framer
	buf bytes.Buffer
}

func newWire() *wire {
	w := &wire{}
	w.Framer = http2.NewFramer(&w.buf, nil)
	w.AllowIllegalWrites = true
	return w
}

// sent returns the bytes of a peer that sends SETTINGS and parts.
func sent(parts ...func(*wire)) []byte {
	w := newWire()
	_ = w.WriteSettings()
	for _, part := range parts {
		part(w)
	}
	return w.buf.Bytes()
}

// block encodes headers, which are pairs of name and value.
func block(pairs ...string) []byte {
	var encoded bytes.Buffer
	encoder := hpack.NewEncoder(&encoded)
	encoder.SetMaxDynamicTableSizeLimit(0)
	for i := 0; i < len(pairs); i += 2 {
		_ = encoder.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return encoded.Bytes()
}

func headersOf(end bool, pairs ...string) func(*wire) { return blockOf(end, block(pairs...)) }

func blockOf(end bool, encoded []byte) func(*wire) {
	return func(w *wire) {
		_ = w.WriteHeaders(http2.HeadersFrameParam{StreamID: streamID, BlockFragment: encoded, EndStream: end, EndHeaders: true})
	}
}

func dataOf(end bool, content []byte) func(*wire) {
	return func(w *wire) { _ = w.WriteData(streamID, end, content) }
}

// raw writes a frame of any type.
func raw(kind, flags byte, stream uint32, payload string) func(*wire) {
	return func(w *wire) {
		_ = w.WriteRawFrame(http2.FrameType(kind), http2.Flags(flags), stream, []byte(payload))
	}
}

// The parts of a valid response.
var (
	respHeaders  = headersOf(false, ":status", "200", "content-type", "application/grpc")
	respData     = dataOf(false, []byte("\x00\x00\x00\x00\x05hello"))
	respTrailers = headersOf(true, "grpc-status", "0", "grpc-message", "")
)

// peer is a connection to a peer that sends recorded bytes.
type peer struct {
	io.Reader
	io.Writer
}

// callWith makes a call and returns its result for a response of the peer.
func callWith(response []byte) ([]byte, error) {
	return Call(peer{bytes.NewReader(response), io.Discard}, "/test.Test/Echo", nil, nil)
}
