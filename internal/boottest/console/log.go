package console

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/org/linuxkit-action/internal/workspace"
)

// MaxLog is the size limit of a log, in bytes.
const MaxLog = 64 << 20

// Log stores the bytes of the console unchanged in a file, which appears under its name
// when it is closed.
type Log struct {
	dir       *os.Root
	file      *workspace.File
	remaining int64
	err       error
}

// CreateLog creates a log that holds at most limit bytes.
func CreateLog(path string, limit int64) (*Log, error) {
	dir, err := workspace.OpenDir(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("console log: %w", err)
	}
	f, err := workspace.Create(dir, filepath.Base(path))
	if err != nil {
		dir.Close()
		return nil, fmt.Errorf("console log: %w", err)
	}
	return &Log{dir: dir, file: f, remaining: limit}, nil
}

// Write stores p up to the limit. It never fails; Close returns the first error.
func (l *Log) Write(p []byte) (int, error) {
	if l.remaining > 0 && l.err == nil {
		stored := p[:min(int64(len(p)), l.remaining)]
		if l.remaining -= int64(len(stored)); l.remaining == 0 {
			stored = append(append([]byte(nil), stored...), "\n[linuxkit-action: console log truncated here]\n"...)
		}
		_, l.err = l.file.Write(stored)
	}
	return len(p), nil
}

// Truncated reports whether the log has reached its limit.
func (l *Log) Truncated() bool { return l.remaining <= 0 }

// Close finishes the file. After an error there is no file.
func (l *Log) Close() error {
	defer l.Discard()
	if l.err == nil {
		l.err = l.file.Commit()
	}
	if l.err != nil {
		return fmt.Errorf("console log: %w", l.err)
	}
	return nil
}

// Discard removes the file, unless Close has finished it.
func (l *Log) Discard() {
	_ = l.file.Close()
	_ = l.dir.Close()
}
