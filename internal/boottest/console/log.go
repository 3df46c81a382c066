package console

import (
	"fmt"
	"os"
	"strings"
)

// MaxLog is the size, in bytes, at which a log is cut.
const MaxLog = 64 << 20

// Log keeps the console as it came, in a file that appears under its name when it
// is closed.
type Log struct {
	path string
	file *os.File
	left int64
	err  error
}

// CreateLog begins a log that holds at most limit bytes.
func CreateLog(path string, limit int64) (*Log, error) {
	f, err := os.Create(path + ".partial")
	return &Log{path, f, limit, err}, err
}

// Write keeps p, or what there is room for. It never fails: Close tells.
func (l *Log) Write(p []byte) (int, error) {
	if l.left > 0 && l.err == nil {
		keep := p[:min(int64(len(p)), l.left)]
		if l.left -= int64(len(keep)); l.left == 0 {
			keep = append(append([]byte(nil), keep...), "\n[linuxkit-action: the console log is cut here]\n"...)
		}
		_, l.err = l.file.Write(keep)
	}
	return len(p), nil
}

// Cut reports whether the guest wrote more than the log holds.
func (l *Log) Cut() bool { return l.left <= 0 }

// Close finishes the file.
func (l *Log) Close() error {
	if l.err == nil {
		l.err = l.file.Sync()
	}
	if err := l.file.Close(); l.err == nil {
		l.err = err
	}
	if l.err != nil {
		os.Remove(l.file.Name())
		return fmt.Errorf("console log: %w", l.err)
	}
	return os.Rename(l.file.Name(), l.path)
}

// Harmless makes text of the guest fit to be printed in a job's log, behind some text
// of ours: GitHub's runner obeys "##[" anywhere in a line, and "::" at its start.
func Harmless(text string) string { return strings.ReplaceAll(text, "##[", "# #[") }
