// Package guard starts every goroutine of PID 1.
//
// A panic that leaves any goroutine ends the process, and when PID 1 ends the
// kernel panics. So no other package says "go": a test looks for it. What a
// panic breaks is then one job (one service's start, one event), and the
// machine can still be shut down.
//
// Go's own fatal errors (no memory for the heap, no thread to be had) cannot be
// recovered from; PID 1 keeps away from them by holding little, by letting one
// goroutine own all state, and by Reserve.
package guard

import (
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
)

var report atomic.Pointer[func(what, why string)]

// OnPanic sets who is told of a recovered panic: what was being done, and the
// panic's text with the place it came from.
func OnPanic(tell func(what, why string)) { report.Store(&tell) }

// Go runs fn in a new goroutine from which no panic escapes.
func Go(what string, fn func()) { go Do(what, fn) }

// Do runs fn here, lets no panic escape, and returns false if there was one.
func Do(what string, fn func()) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			tell(what, text(v)+origin())
		}
	}()
	fn()
	return true
}

func tell(what, why string) {
	defer func() { _ = recover() }() // the reporter may be what is broken
	if f := report.Load(); f != nil {
		(*f)(what, why)
	}
}

func text(v any) string {
	switch v := v.(type) {
	case error:
		return v.Error()
	case string:
		return v
	}
	return "panic"
}

// origin names the first function on the stack, below the runtime's own, that
// panicked. It is called from the deferred function of Do.
func origin() string {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		f, more := frames.Next()
		if f.Function != "" && !strings.HasPrefix(f.Function, "runtime.") {
			return " in " + f.Function + ":" + strconv.Itoa(f.Line)
		}
		if !more {
			return ""
		}
	}
}
