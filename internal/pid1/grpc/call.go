package grpc

import (
	"errors"
	"io"
	"strconv"
)

// maxResponse bounds a response with its prefix, in bytes.
const maxResponse = MaxMessage + prefixSize

// maxIdle bounds the frames without response data. The largest response has a dozen of
// them; acknowledging the largest request takes some hundreds.
const maxIdle = 4096

// Flow-control windows, in bytes (RFC 9113 §6.9).
const (
	defaultWindow = 65535
	maxWindow     = 1<<31 - 1
)

const initialWindowSize = 4 // SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113 §6.5.2)

// refusedStream is the error code of a call that the peer has not processed (RFC 9113 §7).
const refusedStream = 7

// call is the state of a call.
type call struct {
	conn     io.ReadWriter
	out      string // frames to write
	writeErr error  // after which nothing is written

	unsent  string // the rest of the request
	window  [2]int // bytes that the peer accepts, on the connection and the stream
	initial int    // the initial window of the peer's streams

	frame
	idle     int // frames without response data
	response []byte
	block    []byte // the header block so far

	gotSettings bool // the first frame was SETTINGS
	inBlock     bool // a header block is not complete
	lastBlock   bool // it ends the stream
	gotHeaders  bool // the headers of the response are complete
	done        bool // the status is OK
}

// queue appends a frame to the frames to write.
func (c *call) queue(kind, flags, stream byte, payload string) {
	n := len(payload)
	c.out += string([]byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags, 0, 0, 0, stream}) + payload
}

// send writes the queued frames, and as much of the request as the windows allow. A write
// error is not returned: the peer may have sent its response before it closed.
func (c *call) send() {
	for c.writeErr == nil {
		if n := min(len(c.unsent), maxFrame, c.window[0], c.window[streamID]); n > 0 { // a window can be negative
			var flags byte
			if n == len(c.unsent) {
				flags = endStream
			}
			c.queue(data, flags, streamID, c.unsent[:n])
			c.unsent = c.unsent[n:]
			c.window[0] -= n
			c.window[streamID] -= n
		}
		if c.out == "" {
			return
		}
		_, c.writeErr = c.conn.Write([]byte(c.out))
		c.out = ""
	}
}

// receive reads a frame and handles it.
func (c *call) receive() error {
	err := c.read(c.conn)
	switch {
	case err != nil && c.writeErr != nil:
		return c.writeErr
	case errors.Is(err, io.EOF): // before the response was complete
		return io.ErrUnexpectedEOF
	case err != nil:
		return err
	case !c.gotSettings && c.kind != settings, c.inBlock != (c.kind == continuation):
		return c.invalid()
	case c.idle == maxIdle:
		return malformed("too many frames")
	}
	c.gotSettings = true
	c.idle++
	switch c.kind {
	case data:
		return c.handleData()
	case headers, continuation:
		return c.handleHeaders()
	case rstStream, goAway:
		return c.handleClose()
	case settings:
		return c.handleSettings()
	case ping:
		return c.acknowledge(8)
	case windowUpdate:
		return c.handleWindowUpdate(int(number(c.payload) &^ (1 << 31)))
	}
	return nil
}

// acknowledge acknowledges SETTINGS or PING, unless the frame is an acknowledgement, with
// the rest of its payload, which must have this size.
func (c *call) acknowledge(size int) error {
	if len(c.payload) != size {
		return c.invalid()
	}
	if c.flags&ack == 0 {
		c.queue(c.kind, ack, 0, string(c.payload))
	}
	return nil
}

func (c *call) handleData() error {
	if !c.gotHeaders {
		return c.invalid()
	}
	if c.flags&endStream != 0 {
		return malformed("no grpc-status")
	}
	before := len(c.response)
	err := c.appendPayload(&c.response, maxResponse)
	if len(c.response) > before {
		c.idle--
	}
	return err
}

func (c *call) handleHeaders() error {
	if c.kind == headers {
		c.lastBlock = c.flags&endStream != 0
	}
	if err := c.appendPayload(&c.block, maxBlock); err != nil {
		return err
	}
	if c.inBlock = c.flags&endHeaders == 0; c.inBlock {
		return nil
	}
	d := decoder{rest: c.block}
	d.decode()
	c.block = nil
	if d.bad {
		return malformed("invalid header block")
	}
	return c.handleFields(&d.fields)
}

// handleFields ends the call with its status, or begins the response. The status is in the
// last header block, which can be the only one.
func (c *call) handleFields(found *fields) error {
	code, err := strconv.ParseUint(found.status, 10, 16)
	switch {
	case c.lastBlock && err == nil && code > 0:
		return &Status{int(code), printable(found.message)}
	case c.lastBlock && err == nil:
		c.done = true
	case !c.gotHeaders && found.http != "200":
		return malformed("HTTP status " + printable(found.http))
	case c.lastBlock || c.gotHeaders:
		return malformed("no grpc-status")
	}
	c.gotHeaders = true
	return nil
}

// handleSettings handles the only relevant setting: the initial window size also changes
// the window of the open stream (RFC 9113 §6.9.2).
func (c *call) handleSettings() error {
	for ; len(c.payload) >= 6 && c.flags&ack == 0; c.payload = c.payload[6:] {
		if number(c.payload)>>16 != initialWindowSize {
			continue
		}
		n := int(number(c.payload[2:]))
		if c.window[streamID] += n - c.initial; max(n, c.window[streamID]) > maxWindow {
			return c.invalid()
		}
		c.initial = n
	}
	return c.acknowledge(0)
}

// handleWindowUpdate increases a window by n.
func (c *call) handleWindowUpdate(n int) error {
	w := &c.window[c.stream]
	if *w += n; n == 0 || *w > maxWindow {
		return c.invalid()
	}
	return nil
}

// handleClose handles RST_STREAM, which ends the call, and GOAWAY, which ends it unless
// the peer still processes the stream.
func (c *call) handleClose() error {
	if c.kind == goAway && len(c.payload) < 8 {
		return c.invalid()
	}
	code := number(c.payload)
	if c.kind == goAway {
		last := code &^ (1 << 31) // the last stream that it processes
		if code = number(c.payload[4:]); code == 0 && last >= streamID {
			return nil
		} else if code == 0 {
			code = refusedStream
		}
	}
	if code == refusedStream {
		return &Status{Unavailable, "the server has not processed the call"}
	}
	return malformed("closed with HTTP/2 error " + strconv.Itoa(int(code)))
}
