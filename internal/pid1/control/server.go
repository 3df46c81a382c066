package control

import (
	"os"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/guard"
)

// maxClients is how many clients are served at once; further ones wait in the backlog of the
// socket.
const maxClients = 8

// acceptPause is the pause after a failed accept(2), for example without free descriptors, so that
// PID 1 does not spin.
const acceptPause = 100 * time.Millisecond

// Server serves requests.
type Server struct {
	listener *os.File
	owner    uint32 // only this user may connect: PID 1's own, root
	slots    chan struct{}
	closed   chan struct{}
}

// Listen makes the socket at path.
func Listen(path string) (*Server, error) {
	l, err := listen(path)
	if err != nil {
		return nil, err
	}
	return &Server{
		listener: l, owner: uint32(os.Getuid()),
		slots: make(chan struct{}, maxClients), closed: make(chan struct{}),
	}, nil
}

// Serve answers requests with handle until Close. handle runs in a goroutine of the client and must
// return in bounded time, since the client occupies a slot until then.
func (s *Server) Serve(handle func(Request) Response) {
	for {
		s.slots <- struct{}{}
		client, err := accept(s.listener)
		if err == nil {
			guard.Go("control client", func() {
				defer s.release(client)
				guard.Do("control request", func() { s.serve(client, handle) })
			})
			continue
		}
		<-s.slots
		select {
		case <-s.closed:
			return
		case <-time.After(acceptPause):
		}
	}
}

func (s *Server) release(client *os.File) {
	_ = client.Close() // nothing is buffered
	<-s.slots
}

// Close ends Serve. Requests in progress are still answered.
func (s *Server) Close() error {
	close(s.closed)
	return s.listener.Close()
}

// serve serves one client. It drops a client of another user.
func (s *Server) serve(client *os.File, handle func(Request) Response) {
	if !isFrom(client, s.owner) {
		return
	}
	request, err := readRequest(client)
	response := Response{Code: Invalid}
	if err == nil {
		response = handle(request)
	} else {
		response.Text = err.Error()
	}
	if client.SetWriteDeadline(time.Now().Add(ioTimeout)) == nil {
		_, _ = client.WriteString(response.String()) // the client may have gone
	}
}

// readRequest reads a line within the deadline and the size limit.
func readRequest(client *os.File) (Request, error) {
	if err := client.SetReadDeadline(time.Now().Add(ioTimeout)); err != nil {
		return Request{}, err
	}
	line := make([]byte, 0, maxRequest)
	for len(line) < cap(line) {
		n, err := client.Read(line[len(line):cap(line)])
		line = line[:len(line)+n]
		if strings.HasSuffix(string(line), "\n") || err != nil {
			break
		}
	}
	return parseRequest(string(line))
}
