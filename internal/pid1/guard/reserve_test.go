package guard

import (
	"os"
	"testing"
)

func TestReservedThreadsStay(t *testing.T) {
	t.Parallel()
	const many = 30
	Reserve(many)
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil || len(tasks) < many {
		t.Errorf("%d threads, %v; want %d", len(tasks), err, many)
	}
}
