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

// FuzzAnswer feeds an answer to a call. Whatever it is, the call ends, within bounds,
// and what it says of it can be printed.
func FuzzAnswer(f *testing.F) {
	for _, lie := range lies {
		if len(lie.answer) < maxFrame {
			f.Add(lie.answer)
		}
	}
	f.Add(said(begin, hello, done))
	f.Add(said(fieldsOf(true, ":status", "200", "grpc-status", "5", "grpc-message", "%41%ff\n☃")))
	f.Fuzz(func(t *testing.T, answer []byte) {
		var sent bytes.Buffer
		request := make([]byte, 1<<17)
		got, err := Call(peer{bytes.NewReader(answer), &sent}, "/test.Test/Echo", nil, request)
		if len(got) > len(answer) || got != nil && err != nil {
			t.Errorf("%d bytes and %v of %d", len(got), err, len(answer))
		}
		if most := len(request) + 1000 + 2*len(answer); sent.Len() > most {
			t.Errorf("%d bytes were sent", sent.Len())
		}
		checkError(t, err)
	})
}

func checkError(t *testing.T, err error) {
	t.Helper()
	var s *Status
	if err != nil && !errors.As(err, &s) && !errors.Is(err, ErrProtocol) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v is of no kind", err)
	}
	if err == nil {
		return
	}
	text := err.Error()
	if len(text) > MaxText+100 || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !strconv.IsPrint(r) }) {
		t.Errorf("%q is no line to print", text)
	}
}
