// Package logs keeps the output of containers: in files of limited size, and the last lines in
// memory for the records of failures.
//
// Containers write into pipes, and one goroutine a pipe empties it. A full file system or a flood
// of output costs log lines and nothing else: a log never blocks its container, and PID 1 holds one
// buffer a pipe. On a machine with LinuxKit's logging daemon (memlogd) the output goes there
// instead of files, and the daemon cannot block PID 1 either.
package logs

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/guard"
)

// maxFile is the maximum size of a log file, in bytes. A full file is renamed to NAME.1 and
// replaces the previous one.
const maxFile = 1 << 20

// bufferSize is the size of a pump's buffer, in bytes.
const bufferSize = 4096

// Stream is one log: a file or a pipe to the logging daemon, and its last lines in memory.
type Stream struct {
	mu     sync.Mutex
	path   string
	logger *loggerPipe // used instead of the file, or nil
	file   *os.File
	size   int64
	tail   *Tail
	warn   func(error)
	warned bool
}

// Open starts a new log, at the logging daemon or in a file. If the file cannot be made or written
// the stream keeps only the tail. warn is called for the first lost output, and must not block.
func Open(path string, tail *Tail, warn func(error)) *Stream {
	return open(Logger, path, tail, warn)
}

func open(socket, path string, tail *Tail, warn func(error)) *Stream {
	s := &Stream{path: path, tail: tail, warn: warn}
	logger, err := openLogger(socket, name(path))
	if s.logger = logger; logger == nil {
		s.reportLoss(errors.Join(err, s.create()))
	}
	return s
}

func (s *Stream) create() (err error) {
	s.size = 0
	s.file, err = os.OpenFile(s.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o644)
	return err
}

// reportLoss reports the first loss only: a full disk would otherwise be reported for every line.
func (s *Stream) reportLoss(err error) {
	if err != nil && !s.warned {
		s.warned = true
		s.warn(err)
	}
}

// Write implements io.Writer. It always accepts all of p, even if the file does not.
func (s *Stream) Write(p []byte) (int, error) {
	_, _ = s.tail.Write(p) // never fails
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.logger != nil && s.writeLogger(p) {
		return len(p), nil
	}
	if s.size+int64(len(p)) > maxFile {
		s.rotate()
	}
	if s.file == nil {
		return len(p), nil
	}
	n, err := s.file.Write(p)
	s.size += int64(n)
	s.reportLoss(err)
	return len(p), nil
}

// writeLogger writes to the logging daemon. It returns false if the daemon has gone; the file is
// used from then on.
func (s *Stream) writeLogger(p []byte) bool {
	err := s.logger.write(p)
	switch {
	case err == nil:
		return true
	case errors.Is(err, errLoggerSlow):
		s.reportLoss(err)
		return true
	}
	s.logger = nil
	s.reportLoss(errors.Join(err, s.create()))
	return false
}

// rotate starts a new file. A file that cannot be renamed is truncated.
func (s *Stream) rotate() {
	if s.file != nil {
		_ = s.file.Close() // nothing is buffered
		s.file = nil
		_ = os.Rename(s.path, s.path+".1")
	}
	s.reportLoss(s.create())
}

// Close closes the log. Later writes reach only the tail.
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

// Pipe is a pipe that a goroutine empties into a Stream.
type Pipe struct {
	W    *os.File // the child's end
	r    *os.File
	done chan struct{}
}

// Pipe makes a pipe into the stream. matcher, if not nil, searches what is written to the pipe.
func (s *Stream) Pipe(matcher *Matcher) (*Pipe, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	var to io.Writer = s
	if matcher != nil {
		to = &matchWriter{Writer: s, matcher: matcher}
	}
	p := &Pipe{W: w, r: r, done: make(chan struct{})}
	guard.Go("log pump", func() {
		defer close(p.done)
		_, _ = io.CopyBuffer(onlyWriter{to}, onlyReader{r}, make([]byte, bufferSize))
	})
	return p, nil
}

// onlyReader and onlyWriter hide ReaderFrom and WriterTo, so that io.CopyBuffer uses its buffer.
type onlyReader struct{ io.Reader }

type onlyWriter struct{ io.Writer }

// Started closes PID 1's copy of the writing end, once the child has its own.
func (p *Pipe) Started() { _ = p.W.Close() }

// Drain waits until all writers have closed the pipe and their output is in the stream, at most d,
// and closes the pipe.
func (p *Pipe) Drain(d time.Duration) {
	select {
	case <-p.done:
	case <-time.After(d):
	}
	_ = p.r.Close() // nothing to do about an error
}

// Close closes a pipe that no child has.
func (p *Pipe) Close() {
	p.Started()
	_ = p.r.Close()
}
