package boottest

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/boottest/console"
	"github.com/org/linuxkit-action/internal/boottest/report"
	"github.com/org/linuxkit-action/internal/workspace"
)

// stream is the io.Writer of a machine's console. It stores the bytes in the log and sends
// them to the driver.
type stream struct {
	log     *console.Log // nil: no log
	path    string       // of the log
	chunks  chan chunk
	stopped chan struct{}
}

// chunk is console output with the time of its arrival.
type chunk struct {
	bytes []byte
	at    time.Time
}

// newStream returns a stream with a log in dir, or without a log if dir is "".
func newStream(dir, format string) (*stream, error) {
	s := &stream{chunks: make(chan chunk, 64), stopped: make(chan struct{})}
	if dir == "" {
		return s, nil
	}
	s.path = filepath.Join(dir, "console-"+strings.ReplaceAll(format, "/", "-")+".log")
	var err error
	s.log, err = console.CreateLog(s.path, console.MaxLog)
	return s, err
}

// Write stores p and sends it to the driver, unless that has stopped. It never fails.
func (s *stream) Write(p []byte) (int, error) {
	if s.log != nil {
		_, _ = s.log.Write(p)
	}
	select {
	case s.chunks <- chunk{bytes: slices.Clone(p), at: time.Now()}:
	case <-s.stopped:
	}
	return len(p), nil
}

// stop ends the sending: the driver has stopped.
func (s *stream) stop() { close(s.stopped) }

// close closes the log, after the end of the machine.
func (s *stream) close(note func(string)) error {
	if s.log == nil {
		return nil
	}
	if s.log.Truncated() {
		note(fmt.Sprintf("console log truncated at %d MiB", console.MaxLog>>20))
	}
	return s.log.Close()
}

// discard removes the log of a machine that was not started.
func (s *stream) discard() {
	s.stop()
	if s.log != nil {
		s.log.Discard()
	}
}

// name returns the file name of the log, or "".
func (s *stream) name() string {
	if s.log == nil {
		return ""
	}
	return filepath.Base(s.path)
}

// renameConsole gives the console log of the decisive boot its fixed name.
func renameConsole(r *report.Report, dir string) error {
	old := r.Boot.Console
	if old == "" {
		return nil
	}
	if err := workspace.Rename(dir, old, report.Console); err != nil {
		return fmt.Errorf("boot-test report: %w", err)
	}
	r.Boot.Console = report.Console
	for i := range r.Boots {
		if r.Boots[i].Console == old {
			r.Boots[i].Console = report.Console
		}
	}
	return nil
}
