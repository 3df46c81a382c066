package guard

import (
	"errors"
	"strings"
	"testing"
)

func TestNoPanicEscapesAndEachIsTold(t *testing.T) {
	told := make(chan string, 1)
	OnPanic(func(what, why string) { told <- what + ": " + why })
	for name, fn := range map[string]func(){
		"text":     func() { panic("boom") },
		"error":    func() { panic(errors.New("boom")) },
		"other":    func() { panic(7) },
		"runtime":  func() { var none []int; _ = none[len(told)] },
		"nil call": func() { var f func(); f() },
	} {
		if Do(name, fn) {
			t.Errorf("%s: Do says there was no panic", name)
		}
		if got := <-told; !strings.HasPrefix(got, name+": ") || !strings.Contains(got, "guard.") {
			t.Errorf("%s: told %q, want what and where", name, got)
		}
		Go(name, fn)
		<-told
	}
	if !Do("fine", func() {}) {
		t.Error("Do says there was a panic where there was none")
	}
}

func TestABrokenReporterBreaksNothing(t *testing.T) {
	OnPanic(func(string, string) { panic("reporter") })
	if Do("x", func() { panic("boom") }) {
		t.Error("Do says there was no panic")
	}
}
