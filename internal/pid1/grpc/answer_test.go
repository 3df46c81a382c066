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

func TestAnswersOfAllShapes(t *testing.T) {
	t.Parallel()
	coded := block(":status", "200", "content-type", "application/grpc", "x", strings.Repeat("long", 100))
	for name, answer := range map[string][]byte{
		"as usual":              said(begin, hello, done),
		"settings of all kinds": said(func(w *wire) { _ = w.WriteSettings(http2.Setting{ID: 3, Val: 0}, http2.Setting{ID: 4, Val: maxWindow}) }, begin, hello, done),
		"an unknown setting":    said(raw(settings, 0, 0, "\xff\xff\xff\xff\xff\xff"), begin, hello, done),
		"acknowledgements":      said(raw(settings, ack, 0, ""), raw(ping, ack, 0, "12345678"), begin, hello, done),
		"headers in parts": said(raw(headers, 0, 1, ""), func(w *wire) {
			for _, b := range coded {
				_ = w.WriteContinuation(1, false, []byte{b})
			}
		}, raw(continuation, endHeaders|padded|hasPriority, 1, ""), hello, done), // flags that it does not have
		"trailers in parts":     said(begin, hello, raw(headers, endStream, 1, "\x00\x0bgrpc-st"), raw(continuation, endHeaders, 1, "atus\x010")),
		"padding":               said(raw(headers, endHeaders|padded, 1, "\x03\x88pad"), raw(data, padded, 1, "\x02\x00\x00\x00\x00\x05hellox\x00"), raw(data, padded, 1, "\x00"), done),
		"a priority":            said(raw(headers, endHeaders|hasPriority, 1, "prior\x88"), hello, done),
		"padding and priority":  said(raw(headers, endHeaders|hasPriority|padded, 1, "\x01prior\x88x"), hello, done),
		"frames to be ignored":  said(raw(priority, 0, 7, "prior"), raw(0xfa, 0xff, 99, "grease"), begin, hello, raw(10, 0, 0, ""), done),
		"reserved bits":         said(raw(windowUpdate, 0, 1<<31, "\x80\x00\x00\x01"), raw(windowUpdate, 0, 1<<31|1, "\x80\x00\x00\x01"), begin, hello, done),
		"a message in pieces":   said(begin, dataOf(false, []byte("\x00\x00\x00")), dataOf(false, nil), dataOf(false, []byte("\x00\x05h")), dataOf(false, []byte("ello")), done),
		"who leaves afterwards": said(raw(goAway, 0, 0, "\x7f\xff\xff\xff\x00\x00\x00\x00bye"), begin, hello, raw(goAway, 0, 0, "\x00\x00\x00\x01\x00\x00\x00\x00"), done),
		"more than the answer":  said(begin, hello, done, raw(rstStream, 0, 1, "\x00\x00\x00\x00"), raw(data, 0, 1, "lie")),
		"every way to give a field": said(blockOf(false, []byte("\x20"+ // the size of the table: 0
			"\x88"+ // :status 200
			"\x48\x03200"+ // the same, for the table
			"\x5f\x01a"+ // content-type, for the table
			"\x40\x01x\x01y"+ // a new one, for the table
			"\x1f\x2e\x01a"+ // www-authenticate, never for a table
			"\x08\x82\x10\x01")), // :status 200 again, in Huffman code
			hello, done),
	} {
		if got, err := hear(answer); err != nil || string(got) != "hello" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestARefusalIsOneWhateverComesWithIt(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string][]byte{
		"at once":            said(fieldsOf(true, ":status", "200", "grpc-status", "5", "grpc-message", "no%20%C3%9F")),
		"of another status":  said(fieldsOf(true, ":status", "404", "grpc-status", "5", "grpc-message", "no%20%c3%9f")),
		"after all":          said(begin, hello, fieldsOf(true, "grpc-status", "5", "grpc-message", "no ß")),
		"after half of it":   said(begin, dataOf(false, []byte("\x00\x00")), fieldsOf(true, "grpc-message", "%6eo ß", "grpc-status", "5")),
		"not compressed":     said(blockOf(true, []byte("\x00\x0bgrpc-status\x015\x10\x0cgrpc-message\x0bno%20%C3%9F"))),
		"in the first block": said(begin, fieldsOf(true, "grpc-status", "5", "grpc-message", "no ß")),
	} {
		_, err := hear(answer)
		if s := statusOf(t, err); s.Code != NotFound || s.Message != "no ß" {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestACallThatWasNotBegunIsUnavailable(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string][]byte{
		"reset":               said(raw(rstStream, 0, 1, "\x00\x00\x00\x07")),
		"left":                said(raw(goAway, 0, 0, "\x00\x00\x00\x00\x00\x00\x00\x00")),
		"left with an error":  said(raw(goAway, 0, 0, "\x00\x00\x00\x00\x00\x00\x00\x07late")),
		"left, reserved bits": said(raw(goAway, 0, 0, "\x80\x00\x00\x00\x00\x00\x00\x00")),
	} {
		_, err := hear(answer)
		if s := statusOf(t, err); s.Code != Unavailable {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// lies are answers that are none, with a word of what is said of them.
var lies = map[string]struct {
	answer []byte
	word   string
}{
	"HTTP/1.1":                          {[]byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"), "frame"},
	"no SETTINGS first":                 {unsettled(raw(ping, 0, 0, "12345678")), "type 6"},
	"an unknown type first":             {unsettled(raw(0xfa, 0, 0, "")), "type 250"},
	"a frame too large":                 {said(begin, dataOf(false, make([]byte, maxFrame+1))), "type 0"},
	"SETTINGS of a stream":              {unsettled(raw(settings, 0, 1, "")), "type 4"},
	"SETTINGS of half a setting":        {said(raw(settings, 0, 0, "\x00\x04\x00")), "type 4"},
	"an acknowledgement with a setting": {said(raw(settings, ack, 0, "\x00\x04\x00\x00\x00\x00")), "type 4"},
	"a PING too short":                  {said(raw(ping, 0, 0, "1234567")), "type 6"},
	"a PING ACK too short":              {said(raw(ping, ack, 0, "")), "type 6"},
	"a window too large":                {said(raw(settings, 0, 0, "\x00\x04\x80\x00\x00\x00")), "type 4"},
	"a window widened too far":          {said(raw(windowUpdate, 0, 1, "\x7f\xff\xff\xff")), "type 8"},
	"the connection's, too far":         {said(raw(windowUpdate, 0, 0, "\x7f\xff\x00\x10")), "type 8"},
	"a window widened by a setting":     {said(raw(windowUpdate, 0, 1, "\x7f\xff\x00\x00"), raw(settings, 0, 0, "\x00\x04\x00\x02\x00\x00")), "type 4"},
	"a window widened by nothing":       {said(raw(windowUpdate, 0, 0, "\x00\x00\x00\x00")), "type 8"},
	"a window of another stream":        {said(raw(windowUpdate, 0, 3, "\x00\x00\x00\x01")), "type 8"},
	"a window update too short":         {said(raw(windowUpdate, 0, 0, "\x00\x00\x01")), "type 8"},
	"a PING too long":                   {said(raw(ping, 0, 0, "123456789")), "type 6"},
	"a PING on the stream":              {said(raw(ping, 0, 1, "12345678")), "type 6"},
	"PUSH_PROMISE":                      {said(raw(pushPromise, endHeaders, 1, "\x00\x00\x00\x02\x88")), "type 5"},
	"a reset of nothing":                {said(raw(rstStream, 0, 0, "\x00\x00\x00\x00")), "type 3"},
	"a reset too short":                 {said(raw(rstStream, 0, 1, "\x00")), "type 3"},
	"a reset":                           {said(begin, raw(rstStream, 0, 1, "\x00\x00\x00\x08")), "error 8"},
	"a reset without an error":          {said(begin, hello, raw(rstStream, 0, 1, "\x00\x00\x00\x00")), "error 0"},
	"GOAWAY too short":                  {said(raw(goAway, 0, 0, "\x00\x00\x00\x00\x00\x00\x00")), "type 7"},
	"GOAWAY on the stream":              {said(raw(goAway, 0, 1, "\x00\x00\x00\x00\x00\x00\x00\x00")), "type 7"},
	"GOAWAY with an error":              {said(raw(goAway, 0, 0, "\x00\x00\x00\x01\xff\xff\xff\xffwhy")), "error 4294967295"},
	"DATA before HEADERS":               {said(hello, done), "type 0"},
	"DATA of the connection":            {said(begin, raw(data, 0, 0, "x")), "type 0"},
	"DATA of another stream":            {said(begin, raw(data, 0, 3, "x")), "type 0"},
	"DATA of a stream far away":         {said(begin, raw(data, 0, 1<<31-1, "x")), "type 0"},
	"HEADERS of another stream":         {said(raw(headers, endHeaders, 3, "\x88")), "type 1"},
	"DATA all padding and more":         {said(begin, raw(data, padded, 1, "\x03ab")), "type 0"},
	"padding of nothing":                {said(begin, raw(data, padded, 1, "")), "type 0"},
	"HEADERS all padding":               {said(raw(headers, endHeaders|padded|hasPriority, 1, "\x01prior")), "type 1"},
	"a priority too short":              {said(raw(headers, endHeaders|hasPriority, 1, "pri")), "type 1"},
	"CONTINUATION of nothing":           {said(raw(continuation, endHeaders, 1, "\x88")), "type 9"},
	"CONTINUATION interrupted":          {said(raw(headers, 0, 1, "\x88"), raw(ping, 0, 0, "12345678")), "type 6"},
	"CONTINUATION by new HEADERS":       {said(raw(headers, 0, 1, "\x88"), raw(headers, endHeaders, 1, "\x88")), "type 1"},
	"CONTINUATION interrupted, type":    {said(raw(headers, 0, 1, "\x88"), raw(0xfa, 0, 0, "")), "type 250"},
	"a compressed message":              {said(begin, dataOf(false, []byte("\x01\x00\x00\x00\x05hello")), done), "as it is"},
	"two messages":                      {said(begin, hello, hello, done), "one message"},
	"no message":                        {said(begin, done), "one message"},
	"no message, at once":               {said(fieldsOf(true, ":status", "200", "grpc-status", "0")), "one message"},
	"half a message":                    {said(begin, dataOf(false, []byte("\x00\x00\x00\x00\x05hell")), done), "one message"},
	"half a prefix":                     {said(begin, dataOf(false, []byte("\x00\x00\x00\x00")), done), "one message"},
	"a message of 4 GiB":                {said(begin, dataOf(false, []byte("\x00\xff\xff\xff\xffhello")), done), "one message"},
	"more than MaxMessage":              {said(begin, endlessly(data, MaxMessage/maxFrame+1)), "too large"},
	"headers of more than maxBlock":     {said(raw(headers, 0, 1, ""), endlessly(continuation, maxBlock/maxFrame+1)), "too large"},
	"the end without trailers":          {said(begin, dataOf(true, []byte("\x00\x00\x00\x00\x05hello"))), "no grpc-status"},
	"trailers without status":           {said(begin, hello, fieldsOf(true, "grpc-message", "0")), "no grpc-status"},
	"an empty status":                   {said(begin, hello, fieldsOf(true, "grpc-status", "")), "no grpc-status"},
	"trailers of nothing":               {said(begin, hello, blockOf(true, nil)), "no grpc-status"},
	"trailers that do not end it":       {said(begin, hello, fieldsOf(false, "grpc-status", "0")), "no grpc-status"},
	"a status in the first headers":     {said(fieldsOf(false, ":status", "200", "grpc-status", "0"), hello, blockOf(true, nil)), "no grpc-status"},
	"a status of words":                 {said(begin, hello, fieldsOf(true, "grpc-status", "fine")), "no grpc-status"},
	"a status below 0":                  {said(begin, hello, fieldsOf(true, "grpc-status", "-5")), "no grpc-status"},
	"a status above all":                {said(begin, hello, fieldsOf(true, "grpc-status", "65536")), "no grpc-status"},
	"a page that is not found":          {said(fieldsOf(true, ":status", "404")), "HTTP status 404"},
	"a page that is there":              {said(fieldsOf(true, ":status", "200")), "no grpc-status"},
	"a status with a body":              {said(fieldsOf(false, ":status", "502"), dataOf(true, []byte("<html>"))), "HTTP status 502"},
	"a status of 1xx":                   {said(fieldsOf(false, ":status", "103")), "HTTP status 103"},
	"an unprintable status":             {said(fieldsOf(false, ":status", "2\x1b\n00"+strings.Repeat("0", 2*MaxText))), "HTTP status 2  000"},
	"no status at all":                  {said(fieldsOf(false, "content-type", "application/grpc")), "HTTP status"},
	"index 0":                           {said(blockOf(false, []byte("\x80"))), "no sense"},
	"an index of the dynamic table":     {said(blockOf(false, []byte("\xbe"))), "no sense"},
	"an index far away":                 {said(blockOf(false, []byte("\xff\xff\xff\x7f"))), "no sense"},
	"a name of the dynamic table":       {said(blockOf(false, []byte("\x7e\x00"))), "no sense"},
	"a number without end":              {said(blockOf(false, []byte("\x88\xff\x80\x80\x80\x80\x80\x80\x00"))), "no sense"},
	"a number of 64 bits":               {said(blockOf(false, []byte("\x88\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"))), "no sense"},
	"a number cut off":                  {said(blockOf(false, []byte("\x88\xff\xff"))), "no sense"},
	"a name cut off":                    {said(blockOf(false, []byte("\x88\x00\x05grp"))), "no sense"},
	"a name without a value":            {said(blockOf(false, []byte("\x88\x00\x01a"))), "no sense"},
	"a field without a name":            {said(blockOf(false, []byte("\x88\x00"))), "no sense"},
	"a value far too long":              {said(blockOf(false, []byte("\x88\x00\x01a\x7f\xff\xff\xff\x7fx"))), "no sense"},
	"a larger table":                    {said(blockOf(false, []byte("\x3f\xe1\x1f\x88"))), "no sense"},
	"a larger table, cut off":           {said(blockOf(false, []byte("\x3f"))), "no sense"},
	"Huffman padded with zeros":         {said(blockOf(false, []byte("\x88\x00\x81\x18\x00"))), "no sense"},
	"Huffman padded with eight ones":    {said(blockOf(false, []byte("\x88\x00\x82\x1f\xff\x00"))), "no sense"},
	"Huffman with the end's code":       {said(blockOf(false, []byte("\x88\x00\x84\xff\xff\xff\xff\x00"))), "no sense"},
	"Huffman with it and more behind":   {said(blockOf(false, []byte("\x88\x00\x86\xff\xff\xff\xfc\x1f\xff\x00"))), "no sense"},
	"trailers that make no sense":       {said(begin, hello, blockOf(true, []byte("\x80"))), "no sense"},
}

// unsettled is what a peer sends that does not begin with SETTINGS.
func unsettled(parts ...func(*wire)) []byte { return said(parts...)[headSize:] }

// endlessly is n frames with as much in them as there can be.
func endlessly(kind byte, n int) func(*wire) {
	return func(w *wire) {
		for range n {
			raw(kind, 0, 1, string(make([]byte, maxFrame)))(w)
		}
	}
}

func TestLies(t *testing.T) {
	t.Parallel()
	for name, lie := range lies {
		got, err := hear(lie.answer)
		if got != nil || !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), lie.word) {
			t.Errorf("%s: %q, %v; want %q", name, got, err, lie.word)
			continue
		}
		if text := err.Error(); len(text) > MaxText+100 || strings.ContainsAny(text, "\n\x1b") {
			t.Errorf("%s: %q is no line to print", name, text)
		}
	}
}

// forever repeats itself.
type forever struct {
	text []byte
	at   int
}

func (f *forever) Read(b []byte) (int, error) {
	n := copy(b, f.text[f.at:])
	f.at = (f.at + n) % len(f.text)
	return n, nil
}

func TestFramesWithoutEndEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before []byte
		again  func(*wire)
	}{
		"PING":                {said(), raw(ping, 0, 0, "12345678")},
		"PING ACK":            {said(), raw(ping, ack, 0, "12345678")},
		"SETTINGS":            {said(), raw(settings, 0, 0, "\x00\x04\x00\x00\x00\x00")},
		"PRIORITY":            {said(), raw(priority, 0, 3, "prior")},
		"unknown":             {said(), raw(0xfa, 0, 0, "x")},
		"GOAWAY":              {said(), raw(goAway, 0, 0, "\x7f\xff\xff\xff\x00\x00\x00\x00")},
		"empty DATA":          {said(begin), raw(data, 0, 1, "")},
		"padding":             {said(begin), raw(data, padded, 1, "\x02xx")},
		"WINDOW_UPDATE":       {said(), raw(windowUpdate, 0, 1, "\x00\x00\x00\x01")},
		"empty CONTINUATION":  {said(raw(headers, 0, 1, "\x88")), raw(continuation, 0, 1, "")},
		"CONTINUATION of 1 B": {said(raw(headers, 0, 1, "\x88")), raw(continuation, 0, 1, "\x88")},
	} {
		w := newWire()
		c.again(w)
		from := io.MultiReader(bytes.NewReader(c.before), &forever{text: w.sent.Bytes()})
		_, err := Call(peer{from, io.Discard}, "/test.Test/Echo", nil, nil)
		if !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), "without end") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnAnswerCutOffAnywhereIsAnError(t *testing.T) {
	t.Parallel()
	answer := said(raw(ping, 0, 0, "12345678"), begin, hello, raw(headers, endStream, 1, "\x00\x0bgrpc-st"), raw(continuation, endHeaders, 1, "atus\x010"))
	if got, err := hear(answer); err != nil || string(got) != "hello" {
		t.Fatalf("%q, %v", got, err)
	}
	for n := range answer {
		if got, err := hear(answer[:n]); got != nil || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes: %q, %v", n, got, err)
		}
	}
}

// closed is a connection on which the peer takes no more.
type closed struct{ io.Reader }

func (closed) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestWhoTakesNoMoreMayHaveAnswered(t *testing.T) {
	t.Parallel()
	refusal := said(fieldsOf(true, ":status", "200", "grpc-status", "14", "grpc-message", "going"))
	_, err := Call(closed{bytes.NewReader(refusal)}, "/test.Test/Echo", nil, make([]byte, 1<<20))
	if s := statusOf(t, err); s.Code != Unavailable || s.Message != "going" {
		t.Error(err)
	}
	if _, err := Call(closed{bytes.NewReader(refusal[:9])}, "/test.Test/Echo", nil, nil); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("without an answer: %v", err)
	}
}
