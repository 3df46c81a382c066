package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/org/linuxkit-action/internal/boottest"
	"github.com/org/linuxkit-action/internal/boottest/machine"
	"github.com/org/linuxkit-action/internal/boottest/report"
	"github.com/org/linuxkit-action/internal/boottest/spec"
	"github.com/org/linuxkit-action/internal/build"
	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/build/initrd"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/component/lock"
	"github.com/org/linuxkit-action/internal/gha"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/progress"
	"github.com/org/linuxkit-action/internal/publish"
	"github.com/org/linuxkit-action/internal/verify"
	"github.com/spf13/cobra"
)

// line is one run from a manifest towards a release. Each method is a step; it takes
// what the step before returned.
type line struct {
	*options
	show      progress.Reporter
	out       io.Writer             // results; progress goes to show
	annotate  func(warning error)   // in a job, on the lines of the manifest
	summarize func(markdown string) // in a job, on its page
}

func newLine(o *options, out, progressOut io.Writer) (*line, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	show, err := progress.New(o.progress, progressOut)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	inJob := func(tell func(*gha.Job)) {
		if gha.Inside() {
			job := gha.Start(progressOut)
			defer job.Close()
			tell(job)
		}
	}
	return &line{
		o, show, out,
		func(warning error) { inJob(func(job *gha.Job) { job.Warn(warning) }) },
		func(markdown string) { inJob(func(job *gha.Job) { job.Summary(markdown) }) },
	}, nil
}

// warn tells what does not end the run, a line of it at a time.
func (l *line) warn(warning error) {
	if warning == nil {
		return
	}
	for text := range strings.SplitSeq(warning.Error(), "\n") {
		l.show.Note("warning: %s", text)
	}
	l.annotate(warning)
}

// openBuild begins a run at what an earlier one built.
func openBuild(o *options, c *cobra.Command, path string) (*line, *artifacts.Set, error) {
	l, err := newLine(o, c.OutOrStdout(), c.ErrOrStderr())
	if err != nil {
		return nil, nil, err
	}
	set, err := artifacts.Load(path)
	return l, set, err
}

// load reads the manifest, and finds what is wrong with it before anybody is asked.
func (l *line) load(ctx context.Context, paths []string) (*manifest.Manifest, error) {
	m, err := manifest.Load(ctx, paths, manifest.Options{Stdin: os.Stdin, Offline: l.offline})
	if err != nil {
		return nil, err
	}
	return m, build.Check(m, l.allowOutside)
}

// resolve finds out which images the manifest means, by digest.
func (l *line) resolve(ctx context.Context, m *manifest.Manifest) (*component.Set, error) {
	locked, err := lock.Load(l.lock)
	if err != nil {
		return nil, err
	}
	set, err := l.resolveBy(ctx, m, locked)
	if err != nil || locked == nil {
		return set, err
	}
	warnings := set.Unlocked()
	if !l.offline {
		warnings = errors.Join(warnings, set.Drift(ctx))
	}
	l.warn(warnings)
	return set, nil
}

// resolveBy takes what a lock says, and asks for the rest.
func (l *line) resolveBy(ctx context.Context, m *manifest.Manifest, locked *lock.Lock) (*component.Set, error) {
	l.show.Step("resolve")
	roots, err := component.Roots(l.certs)
	if err != nil {
		return nil, err
	}
	cache, err := l.openCache()
	if err != nil {
		return nil, err
	}
	registry := &component.Registry{Mirrors: l.mirrors, Insecure: l.insecure, Roots: roots, Lock: locked, Cache: cache, Offline: l.offline}
	return component.Resolve(ctx, m, l.arch, registry, l.show)
}

func (l *line) openCache() (*component.Cache, error) {
	return component.OpenCache(cmp.Or(l.cache, defaultCache()))
}

// trust reads the policy, and says what a miss means.
func (l *line) trust() (policy *verify.Policy, mode string, err error) {
	policy, found, err := verify.LoadPolicy(l.policy)
	switch {
	case l.options.verify != "":
		mode = l.options.verify
	case found:
		mode = verify.Enforce
	default:
		mode = verify.Warn
	}
	if err == nil {
		policy.Offline = l.offline
	}
	return policy, mode, err
}

// verify holds the components against the policy.
func (l *line) verify(ctx context.Context, set *component.Set, policy *verify.Policy, mode string) (*verify.Verified, error) {
	l.show.Step("verify")
	return verify.Check(ctx, set, policy, mode, l.show)
}

// assemble writes the files.
func (l *line) assemble(ctx context.Context, verified *verify.Verified) (*artifacts.Set, error) {
	l.show.Step("assemble")
	options, err := l.buildOptions(verified.Manifest())
	if err != nil {
		return nil, err
	}
	return build.Assemble(ctx, verified, options)
}

