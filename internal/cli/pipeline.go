package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/org/linuxkit-action/internal/boottest"
	"github.com/org/linuxkit-action/internal/boottest/machine"
	"github.com/org/linuxkit-action/internal/boottest/report"
	"github.com/org/linuxkit-action/internal/boottest/spec"
	"github.com/org/linuxkit-action/internal/budget"
	"github.com/org/linuxkit-action/internal/build"
	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/build/initrd"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/component/lock"
	"github.com/org/linuxkit-action/internal/gha"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/manifest/strict"
	"github.com/org/linuxkit-action/internal/markup"
	"github.com/org/linuxkit-action/internal/progress"
	"github.com/org/linuxkit-action/internal/publish"
	"github.com/org/linuxkit-action/internal/verify"
	"github.com/org/linuxkit-action/internal/verify/policy"
	"github.com/spf13/cobra"
)

// pipeline is one run from a manifest towards a release. Each method is a step, which
// takes the result of the step before.
type pipeline struct {
	*options
	show      progress.Reporter
	out       io.Writer             // results; show reports progress
	annotate  func(warning error)   // in a job, annotates the lines of the manifest
	summarize func(markdown string) // in a job, adds to its summary
	budget    *budget.Budget        // of the run
}

// newPipeline validates the options and returns a pipeline that prints results to out.
func newPipeline(o *options, out, progressOut io.Writer) (*pipeline, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	maxSize, err := parseMaxSize(o.maxSize)
	if err != nil {
		return nil, err
	}
	show, err := progress.New(o.progress, progressOut)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	inJob := func(report func(*gha.Job)) {
		if gha.Inside() {
			job := gha.Start(progressOut)
			defer job.Close()
			report(job)
		}
	}
	return &pipeline{
		options:   o,
		budget:    budget.New(maxSize),
		show:      show,
		out:       out,
		annotate:  func(warning error) { inJob(func(job *gha.Job) { job.Warn(warning) }) },
		summarize: func(markdown string) { inJob(func(job *gha.Job) { job.Summary(markdown) }) },
	}, nil
}

// warn reports problems that do not end the run, one a line.
func (p *pipeline) warn(warning error) {
	if warning == nil {
		return
	}
	for _, text := range markup.ErrorLines(warning) {
		p.show.Note("warning: %s", text)
	}
	p.annotate(warning)
}

// openBuild returns a pipeline that continues with the files of an earlier build.
func openBuild(o *options, c *cobra.Command, path string) (*pipeline, *artifacts.Set, error) {
	p, err := newPipeline(o, c.OutOrStdout(), c.ErrOrStderr())
	if err != nil {
		return nil, nil, err
	}
	set, err := artifacts.Load(path)
	return p, set, err
}

// load reads, merges and validates the manifests.
func (p *pipeline) load(ctx context.Context, paths []string) (*manifest.Manifest, error) {
	m, err := manifest.Load(ctx, paths, manifest.Options{Stdin: os.Stdin, Offline: p.offline})
	if err != nil {
		return nil, err
	}
	p.warn(strict.Join(m.Unmatched()))
	return m, build.Check(m, p.allowOutside)
}

// resolve resolves the references of the manifest to digests, and warns of moved tags.
func (p *pipeline) resolve(ctx context.Context, m *manifest.Manifest) (*component.Set, error) {
	locked, err := lock.Load(p.lock)
	if err != nil {
		return nil, err
	}
	set, err := p.resolveBy(ctx, m, locked)
	if err != nil || locked == nil {
		return set, err
	}
	warnings := set.Unlocked()
	if !p.offline {
		warnings = errors.Join(warnings, set.Drift(ctx))
	}
	p.warn(warnings)
	return set, nil
}

