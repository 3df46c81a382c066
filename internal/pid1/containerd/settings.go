package containerd

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

// settings is the content of runtime-config.toml: how containerd is started (LinuxKit,
// docs/faq.md). By default it has no options, and both streams go to the console.
type settings struct {
	Options []string // of containerd
	Stdout  string   // "", stdout, stderr or an absolute path
	Stderr  string   // the same
}

const (
	toStdout = "stdout"
	toStderr = "stderr"
)

// Limits of the file: size in bytes, and problems that are reported.
const (
	maxSettings = 64 << 10
	maxProblems = 8
)

// readSettings reads the settings and returns the problems found, with their lines; the default
// applies in their place. The file is optional.
func readSettings(path string) (settings, []string) {
	text, err := file.Read(path, maxSettings)
	if errors.Is(err, fs.ErrNotExist) {
		return settings{}, nil
	}
	if err != nil {
		return settings{}, []string{err.Error() + "; the defaults apply"}
	}
	return parseSettings(string(text))
}

// parseSettings parses the subset of TOML 1.0 that the file needs: lines of KEY = "STRING", and
// comments. Anything else is a problem.
func parseSettings(text string) (settings, []string) {
	r := reader{seen: map[string]bool{}}
	for line := range strings.Lines(text) {
		r.number++
		line = strings.TrimRight(line, "\r\n")
		if blank(line) {
			continue
		}
		if strings.HasPrefix(strings.TrimLeft(line, " \t"), "[") {
			r.problem("tables are not supported; the rest of the file is ignored")
			break
		}
		r.line(line)
	}
	return r.settings, r.problems
}

// reader parses one file.
type reader struct {
	settings settings
	problems []string
	number   int // of the line
	seen     map[string]bool
}

func (r *reader) problem(text string) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, "line "+strconv.Itoa(r.number)+": "+text)
	}
}

func (r *reader) line(line string) {
	key, rest, found := strings.Cut(line, "=")
	key = strings.Trim(key, " \t")
	value, rest, ok := quoted(strings.TrimLeft(rest, " \t"))
	switch {
	case !found || !ok || !blank(rest):
		r.problem(`must be KEY = "TEXT"`)
	case r.seen[key]:
		r.problem(strconv.Quote(key) + " is set twice; the first value applies")
	default:
		r.seen[key] = true
		r.set(key, value)
	}
}

func (r *reader) set(key, value string) {
	switch key {
	case "cliopts":
		r.settings.Options = strings.Fields(value)
	case "stdout":
		r.output(&r.settings.Stdout, key, value)
	case "stderr":
		r.output(&r.settings.Stderr, key, value)
	default:
		r.problem(strconv.Quote(key) + ": unknown key; must be cliopts, stdout or stderr")
	}
}

func (r *reader) output(to *string, key, value string) {
	if value != "" && value != toStdout && value != toStderr && !strings.HasPrefix(value, "/") {
		r.problem(key + ": " + strconv.Quote(value) + " must be stdout, stderr or an absolute path; using the console")
		return
	}
	*to = value
}

// blank reports whether a line, or its rest, is empty or a comment.
func blank(line string) bool {
	line = strings.TrimLeft(line, " \t")
	return line == "" || line[0] == '#'
}

// quoted splits a string off s: a basic one, or a literal one in single quotes. Neither may contain
// control characters other than tab.
func quoted(s string) (value, rest string, ok bool) {
	if s == "" || strings.HasPrefix(s, `"""`) || strings.HasPrefix(s, "'''") || s[0] != '"' && s[0] != '\'' {
		return "", "", false
	}
	var b strings.Builder
	for quote, i := s[0], 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote:
			return b.String(), s[i+1:], true
		case c == '\\' && quote == '"':
			char, size := escaped(s[i+1:])
			if size == 0 {
				return "", "", false
			}
			b.WriteString(char)
			i += size
		case c < ' ' && c != '\t' || c == 0x7f:
			return "", "", false
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

// escapes are the one-letter escapes of TOML 1.0.
var escapes = map[byte]string{'b': "\b", 't': "\t", 'n': "\n", 'f': "\f", 'r': "\r", '"': `"`, '\\': `\`}

// escaped decodes what follows a backslash: one letter, or u or U with four or eight hex digits.
// size is 0 for an invalid escape.
func escaped(s string) (char string, size int) {
	if s == "" {
		return "", 0
	}
	if char, known := escapes[s[0]]; known {
		return char, 1
	}
	digits := map[byte]int{'u': 4, 'U': 8}[s[0]]
	if digits == 0 || len(s) <= digits {
		return "", 0
	}
	n, err := strconv.ParseUint(s[1:1+digits], 16, 32)
	if err != nil || n > 0x10ffff || n >= 0xd800 && n < 0xe000 {
		return "", 0
	}
	return string(rune(n)), 1 + digits
}
