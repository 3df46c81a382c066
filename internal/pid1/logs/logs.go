// Package logs keeps what containers say: in a file that cannot outgrow its
// bound, and the last words in memory for the record of a failure.
//
// The containers write into pipes, and one goroutine a pipe empties it. So a
// file system that is full, or a flood, costs lost log lines and no more: the
// container is never blocked by its log, and PID 1 holds one buffer a pipe.
// Where the machine has a logger (LinuxKit's memlogd), the pumps write there in
// the place of files, and no logger can block anybody either.
package logs

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/guard"
)

// MaxFile is how large a log file may grow, in bytes, before it is renamed to
// NAME.1, in the place of an older one.
const MaxFile = 1 << 20

// bufferSize is what a pump reads at once.
const bufferSize = 4096

// Stream is one log: a file or the logger, and the end of it in memory.
type Stream struct {
	mu     sync.Mutex
	path   string
	logger *outlet // in the place of the file, or nil
	file   *os.File
	size   int64
	tail   *Tail
	warn   func(error)
	warned bool
}

// Open starts a log afresh, with the machine's logger or in a file. Where the
// file cannot be made or written the stream works without. The first time that
// bytes do not get to where they were to go, warn is told why; it must not block.
func Open(path string, tail *Tail, warn func(error)) *Stream {
	return open(Logger, path, tail, warn)
}

func open(socket, path string, tail *Tail, warn func(error)) *Stream {
	s := &Stream{path: path, tail: tail, warn: warn}
	logger, err := handOver(socket, name(path))
	if s.logger = logger; logger == nil {
		s.lose(errors.Join(err, s.create()))
	}
	return s
}

func (s *Stream) create() (err error) {
	s.size = 0
	s.file, err = os.OpenFile(s.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o644)
	return err
}

// lose tells, once, that bytes are lost: a disk that is full would be told of with every line.
func (s *Stream) lose(err error) {
	if err != nil && !s.warned {
		s.warned = true
		s.warn(err)
	}
}

// Write implements io.Writer. It takes everything, also what the file does not.
func (s *Stream) Write(p []byte) (int, error) {
	_, _ = s.tail.Write(p) // it always takes all
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.logger != nil && s.tell(p) {
		return len(p), nil
	}
	if s.size+int64(len(p)) > MaxFile {
		s.rotate()
	}
	if s.file == nil {
		return len(p), nil
	}
	n, err := s.file.Write(p)
	s.size += int64(n)
	s.lose(err)
	return len(p), nil
}

// tell writes to the logger, and returns false when that has gone: from then on
// the file takes all.
func (s *Stream) tell(p []byte) bool {
	err := s.logger.write(p)
	switch err {
	case nil:
		return true
	case errSlow:
		s.lose(err)
		return true
	}
	s.logger.close()
	s.logger = nil
	s.lose(errors.Join(err, s.create()))
	return false
}

// rotate begins a new file. If the old one cannot be renamed it is emptied.
func (s *Stream) rotate() {
	if s.file != nil {
		_ = s.file.Close() // nothing is buffered
		s.file = nil
		_ = os.Rename(s.path, s.path+".1")
	}
	s.lose(s.create())
}

// Close closes the log. Later writes reach the tail only.
func (s *Stream) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.logger != nil {
		s.logger.close()
		s.logger = nil
	}
	if s.file != nil {
		_ = s.file.Close() // nothing is buffered
		s.file = nil
	}
}

// Pipe is a pipe with a goroutine that empties it into a stream.
type Pipe struct {
	W    *os.File // for the child
	r    *os.File
	done chan struct{}
}

// Pipe makes a pipe into the stream. A mark, where there is one, is looked for
// in what comes through it.
func (s *Stream) Pipe(mark *Mark) (*Pipe, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	var to io.Writer = s
	if mark != nil {
		to = &finder{Writer: s, mark: mark}
	}
	p := &Pipe{W: w, r: r, done: make(chan struct{})}
	guard.Go("log pump", func() {
		defer close(p.done)
		_, _ = io.CopyBuffer(onlyWriter{to}, onlyReader{r}, make([]byte, bufferSize))
	})
	return p, nil
}

// onlyReader and onlyWriter keep io.CopyBuffer to the buffer it is given.
type onlyReader struct{ io.Reader }

type onlyWriter struct{ io.Writer }

// Started closes PID 1's copy of the writing end, once the child has its own.
func (p *Pipe) Started() { _ = p.W.Close() }

// Drain waits, no longer than d, until all writers are gone and all they wrote
// is in the stream, and then closes the pipe.
func (p *Pipe) Drain(d time.Duration) {
	select {
	case <-p.done:
	case <-time.After(d):
	}
	_ = p.r.Close() // nothing else could be done with it
}

// Close closes a pipe that no child got.
func (p *Pipe) Close() {
	p.Started()
	_ = p.r.Close()
}
