package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/build"
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
	compress     string
	init         string
	allowOutside bool
	progress     string

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
		arch: runtime.GOARCH, output: ".", compress: "zstd", init: build.InitAuto,
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

// defaultFormat is built where neither the command line nor the manifest names one.
const defaultFormat = "kernel+initrd"

// Groups of flags, each for the commands that need it.

func (o *options) progressFlag(c *cobra.Command) {
	c.Flags().StringVar(&o.progress, "progress", o.progress, "how progress is shown: `auto|tty|plain|json`")
}

func (o *options) fetchFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.arch, "arch", o.arch, "architecture of the image: `amd64|arm64`")
	f.StringArrayVar(&o.mirrors, "mirror", nil, "fetch through a mirror: `[REGISTRY=]URL` (repeatable)")
	f.StringArrayVar(&o.insecure, "insecure-registry", nil, "`HOST` of a registry that speaks plain HTTP (repeatable)")
	f.StringVar(&o.cache, "cache", "", "`DIR` that keeps fetched layers (default the user's cache folder)")
	o.progressFlag(c)
}

func (o *options) verifyFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.policy, "policy", "", "`FILE` that says who must have signed what (default linuxkit.policy.yml, if there is one)")
	f.StringVar(&o.verify, "verify", "", "what a miss means: `enforce|warn|off` (default enforce with a policy, warn without)")
}

func (o *options) buildFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringSliceVarP(&o.formats, "format", "f", o.formats, "`FORMAT` to write (repeatable): "+strings.Join(build.Formats(), ", ")+" (default the manifest's outputs, or "+defaultFormat+")")
	f.StringVar(&o.output, "output", o.output, "`DIR` to write to")
	f.StringVar(&o.name, "name", "", "`NAME` of the files (default the manifest's)")
	f.StringVar(&o.compress, "compress", o.compress, "`CODEC[:LEVEL]` of the initrd: zstd, gzip, lz4 or none")
	f.StringVar(&o.init, "init", o.init, "whose PID 1: `auto|builtin|manifest`; auto is the manifest's, or else ours")
	f.BoolVar(&o.allowOutside, "allow-outside", false, "let source: in files: lead out of the repository")
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
	return nil
}
