// Package control lets an operator control PID 1, by a unix stream socket that only root may use,
// and a container's root only if it shares the pid namespace or has a capability (Peer).
//
// A client sends a request of one line and receives text, whose last line is the exit status of the
// client:
//
//	restart web          request: a verb and a name
//	web: ready           response, for people
//	exit 0               0 done, 1 failed, 2 invalid request
//
// A client cannot harm PID 1: requests and responses have a size limit and a deadline, the number of
// clients is limited, and each has its own goroutine, which never blocks the event loop.
package control

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Path is the path of the socket. Only root may access its directory.
const Path = "/run/linuxkit-init/control"

// Bounds of the protocol, in bytes.
const (
	maxRequest  = 4 << 10
	maxResponse = 256 << 10
)

// ioTimeout limits reading a request, and writing a response.
const ioTimeout = 2 * time.Second

// Exit statuses of a response, and of the command that prints it.
const (
	Done    = 0
	Failed  = 1
	Invalid = 2 // the request is not understood
)

// Request is a request of a client.
type Request struct {
	Verb string
	Name string // argument of the verb: the rest of the line
}

// Response is the response to a Request.
type Response struct {
	Text string // lines of text
	Code int    // Done, Failed or Invalid
}

// Errors of requests and responses.
var (
	ErrRequest  = errors.New("invalid request: must be one line: VERB [NAME]")
	ErrResponse = errors.New("truncated response")
)

func (r Request) line() string { return strings.TrimSpace(r.Verb+" "+r.Name) + "\n" }

// parseRequest parses a complete line.
func parseRequest(line string) (Request, error) {
	text, whole := strings.CutSuffix(line, "\n")
	verb, name, _ := strings.Cut(strings.TrimSpace(text), " ")
	if !whole || verb == "" || strings.ContainsAny(text, "\n\x00") {
		return Request{}, ErrRequest
	}
	return Request{Verb: verb, Name: strings.TrimSpace(name)}, nil
}

// String formats a response as it is sent. Text beyond the size limit is replaced by "…".
func (a Response) String() string {
	text := a.Text
	if len(text) > maxResponse {
		text = text[:strings.LastIndexByte(text[:maxResponse], '\n')+1] + "…\n"
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text + "exit " + strconv.Itoa(a.Code) + "\n"
}

// parseResponse parses a complete response.
func parseResponse(data string) (Response, error) {
	body, whole := strings.CutSuffix(data, "\n")
	text, last := "", body
	if i := strings.LastIndexByte(body, '\n'); i >= 0 {
		text, last = body[:i+1], body[i+1:]
	}
	digits, found := strings.CutPrefix(last, "exit ")
	code, err := strconv.ParseUint(digits, 10, 8)
	if !whole || !found || err != nil {
		return Response{}, ErrResponse
	}
	return Response{Text: text, Code: int(code)}, nil
}
