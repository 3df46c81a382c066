package grpc

import (
	"bytes"
	"io"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// wire is what a peer sends, right or wrong.
type wire struct {
	*http2.Framer
	sent bytes.Buffer
}

func newWire() *wire {
	w := &wire{}
	w.Framer = http2.NewFramer(&w.sent, nil)
	w.AllowIllegalWrites = true
	return w
}

// said returns what a peer sends, after SETTINGS.
func said(parts ...func(*wire)) []byte {
	w := newWire()
	settle(w)
	for _, part := range parts {
		part(w)
	}
	return w.sent.Bytes()
}

func settle(w *wire) { _ = w.WriteSettings() }

// block codes headers: name, value and so on.
func block(pairs ...string) []byte {
	var coded bytes.Buffer
	encoder := hpack.NewEncoder(&coded)
	encoder.SetMaxDynamicTableSizeLimit(0)
	for i := 0; i < len(pairs); i += 2 {
		_ = encoder.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return coded.Bytes()
}

func fieldsOf(end bool, pairs ...string) func(*wire) { return blockOf(end, block(pairs...)) }

func blockOf(end bool, coded []byte) func(*wire) {
	return func(w *wire) {
		_ = w.WriteHeaders(http2.HeadersFrameParam{StreamID: theStream, BlockFragment: coded, EndStream: end, EndHeaders: true})
	}
}

func dataOf(end bool, content []byte) func(*wire) {
	return func(w *wire) { _ = w.WriteData(theStream, end, content) }
}

// raw is a frame of any kind.
func raw(kind, flags byte, stream uint32, payload string) func(*wire) {
	return func(w *wire) {
		_ = w.WriteRawFrame(http2.FrameType(kind), http2.Flags(flags), stream, []byte(payload))
	}
}

// The parts of an answer that is right.
var (
	begin = fieldsOf(false, ":status", "200", "content-type", "application/grpc")
	hello = dataOf(false, []byte("\x00\x00\x00\x00\x05hello"))
	done  = fieldsOf(true, "grpc-status", "0", "grpc-message", "")
)

// peer is a connection to one who says what was written down before.
type peer struct {
	io.Reader
	io.Writer
}

func hear(answer []byte) ([]byte, error) {
	return Call(peer{bytes.NewReader(answer), io.Discard}, "/test.Test/Echo", nil, nil)
}
