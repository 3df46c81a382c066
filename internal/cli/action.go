package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/crash"
	"github.com/org/linuxkit-action/internal/gha"
	"github.com/org/linuxkit-action/internal/markup"
	"github.com/org/linuxkit-action/internal/publish"
	"github.com/org/linuxkit-action/internal/verify"
)

// Modes of the action: the last step of the pipeline that runs.
const (
	modeBuild   = "build"
	modeTest    = "test"
	modeRelease = "release"
)

// inAction reports whether the program runs as the action: in a job, without arguments.
func inAction(args []string) bool { return len(args) == 0 && gha.Inside() }

// runAction runs the action and returns the exit code.
func runAction(ctx context.Context) int {
	job := gha.Start(os.Stdout)
	defer job.Close()
	err := crash.Guard(func() error { return runPipeline(ctx, job) })()
	explainFailure(os.Stdout, err)
	job.Annotate(err)
	return exitCode(ctx, err)
}

// runPipeline runs the steps up to that of the mode and writes their outputs and summaries.
func runPipeline(ctx context.Context, job *gha.Job) error {
	o, mode, err := inputs(job)
	if err != nil {
		return err
	}
	p, err := newPipeline(o, os.Stdout, os.Stdout)
	if err != nil {
		return err
	}
	defer p.show.Close()
	p.annotate, p.summarize = job.Warn, job.Summary
	job.Output("report", p.report)
	verified, err := p.verified(ctx, manifests(job))
	if err != nil {
		return err
	}
	set, err := p.assemble(ctx, verified)
	if err != nil {
		return err
	}
	job.Summary(builtSummary(set))
	job.Output("artifacts", artifactsJSON(set))
	if mode == modeBuild {
		return nil
	}
	if err := tested(ctx, job, p, set); err != nil || mode == modeTest {
		return err
	}
	return released(ctx, job, p, set)
}

// manifests returns the manifests that the job names, or the default.
func manifests(job *gha.Job) []string {
	if list := job.List("manifest"); len(list) > 0 {
		return list
	}
	return []string{"linuxkit.yml"}
}

// inputs reads the settings of the run from the inputs of the action.
func inputs(job *gha.Job) (*options, string, error) {
	o := defaults()
	o.progress = "plain"
	o.output = job.Input("output", "linuxkit-out")
	o.report = filepath.Join(o.output, "report")
	o.arch = job.Input("arch", o.arch)
	o.policy = job.Input("policy", "")
	o.policyRef = job.Input("policy-ref", "")
	o.lock = job.Input("lock", "")
	o.spec = job.Input("test-spec", "")
	o.accel = job.Input("accel", o.accel)
	o.sign = job.Input("sign", signByKey)
	if os.Getenv("COSIGN_PRIVATE_KEY") != "" {
		o.key = "env://COSIGN_PRIVATE_KEY"
	}
	o.maxSize = job.Input("max-size", "")
	o.mirrors = job.List("mirror")
	if formats := job.List("format"); len(formats) > 0 {
		o.formats = formats
	}
	if text := job.Input("timeout", ""); text != "" {
		timeout, err := time.ParseDuration(text)
		if err != nil {
			return nil, "", fmt.Errorf("%w: input timeout %q: not a duration; write a number with its unit, such as 90s", errUsage, text)
		}
		o.timeout = timeout
	}
	mode := job.Input("mode", modeTest)
	if mode != modeBuild && mode != modeTest && mode != modeRelease {
		return nil, "", fmt.Errorf("%w: input mode %q: unknown; use build, test or release", errUsage, mode)
	}
	return o, mode, verifyInputs(job, o, mode)
}

// verifyInputs reads the inputs about verification. A release is enforced by default, and
// needs a policy.
func verifyInputs(job *gha.Job, o *options, mode string) error {
	o.verify = job.Input("verify", "")
	if mode == modeRelease {
		o.verify = cmp.Or(o.verify, verify.Enforce)
		o.requirePolicy = o.verify == verify.Enforce
	}
	return cmp.Or(
		boolInput(job, "allow-unverified", &o.allowUnverified),
		boolInput(job, "allow-outside", &o.allowOutside),
	)
}

// boolInput reads an input that is true or false; empty is false.
func boolInput(job *gha.Job, name string, value *bool) error {
	text := job.Input(name, "false")
	if text != "true" && text != "false" {
		return fmt.Errorf("%w: input %s %q: unknown; use true or false", errUsage, name, text)
	}
	*value = text == "true"
	return nil
}

// tested boots the image. Outputs and summary are written for a failed boot as well.
func tested(ctx context.Context, job *gha.Job, p *pipeline, set *artifacts.Set) error {
	result, err := p.boot(ctx, set)
	if result != nil {
		job.Output("verdict", string(result.Verdict))
		job.Output("accel", result.Accelerator)
		job.Output("console-log", filepath.Join(p.report, result.Console))
		job.Output("ready-ms", strconv.FormatInt(result.ReadyMS, 10))
		job.Output("services", toJSON(result.Services))
		if text, mdErr := result.Markdown(); mdErr == nil {
			job.Summary(string(text))
		}
	}
	return err
}

// released signs the files and writes the release folder.
func released(ctx context.Context, job *gha.Job, p *pipeline, set *artifacts.Set) error {
	dir := filepath.Join(p.output, defaultRelease)
	names, err := p.release(ctx, set, dir)
	if err != nil {
		return err
	}
	list(p.out, dir, names)
	job.Output("checksums", filepath.Join(dir, publish.Checksums))
	return nil
}

// artifactsJSON returns the value of the output artifacts.
func artifactsJSON(set *artifacts.Set) string {
	type file struct {
		artifacts.File
		Path string `json:"path"` // relative to the workspace
	}
	files := []file{}
	for _, f := range set.Files {
		files = append(files, file{File: f, Path: set.Abs(f)})
	}
	return toJSON(files)
}

// toJSON encodes a value of strings and numbers, for which encoding cannot fail.
func toJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return "[]"
	}
	return string(text)
}

// builtSummary returns the section of the job summary about sizes.
func builtSummary(set *artifacts.Set) string {
	var table strings.Builder
	_ = writeSizes(&table, set) // a strings.Builder does not fail
	// Not a code block, which a name of backticks would end.
	text := "## " + markup.Escape(cmp.Or(set.Name, "Image")) + "\n\n<pre>\n" + html.EscapeString(table.String()) + "</pre>\n"
	return string(markup.EscapeCommands([]byte(text)))
}