// resolveBy takes digests from the lock and resolves the rest at the registries.
func (p *pipeline) resolveBy(ctx context.Context, m *manifest.Manifest, locked *lock.Lock) (*component.Set, error) {
	p.show.Step("resolve")
	roots, err := component.LoadRootCAs(p.certs)
	if err != nil {
		return nil, err
	}
	cache, err := p.openCache()
	if err != nil {
		return nil, err
	}
	registry := &component.Registry{
		Mirrors: p.mirrors, Insecure: p.insecure, RootCAs: roots, Lock: locked, Cache: cache, Offline: p.offline, Budget: p.budget,
	}
	return component.Resolve(ctx, m, p.arch, registry, p.show)
}

// openCache opens the cache of --cache or the default one.
func (p *pipeline) openCache() (*component.Cache, error) {
	return component.OpenCache(cmp.Or(p.cache, defaultCache()))
}

// missingPolicy returns the error for a policy that does not exist: a release needs one, and
// so does a run that names the commit it is read from.
func (p *pipeline) missingPolicy() error {
	name := cmp.Or(p.policy, policy.DefaultFile)
	switch {
	case p.requirePolicy:
		return fmt.Errorf("%w: no policy %s; a release needs one: write it with linuxkit-action policy init and commit it, "+
			"or set the inputs verify to warn and allow-unverified to true", verify.ErrRefused, name)
	case p.policyRef != "" && (p.options.verify == "" || p.options.verify == verify.Enforce):
		return fmt.Errorf("%w: commit %s has no policy %s; commit one there, or pass --verify warn", verify.ErrRefused, p.policyRef, name)
	}
	return nil
}

// trust reads the policy and returns the mode in which it applies.
func (p *pipeline) trust() (rules *policy.Policy, mode string, err error) {
	files, err := p.policyFiles()
	if err != nil {
		return nil, "", err
	}
	rules, found, err := policy.Load(files, p.policy)
	if !found && err == nil || errors.Is(err, fs.ErrNotExist) {
		if missing := p.missingPolicy(); missing != nil {
			return nil, "", missing
		}
	}
	switch {
	case p.options.verify != "":
		mode = p.options.verify
	case found:
		mode = verify.Enforce
	default:
		mode = verify.Warn
	}
	return rules, mode, err
}

// verify verifies the components under the policy.
func (p *pipeline) verify(ctx context.Context, set *component.Set, rules *policy.Policy, mode string) (*verify.Verified, error) {
	p.show.Step("verify")
	return verify.Check(ctx, set, rules, verify.Options{Mode: mode, Offline: p.offline, Report: p.show})
}

// assemble builds the files of the image.
func (p *pipeline) assemble(ctx context.Context, verified *verify.Verified) (*artifacts.Set, error) {
	p.show.Step("assemble")
	options, err := p.buildOptions(verified.Manifest())
	if err != nil {
		return nil, err
	}
	return build.Assemble(ctx, verified, options)
}

// streamed runs the pipeline up to assembly and writes one file, that of --o.
func (p *pipeline) streamed(ctx context.Context, paths []string) error {
	verified, err := p.verified(ctx, paths)
	if err != nil {
		return err
	}
	p.show.Step("assemble")
	options, err := p.buildOptions(verified.Manifest())
	if err != nil {
		return err
	}
	if options.Formats = p.formats; len(options.Formats) == 0 {
		options.Formats = []string{defaultStream}
	}
	if p.stream == "-" {
		options.Output = os.TempDir()
		return build.Stream(ctx, verified, p.out, options)
	}
	options.Output = filepath.Dir(p.stream)
	task := p.show.Begin(p.stream, 0)
	return artifacts.WriteFile(ctx, p.stream, task, func(w io.Writer) error { return build.Stream(ctx, verified, w, options) })
}

