package supervise

import (
	"strconv"
	"testing"
	"time"
)

// The timer of a pause that an operator has cut short does not end the next pause, which is twice as
// long. An exit in between must not hide that: the service ends while the first timer still runs.
func TestTimerOfAnEarlierPauseStartsNothing(t *testing.T) {
	t.Parallel()
	s := quick("bad")
	s.Backoff = Backoff{Initial: 600 * time.Millisecond, Max: time.Hour}
	r := newFixture(t, processRuntime{}, map[string]string{"bad": "exit 1"}, s)
	r.until("exited service=bad code=1")
	r.eventually("the pause has begun", func() bool { return r.super.byName["bad"].pause > 0 })
	r.do(func() {
		if err := r.super.Start("bad"); err != nil {
			t.Error(err)
		}
	})
	exited := at(t, r.until("exited service=bad code=1").Get("at"))
	started := at(t, r.until("starting service=bad").Get("at"))
	if pause := started - exited; pause < 1200 {
		t.Errorf("started again after %d ms, want 1200", pause)
	}
}

func at(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