// streamed runs the line as far as assembly, into the one file of --o.
func (l *line) streamed(ctx context.Context, paths []string) error {
	verified, err := l.verified(ctx, paths)
	if err != nil {
		return err
	}
	l.show.Step("assemble")
	options, err := l.buildOptions(verified.Manifest())
	if err != nil {
		return err
	}
	if options.Formats = l.formats; len(options.Formats) == 0 {
		options.Formats = []string{defaultStream}
	}
	if l.stream == "-" {
		options.Output = os.TempDir()
		return build.Stream(ctx, verified, l.out, options)
	}
	options.Output = filepath.Dir(l.stream)
	task := l.show.Begin(l.stream, 0)
	return artifacts.WriteFile(ctx, l.stream, task, func(w io.Writer) error { return build.Stream(ctx, verified, w, options) })
}

// buildOptions says what is to be built of a manifest.
func (l *line) buildOptions(m *manifest.Manifest) (build.Options, error) {
	codec, err := l.codec()
	if err != nil {
		return build.Options{}, fmt.Errorf("%w: %w", errUsage, err)
	}
	cache, err := l.openCache()
	if err != nil {
		return build.Options{}, err
	}
	formats := l.formats
	if len(formats) == 0 {
		formats = m.Formats()
	}
	if len(formats) == 0 {
		formats = []string{defaultFormat}
	}
	return build.Options{
		Name: cmp.Or(l.name, m.Name), Output: l.output, Formats: formats, Codec: codec,
		Init: l.init, AllowOutside: l.allowOutside, DecompressKernel: l.decompress, NoSBOM: l.noSBOM, Cache: cache, Report: l.show,
	}, nil
}

// codec is what --compress says, or none.
func (l *line) codec() (initrd.Codec, error) {
	if l.compress == "" {
		return initrd.Codec{}, nil
	}
	return initrd.ParseCodec(l.compress)
}

// boot tests what was built.
func (l *line) boot(ctx context.Context, set *artifacts.Set) (*report.Report, error) {
	l.show.Step("boot-test")
	expected, err := l.expected()
	if err != nil {
		return nil, err
	}
	return boottest.Run(ctx, set, expected, boottest.Options{
		Accel: machine.Accel(l.accel), Timeout: l.timeout, Memory: l.memory, CPUs: l.cpus,
		ReportDir: l.report, Log: progress.Lines(l.show),
	})
}

// defaultSpec is where the boot-test spec is looked for.
const defaultSpec = "linuxkit.test.yml"

// expected reads the boot-test spec: the file asked for, or the usual one if it is there.
func (l *line) expected() (spec.Spec, error) {
	if l.spec != "" {
		return spec.Load(l.spec)
	}
	if _, err := os.Stat(defaultSpec); errors.Is(err, fs.ErrNotExist) {
		return spec.Default(), nil
	}
	return spec.Load(defaultSpec)
}

// release signs the files and lays them out.
func (l *line) release(ctx context.Context, set *artifacts.Set, output string) ([]string, error) {
	l.show.Step("publish")
	var signer *publish.Signer
	if l.sign != signOff {
		if l.key == "" {
			return nil, fmt.Errorf("%w: nobody to sign: give --key, or --sign off for a release without signatures", errUsage)
		}
		var err error
		if signer, err = publish.LoadKey(ctx, l.key); err != nil {
			return nil, err
		}
	}
	return publish.Release(ctx, set, publish.Options{Output: output, Signer: signer, Report: l.show})
}

// verified runs the line as far as verification, and reports on that whether it went well
// or not.
func (l *line) verified(ctx context.Context, paths []string) (*verify.Verified, error) {
	if err := l.forgetReport(); err != nil {
		return nil, err
	}
	m, err := l.load(ctx, paths)
	if err != nil {
		return nil, err
	}
	policy, mode, err := l.trust()
	if err != nil {
		return nil, err
	}
	set, err := l.resolve(ctx, m)
	if err != nil {
		return nil, err
	}
	verified, err := l.verify(ctx, set, policy, mode)
	if report := verify.ReportOf(verified, err); report != nil {
		l.summarize(report.Markdown())
		err = errors.Join(err, l.writeReport(ctx, report))
	}
	if err != nil {
		return nil, err
	}
	return verified, nil
}

// built runs the line as far as assembly.
func (l *line) built(ctx context.Context, paths []string) (*artifacts.Set, error) {
	verified, err := l.verified(ctx, paths)
	if err != nil {
		return nil, err
	}
	return l.assemble(ctx, verified)
}

// list names files in a folder, for a person.
func list(w io.Writer, dir string, names []string) {
	for _, name := range names {
		fmt.Fprintf(w, "  %s\n", filepath.Join(dir, name))
	}
}
