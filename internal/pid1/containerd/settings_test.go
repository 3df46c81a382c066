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
		"the sample of the documentation": {sample, seed, nil},
		"the same from Windows":           {strings.ReplaceAll(sample, "\n", "\r\n"), seed, nil},
		"nothing":                         {"", Settings{}, nil},
		"comments":                        {"# one\n\n \t# two\nstdout = 'stderr' # three", Settings{Stdout: "stderr"}, nil},
		"blanks of any kind":              {`cliopts = "  --a\tb\n c "`, Settings{Options: []string{"--a", "b", "c"}}, nil},
		"no quoting within":               {`cliopts = "--arg 'abcd def'"`, Settings{Options: []string{"--arg", "'abcd", "def'"}}, nil},
		"escapes":                         {`cliopts = "\"\\\u0041\U0001F433"`, Settings{Options: []string{`"\A` + "\U0001F433"}}, nil},
		"no escapes in a literal":         {`cliopts = 'a\tb'`, Settings{Options: []string{`a\tb`}}, nil},
		"an empty value is the default":   {`stderr = ""`, Settings{}, nil},

		"a bare word":           {"cliopts = --debug\nstdout = \"stderr\"", Settings{Stdout: "stderr"}, []string{`line 1: must be KEY = "TEXT"`}},
		"a number":              {"stdout = 1", Settings{}, []string{`line 1: must be KEY = "TEXT"`}},
		"a list":                {`cliopts = ["--debug"]`, Settings{}, []string{`line 1: must be KEY = "TEXT"`}},
		"no value":              {"stdout", Settings{}, []string{`line 1: must be KEY = "TEXT"`}},
		"an open string":        {`stdout = "stderr`, Settings{}, []string{`line 1: must be KEY = "TEXT"`}},
		"something behind":      {`stdout = "stderr" "x"`, Settings{}, []string{`line 1: must be KEY = "TEXT"`}},
		"an unknown escape":     {`cliopts = "\x41"`, Settings{}, []string{`line 1: must be KEY = "TEXT"`}},
		"half a character":      {`cliopts = "\ud800"`, Settings{}, []string{`line 1: must be KEY = "TEXT"`}},
		"a control character":   {"cliopts = \"\x01\"", Settings{}, []string{`line 1: must be KEY = "TEXT"`}},
		"a long string":         {"cliopts = \"\"\"", Settings{}, []string{`line 1: must be KEY = "TEXT"`}},
		"a relative path":       {`stderr = "log/x"`, Settings{}, []string{`line 1: stderr: "log/x" is none of stdout, stderr and an absolute path; it goes to the console`}},
		"a device by name":      {`stdout = "console"`, Settings{}, []string{`line 1: stdout: "console" is none of stdout, stderr and an absolute path; it goes to the console`}},
		"a key with a mistake":  {"\nclipopts = \"--debug\"", Settings{}, []string{`line 2: "clipopts" is none of cliopts, stdout and stderr`}},
		"said twice":            {"stdout = \"stdout\"\nstdout = \"stderr\"", Settings{Stdout: "stdout"}, []string{`line 2: "stdout" is said twice; the first holds`}},
		"a key of some table":   {"stdout = \"stdout\"\n[debug]\nstderr = \"stderr\"\nx", Settings{Stdout: "stdout"}, []string{"line 2: tables mean nothing here; what follows is left out"}},
		"more wrong than right": {strings.Repeat("x\n", 1000), Settings{}, slicesOf(maxProblems)},
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
