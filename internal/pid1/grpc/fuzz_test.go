package grpc

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzResponse checks that a call ends for any response, with bounded output and a
// printable error.
func FuzzResponse(f *testing.F) {
	for _, m := range malformedResponses {
		if len(m.response) < maxFrame {
			f.Add(m.response)
		}
	}
	f.Add(sent(respHeaders, respData, respTrailers))
	f.Add(sent(headersOf(true, ":status", "200", "grpc-status", "5", "grpc-message", "%41%ff\n☃")))
	f.Fuzz(func(t *testing.T, response []byte) {
		var written bytes.Buffer
		request := make([]byte, 1<<17)
		got, err := Call(peer{bytes.NewReader(response), &written}, "/test.Test/Echo", nil, request)
		if len(got) > len(response) || got != nil && err != nil {
			t.Errorf("%d bytes and %v from %d bytes", len(got), err, len(response))
		}
		if limit := len(request) + 1000 + 2*len(response); written.Len() > limit {
			t.Errorf("%d bytes written", written.Len())
		}
		checkError(t, err)
	})
}

func checkError(t *testing.T, err error) {
	t.Helper()
	var s *Status
	if err != nil && !errors.As(err, &s) && !errors.Is(err, ErrProtocol) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("unexpected type of error %v", err)
	}
	if err == nil {
		return
	}
	text := err.Error()
	unprintable := func(r rune) bool { return !strconv.IsPrint(r) }
	if len(text) > MaxText+100 || !utf8.ValidString(text) || strings.ContainsFunc(text, unprintable) {
		t.Errorf("error is not one printable line: %q", text)
	}
}
