package control

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/bundle"
)

// ErrNoLog is returned by Logs for a name without a log.
var ErrNoLog = errors.New("no log with this name")

// maxRead is how much of the end of a file is read, in bytes: more than package logs writes.
const maxRead = 4 << 20

// Logs writes the last n lines of each log of a container in dirs. The client reads the logs
// itself, to spare PID 1 the work.
func Logs(w io.Writer, dirs []string, container string, n int) error {
	paths := findLogs(dirs, container)
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

// LogNames returns the names of the containers with logs in dirs.
func LogNames(dirs []string) []string {
	var names []string
	eachLog(dirs, func(_, owner string) { names = append(names, owner) })
	slices.Sort(names)
	return slices.Compact(names)
}

func findLogs(dirs []string, container string) []string {
	var paths []string
	eachLog(dirs, func(path, owner string) {
		if owner == container {
			paths = append(paths, path)
		}
	})
	return paths
}

// eachLog calls fn for every log. Directories that cannot be read are skipped.
func eachLog(dirs []string, fn func(path, owner string)) {
	for _, dir := range dirs {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if log, found := strings.CutSuffix(e.Name(), ".log"); found && e.Type().IsRegular() {
				fn(filepath.Join(dir, e.Name()), owner(log))
			}
		}
	}
}

// owner returns the container that a log belongs to: web for web.out, dhcp for onboot.000-dhcp.out.
func owner(log string) string {
	log = strings.TrimSuffix(log, ".out")
	for _, section := range []string{"onboot.", "shutdown."} {
		id, found := strings.CutPrefix(log, section)
		if name := bundle.Name(id); found && name != id {
			return name
		}
	}
	return log
}

// lastLines returns the last n lines of a log, including those of the previous file if the log was
// rotated. Lines between the two that cannot be read are marked by gap.
func lastLines(path string, n int) (string, error) {
	text, err := readLog(path, n)
	if err != nil {
		return "", err
	}
	lines := slices.Collect(strings.Lines(text))
	return Sanitize(strings.Join(lines[max(len(lines)-n, 0):], "")), nil
}

// gap marks lines that are not shown.
const gap = "[… lines are missing here …]\n"

// maxRotations is how often a log may be rotated while it is read.
const maxRotations = 3

// readLog reads the end of a log: the file, and the previous one if there are fewer than n lines. It
// begins again if the log is rotated meanwhile, when the previous file is another one.
func readLog(path string, n int) (text string, err error) {
	for range maxRotations {
		text, current, whole, err := readEnd(path)
		if err != nil || strings.Count(text, "\n") >= n {
			return text, err
		}
		before, _, _, err := readEnd(path + ".1")
		if err != nil { // not rotated yet
			return text, nil
		}
		if now, err := os.Stat(path); err != nil || !os.SameFile(current, now) {
			continue
		}
		if !whole {
			return before + gap + text, nil
		}
		return before + text, nil
	}
	text, _, _, err = readEnd(path)
	return gap + text, err
}

// readEnd returns the end of a file, and whether that is the whole file. It returns nothing for a
// file that is not regular, which could block.
func readEnd(path string) (text string, info os.FileInfo, whole bool, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", nil, false, err
	}
	defer f.Close()
	info, err = f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return "", info, false, err
	}
	from := max(info.Size()-maxRead, 0)
	data, err := io.ReadAll(io.NewSectionReader(f, from, maxRead))
	if from > 0 { // drop the partial first line
		_, after, _ := strings.Cut(string(data), "\n")
		return after, info, false, err
	}
	return string(data), info, true, err
}

// Sanitize replaces control characters, which could be commands to a terminal, except newlines and
// tabs.
func Sanitize(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, text)
}
