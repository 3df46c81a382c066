// Package control is how an operator talks to PID 1: a unix stream socket that
// root alone may use.
//
// A client sends one line and gets text, which ends in a line of its own with
// the exit status the client is to have:
//
//	restart web          the request: a verb and what it is about
//	web: ready           the answer, for people
//	exit 0               0 done, 1 not done, 2 not understood
//
// PID 1 must not suffer from whoever connects. So a request has a bound and a
// deadline, an answer has both, only a few clients are served at once, and each
// has a goroutine that never holds up the event loop.
package control

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Path is where the socket is. Its directory is open to root only.
const Path = "/run/linuxkit-init/control"

// Bounds of the protocol, in bytes.
const (
	MaxRequest = 4 << 10
	maxAnswer  = 256 << 10
)

// sendWait is how long a client may take to say what it wants, and then to take the answer.
const sendWait = 2 * time.Second

// Exit statuses of an answer, and of the command that shows it.
const (
	Done    = 0
	Failed  = 1
	Unclear = 2 // nobody knows what was wanted
)

// Request is what a client wants.
type Request struct {
	Verb string
	Name string // what the verb is about: the rest of the line
}

// Answer is what it gets.
type Answer struct {
	Text string // lines
	Code int    // Done, Failed or Unclear
}

// Errors of a request and of an answer.
var (
	ErrRequest = errors.New("no request: it is one line of a verb and a name")
	ErrAnswer  = errors.New("the answer was cut off")
)

func (r Request) line() string { return strings.TrimSpace(r.Verb+" "+r.Name) + "\n" }

// parseRequest reads a line, which must be whole.
func parseRequest(line string) (Request, error) {
	text, whole := strings.CutSuffix(line, "\n")
	verb, name, _ := strings.Cut(strings.TrimSpace(text), " ")
	if !whole || verb == "" || strings.ContainsAny(text, "\n\x00") {
		return Request{}, ErrRequest
	}
	return Request{verb, strings.TrimSpace(name)}, nil
}

// String is the answer as it is sent. Text beyond the bound is left out, and that is said.
func (a Answer) String() string {
	text := a.Text
	if len(text) > maxAnswer {
		text = text[:strings.LastIndexByte(text[:maxAnswer], '\n')+1] + "…\n"
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text + "exit " + strconv.Itoa(a.Code) + "\n"
}

// parseAnswer reads an answer, which must be whole.
func parseAnswer(data string) (Answer, error) {
	body, whole := strings.CutSuffix(data, "\n")
	text, last := "", body
	if i := strings.LastIndexByte(body, '\n'); i >= 0 {
		text, last = body[:i+1], body[i+1:]
	}
	digits, found := strings.CutPrefix(last, "exit ")
	code, err := strconv.ParseUint(digits, 10, 8)
	if !whole || !found || err != nil {
		return Answer{}, ErrAnswer
	}
	return Answer{text, int(code)}, nil
}
