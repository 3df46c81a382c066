package crash

import (
	"errors"
	"strings"
	"testing"
)

func TestPanicIsAnErrorWithPlace(t *testing.T) {
	t.Parallel()
	var absent *struct{ field int }
	err := Guard(func() error {
		absent.field++
		return nil
	})()
	if _, ok := errors.AsType[*Error](err); !ok {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"nil pointer", "(crash_test.go:13)", Issues} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
}

func TestErrorsPass(t *testing.T) {
	t.Parallel()
	want := errors.New("malformed")
	for _, result := range []error{nil, want} {
		if err := Guard(func() error { return result })(); !errors.Is(err, result) {
			t.Errorf("got %v, want %v", err, result)
		}
	}
}
