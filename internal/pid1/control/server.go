package control

import (
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/guard"
)

// maxClients is how many clients are served at once. Beyond that the client that has been idle the
// longest is disconnected; if none is idle, further ones wait in the backlog of the socket.
const maxClients = 64

// acceptPause is the pause after a failed accept(2), for example without free descriptors, so that
// PID 1 does not spin.
const acceptPause = 100 * time.Millisecond

// Server serves requests.
type Server struct {
	listener *os.File
	owner    uint32 // only this user may connect: PID 1's own, root
	slots    chan struct{}
	closed   chan struct{}

	mu   sync.Mutex
	idle []*os.File // clients without a complete request, in the order in which they came
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
// return in bounded time.
func (s *Server) Serve(handle func(Peer, Request) Response) {
	for {
		client, err := accept(s.listener)
		if err == nil {
			s.admit(client)
			guard.Go("control client", func() {
				defer s.release(client)
				guard.Do("control request", func() { s.serve(client, handle) })
			})
			continue
		}
		select {
		case <-s.closed:
			return
		case <-time.After(acceptPause):
		}
	}
}

// admit waits for a slot. A new client is never kept waiting by an idle one.
func (s *Server) admit(client *os.File) {
	select {
	case s.slots <- struct{}{}:
	default:
		s.mu.Lock()
		if len(s.idle) > 0 {
			_ = s.idle[0].Close() // ends its read; nothing is buffered
			s.idle = s.idle[1:]
		}
		s.mu.Unlock()
		s.slots <- struct{}{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, client)
}

// notIdle removes a client from the idle ones.
func (s *Server) notIdle(client *os.File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = slices.DeleteFunc(s.idle, func(f *os.File) bool { return f == client })
}

func (s *Server) release(client *os.File) {
	s.notIdle(client)
	_ = client.Close() // nothing is buffered
	<-s.slots
}

// Close ends Serve. Requests in progress are still answered.
func (s *Server) Close() error {
	close(s.closed)
	return s.listener.Close()
}

// serve serves one client. It drops a client of another user.
func (s *Server) serve(client *os.File, handle func(Peer, Request) Response) {
	peer, user, err := peerOf(client)
	if err != nil || user != s.owner {
		return
	}
	request, err := readRequest(client)
	s.notIdle(client)
	response := Response{Code: Invalid}
	if err == nil {
		response = handle(peer, request)
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
	var line []byte
	for buf := make([]byte, 512); len(line) < maxRequest; {
		n, err := client.Read(buf[:min(len(buf), maxRequest-len(line))])
		line = append(line, buf[:n]...)
		if strings.HasSuffix(string(line), "\n") || err != nil {
			break
		}
	}
	return parseRequest(string(line))
}
