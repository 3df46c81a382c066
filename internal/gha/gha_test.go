package gha

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// runner returns the workflow commands that GitHub's runner would execute for a log
// (actions/runner, ActionCommandManager).
func runner(log string) []string {
	var executed []string
	stopped := ""
	for line := range strings.Lines(log) {
		line = strings.TrimSpace(line)
		switch {
		case stopped != "" && line == "::"+stopped+"::":
			stopped = ""
		case stopped != "":
		case strings.HasPrefix(line, "::stop-commands::"):
			stopped = strings.TrimPrefix(line, "::stop-commands::")
		case strings.HasPrefix(line, "::"):
			executed = append(executed, line)
		}
	}
	return executed
}

func TestGuestTextExecutesNoCommand(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	job := Start(&log)
	log.WriteString("  ::set-env name=PATH::/evil\n::stop-commands::x\n::x::\n::error::from the guest\n")
	job.Annotate(errors.New("linuxkit.yml:14:5: services[1]: no signature"))
	log.WriteString("::error::again\n")
	job.Close()
	if got := runner(log.String()); len(got) != 1 || got[0] != "::error col=5,file=linuxkit.yml,line=14::services[1]: no signature" {
		t.Errorf("executed %q", got)
	}
}

func TestWarnWritesWarnings(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	job := Start(&log)
	job.Warn(errors.Join(errors.New("linuxkit.yml:14:5: services[1]: the tag has moved"), errors.New("no place")))
	job.Close()
	want := []string{"::warning col=5,file=linuxkit.yml,line=14::services[1]: the tag has moved", "::warning::no place"}
	if got := runner(log.String()); !slices.Equal(got, want) {
		t.Errorf("executed %q", got)
	}
}

func TestAnnotateLimitsAnnotations(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	job := Start(&log)
	job.Annotate(nil)
	wrong := slices.Repeat([]error{errors.New("a.yml:1:2: wrong")}, 12)
	job.Annotate(errors.Join(append(wrong, errors.New("no place"))...))
	job.Close()
	got := runner(log.String())
	if len(got) != 10 || got[9] != "::error::4 more; see the log" {
		t.Errorf("executed %q", got)
	}
}

func TestAnnotationsAreEscaped(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	job := Start(&log)
	job.Annotate(errors.New("a,line=1::x.yml:1:2: 100%\r::warning::x"))
	job.Close()
	for _, command := range runner(log.String()) {
		if !strings.HasPrefix(command, "::error") || strings.Contains(command, "\r") {
			t.Errorf("executed %q", command)
		}
	}
}

func TestInputsOutputsAndSummary(t *testing.T) {
	dir := t.TempDir()
	output, summary := filepath.Join(dir, "output"), filepath.Join(dir, "summary")
	for name, value := range map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": output, "GITHUB_STEP_SUMMARY": summary,
		"INPUT_MANIFEST": "a.yml, b.yml\nc.yml", "INPUT_TEST-SPEC": "s.yml",
	} {
		t.Setenv(name, value)
	}
	var log bytes.Buffer
	job := Start(&log)
	if got := job.List("manifest"); len(got) != 3 || got[2] != "c.yml" {
		t.Errorf("manifest: %q", got)
	}
	if job.Input("test-spec", "x") != "s.yml" || job.Input("arch", "amd64") != "amd64" || !Inside() {
		t.Error("inputs")
	}
	job.Output("verdict", "ready\nevil=1")
	job.Summary(strings.Repeat("x", maxSummaryBytes+10))
	job.Close()
	if got := read(t, output); !regexp.MustCompile(`^verdict<<(\S+)\nready evil=1\n(\S+)\n$`).MatchString(got) {
		t.Errorf("output file: %q", got)
	}
	if got := read(t, summary); len(got) > 1<<20 || !strings.Contains(got, "truncated: too long") {
		t.Errorf("summary of %d bytes", len(got))
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
