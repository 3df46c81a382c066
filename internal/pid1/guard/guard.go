// Package guard starts every goroutine of PID 1.
//
// A panic that leaves a goroutine ends the process, and a kernel whose PID 1 ends panics. So no
// other package contains a go statement, which a test checks. A panic then costs one job (the start
// of one service, one event), and the machine can still shut down.
//
// Fatal errors of the Go runtime (no heap memory, no new thread) cannot be recovered. PID 1 avoids
// them: it uses little memory, one goroutine owns all state, and Reserve creates threads early.
package guard

import (
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var reporter atomic.Pointer[func(what, why string)]

// OnPanic sets the function that reports a recovered panic: what names the job, why is the text and
// location of the panic.
func OnPanic(report func(what, why string)) { reporter.Store(&report) }

// Go runs fn in a new goroutine and recovers its panics.
func Go(what string, fn func()) { go Do(what, fn) }

// Do runs fn, recovers a panic, and reports whether fn returned normally.
func Do(what string, fn func()) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			reportPanic(what, text(v)+origin())
		}
	}()
	fn()
	return true
}

// Within calls fn in a new goroutine and waits for it for at most d. It reports whether fn has
// returned, or panicked; else fn is abandoned.
func Within(d time.Duration, what string, fn func()) bool {
	done := make(chan struct{})
	Go(what, func() {
		defer close(done)
		fn()
	})
	select {
	case <-done:
		return true
	case <-time.After(d):
		return false
	}
}

func reportPanic(what, why string) {
	defer func() { _ = recover() }() // the reporter itself may panic
	if f := reporter.Load(); f != nil {
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

// origin returns the location of the panic: the first function on the stack outside the runtime. It
// must be called from the deferred function of Do.
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

// Reserve makes the Go runtime create n threads. The runtime needs another thread whenever all of
// its threads are in system calls, and exits if the kernel refuses one, as it does while a service
// has used up all processes. The runtime keeps threads that it has created.
func Reserve(n int) {
	var ready, over sync.WaitGroup
	ready.Add(n)
	for range n {
		over.Add(1)
		Go("reserve", func() {
			defer over.Done()
			runtime.LockOSThread() // one thread each
			defer runtime.UnlockOSThread()
			ready.Done()
			ready.Wait()
		})
	}
	over.Wait()
}
