package grpc

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/net/http2"
)

// validResponses are responses with the message "hello".
var validResponses = map[string][]byte{
	"complete": sent(respHeaders, respData, respTrailers),
	"several settings": sent(
		func(w *wire) { _ = w.WriteSettings(http2.Setting{ID: 3, Val: 0}, http2.Setting{ID: 4, Val: maxWindow}) },
		respHeaders, respData, respTrailers,
	),
	"unknown setting": sent(raw(settings, 0, 0, "\xff\xff\xff\xff\xff\xff"), respHeaders, respData, respTrailers),
	"acknowledgements": sent(
		raw(settings, ack, 0, ""), raw(ping, ack, 0, "12345678"), respHeaders, respData, respTrailers,
	),
	"headers with CONTINUATION": sent(raw(headers, 0, 1, ""), func(w *wire) {
		for _, b := range block(":status", "200", "content-type", "application/grpc", "x", strings.Repeat("long", 100)) {
			_ = w.WriteContinuation(1, false, []byte{b})
		}
	}, raw(continuation, endHeaders|padded|hasPriority, 1, ""), respData, respTrailers), // flags without meaning for CONTINUATION
	"trailers with CONTINUATION": sent(
		respHeaders, respData, raw(headers, endStream, 1, "\x00\x0bgrpc-st"), raw(continuation, endHeaders, 1, "atus\x010"),
	),
	"padding": sent(
		raw(headers, endHeaders|padded, 1, "\x03\x88pad"),
		raw(data, padded, 1, "\x02\x00\x00\x00\x00\x05hellox\x00"), raw(data, padded, 1, "\x00"), respTrailers,
	),
	"priority": sent(raw(headers, endHeaders|hasPriority, 1, "prior\x88"), respData, respTrailers),
	"padding and priority": sent(
		raw(headers, endHeaders|hasPriority|padded, 1, "\x01prior\x88x"), respData, respTrailers,
	),
	"ignored frame types": sent(
		raw(priority, 0, 7, "prior"), raw(0xfa, 0xff, 99, "grease"), respHeaders, respData, raw(10, 0, 0, ""), respTrailers,
	),
	"reserved bits": sent(
		raw(windowUpdate, 0, 1<<31, "\x80\x00\x00\x01"), raw(windowUpdate, 0, 1<<31|1, "\x80\x00\x00\x01"),
		respHeaders, respData, respTrailers,
	),
	"message in several frames": sent(
		respHeaders, dataOf(false, []byte("\x00\x00\x00")), dataOf(false, nil), dataOf(false, []byte("\x00\x05h")),
		dataOf(false, []byte("ello")), respTrailers,
	),
	"GOAWAY during the call": sent(
		raw(goAway, 0, 0, "\x7f\xff\xff\xff\x00\x00\x00\x00bye"), respHeaders, respData,
		raw(goAway, 0, 0, "\x00\x00\x00\x01\x00\x00\x00\x00"), respTrailers,
	),
	"frames after the response": sent(
		respHeaders, respData, respTrailers, raw(rstStream, 0, 1, "\x00\x00\x00\x00"), raw(data, 0, 1, "extra"),
	),
	"all header representations": sent(blockOf(false, []byte("\x20"+ // table size 0
		"\x88"+ // :status 200
		"\x48\x03200"+ // the same, as literal with indexing
		"\x5f\x01a"+ // content-type, with indexing
		"\x40\x01x\x01y"+ // new name, with indexing
		"\x1f\x2e\x01a"+ // www-authenticate, never indexed
		"\x08\x82\x10\x01")), // :status 200 again, in Huffman code
		respData, respTrailers),
}

