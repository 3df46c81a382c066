// Package crash turns panics into errors.
//
// Input of every kind is hostile, also for the libraries that decode it. A panic ends the
// run with an error that asks for a report, after the clean-up that every error gets. A
// recover covers its own goroutine only, so every worker that handles foreign input runs
// in Guard, as the command does.
package crash

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/org/linuxkit-action/internal/markup"
)

// Issues is where a user reports a panic.
const Issues = "https://github.com/org/linuxkit-action/issues"

// Error is a panic.
type Error struct {
	cause any
	place string // FILE:LINE of the function that panicked
}

// Error returns the cause in one line, and where to report it.
func (e *Error) Error() string {
	return fmt.Sprintf("internal error: %s (%s); please report it with the input at %s", markup.Line(fmt.Sprint(e.cause)), e.place, Issues)
}

// Guard returns a function that calls work, and returns a panic in it as an *Error.
func Guard(work func() error) func() error {
	return func() (err error) {
		defer func() {
			if cause := recover(); cause != nil {
				err = &Error{cause: cause, place: panicPlace()}
			}
		}()
		return work()
	}
}

// maxFrames bounds the frames in which panicPlace looks for the function.
const maxFrames = 32

// panicPlace returns the first place below the runtime's panic, in a deferred function.
func panicPlace() string {
	counters := make([]uintptr, maxFrames)
	frames := runtime.CallersFrames(counters[:runtime.Callers(1, counters)])
	panicked := false
	for {
		frame, more := frames.Next()
		inRuntime := strings.HasPrefix(frame.Function, "runtime.")
		if panicked && !inRuntime {
			return fmt.Sprintf("%s:%d", filepath.Base(frame.File), frame.Line)
		}
		panicked = panicked || frame.Function == "runtime.gopanic"
		if !more {
			return "unknown place"
		}
	}
}
