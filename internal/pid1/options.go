package pid1

import (
	"os"
	"strings"

	"github.com/org/linuxkit-action/internal/pid1/cmdline"
	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/file"
)

// configPath is where the configuration is unless somebody names another place.
const configPath = "/etc/init/config.yml"

// options are what the kernel line, the arguments and the environment ask for.
type options struct {
	level         console.Level
	levelAsked    bool // for level, so that the configuration's does not hold
	config        string
	program       string // to run instead, init=
	quiet         bool   // the kernel shows no records
	unifiedCgroup bool
}

// readOptions reads the kernel line and os.Args. The kernel hands on what it
// does not know: words as arguments, KEY=VALUE as environment.
func readOptions(args []string) options {
	line, _ := file.Read("/proc/cmdline", cmdline.MaxLen) // without it there are no options
	return parseOptions(cmdline.Parse(string(line)), args, os.Getenv("INIT_LOG_LEVEL"))
}

func parseOptions(line cmdline.Line, args []string, level string) options {
	o := options{level: console.Info, config: configPath, quiet: line.Has("quiet"), unifiedCgroup: true}
	o.program, _ = line.Value("init")
	if v, _ := line.Value("init.config"); v != "" {
		o.config = v
	}
	if v, _ := line.Value("linuxkit.unified_cgroup_hierarchy"); v == "0" {
		o.unifiedCgroup = false
	}
	if line.Has("debug") {
		o.askLevel(console.Debug)
	}
	if l, ok := console.ParseLevel(level); ok {
		o.askLevel(l)
	}
	o.arguments(args)
	return o
}

func (o *options) askLevel(l console.Level) { o.level, o.levelAsked = l, true }

// arguments reads --debug, --config FILE and --config=FILE.
func (o *options) arguments(args []string) {
	for i, arg := range args {
		value, isConfig := strings.CutPrefix(arg, "--config=")
		switch {
		case arg == "--debug":
			o.askLevel(console.Debug)
		case arg == "--config" && i+1 < len(args):
			o.config = args[i+1]
		case isConfig:
			o.config = value
		}
	}
}
