package loop

import (
	"reflect"
	"testing"
	"time"
)

func TestRunInOrderAndRecoversPanics(t *testing.T) {
	t.Parallel()
	var got []string
	stop := make(chan struct{})
	l := New(func() { got = append(got, "after") })
	l.Post(func() { got = append(got, "first") })
	l.Post(func() { panic("second") })
	l.Post(func() { got = append(got, "third") })
	l.Post(func() { close(stop) })
	l.Run(stop)
	if want := []string{"first", "after", "after", "third", "after", "after"}; !reflect.DeepEqual(got, want) {
		t.Errorf("ran %q, want %q", got, want)
	}
}

func TestAfter(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	l := New(func() {})
	start := time.Now()
	l.After(20*time.Millisecond, func() { close(stop) })
	l.Run(stop)
	if waited := time.Since(start); waited < 20*time.Millisecond {
		t.Errorf("ran after %v", waited)
	}
}
