package pid1

import (
	"os"
	"strings"

	"github.com/org/linuxkit-action/internal/pid1/cmdline"
	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/file"
)

// configPath is the default path of the configuration.
const configPath = "/etc/init/config.yml"

// options are the settings of the kernel command line, the arguments and the environment.
type options struct {
	level         console.Level
	levelSet      bool // level is set, and overrides the configuration
	config        string
	program       string // to execute instead of this one: init=
	unifiedCgroup bool
	panicSet      bool // the command line says what happens after a panic
}

// readOptions reads the kernel command line and the arguments. The kernel passes parameters that it
// does not recognize to PID 1: plain parameters as arguments, KEY=VALUE as environment.
func readOptions(args []string) options {
	line, _ := file.Read("/proc/cmdline", cmdline.MaxLen) // if it fails there are no options
	return parseOptions(cmdline.Parse(string(line)), args, os.Getenv("INIT_LOG_LEVEL"))
}

func parseOptions(line cmdline.Line, args []string, level string) options {
	o := options{level: console.Info, config: configPath, unifiedCgroup: true}
	o.program, _ = line.Value("init")
	if v, _ := line.Value("init.config"); v != "" {
		o.config = v
	}
	if v, _ := line.Value("linuxkit.unified_cgroup_hierarchy"); v == "0" {
		o.unifiedCgroup = false
	}
	for _, key := range []string{"panic", "sysctl.kernel.panic"} {
		if _, set := line.Value(key); set {
			o.panicSet = true
		}
	}
	if line.Has("debug") {
		o.setLevel(console.Debug)
	}
	if l, ok := console.ParseLevel(level); ok {
		o.setLevel(l)
	}
	o.arguments(args)
	return o
}

func (o *options) setLevel(l console.Level) { o.level, o.levelSet = l, true }

// arguments parses --debug, --config FILE and --config=FILE.
func (o *options) arguments(args []string) {
	for i, arg := range args {
		value, isConfig := strings.CutPrefix(arg, "--config=")
		switch {
		case arg == "--debug":
			o.setLevel(console.Debug)
		case arg == "--config" && i+1 < len(args):
			o.config = args[i+1]
		case isConfig:
			o.config = value
		}
	}
}
