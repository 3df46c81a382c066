// Package gha connects a run to a job of GitHub Actions: inputs, outputs, annotations on
// the lines of a manifest, and the job summary.
//
// The runner executes lines of the log that begin with :: as workflow commands. The log
// contains untrusted text of guests and manifests, so commands are stopped for the whole
// run, with a random token, and resumed only while this package writes one.
package gha

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/org/linuxkit-action/internal/markup"
	"github.com/sethvargo/go-githubactions"
)

// Limits of GitHub. It drops further annotations of one kind in a step silently, and a
// summary over 1 MiB as a whole.
const (
	maxAnnotations  = 9
	maxSummaryBytes = 900 << 10
)

// Inside reports whether the program runs in a GitHub job.
func Inside() bool { return os.Getenv("GITHUB_ACTIONS") == "true" }

// Job is the step of a job that runs this program.
type Job struct {
	action *githubactions.Action
	out    io.Writer
	token  string // resumes workflow commands
}

// Start stops workflow commands in the log out. The caller must call Close.
func Start(out io.Writer) *Job {
	j := &Job{action: githubactions.New(githubactions.WithWriter(out)), out: out, token: rand.Text()}
	j.stop()
	return j
}

func (j *Job) stop()   { fmt.Fprintf(j.out, "::stop-commands::%s\n", j.token) }
func (j *Job) resume() { fmt.Fprintf(j.out, "::%s::\n", j.token) }

// Close resumes workflow commands.
func (j *Job) Close() { j.resume() }

// Input returns an input of the action, or fallback if it is empty or not set.
func (j *Job) Input(name, fallback string) string {
	if value := j.action.GetInput(name); value != "" {
		return value
	}
	return fallback
}

// List returns an input of several values, separated by commas, blanks or newlines.
func (j *Job) List(name string) []string {
	return strings.FieldsFunc(j.Input(name, ""), func(r rune) bool { return r == ',' || r == '\n' || r == ' ' })
}

// Output sets an output of the action. Newlines in the value become blanks.
func (j *Job) Output(name, value string) {
	if os.Getenv("GITHUB_OUTPUT") == "" {
		return // not run by a runner
	}
	j.action.SetOutput(name, strings.NewReplacer("\n", " ", "\r", " ").Replace(value))
}

// Summary adds Markdown to the job summary. It truncates text over the limit of GitHub.
func (j *Job) Summary(markdown string) {
	if os.Getenv("GITHUB_STEP_SUMMARY") == "" {
		return
	}
	if len(markdown) > maxSummaryBytes {
		markdown = strings.ToValidUTF8(markdown[:maxSummaryBytes], "") + "\n\n… truncated: too long for a summary\n"
	}
	j.action.AddStepSummary(markdown)
}

// placed matches an error that begins with file:line:column.
var placed = regexp.MustCompile(`^([^:\s][^:]*):(\d+):(\d+): (.*)$`)

// Annotate writes each line of an error as an error annotation, on the line of the file
// that it names.
func (j *Job) Annotate(err error) { j.annotateLines(err, (*githubactions.Action).Errorf) }

// Warn does the same with warning annotations.
func (j *Job) Warn(err error) { j.annotateLines(err, (*githubactions.Action).Warningf) }

// command writes an annotation of one kind.
type command func(a *githubactions.Action, format string, args ...any)

func (j *Job) annotateLines(err error, write command) {
	if err == nil {
		return
	}
	j.resume()
	defer j.stop()
	lines := markup.ErrorLines(err)
	for i, line := range lines {
		if i == maxAnnotations {
			write(j.action, "%d more; see the log", len(lines)-i)
			return
		}
		j.annotate(line, write)
	}
}

func (j *Job) annotate(line string, write command) {
	if strings.TrimSpace(line) == "" {
		return
	}
	at := placed.FindStringSubmatch(line)
	if at == nil {
		write(j.action, "%s", line)
		return
	}
	write(j.action.WithFieldsMap(map[string]string{"file": at[1], "line": at[2], "col": at[3]}), "%s", at[4])
}
