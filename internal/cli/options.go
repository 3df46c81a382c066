package cli

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/budget"
	"github.com/org/linuxkit-action/internal/build"
	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/component/lock"
	"github.com/org/linuxkit-action/internal/verify"
	"github.com/spf13/cobra"
)

// options are the settings of a run, from flags or from the inputs of the action.
type options struct {
	formats      []string
	arch         string
	output       string
	name         string
	cache        string
	policy       string
	policyRef    string
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
	stream       string // file for one format, or - for standard output
	size         string
	maxSize      string // of the layers, files and outputs of a run
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

	requirePolicy   bool // a missing policy ends the run: mode release of the action
	allowUnverified bool
}

// defaults returns the options of a run without flags.
func defaults() *options {
	return &options{
		arch: runtime.GOARCH, output: defaultOutput, init: build.InitAuto,
		progress: "auto", accel: "auto",
	}
}

// defaultCache returns the cache folder of the user.
func defaultCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "linuxkit-action")
}

// Defaults of the command line; outputs of the manifest take precedence.
const (
	defaultOutput = "."
	defaultFormat = "kernel+initrd"
	defaultStream = "tar" // with --o
)

// Groups of flags; a command adds those that it needs.

func (o *options) progressFlag(c *cobra.Command) {
	c.Flags().StringVar(&o.progress, "progress", o.progress, "progress output: `auto|tty|plain|json`")
}

func (o *options) initFlag(c *cobra.Command) {
	c.Flags().StringVar(&o.init, "init", o.init, "PID 1: `auto|builtin|manifest`; auto is that of the manifest, or else the built-in one")
}

// manifestFlags are for every command that reads a manifest.
func (o *options) manifestFlags(c *cobra.Command) {
	c.Flags().BoolVar(&o.allowOutside, "allow-outside", false, "let files: refer to a source outside the repository")
}

func (o *options) fetchFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.arch, "arch", o.arch, "architecture of the image: `amd64|arm64`")
	f.StringArrayVar(&o.mirrors, "mirror", nil, "mirror to fetch from: `[REGISTRY=]URL` (repeatable)")
	f.StringArrayVar(&o.insecure, "insecure-registry", nil, "`HOST` of a registry to use without TLS (repeatable)")
	f.StringVar(&o.cache, "cache", "", "`DIR` of the cache (default the user's cache folder)")
	f.StringArrayVar(&o.certs, "cert-file", nil, "`FILE` with more certificate authorities for registries, in PEM (repeatable)")
	f.StringVar(&o.maxSize, "max-size", "", "`SIZE` of disk that layers, files of images and outputs may take together: "+
		"512M, 20G (default "+strconv.Itoa(budget.DefaultDisk>>30)+"G)")
	o.progressFlag(c)
}

// parseMaxSize parses --max-size. It returns bytes, and 0 for the default.
func parseMaxSize(text string) (int64, error) {
	size, err := build.ParseSize(text)
	if err != nil {
		return 0, fmt.Errorf("%w: --max-size %q: must be a number followed by M or G, such as 20G", errUsage, text)
	}
	return size, nil
}

func (o *options) lockFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.lock, "lock", "", "`FILE` with the digest of each reference (default "+lock.DefaultFile+", if it exists)")
	f.BoolVar(&o.offline, "offline", false, "use the lock and the cache, and no network")
}

func (o *options) verifyFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.policy, "policy", "", "`FILE` with the required signatures (default linuxkit.policy.yml, if it exists)")
	f.StringVar(&o.policyRef, "policy-ref", "",
		"`COMMIT` to read the policy from, with its keys, CUE files and trusted root, instead of the work tree")
	f.StringVar(&o.verify, "verify", "", "policy mode: `enforce|warn|off` (default enforce with a policy, warn without)")
}

