package console

import (
	"fmt"

	"github.com/org/linuxkit-action/internal/atomicfile"
)

// MaxLog is the size limit of a log, in bytes.
const MaxLog = 64 << 20

// Log stores the bytes of the console unchanged in a file, which appears under its name
// when it is closed.
type Log struct {
	file      *atomicfile.File
	remaining int64
	err       error
}

// CreateLog creates a log that holds at most limit bytes.
func CreateLog(path string, limit int64) (*Log, error) {
	f, err := atomicfile.Create(path, 0o644)
	if err != nil {
		return nil, fmt.Errorf("console log: %w", err)
	}
	return &Log{file: f, remaining: limit}, nil
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
	if l.err != nil {
		l.Discard()
	} else {
		l.err = l.file.Commit()
	}
	if l.err != nil {
		return fmt.Errorf("console log: %w", l.err)
	}
	return nil
}

// Discard removes the file instead of Close.
func (l *Log) Discard() { _ = l.file.Close() }
