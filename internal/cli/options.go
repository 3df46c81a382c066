package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/build"
	"github.com/org/linuxkit-action/internal/component/lock"
	"github.com/org/linuxkit-action/internal/verify"
	"github.com/spf13/cobra"
)

// options are the settings of a run, from flags or from the inputs of the Action.
type options struct {
	formats      []string
	arch         string
	output       string
	name         string
	cache        string
	policy       string
	verify       string
	mirrors      []string
	insecure     []string
	certs        []string
	lock         string
	offline      bool
	compress     string
	init         string
	allowOutside bool
	progress     string
	dryRun       bool
	stream       string // file of one format, or - for standard output
	size         string
	decompress   bool
	noSBOM       bool

	spec    string
	accel   string
	timeout time.Duration
	memory  int
	cpus    int
	report  string

	sign string
	key  string
}

func defaults() *options {
	return &options{
		arch: runtime.GOARCH, output: defaultOutput, init: build.InitAuto,
		progress: "auto", accel: "auto",
	}
}

func defaultCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "linuxkit-action")
}

// What is built where neither the command line nor the manifest says it.
const (
	defaultOutput = "."
	defaultFormat = "kernel+initrd"
	defaultStream = "tar" // with --o
)

// Groups of flags, each for the commands that need it.

func (o *options) progressFlag(c *cobra.Command) {
	c.Flags().StringVar(&o.progress, "progress", o.progress, "how progress is shown: `auto|tty|plain|json`")
}

// manifestFlags are for every command that reads a manifest.
func (o *options) manifestFlags(c *cobra.Command) {
	c.Flags().BoolVar(&o.allowOutside, "allow-outside", false, "let source: in files: lead out of the repository")
}

func (o *options) fetchFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.arch, "arch", o.arch, "architecture of the image: `amd64|arm64`")
	f.StringArrayVar(&o.mirrors, "mirror", nil, "fetch through a mirror: `[REGISTRY=]URL` (repeatable)")
	f.StringArrayVar(&o.insecure, "insecure-registry", nil, "`HOST` of a registry that speaks plain HTTP (repeatable)")
	f.StringVar(&o.cache, "cache", "", "`DIR` that keeps what was fetched (default the user's cache folder)")
	f.StringArrayVar(&o.certs, "cert-file", nil, "`FILE` with certificate authorities to trust besides the system's, in PEM (repeatable)")
	o.progressFlag(c)
}

func (o *options) lockFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.lock, "lock", "", "`FILE` that says which digest each reference means (default "+lock.DefaultFile+", if there is one)")
	f.BoolVar(&o.offline, "offline", false, "ask nobody: lock and cache alone")
}

func (o *options) verifyFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.policy, "policy", "", "`FILE` that says who must have signed what (default linuxkit.policy.yml, if there is one)")
	f.StringVar(&o.verify, "verify", "", "what a miss means: `enforce|warn|off` (default enforce with a policy, warn without)")
}

func (o *options) buildFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringSliceVarP(&o.formats, "format", "f", o.formats, "`FORMAT` to write (repeatable): "+strings.Join(build.FormatNames(), ", ")+" (default the manifest's outputs, or "+defaultFormat+")")
	f.StringVar(&o.output, "output", o.output, "`DIR` to write to")
	f.StringVar(&o.output, "dir", o.output, "`DIR` to write to; LinuxKit's name for --output")
	f.StringVarP(&o.stream, "o", "o", "", "one `FILE` instead, or - for standard output: "+strings.Join(build.PipeFormats(), " or ")+" (default "+defaultStream+")")
	f.StringVar(&o.name, "name", "", "`NAME` of the files (default the manifest's)")
	f.StringVar(&o.compress, "compress", o.compress, "`CODEC[:LEVEL]` of the initrd: zstd, gzip, lz4 or none; zstd up to :3 boots faster, above is smaller (default zstd, or gzip for kernels before 5.9)")
	f.StringVar(&o.init, "init", o.init, "whose PID 1: `auto|builtin|manifest`; auto is the manifest's, or else ours")
	f.StringVar(&o.size, "size", o.size, "`SIZE` of the disk, for disk formats: 512M, 2G; a number alone is in G (default as large as the content)")
	f.BoolVar(&o.decompress, "decompress-kernel", false, "unpack the kernel as it would itself (gzip, zstd and lz4)")
	f.Bool("pull", false, "as LinuxKit's; here tags that are not locked are always asked for")
	f.BoolVar(&o.noSBOM, "no-sbom", false, "keep no SBOM beside the image; else those that a component's signers attest are kept")
	f.BoolVar(&o.dryRun, "dry-run", false, "show the manifests merged, and build nothing")
}

func (o *options) testFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.spec, "spec", "", "`FILE` that says what to expect (default linuxkit.test.yml, if there is one)")
	f.StringVar(&o.accel, "accel", o.accel, "accelerator: `auto|kvm|tcg`")
	f.DurationVar(&o.timeout, "timeout", 0, "`TIME` that a boot may take, instead of the spec's")
	f.IntVar(&o.memory, "memory", 0, "memory of the machine in `MiB`, instead of the spec's")
	f.IntVar(&o.cpus, "cpus", 0, "`NUMBER` of processors, instead of the spec's")
	f.StringVar(&o.report, "report", "", "`DIR` for the report: JSON, HTML, JUnit, Markdown, console log")
}

func (o *options) signFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.sign, "sign", signByKey, "`key|off`; off makes a release without signatures")
	f.StringVar(&o.key, "key", "", "cosign `KEY` to sign with: a file, env://VARIABLE or a KMS reference; its password is $COSIGN_PASSWORD")
}

// Values of --sign.
const (
	signByKey = "key"
	signOff   = "off"
)

// check finds mistakes in options that no step would find before it has worked.
func (o *options) check() error {
	for _, choice := range []struct {
		flag, value string
		valid       []string
	}{
		{"arch", o.arch, []string{"amd64", "arm64"}},
		{"verify", o.verify, append([]string{""}, verify.Modes...)},
		{"init", o.init, build.InitChoices},
		{"accel", o.accel, []string{"auto", "kvm", "tcg"}},
		{"sign", o.sign, []string{"", signByKey, signOff}},
	} {
		if !slices.Contains(choice.valid, choice.value) {
			return fmt.Errorf("%w: --%s %q must be one of %s", errUsage, choice.flag, choice.value, strings.Trim(strings.Join(choice.valid, ", "), ", "))
		}
	}
	if o.name != filepath.Base(o.name) && o.name != "" {
		return fmt.Errorf("%w: --name %q must be a plain file name; the folder is --output", errUsage, o.name)
	}
	if _, err := build.ParseSize(o.size); err != nil {
		return err
	}
	return o.checkStream()
}

// checkStream holds --o against what says the same in other words.
func (o *options) checkStream() error {
	switch {
	case o.stream == "":
		return nil
	case o.name != "" || o.output != defaultOutput:
		return fmt.Errorf("%w: --o %s names the file, so --name and --output cannot", errUsage, o.stream)
	case len(o.formats) > 1 || len(o.formats) == 1 && !slices.Contains(build.PipeFormats(), o.formats[0]):
		return fmt.Errorf("%w: --o %s is for one format of %s; leave it away for %s", errUsage, o.stream, strings.Join(build.PipeFormats(), ", "), strings.Join(o.formats, ", "))
	}
	return nil
}
