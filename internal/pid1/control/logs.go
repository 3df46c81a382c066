package control

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNoLog is what Logs says of a name without a log.
var ErrNoLog = errors.New("there is no log of that name")

// maxRead is how much of the end of a log is read, in bytes.
const maxRead = 256 << 10

// Logs writes the last n lines of every log that a container has in dirs. The
// client reads them itself: PID 1 has better things to do.
func Logs(w io.Writer, dirs []string, container string, n int) error {
	paths := find(dirs, container)
	if len(paths) == 0 {
		return ErrNoLog
	}
	for i, path := range paths {
		lines, err := lastLines(path, n)
		if err != nil {
			return err
		}
		head := "==> " + path + " <==\n"
		if i > 0 {
			head = "\n" + head
		}
		if _, err := io.WriteString(w, head+lines); err != nil {
			return err
		}
	}
	return nil
}

// LogNames returns whose logs there are in dirs.
func LogNames(dirs []string) []string {
	var names []string
	each(dirs, func(_, owner string) { names = append(names, owner) })
	slices.Sort(names)
	return slices.Compact(names)
}

func find(dirs []string, container string) []string {
	var paths []string
	each(dirs, func(path, owner string) {
		if owner == container {
			paths = append(paths, path)
		}
	})
	return paths
}

// each calls fn for every log. A directory that cannot be read has none.
func each(dirs []string, fn func(path, owner string)) {
	for _, dir := range dirs {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if log, found := strings.CutSuffix(e.Name(), ".log"); found && e.Type().IsRegular() {
				fn(filepath.Join(dir, e.Name()), owner(log))
			}
		}
	}
}

// owner returns the container that a log is of: web.out is web's, and
// onboot.000-dhcp.out is dhcp's.
func owner(log string) string {
	log = strings.TrimSuffix(log, ".out")
	for _, section := range []string{"onboot.", "shutdown."} {
		rest, found := strings.CutPrefix(log, section)
		if number, name, dashed := strings.Cut(rest, "-"); found && dashed && number != "" && strings.Trim(number, "0123456789") == "" {
			return name
		}
	}
	return log
}

// lastLines returns the last n lines of a log, from the file before it too when
// the log was begun afresh not long ago.
func lastLines(path string, n int) (string, error) {
	text, err := end(path)
	if err != nil {
		return "", err
	}
	if strings.Count(text, "\n") < n {
		if before, err := end(path + ".1"); err == nil {
			text = before + text
		}
	}
	lines := slices.Collect(strings.Lines(text))
	return Plain(strings.Join(lines[max(len(lines)-n, 0):], "")), nil
}

// end returns the last part of a file. What is no regular file has none: it
// could make the reader wait.
func end(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return "", err
	}
	from := max(info.Size()-maxRead, 0)
	data, err := io.ReadAll(io.NewSectionReader(f, from, maxRead))
	if from > 0 { // it begins in the middle of a line
		_, after, _ := strings.Cut(string(data), "\n")
		return after, err
	}
	return string(data), err
}

// Plain replaces what could command a terminal. Lines and tabs stay.
func Plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, text)
}
