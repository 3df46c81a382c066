package process

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMemoryOfACgroup(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		files map[string]string
		want  Memory
		cause string
	}{
		"gone": {cause: "out of memory, of the machine"},
		"limited": {
			files: map[string]string{
				"memory.current": "1048576\n", "memory.max": "67108864\n",
				"memory.events": "low 0\nhigh 0\nmax 31\noom 1\noom_kill 2\noom_group_kill 0\n",
			},
			want: Memory{Used: 1 << 20, Limit: 64 << 20, Kills: 2}, cause: "out of memory, limit 64M",
		},
		"unlimited": {
			files: map[string]string{"memory.current": "7", "memory.max": "max\n", "memory.events": "oom_kill x\n"},
			want:  Memory{Used: 7}, cause: "out of memory, of the machine",
		},
	} {
		dir := t.TempDir()
		for file, text := range tt.files {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := Cgroup(dir).Memory(); got != tt.want || got.Cause() != tt.cause {
			t.Errorf("%s: %+v, %s; want %+v, %s", name, got, got.Cause(), tt.want, tt.cause)
		}
	}
	if got := Cgroup("").Memory(); got != (Memory{}) {
		t.Errorf("no cgroup: %+v", got)
	}
}

func TestFormatBytes(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0", 999: "999", 1024: "1K", 64 << 20: "64M", 3 << 30: "3G", 1500 << 10: "1500K", 20<<20 + 1: "20M", 1 << 40: "1024G",
	} {
		if got := FormatBytes(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