// buildOptions returns the settings of assembly; outputs of the manifest are the default formats.
func (p *pipeline) buildOptions(m *manifest.Manifest) (build.Options, error) {
	codec, err := p.codec()
	if err != nil {
		return build.Options{}, fmt.Errorf("%w: %w", errUsage, err)
	}
	size, err := build.ParseSize(p.size)
	if err != nil {
		return build.Options{}, err
	}
	cache, err := p.openCache()
	if err != nil {
		return build.Options{}, err
	}
	formats := p.formats
	if len(formats) == 0 {
		formats = m.Formats()
	}
	if len(formats) == 0 {
		formats = []string{defaultFormat}
	}
	name := cmp.Or(p.name, m.Name)
	if err := artifacts.CheckName(name); err != nil {
		return build.Options{}, fmt.Errorf("%w: name %q of the manifest: %w; pass --name", errUsage, name, err)
	}
	return build.Options{
		Name: name, Output: p.output, Formats: formats, Size: size, Codec: codec,
		Init: p.init, AllowOutside: p.allowOutside, DecompressKernel: p.decompress, NoSBOM: p.noSBOM,
		Cache: cache, Budget: p.budget, Report: p.show,
	}, nil
}

// codec returns the codec of --compress; the zero value lets build choose.
func (p *pipeline) codec() (initrd.Codec, error) {
	if p.compress == "" {
		return initrd.Codec{}, nil
	}
	return initrd.ParseCodec(p.compress)
}

// boot boots the image and checks it against the boot-test spec.
func (p *pipeline) boot(ctx context.Context, set *artifacts.Set) (*report.Report, error) {
	p.show.Step("boot-test")
	expected, err := p.expected()
	if err != nil {
		return nil, err
	}
	return boottest.Run(ctx, set, expected, boottest.Options{
		Accel: machine.Accel(p.accel), Timeout: p.timeout, Memory: p.memory, CPUs: p.cpus,
		ReportDir: p.report, Log: progress.Lines(p.show),
	})
}

// defaultSpec is the default path of the boot-test spec.
const defaultSpec = "linuxkit.test.yml"

// expected reads the boot-test spec: that of --spec, or the default one if it exists.
func (p *pipeline) expected() (spec.Spec, error) {
	if p.spec != "" {
		return spec.Load(p.spec)
	}
	if _, err := os.Stat(defaultSpec); errors.Is(err, fs.ErrNotExist) {
		return spec.Default(), nil
	}
	return spec.Load(defaultSpec)
}

// release signs the files and writes them to the release folder.
func (p *pipeline) release(ctx context.Context, set *artifacts.Set, output string) ([]string, error) {
	p.show.Step("publish")
	signer, err := p.signer(ctx)
	if err != nil {
		return nil, err
	}
	return publish.Release(ctx, set, publish.Options{
		Output: output, Signer: signer, Report: p.show, AllowUnverified: p.allowUnverified,
	})
}

// verified runs the pipeline up to verification. It writes the report also if the policy
// rejects a component.
func (p *pipeline) verified(ctx context.Context, paths []string) (*verify.Verified, error) {
	if err := p.removeReport(); err != nil {
		return nil, err
	}
	m, err := p.load(ctx, paths)
	if err != nil {
		return nil, err
	}
	p.showChanges()
	rules, mode, err := p.trust()
	if err != nil {
		return nil, err
	}
	set, err := p.resolve(ctx, m)
	if err != nil {
		return nil, err
	}
	verified, err := p.verify(ctx, set, rules, mode)
	if report := verify.ReportOf(verified, err); report != nil {
		p.summarize(report.Markdown())
		err = errors.Join(err, p.writeReport(report))
	}
	if err != nil {
		return nil, err
	}
	return verified, nil
}

// built runs the pipeline up to assembly.
func (p *pipeline) built(ctx context.Context, paths []string) (*artifacts.Set, error) {
	verified, err := p.verified(ctx, paths)
	if err != nil {
		return nil, err
	}
	return p.assemble(ctx, verified)
}

// list prints the paths of files in a folder.
func list(w io.Writer, dir string, names []string) {
	for _, name := range names {
		fmt.Fprintf(w, "  %s\n", markup.Printable(filepath.Join(dir, name)))
	}
}
