package guard

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestPanicIsRecoveredAndReported(t *testing.T) {
	reported := make(chan string, 1)
	OnPanic(func(what, why string) { reported <- what + ": " + why })
	for name, fn := range map[string]func(){
		"text":     func() { panic("boom") },
		"error":    func() { panic(errors.New("boom")) },
		"other":    func() { panic(7) },
		"runtime":  func() { var none []int; _ = none[len(reported)] },
		"nil call": func() { var f func(); f() },
	} {
		if Do(name, fn) {
			t.Errorf("%s: Do reported no panic", name)
		}
		if got := <-reported; !strings.HasPrefix(got, name+": ") || !strings.Contains(got, "guard.") {
			t.Errorf("%s: reported %q, want job and location", name, got)
		}
		Go(name, fn)
		<-reported
	}
	if !Do("fine", func() {}) {
		t.Error("Do reported a panic")
	}
}

func TestPanicInReporterIsRecovered(t *testing.T) {
	OnPanic(func(string, string) { panic("reporter") })
	if Do("x", func() { panic("boom") }) {
		t.Error("Do reported no panic")
	}
}

func TestReserveKeepsThreads(t *testing.T) {
	t.Parallel()
	const many = 30
	Reserve(many)
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil || len(tasks) < many {
		t.Errorf("%d threads, %v; want %d", len(tasks), err, many)
	}
}