func (o *options) buildFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringSliceVarP(&o.formats, "format", "f", o.formats,
		"`FORMAT` to build (repeatable): "+strings.Join(build.FormatNames(), ", ")+
			" (default outputs: of the manifest, or "+defaultFormat+")")
	f.StringVar(&o.output, "output", o.output, "`DIR` to write to")
	f.StringVar(&o.output, "dir", o.output, "`DIR` to write to; the same as --output, as in LinuxKit")
	f.StringVarP(&o.stream, "o", "o", "",
		"`FILE` for one format, or - for standard output: "+strings.Join(build.PipeFormats(), " or ")+
			" (default "+defaultStream+")")
	f.StringVar(&o.name, "name", "", "`NAME` of the files (default that of the manifest)")
	f.StringVar(&o.compress, "compress", o.compress, "`CODEC[:LEVEL]` of the initrd: zstd, gzip, lz4 or none; "+
		"zstd up to :3 boots faster, above is smaller (default zstd, or gzip for kernels before 5.9)")
	o.initFlag(c)
	f.StringVar(&o.size, "size", o.size,
		"`SIZE` of the disk, for disk formats: 512M, 2G; a number alone is in G (default as large as the content)")
	f.BoolVar(&o.decompress, "decompress-kernel", false, "decompress the kernel (gzip, zstd or lz4)")
	f.Bool("pull", false, "accepted as in LinuxKit; tags that are not locked are always resolved")
	f.BoolVar(&o.noSBOM, "no-sbom", false, "do not write the SBOMs that the signers of components attest")
	f.BoolVar(&o.dryRun, "dry-run", false, "print the merged manifest and build nothing")
}

func (o *options) testFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.spec, "spec", "", "`FILE` with the expectations (default linuxkit.test.yml, if it exists)")
	f.StringVar(&o.accel, "accel", o.accel, "accelerator: `auto|kvm|tcg`")
	f.DurationVar(&o.timeout, "timeout", 0, "`TIME` limit of a boot (default that of the spec)")
	f.IntVar(&o.memory, "memory", 0, "memory of the machine in `MiB` (default that of the spec)")
	f.IntVar(&o.cpus, "cpus", 0, "`NUMBER` of processors (default that of the spec)")
	f.StringVar(&o.report, "report", "", "`DIR` for the report: JSON, HTML, JUnit, Markdown, console log")
}

// check rejects invalid options before the first step runs.
func (o *options) check() error {
	for _, err := range []error{
		oneOf("arch", o.arch, "amd64", "arm64"),
		oneOf("verify", cmp.Or(o.verify, verify.Warn), verify.Modes...),
		oneOf("init", o.init, build.InitChoices...),
		oneOf("accel", o.accel, "auto", "kvm", "tcg"),
		oneOf("sign", cmp.Or(o.sign, signByKey), signModes...),
	} {
		if err != nil {
			return err
		}
	}
	if o.name != "" {
		if err := artifacts.CheckName(o.name); err != nil {
			return fmt.Errorf("%w: --name %q: %w; use --output for the folder", errUsage, o.name, err)
		}
	}
	if _, err := build.ParseSize(o.size); err != nil {
		return err
	}
	return o.checkStream()
}

// oneOf rejects a value that a flag does not have.
func oneOf(flag, value string, valid ...string) error {
	if slices.Contains(valid, value) {
		return nil
	}
	return fmt.Errorf("%w: --%s %q: unknown; use one of %s", errUsage, flag, value, strings.Join(valid, ", "))
}

// checkStream rejects flags that contradict --o.
func (o *options) checkStream() error {
	switch {
	case o.stream == "":
		return nil
	case o.name != "" || o.output != defaultOutput:
		return fmt.Errorf("%w: --o %s: conflicts with --name and --output; use either", errUsage, o.stream)
	case len(o.formats) > 1 || len(o.formats) == 1 && !slices.Contains(build.PipeFormats(), o.formats[0]):
		return fmt.Errorf("%w: --o %s: takes one of the formats %s; use --output for %s",
			errUsage, o.stream, strings.Join(build.PipeFormats(), ", "), strings.Join(o.formats, ", "))
	}
	return nil
}
