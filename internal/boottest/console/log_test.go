package console

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLogIsTruncatedAtItsLimit(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "console.log")
	l, err := CreateLog(path, 10)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if n, err := l.Write([]byte("1234")); n != 4 || err != nil {
			t.Errorf("Write = %d, %v", n, err)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log exists before Close: %v", err)
	}
	if !l.Truncated() {
		t.Error("Truncated = false")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(got), "1234123412\n[") || strings.Count(string(got), "truncated here") != 1 {
		t.Errorf("%q, %v", got, err)
	}
}
