package containerd

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestParseSettings(t *testing.T) {
	t.Parallel()
	const sample = "cliopts=\"--log-level debug\"\nstderr=\"/var/log/containerd.out.log\"\nstdout=\"stdout\"\n"
	seed := Settings{Options: []string{"--log-level", "debug"}, Stderr: "/var/log/containerd.out.log", Stdout: "stdout"}
	for name, tt := range map[string]struct {
		text     string
		want     Settings
		problems []string
	}{
		"sample of the documentation": {text: sample, want: seed, problems: nil},
		"CRLF line ends":              {text: strings.ReplaceAll(sample, "\n", "\r\n"), want: seed, problems: nil},
		"empty":                       {text: "", want: Settings{}, problems: nil},
		"comments": {
			text: "# one\n\n \t# two\nstdout = 'stderr' # three", want: Settings{Stdout: "stderr"}, problems: nil,
		},
		"spaces and tabs": {
			text: `cliopts = "  --a\tb\n c "`, want: Settings{Options: []string{"--a", "b", "c"}}, problems: nil,
		},
		"no quoting within a string": {
			text: `cliopts = "--arg 'abcd def'"`, want: Settings{Options: []string{"--arg", "'abcd", "def'"}}, problems: nil,
		},
		"escapes": {
			text: `cliopts = "\"\\\u0041\U0001F433"`, want: Settings{Options: []string{`"\A` + "\U0001F433"}}, problems: nil,
		},
		"no escapes in a literal string": {
			text: `cliopts = 'a\tb'`, want: Settings{Options: []string{`a\tb`}}, problems: nil,
		},
		"empty value is the default": {text: `stderr = ""`, want: Settings{}, problems: nil},

		"bare word": {
			text: "cliopts = --debug\nstdout = \"stderr\"", want: Settings{Stdout: "stderr"},
			problems: []string{`line 1: must be KEY = "TEXT"`},
		},
		"number": {text: "stdout = 1", want: Settings{}, problems: []string{`line 1: must be KEY = "TEXT"`}},
		"list": {
			text: `cliopts = ["--debug"]`, want: Settings{}, problems: []string{`line 1: must be KEY = "TEXT"`},
		},
		"no value": {text: "stdout", want: Settings{}, problems: []string{`line 1: must be KEY = "TEXT"`}},
		"unterminated string": {
			text: `stdout = "stderr`, want: Settings{}, problems: []string{`line 1: must be KEY = "TEXT"`},
		},
		"text behind the value": {
			text: `stdout = "stderr" "x"`, want: Settings{}, problems: []string{`line 1: must be KEY = "TEXT"`},
		},
		"unknown escape": {
			text: `cliopts = "\x41"`, want: Settings{}, problems: []string{`line 1: must be KEY = "TEXT"`},
		},
		"surrogate": {
			text: `cliopts = "\ud800"`, want: Settings{}, problems: []string{`line 1: must be KEY = "TEXT"`},
		},
		"control character": {
			text: "cliopts = \"\x01\"", want: Settings{}, problems: []string{`line 1: must be KEY = "TEXT"`},
		},
		"multi-line string": {
			text: "cliopts = \"\"\"", want: Settings{}, problems: []string{`line 1: must be KEY = "TEXT"`},
		},
		"relative path": {
			text: `stderr = "log/x"`, want: Settings{},
			problems: []string{`line 1: stderr: "log/x" must be stdout, stderr or an absolute path; using the console`},
		},
		"unknown output": {
			text: `stdout = "console"`, want: Settings{},
			problems: []string{`line 1: stdout: "console" must be stdout, stderr or an absolute path; using the console`},
		},
		"unknown key": {
			text: "\nclipopts = \"--debug\"", want: Settings{},
			problems: []string{`line 2: "clipopts": unknown key; must be cliopts, stdout or stderr`},
		},
		"duplicate key": {
			text: "stdout = \"stdout\"\nstdout = \"stderr\"", want: Settings{Stdout: "stdout"},
			problems: []string{`line 2: "stdout" is set twice; the first value applies`},
		},
		"table": {
			text: "stdout = \"stdout\"\n[debug]\nstderr = \"stderr\"\nx", want: Settings{Stdout: "stdout"},
			problems: []string{"line 2: tables are not supported; the rest of the file is ignored"},
		},
		"many problems": {text: strings.Repeat("x\n", 1000), want: Settings{}, problems: problemLines(maxProblems)},
	} {
		got, problems := ParseSettings(tt.text)
		if !reflect.DeepEqual(got, tt.want) || !reflect.DeepEqual(problems, tt.problems) {
			t.Errorf("%s: %+v, %q; want %+v, %q", name, got, problems, tt.want, tt.problems)
		}
	}
}

func problemLines(n int) (problems []string) {
	for i := range n {
		problems = append(problems, "line "+string(rune('1'+i))+`: must be KEY = "TEXT"`)
	}
	return problems
}

func TestReadSettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if s, problems := ReadSettings(filepath.Join(dir, "none")); !reflect.DeepEqual(s, Settings{}) || problems != nil {
		t.Errorf("%+v, %q", s, problems)
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, make([]byte, maxSettings+1), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, problems := ReadSettings(large); len(problems) != 1 || !strings.HasSuffix(problems[0], "file too large; the defaults apply") {
		t.Errorf("%q", problems)
	}
}

func FuzzSettings(f *testing.F) {
	f.Add("cliopts=\"--log-level debug\"\nstderr='/var/log/x' # c\n[t]\n")
	f.Add(`stdout = "\u0041\\"`)
	f.Fuzz(func(t *testing.T, text string) {
		s, problems := ParseSettings(text)
		if len(problems) > maxProblems {
			t.Errorf("%d problems", len(problems))
		}
		for _, to := range []string{s.Stdout, s.Stderr} {
			if to != "" && to != toStdout && to != toStderr && to[0] != '/' {
				t.Errorf("output to %q", to)
			}
		}
		for _, o := range s.Options {
			if o == "" || strings.ContainsAny(o, " \t\n") {
				t.Errorf("option %q", o)
			}
		}
	})
}
