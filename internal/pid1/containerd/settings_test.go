package containerd

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestSettingsOfTheSeedAndWhatIsWrongInOthers(t *testing.T) {
	t.Parallel()
	const sample = "cliopts=\"--log-level debug\"\nstderr=\"/var/log/containerd.out.log\"\nstdout=\"stdout\"\n"
	seed := Settings{Options: []string{"--log-level", "debug"}, Stderr: "/var/log/containerd.out.log", Stdout: "stdout"}
	for name, tt := range map[string]struct {
		text     string
		want     Settings
		problems []string
	}{
		"the sample of the documentation": {text: sample, want: seed, problems: nil},
		"the same from Windows":           {text: strings.ReplaceAll(sample, "\n", "\r\n"), want: seed, problems: nil},
		"nothing":                         {text: "", want: Settings{}, problems: nil},
		"comments": {
			text: "# one\n\n \t# two\nstdout = 'stderr' # three", want: Settings{Stdout: "stderr"}, problems: nil,
		},
		"blanks of any kind": {
			text: `cliopts = "  --a\tb\n c "`, want: Settings{Options: []string{"--a", "b", "c"}}, problems: nil,
		},
		"no quoting within": {
			text: `cliopts = "--arg 'abcd def'"`, want: Settings{Options: []string{"--arg", "'abcd", "def'"}}, problems: nil,
		},
		"escapes": {
			text: `cliopts = "\"\\\u0041\U0001F433"`, want: Settings{Options: []string{`"\A` + "\U0001F433"}}, problems: nil,
		},
		"no escapes in a literal": {
			text: `cliopts = 'a\tb'`, want: Settings{Options: []string{`a\tb`}}, problems: nil,
		},
		"an empty value is the default": {text: `stderr = ""`, want: Settings{}, problems: nil},

		"a bare word": {
			text: "cliopts = --debug\nstdout = \"stderr\"", want: Settings{Stdout: "stderr"},
			problems: []string{`line 1: must be KEY = "TEXT"`},
		},
		"a number": {text: "stdout = 1", want: Settings{}, problems: []string{`line 1: must be KEY = "TEXT"`}},
		"a list": {
			text: `cliopts = ["--debug"]`, want: Settings{}, problems: []string{`line 1: must be KEY = "TEXT"`},
		},
		"no value": {text: "stdout", want: Settings{}, problems: []string{`line 1: must be KEY = "TEXT"`}},
		"an open string": {
			text: `stdout = "stderr`, want: Settings{}, problems: []string{`line 1: must be KEY = "TEXT"`},
		},
		"something behind": {
			text: `stdout = "stderr" "x"`, want: Settings{}, problems: []string{`line 1: must be KEY = "TEXT"`},
		},
		"an unknown escape": {
			text: `cliopts = "\x41"`, want: Settings{}, problems: []string{`line 1: must be KEY = "TEXT"`},
		},
		"half a character": {
			text: `cliopts = "\ud800"`, want: Settings{}, problems: []string{`line 1: must be KEY = "TEXT"`},
		},
		"a control character": {
			text: "cliopts = \"\x01\"", want: Settings{}, problems: []string{`line 1: must be KEY = "TEXT"`},
		},
		"a long string": {
			text: "cliopts = \"\"\"", want: Settings{}, problems: []string{`line 1: must be KEY = "TEXT"`},
		},
		"a relative path": {
			text: `stderr = "log/x"`, want: Settings{},
			problems: []string{`line 1: stderr: "log/x" is none of stdout, stderr and an absolute path; it goes to the console`},
		},
		"a device by name": {
			text: `stdout = "console"`, want: Settings{},
			problems: []string{`line 1: stdout: "console" is none of stdout, stderr and an absolute path; it goes to the console`},
		},
		"a key with a mistake": {
			text: "\nclipopts = \"--debug\"", want: Settings{},
			problems: []string{`line 2: "clipopts" is none of cliopts, stdout and stderr`},
		},
		"said twice": {
			text: "stdout = \"stdout\"\nstdout = \"stderr\"", want: Settings{Stdout: "stdout"},
			problems: []string{`line 2: "stdout" is said twice; the first holds`},
		},
		"a key of some table": {
			text: "stdout = \"stdout\"\n[debug]\nstderr = \"stderr\"\nx", want: Settings{Stdout: "stdout"},
			problems: []string{"line 2: tables mean nothing here; what follows is left out"},
		},
		"more wrong than right": {text: strings.Repeat("x\n", 1000), want: Settings{}, problems: slicesOf(maxProblems)},
	} {
		got, problems := ParseSettings(tt.text)
		if !reflect.DeepEqual(got, tt.want) || !reflect.DeepEqual(problems, tt.problems) {
			t.Errorf("%s: %+v, %q; want %+v, %q", name, got, problems, tt.want, tt.problems)
		}
	}
}

func slicesOf(n int) (problems []string) {
	for i := range n {
		problems = append(problems, "line "+string(rune('1'+i))+`: must be KEY = "TEXT"`)
	}
	return problems
}

func TestAFileThatIsNotThereSaysNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if s, problems := ReadSettings(filepath.Join(dir, "none")); !reflect.DeepEqual(s, Settings{}) || problems != nil {
		t.Errorf("%+v, %q", s, problems)
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, make([]byte, maxSettings+1), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, problems := ReadSettings(large); len(problems) != 1 || !strings.HasSuffix(problems[0], "larger than allowed; the defaults hold") {
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