func TestValidResponses(t *testing.T) {
	t.Parallel()
	for name, response := range validResponses {
		if got, err := callWith(response); err != nil || string(got) != "hello" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestStatusOtherThanOK(t *testing.T) {
	t.Parallel()
	for name, response := range map[string][]byte{
		"trailers only":     sent(headersOf(true, ":status", "200", "grpc-status", "5", "grpc-message", "no%20%C3%9F")),
		"HTTP status 404":   sent(headersOf(true, ":status", "404", "grpc-status", "5", "grpc-message", "no%20%c3%9f")),
		"after the message": sent(respHeaders, respData, headersOf(true, "grpc-status", "5", "grpc-message", "no ß")),
		"after a part of the message": sent(
			respHeaders, dataOf(false, []byte("\x00\x00")), headersOf(true, "grpc-message", "%6eo ß", "grpc-status", "5"),
		),
		"without compression":   sent(blockOf(true, []byte("\x00\x0bgrpc-status\x015\x10\x0cgrpc-message\x0bno%20%C3%9F"))),
		"trailers without data": sent(respHeaders, headersOf(true, "grpc-status", "5", "grpc-message", "no ß")),
	} {
		_, err := callWith(response)
		if s := statusOf(t, err); s.Code != NotFound || s.Message != "no ß" {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestUnprocessedCallIsUnavailable(t *testing.T) {
	t.Parallel()
	for name, response := range map[string][]byte{
		"RST_STREAM":                sent(raw(rstStream, 0, 1, "\x00\x00\x00\x07")),
		"GOAWAY":                    sent(raw(goAway, 0, 0, "\x00\x00\x00\x00\x00\x00\x00\x00")),
		"GOAWAY with an error":      sent(raw(goAway, 0, 0, "\x00\x00\x00\x00\x00\x00\x00\x07late")),
		"GOAWAY with reserved bits": sent(raw(goAway, 0, 0, "\x80\x00\x00\x00\x00\x00\x00\x00")),
	} {
		_, err := callWith(response)
		if s := statusOf(t, err); s.Code != Unavailable {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// malformedResponses are invalid responses, with a part of the error.
var malformedResponses = map[string]struct {
	response []byte
	want     string
}{
	"HTTP/1.1":                   {[]byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"), "frame"},
	"no SETTINGS first":          {sentWithoutSettings(raw(ping, 0, 0, "12345678")), "type 6"},
	"unknown type first":         {sentWithoutSettings(raw(0xfa, 0, 0, "")), "type 250"},
	"frame too large":            {sent(respHeaders, dataOf(false, make([]byte, maxFrame+1))), "type 0"},
	"SETTINGS on a stream":       {sentWithoutSettings(raw(settings, 0, 1, "")), "type 4"},
	"truncated setting":          {sent(raw(settings, 0, 0, "\x00\x04\x00")), "type 4"},
	"SETTINGS ACK with payload":  {sent(raw(settings, ack, 0, "\x00\x04\x00\x00\x00\x00")), "type 4"},
	"short PING":                 {sent(raw(ping, 0, 0, "1234567")), "type 6"},
	"empty PING ACK":             {sent(raw(ping, ack, 0, "")), "type 6"},
	"initial window too large":   {sent(raw(settings, 0, 0, "\x00\x04\x80\x00\x00\x00")), "type 4"},
	"stream window overflow":     {sent(raw(windowUpdate, 0, 1, "\x7f\xff\xff\xff")), "type 8"},
	"connection window overflow": {sent(raw(windowUpdate, 0, 0, "\x7f\xff\x00\x10")), "type 8"},
	"window overflow by SETTINGS": {sent(
		raw(windowUpdate, 0, 1, "\x7f\xff\x00\x00"), raw(settings, 0, 0, "\x00\x04\x00\x02\x00\x00"),
	), "type 4"},
	"window update of 0":              {sent(raw(windowUpdate, 0, 0, "\x00\x00\x00\x00")), "type 8"},
	"window update on another stream": {sent(raw(windowUpdate, 0, 3, "\x00\x00\x00\x01")), "type 8"},
	"short window update":             {sent(raw(windowUpdate, 0, 0, "\x00\x00\x01")), "type 8"},
	"long PING":                       {sent(raw(ping, 0, 0, "123456789")), "type 6"},
	"PING on a stream":                {sent(raw(ping, 0, 1, "12345678")), "type 6"},
	"PUSH_PROMISE":                    {sent(raw(pushPromise, endHeaders, 1, "\x00\x00\x00\x02\x88")), "type 5"},
	"RST_STREAM on the connection":    {sent(raw(rstStream, 0, 0, "\x00\x00\x00\x00")), "type 3"},
	"short RST_STREAM":                {sent(raw(rstStream, 0, 1, "\x00")), "type 3"},
	"RST_STREAM with an error":        {sent(respHeaders, raw(rstStream, 0, 1, "\x00\x00\x00\x08")), "error 8"},
	"RST_STREAM without an error":     {sent(respHeaders, respData, raw(rstStream, 0, 1, "\x00\x00\x00\x00")), "error 0"},
	"short GOAWAY":                    {sent(raw(goAway, 0, 0, "\x00\x00\x00\x00\x00\x00\x00")), "type 7"},
	"GOAWAY on a stream":              {sent(raw(goAway, 0, 1, "\x00\x00\x00\x00\x00\x00\x00\x00")), "type 7"},
	"GOAWAY with an error":            {sent(raw(goAway, 0, 0, "\x00\x00\x00\x01\xff\xff\xff\xffwhy")), "error 4294967295"},
	"DATA before HEADERS":             {sent(respData, respTrailers), "type 0"},
	"DATA on the connection":          {sent(respHeaders, raw(data, 0, 0, "x")), "type 0"},
	"DATA on another stream":          {sent(respHeaders, raw(data, 0, 3, "x")), "type 0"},
	"DATA on the highest stream":      {sent(respHeaders, raw(data, 0, 1<<31-1, "x")), "type 0"},
	"HEADERS on another stream":       {sent(raw(headers, endHeaders, 3, "\x88")), "type 1"},
	"padding longer than DATA":        {sent(respHeaders, raw(data, padded, 1, "\x03ab")), "type 0"},
	"padding without length":          {sent(respHeaders, raw(data, padded, 1, "")), "type 0"},
	"padding overlaps priority":       {sent(raw(headers, endHeaders|padded|hasPriority, 1, "\x01prior")), "type 1"},
	"truncated priority":              {sent(raw(headers, endHeaders|hasPriority, 1, "pri")), "type 1"},
	"CONTINUATION without HEADERS":    {sent(raw(continuation, endHeaders, 1, "\x88")), "type 9"},
	"PING between CONTINUATION":       {sent(raw(headers, 0, 1, "\x88"), raw(ping, 0, 0, "12345678")), "type 6"},
	"HEADERS between CONTINUATION":    {sent(raw(headers, 0, 1, "\x88"), raw(headers, endHeaders, 1, "\x88")), "type 1"},
	"unknown type in CONTINUATION":    {sent(raw(headers, 0, 1, "\x88"), raw(0xfa, 0, 0, "")), "type 250"},
	"compressed message": {sent(
		respHeaders, dataOf(false, []byte("\x01\x00\x00\x00\x05hello")), respTrailers,
	), "one uncompressed message"},
	"two messages":              {sent(respHeaders, respData, respData, respTrailers), "one uncompressed message"},
	"no message":                {sent(respHeaders, respTrailers), "one uncompressed message"},
	"no message, trailers only": {sent(headersOf(true, ":status", "200", "grpc-status", "0")), "one uncompressed message"},
	"truncated message": {sent(
		respHeaders, dataOf(false, []byte("\x00\x00\x00\x00\x05hell")), respTrailers,
	), "one uncompressed message"},
	"truncated prefix": {sent(respHeaders, dataOf(false, []byte("\x00\x00\x00\x00")), respTrailers), "one uncompressed message"},
	"message length 4 GiB": {sent(
		respHeaders, dataOf(false, []byte("\x00\xff\xff\xff\xffhello")), respTrailers,
	), "one uncompressed message"},
	"more than MaxMessage": {sent(respHeaders, repeatFrame(data, MaxMessage/maxFrame+1)), "too large"},
	"headers of more than maxBlock": {sent(
		raw(headers, 0, 1, ""), repeatFrame(continuation, maxBlock/maxFrame+1),
	), "too large"},
	"end without trailers": {sent(respHeaders, dataOf(true, []byte("\x00\x00\x00\x00\x05hello"))), "no grpc-status"},
	"trailers without grpc-status": {sent(
		respHeaders, respData, headersOf(true, "grpc-message", "0"),
	), "no grpc-status"},
	"empty grpc-status":           {sent(respHeaders, respData, headersOf(true, "grpc-status", "")), "no grpc-status"},
	"empty trailers":              {sent(respHeaders, respData, blockOf(true, nil)), "no grpc-status"},
	"trailers without END_STREAM": {sent(respHeaders, respData, headersOf(false, "grpc-status", "0")), "no grpc-status"},
	"grpc-status in the headers": {sent(
		headersOf(false, ":status", "200", "grpc-status", "0"), respData, blockOf(true, nil),
	), "no grpc-status"},
	"grpc-status not a number": {sent(respHeaders, respData, headersOf(true, "grpc-status", "fine")), "no grpc-status"},
	"negative grpc-status":     {sent(respHeaders, respData, headersOf(true, "grpc-status", "-5")), "no grpc-status"},
	"grpc-status too large":    {sent(respHeaders, respData, headersOf(true, "grpc-status", "65536")), "no grpc-status"},
	"HTTP status 404":          {sent(headersOf(true, ":status", "404")), "HTTP status 404"},
	"HTTP status 200":          {sent(headersOf(true, ":status", "200")), "no grpc-status"},
	"HTTP status with a body": {sent(
		headersOf(false, ":status", "502"), dataOf(true, []byte("<html>")),
	), "HTTP status 502"},
	"HTTP status 1xx": {sent(headersOf(false, ":status", "103")), "HTTP status 103"},
	"unprintable HTTP status": {sent(
		headersOf(false, ":status", "2\x1b\n00"+strings.Repeat("0", 2*MaxText)),
	), "HTTP status 2  000"},
	"no HTTP status":                  {sent(headersOf(false, "content-type", "application/grpc")), "HTTP status"},
	"index 0":                         {sent(blockOf(false, []byte("\x80"))), "invalid header block"},
	"index in the dynamic table":      {sent(blockOf(false, []byte("\xbe"))), "invalid header block"},
	"index too large":                 {sent(blockOf(false, []byte("\xff\xff\xff\x7f"))), "invalid header block"},
	"name index in the dynamic table": {sent(blockOf(false, []byte("\x7e\x00"))), "invalid header block"},
	"long number": {
		sent(blockOf(false, []byte("\x88\xff\x80\x80\x80\x80\x80\x80\x00"))), "invalid header block",
	},
	"number of 64 bits": {sent(
		blockOf(false, []byte("\x88\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f")),
	), "invalid header block"},
	"truncated number": {sent(blockOf(false, []byte("\x88\xff\xff"))), "invalid header block"},
	"truncated name":   {sent(blockOf(false, []byte("\x88\x00\x05grp"))), "invalid header block"},
	"missing value":    {sent(blockOf(false, []byte("\x88\x00\x01a"))), "invalid header block"},
	"missing name":     {sent(blockOf(false, []byte("\x88\x00"))), "invalid header block"},
	"value length too large": {sent(
		blockOf(false, []byte("\x88\x00\x01a\x7f\xff\xff\xff\x7fx")),
	), "invalid header block"},
	"table size update":           {sent(blockOf(false, []byte("\x3f\xe1\x1f\x88"))), "invalid header block"},
	"truncated table size update": {sent(blockOf(false, []byte("\x3f"))), "invalid header block"},
	"Huffman padded with zeros":   {sent(blockOf(false, []byte("\x88\x00\x81\x18\x00"))), "invalid header block"},
	"Huffman padded with eight ones": {sent(
		blockOf(false, []byte("\x88\x00\x82\x1f\xff\x00")),
	), "invalid header block"},
	"Huffman with EOS": {sent(blockOf(false, []byte("\x88\x00\x84\xff\xff\xff\xff\x00"))), "invalid header block"},
	"Huffman with EOS inside": {sent(
		blockOf(false, []byte("\x88\x00\x86\xff\xff\xff\xfc\x1f\xff\x00")),
	), "invalid header block"},
	"invalid trailers": {sent(respHeaders, respData, blockOf(true, []byte("\x80"))), "invalid header block"},
}

// sentWithoutSettings is sent without SETTINGS at the beginning.
func sentWithoutSettings(parts ...func(*wire)) []byte { return sent(parts...)[frameHeaderSize:] }

// repeatFrame writes n frames of maximal size.
func repeatFrame(kind byte, n int) func(*wire) {
	return func(w *wire) {
		for range n {
			raw(kind, 0, 1, string(make([]byte, maxFrame)))(w)
		}
	}
}

func TestMalformedResponses(t *testing.T) {
	t.Parallel()
	for name, m := range malformedResponses {
		got, err := callWith(m.response)
		if got != nil || !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), m.want) {
			t.Errorf("%s: %q, %v; want %q", name, got, err, m.want)
			continue
		}
		if text := err.Error(); len(text) > MaxText+100 || strings.ContainsAny(text, "\n\x1b") {
			t.Errorf("%s: error is not one printable line: %q", name, text)
		}
	}
}

// repeatReader repeats text without end.
type repeatReader struct {
	text []byte
	at   int
}

func (f *repeatReader) Read(b []byte) (int, error) {
	n := copy(b, f.text[f.at:])
	f.at = (f.at + n) % len(f.text)
	return n, nil
}

func TestNumberOfFramesIsBounded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before []byte
		repeat func(*wire)
	}{
		"PING":                {sent(), raw(ping, 0, 0, "12345678")},
		"PING ACK":            {sent(), raw(ping, ack, 0, "12345678")},
		"SETTINGS":            {sent(), raw(settings, 0, 0, "\x00\x04\x00\x00\x00\x00")},
		"PRIORITY":            {sent(), raw(priority, 0, 3, "prior")},
		"unknown":             {sent(), raw(0xfa, 0, 0, "x")},
		"GOAWAY":              {sent(), raw(goAway, 0, 0, "\x7f\xff\xff\xff\x00\x00\x00\x00")},
		"empty DATA":          {sent(respHeaders), raw(data, 0, 1, "")},
		"padding":             {sent(respHeaders), raw(data, padded, 1, "\x02xx")},
		"WINDOW_UPDATE":       {sent(), raw(windowUpdate, 0, 1, "\x00\x00\x00\x01")},
		"empty CONTINUATION":  {sent(raw(headers, 0, 1, "\x88")), raw(continuation, 0, 1, "")},
		"CONTINUATION of 1 B": {sent(raw(headers, 0, 1, "\x88")), raw(continuation, 0, 1, "\x88")},
	} {
		w := newWire()
		c.repeat(w)
		from := io.MultiReader(bytes.NewReader(c.before), &repeatReader{text: w.buf.Bytes()})
		_, err := Call(peer{from, io.Discard}, "/test.Test/Echo", nil, nil)
		if !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), "too many frames") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTruncatedResponses(t *testing.T) {
	t.Parallel()
	response := sent(raw(ping, 0, 0, "12345678"), respHeaders, respData,
		raw(headers, endStream, 1, "\x00\x0bgrpc-st"), raw(continuation, endHeaders, 1, "atus\x010"))
	if got, err := callWith(response); err != nil || string(got) != "hello" {
		t.Fatalf("%q, %v", got, err)
	}
	for n := range response {
		if got, err := callWith(response[:n]); got != nil || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes: %q, %v", n, got, err)
		}
	}
}

// closed is a connection that the peer has closed for writing.
type closed struct{ io.Reader }

func (closed) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestStatusIsReadAfterWriteError(t *testing.T) {
	t.Parallel()
	response := sent(headersOf(true, ":status", "200", "grpc-status", "14", "grpc-message", "going"))
	_, err := Call(closed{bytes.NewReader(response)}, "/test.Test/Echo", nil, make([]byte, 1<<20))
	if s := statusOf(t, err); s.Code != Unavailable || s.Message != "going" {
		t.Error(err)
	}
	if _, err := Call(closed{bytes.NewReader(response[:9])}, "/test.Test/Echo", nil, nil); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("without a status: %v", err)
	}
}
