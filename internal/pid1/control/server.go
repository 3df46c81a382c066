package control

import (
	"os"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/guard"
)

// maxClients is how many are served at once. A goroutine and a few kilobytes
// each; the next wait in the socket's backlog.
const maxClients = 8

// acceptPause is how long to wait after accept(2) failed, for want of memory or
// descriptors: without it PID 1 would spin.
const acceptPause = 100 * time.Millisecond

// Server answers requests.
type Server struct {
	listener *os.File
	owner    uint32 // who may ask: PID 1's own user, which is root
	places   chan struct{}
	closed   chan struct{}
}

// Listen makes the socket at path.
func Listen(path string) (*Server, error) {
	l, err := listen(path)
	if err != nil {
		return nil, err
	}
	return &Server{listener: l, owner: uint32(os.Getuid()), places: make(chan struct{}, maxClients), closed: make(chan struct{})}, nil
}

// Serve answers requests by handle until Close, and does not return before.
// handle runs in the client's goroutine and must come back in bounded time: a
// client holds its place until then.
func (s *Server) Serve(handle func(Request) Answer) {
	for {
		s.places <- struct{}{}
		client, err := accept(s.listener)
		if err == nil {
			guard.Go("control client", func() {
				defer s.leave(client)
				guard.Do("control request", func() { s.serve(client, handle) })
			})
			continue
		}
		<-s.places
		select {
		case <-s.closed:
			return
		case <-time.After(acceptPause):
		}
	}
}

func (s *Server) leave(client *os.File) {
	_ = client.Close() // all was written, or is given up
	<-s.places
}

// Close ends Serve. Clients that are being served get their answers.
func (s *Server) Close() error {
	close(s.closed)
	return s.listener.Close()
}

// serve serves one client. Whom it cannot understand or reach it drops.
func (s *Server) serve(client *os.File, handle func(Request) Answer) {
	if !isFrom(client, s.owner) {
		return
	}
	request, err := readRequest(client)
	answer := Answer{Code: Unclear}
	if err == nil {
		answer = handle(request)
	} else {
		answer.Text = err.Error()
	}
	if client.SetWriteDeadline(time.Now().Add(sendWait)) == nil {
		_, _ = client.WriteString(answer.String()) // a client that has gone needs no answer
	}
}

// readRequest reads a line that comes in time and is not too long.
func readRequest(client *os.File) (Request, error) {
	if err := client.SetReadDeadline(time.Now().Add(sendWait)); err != nil {
		return Request{}, err
	}
	line := make([]byte, 0, MaxRequest)
	for len(line) < cap(line) {
		n, err := client.Read(line[len(line):cap(line)])
		line = line[:len(line)+n]
		if strings.HasSuffix(string(line), "\n") || err != nil {
			break
		}
	}
	return parseRequest(string(line))
}
