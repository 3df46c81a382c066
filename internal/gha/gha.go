// Package gha is what exists only in a GitHub job: inputs, outputs, annotations on
// the lines of a manifest, and the summary on the job's page.
//
// A job's log is also its command channel: a line that begins with :: is an order to
// the runner. What we log holds text of guests and of strangers' manifests, so
// commands are switched off for the whole run, with a word that nobody else knows,
// and on again only while we give one ourselves.
package gha

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/sethvargo/go-githubactions"
)

// Limits of GitHub: more annotations of one kind in a step vanish without a word; a summary that
// is too large is dropped as a whole.
const (
	maxAnnotations  = 9
	maxSummaryBytes = 900 << 10
)

// Inside reports whether the program runs in a GitHub job.
func Inside() bool { return os.Getenv("GITHUB_ACTIONS") == "true" }

// Job is the step of the job that we are.
type Job struct {
	action *githubactions.Action
	out    io.Writer
	word   string
}

// Start switches commands off. Close must be called.
func Start(out io.Writer) *Job {
	j := &Job{githubactions.New(githubactions.WithWriter(out)), out, rand.Text()}
	j.off()
	return j
}

func (j *Job) off() { fmt.Fprintf(j.out, "::stop-commands::%s\n", j.word) }
func (j *Job) on()  { fmt.Fprintf(j.out, "::%s::\n", j.word) }

// Close switches commands on again.
func (j *Job) Close() { j.on() }

// Input returns an input of the action, or fallback where it is empty or not set.
func (j *Job) Input(name, fallback string) string {
	if value := j.action.GetInput(name); value != "" {
		return value
	}
	return fallback
}

// List returns an input of several values, separated by commas or lines.
func (j *Job) List(name string) []string {
	return strings.FieldsFunc(j.Input(name, ""), func(r rune) bool { return r == ',' || r == '\n' || r == ' ' })
}

// Output sets an output of the action. A value is one line.
func (j *Job) Output(name, value string) {
	if os.Getenv("GITHUB_OUTPUT") == "" {
		return // not under a runner: there is nobody to read it
	}
	j.action.SetOutput(name, strings.NewReplacer("\n", " ", "\r", " ").Replace(value))
}

// Summary adds Markdown to the job's page.
func (j *Job) Summary(markdown string) {
	if os.Getenv("GITHUB_STEP_SUMMARY") == "" {
		return
	}
	if len(markdown) > maxSummaryBytes {
		markdown = strings.ToValidUTF8(markdown[:maxSummaryBytes], "") + "\n\n… cut: too long for a summary\n"
	}
	j.action.AddStepSummary(markdown)
}

// placed is how every error of ours begins that belongs to a line of a file.
var placed = regexp.MustCompile(`^([^:\s][^:]*):(\d+):(\d+): (.*)$`)

// Annotate shows each line of an error as an annotation, on the line of the manifest
// it speaks of.
func (j *Job) Annotate(err error) { j.tell(err, (*githubactions.Action).Errorf) }

// Warn does the same with annotations that are warnings.
func (j *Job) Warn(err error) { j.tell(err, (*githubactions.Action).Warningf) }

// command is how an annotation of some kind is written.
type command func(a *githubactions.Action, format string, args ...any)

func (j *Job) tell(err error, say command) {
	if err == nil {
		return
	}
	j.on()
	defer j.off()
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		if i == maxAnnotations {
			say(j.action, "%d more; see the log", len(lines)-i)
			return
		}
		j.annotate(line, say)
	}
}

func (j *Job) annotate(line string, say command) {
	if strings.TrimSpace(line) == "" {
		return
	}
	at := placed.FindStringSubmatch(line)
	if at == nil {
		say(j.action, "%s", line)
		return
	}
	say(j.action.WithFieldsMap(map[string]string{"file": at[1], "line": at[2], "col": at[3]}), "%s", at[4])
}
