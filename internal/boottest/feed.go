package boottest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/boottest/console"
	"github.com/org/linuxkit-action/internal/boottest/report"
)

// feed takes the console from the machine: into the log, and on to the driver.
type feed struct {
	log     *console.Log // nil: no log is kept
	path    string
	chunks  chan chunk
	stopped chan struct{}
}

type chunk struct {
	bytes []byte
	at    time.Time
}

func newFeed(dir, format string) (*feed, error) {
	f := &feed{chunks: make(chan chunk, 64), stopped: make(chan struct{})}
	if dir == "" {
		return f, nil
	}
	f.path = filepath.Join(dir, "console-"+strings.ReplaceAll(format, "/", "-")+".log")
	var err error
	if f.log, err = console.CreateLog(f.path, console.MaxLog); err != nil {
		return nil, err
	}
	return f, nil
}

// Write keeps p and passes it on. Once the driver has heard enough it only keeps it.
func (f *feed) Write(p []byte) (int, error) {
	if f.log != nil {
		_, _ = f.log.Write(p)
	}
	select {
	case f.chunks <- chunk{append([]byte(nil), p...), time.Now()}:
	case <-f.stopped:
	}
	return len(p), nil
}

// stop says that nobody reads on.
func (f *feed) stop() { close(f.stopped) }

// close finishes the log, once the machine is gone.
func (f *feed) close(note func(string)) error {
	if f.log == nil {
		return nil
	}
	if f.log.Truncated() {
		note(fmt.Sprintf("the guest wrote more than %d MiB on its console; the log is cut there", console.MaxLog>>20))
	}
	return f.log.Close()
}

// abandon closes the log of a machine that never ran.
func (f *feed) abandon() {
	f.stop()
	if f.log != nil {
		f.log.Discard()
	}
}

func (f *feed) name() string {
	if f.log == nil {
		return ""
	}
	return filepath.Base(f.path)
}

// finishReport writes the report, and gives the log of the boot that decides its
// fixed name, console.log.
func finishReport(r *report.Report, dir string) error {
	if old := r.Boot.Console; old != "" {
		if err := os.Rename(filepath.Join(dir, old), filepath.Join(dir, report.Console)); err != nil {
			return fmt.Errorf("boot-test report: %w", err)
		}
		for i := range r.Boots {
			if r.Boots[i].Console == old {
				r.Boots[i].Console = report.Console
			}
		}
		r.Boot.Console = report.Console
	}
	return r.Write(dir)
}
