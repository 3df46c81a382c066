package logs

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// memlogd is a logging daemon like LinuxKit's: it receives names and descriptors.
type memlogd struct {
	*testing.T
	conn *net.UnixConn
	path string
}

func newMemlogd(t *testing.T) memlogd {
	t.Helper()
	path := filepath.Join(t.TempDir(), "logging.sock")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(wait)); err != nil {
		t.Fatal(err)
	}
	return memlogd{T: t, conn: conn, path: path}
}

// receive returns the next log that is sent.
func (m memlogd) receive() (string, *os.File) {
	m.Helper()
	name, oob := make([]byte, 512), make([]byte, 512)
	n, oobn, _, _, err := m.conn.ReadMsgUnix(name, oob)
	if err != nil {
		m.Fatal(err)
	}
	messages, err := syscall.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(messages) != 1 {
		m.Fatalf("%d control messages, %v", len(messages), err)
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		m.Fatalf("%d descriptors, %v", len(fds), err)
	}
	f := os.NewFile(uintptr(fds[0]), string(name[:n]))
	m.Cleanup(func() { _ = f.Close() })
	return string(name[:n]), f
}

// write writes text into a stream through a pipe, as a container does.
func write(t *testing.T, s *Stream, text string) {
	t.Helper()
	p, err := s.Pipe(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(p.W, text)
	p.Started()
	p.Drain(wait)
}

func TestOpenSendsLogToLogger(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"/run/log/onboot/onboot.000-dhcp.log": "onboot.000-dhcp", "/run/log/onboot/onboot.000-dhcp.out.log": "onboot.000-dhcp.out",
		"/run/log/onboot/shutdown.000-bye.log": "shutdown.000-bye", "/var/log/web.log": "web", "/var/log/web.out.log": "web.out",
	} {
		m := newMemlogd(t)
		var tail Tail
		var lost losses
		s := open(m.path, file, &tail, lost.add)
		name, log := m.receive()
		write(t, s, "one\n")
		write(t, s, "two\n") // a restart
		s.Close()
		data, err := io.ReadAll(log)
		if name != want || string(data) != "one\ntwo\n" || err != nil || lost.err() != nil {
			t.Errorf("%s: got %q, %q, %v, %v", file, name, data, err, lost.err())
		}
		if got := tail.Lines(5, 100); got != "one\ntwo" {
			t.Errorf("tail %q", got)
		}
	}
}

func TestSlowLoggerDoesNotBlock(t *testing.T) {
	t.Parallel()
	m := newMemlogd(t)
	var tail Tail
	var lost losses
	s := open(m.path, "/var/log/web.log", &tail, lost.add)
	_, log := m.receive()
	write(t, s, strings.Repeat(strings.Repeat("x", 1023)+"\n", 1024)+"last\n")
	if !errors.Is(lost.err(), errLoggerSlow) || tail.Lines(1, 100) != "last" {
		t.Errorf("error %v, tail %q", lost.err(), tail.Lines(1, 100))
	}
	if _, err := io.ReadFull(log, make([]byte, 32<<10)); err != nil { // the daemon reads again
		t.Fatal(err)
	}
	write(t, s, "again\n")
	s.Close()
	data, err := io.ReadAll(log)
	if err != nil || !strings.HasSuffix(string(data), "again\n") {
		t.Errorf("log ends with %.20q, %v", data[max(len(data)-20, 0):], err)
	}
}

func TestLoggerFailureFallsBackToFile(t *testing.T) {
	t.Parallel()
	m := newMemlogd(t)
	path := filepath.Join(t.TempDir(), "web.log")
	var lost losses
	s := open(m.path, path, new(Tail), lost.add)
	_, log := m.receive()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, s, "alone\n")
	write(t, s, "again\n")
	data, err := os.ReadFile(path)
	if err != nil || string(data) != "alone\nagain\n" || !errors.Is(lost.err(), syscall.EPIPE) {
		t.Errorf("file %q, %v; error %v", data, err, lost.err())
	}
}

func TestUnusableLoggerSocketFallsBackToFile(t *testing.T) {
	t.Parallel()
	full := newMemlogd(t)
	for range 64 { // more than the queue of a datagram socket
		if logger, err := openLogger(full.path, "x"); err == nil {
			logger.close()
			continue
		}
		break
	}
	dead := newMemlogd(t)
	if err := dead.conn.Close(); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		socket string
		want   error
	}{
		"no listener":   {dead.path, syscall.ECONNREFUSED},
		"does not read": {full.path, syscall.EAGAIN},
		"regular file":  {"/etc/passwd", syscall.ECONNREFUSED},
	} {
		path := filepath.Join(t.TempDir(), "web.log")
		began := time.Now()
		var lost losses
		s := open(tt.socket, path, new(Tail), lost.add)
		if took := time.Since(began); took > 10*loggerTimeout {
			t.Errorf("%s: took %v", name, took)
		}
		if err := lost.err(); !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.socket) {
			t.Errorf("%s: error %v", name, err)
		}
		write(t, s, "here\n")
		if data, err := os.ReadFile(path); err != nil || string(data) != "here\n" {
			t.Errorf("%s: file %q, %v", name, data, err)
		}
	}
}
