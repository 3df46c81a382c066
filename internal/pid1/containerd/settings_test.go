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
	want := settings{Options: []string{"--log-level", "debug"}, Stderr: "/var/log/containerd.out.log", Stdout: "stdout"}
	for name, tt := range map[string]struct {
		text string
		want settings
	}{
		"sample of the documentation":    {sample, want},
		"CRLF line ends":                 {strings.ReplaceAll(sample, "\n", "\r\n"), want},
		"empty":                          {"", settings{}},
		"comments":                       {"# one\n\n \t# two\nstdout = 'stderr' # three", settings{Stdout: "stderr"}},
		"spaces and tabs":                {`cliopts = "  --a\tb\n c "`, settings{Options: []string{"--a", "b", "c"}}},
		"no quoting within a string":     {`cliopts = "--arg 'abcd def'"`, settings{Options: []string{"--arg", "'abcd", "def'"}}},
		"escapes":                        {`cliopts = "\"\\\u0041\U0001F433"`, settings{Options: []string{`"\A` + "\U0001F433"}}},
		"no escapes in a literal string": {`cliopts = 'a\tb'`, settings{Options: []string{`a\tb`}}},
		"empty value is the default":     {`stderr = ""`, settings{}},
	} {
		got, problems := parseSettings(tt.text)
		if !reflect.DeepEqual(got, tt.want) || problems != nil {
			t.Errorf("%s: %+v, %q; want %+v", name, got, problems, tt.want)
		}
	}
}

func TestParseSettingsSyntaxErrors(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"bare word": "cliopts = --debug", "number": "stdout = 1", "list": `cliopts = ["--debug"]`, "no value": "stdout",
		"unterminated string": `stdout = "stderr`, "text behind the value": `stdout = "stderr" "x"`,
		"unknown escape": `cliopts = "\x41"`, "surrogate": `cliopts = "\ud800"`,
		"control character": "cliopts = \"\x01\"", "multi-line string": "cliopts = \"\"\"",
	} {
		got, problems := parseSettings(text + "\nstderr = \"stderr\"")
		want := []string{`line 1: must be KEY = "TEXT"`}
		if !reflect.DeepEqual(got, settings{Stderr: "stderr"}) || !reflect.DeepEqual(problems, want) {
			t.Errorf("%s: %+v, %q; want %q", name, got, problems, want)
		}
	}
}

func TestParseSettingsInvalidValues(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text     string
		want     settings
		problems []string
	}{
		"relative path": {
			text:     `stderr = "log/x"`,
			problems: []string{`line 1: stderr: "log/x" must be stdout, stderr or an absolute path; using the console`},
		},
		"unknown output": {
			text:     `stdout = "console"`,
			problems: []string{`line 1: stdout: "console" must be stdout, stderr or an absolute path; using the console`},
		},
		"unknown key": {
			text:     "\nclipopts = \"--debug\"",
			problems: []string{`line 2: "clipopts": unknown key; must be cliopts, stdout or stderr`},
		},
		"duplicate key": {
			text: "stdout = \"stdout\"\nstdout = \"stderr\"", want: settings{Stdout: "stdout"},
			problems: []string{`line 2: "stdout" is set twice; the first value applies`},
		},
		"table": {
			text: "stdout = \"stdout\"\n[debug]\nstderr = \"stderr\"\nx", want: settings{Stdout: "stdout"},
			problems: []string{"line 2: tables are not supported; the rest of the file is ignored"},
		},
		"many problems": {text: strings.Repeat("x\n", 1000), problems: problemLines(maxProblems)},
	} {
		got, problems := parseSettings(tt.text)
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
	if s, problems := readSettings(filepath.Join(dir, "none")); !reflect.DeepEqual(s, settings{}) || problems != nil {
		t.Errorf("%+v, %q", s, problems)
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, make([]byte, maxSettings+1), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, problems := readSettings(large); len(problems) != 1 || !strings.HasSuffix(problems[0], "file too large; the defaults apply") {
		t.Errorf("%q", problems)
	}
}

func FuzzSettings(f *testing.F) {
	f.Add("cliopts=\"--log-level debug\"\nstderr='/var/log/x' # c\n[t]\n")
	f.Add(`stdout = "\u0041\\"`)
	f.Fuzz(func(t *testing.T, text string) {
		s, problems := parseSettings(text)
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
