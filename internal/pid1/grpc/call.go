package grpc

import (
	"io"
	"strconv"
)

// maxAnswer bounds an answer, in bytes.
const maxAnswer = MaxMessage + prefixSize

// maxIdle bounds the frames that bring no part of the answer. The largest answer has
// a dozen; the largest request is acknowledged by some hundreds.
const maxIdle = 4096

// Windows (RFC 9113 §6.9).
const (
	defaultWindow = 65535
	maxWindow     = 1<<31 - 1
)

const initialWindowSize = 4 // the setting (RFC 9113 §6.5.2)

// refusedStream says that the peer has done nothing for the call (RFC 9113 §7).
const refusedStream = 7

// call is a call that goes on.
type call struct {
	conn io.ReadWriter
	out  string // what is to be written
	gone error  // why no more can be

	rest    string // what has not been sent of the request
	window  [2]int // how much of it the peer takes, on the connection and the stream
	initial int    // what the windows of its streams begin with

	frame
	idle   int
	answer []byte
	block  []byte // the header block so far

	settled bool // the first frame has been SETTINGS
	open    bool // a header block is to be continued
	last    bool // and ends the stream
	begun   bool // the headers of the answer have come
	over    bool // its status has, and is OK
}

// put appends a frame to what is to be written.
func (c *call) put(kind, flags, stream byte, payload string) {
	n := len(payload)
	c.out += string([]byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags, 0, 0, 0, stream}) + payload
}

// send writes what is to be written, with as much of the request as the peer takes.
// A peer that takes no more may have answered before, so that is no error yet.
func (c *call) send() {
	for c.gone == nil {
		if n := min(len(c.rest), maxFrame, c.window[0], c.window[theStream]); n > 0 { // a window may be below 0
			var flags byte
			if n == len(c.rest) {
				flags = endStream
			}
			c.put(data, flags, theStream, c.rest[:n])
			c.rest = c.rest[n:]
			c.window[0] -= n
			c.window[theStream] -= n
		}
		if c.out == "" {
			return
		}
		_, c.gone = c.conn.Write([]byte(c.out))
		c.out = ""
	}
}

// receive reads a frame and does what it asks for.
func (c *call) receive() error {
	err := c.read(c.conn)
	switch {
	case err != nil && c.gone != nil:
		return c.gone
	case err == io.EOF: // before the answer was complete
		return io.ErrUnexpectedEOF
	case err != nil:
		return err
	case !c.settled && c.kind != settings, c.open != (c.kind == continuation):
		return c.wrong()
	case c.idle == maxIdle:
		return wrong("frames without end")
	}
	c.settled = true
	c.idle++
	switch c.kind {
	case data:
		return c.takeData()
	case headers, continuation:
		return c.takeHeaders()
	case rstStream, goAway:
		return c.takeEnd()
	case settings:
		return c.takeSettings()
	case ping:
		return c.acknowledge(8)
	case windowUpdate:
		return c.takeWindow(int(number(c.payload) &^ (1 << 31)))
	}
	return nil
}

// acknowledge answers SETTINGS and PING, unless they are answers themselves, with what
// is left of them, which has to be of this size.
func (c *call) acknowledge(size int) error {
	if len(c.payload) != size {
		return c.wrong()
	}
	if c.flags&ack == 0 {
		c.put(c.kind, ack, 0, string(c.payload))
	}
	return nil
}

func (c *call) takeData() error {
	if !c.begun {
		return c.wrong()
	}
	if c.flags&endStream != 0 {
		return wrong("no grpc-status")
	}
	before := len(c.answer)
	err := c.collect(&c.answer, maxAnswer)
	if len(c.answer) > before {
		c.idle--
	}
	return err
}

func (c *call) takeHeaders() error {
	if c.kind == headers {
		c.last = c.flags&endStream != 0
	}
	if err := c.collect(&c.block, maxBlock); err != nil {
		return err
	}
	if c.open = c.flags&endHeaders == 0; c.open {
		return nil
	}
	d := decoder{rest: c.block}
	d.decode()
	c.block = nil
	if d.bad {
		return wrong("headers that make no sense")
	}
	return c.takeFields(&d.fields)
}

// takeFields ends the call with its status, or lets the answer begin. A status is in
// the last headers, which may be the only ones.
func (c *call) takeFields(found *fields) error {
	code, err := strconv.ParseUint(found.status, 10, 16)
	switch {
	case c.last && err == nil && code > 0:
		return &Status{int(code), printable(found.message)}
	case c.last && err == nil:
		c.over = true
	case !c.begun && found.http != "200":
		return wrong("HTTP status " + printable(found.http))
	case c.last || c.begun:
		return wrong("no grpc-status")
	}
	c.begun = true
	return nil
}

// takeSettings takes the only setting that matters: what windows begin with is for
// the stream that is open as well (RFC 9113 §6.9.2).
func (c *call) takeSettings() error {
	for ; len(c.payload) >= 6 && c.flags&ack == 0; c.payload = c.payload[6:] {
		if number(c.payload)>>16 != initialWindowSize {
			continue
		}
		n := int(number(c.payload[2:]))
		if c.window[theStream] += n - c.initial; max(n, c.window[theStream]) > maxWindow {
			return c.wrong()
		}
		c.initial = n
	}
	return c.acknowledge(0)
}

// takeWindow widens a window by n.
func (c *call) takeWindow(n int) error {
	w := &c.window[c.stream]
	if *w += n; n == 0 || *w > maxWindow {
		return c.wrong()
	}
	return nil
}

// takeEnd takes RST_STREAM, which ends the call, and GOAWAY, which does unless the
// peer, who leaves, will still answer it.
func (c *call) takeEnd() error {
	if c.kind == goAway && len(c.payload) < 8 {
		return c.wrong()
	}
	code := number(c.payload)
	if c.kind == goAway {
		last := code &^ (1 << 31) // of the streams that it answers
		if code = number(c.payload[4:]); code == 0 && last >= theStream {
			return nil
		} else if code == 0 {
			code = refusedStream
		}
	}
	if code == refusedStream {
		return &Status{Unavailable, "the call was not begun"}
	}
	return wrong("broken off with HTTP/2 error " + strconv.Itoa(int(code)))
}
