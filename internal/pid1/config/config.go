// Package config is /etc/init/config.yml: how a machine is to be run, in the words of
// the person who built its image.
//
// The file is a small subset of YAML, read by a parser of our own, since a YAML library
// would double the size of PID 1. Whatever the subset reads, YAML reads the same.
// PID 1 never refuses to boot over the file: Parse returns what could be understood,
// with defaults for the rest, and every mistake with its line. The builder reads the
// file with the same code, and there a mistake ends the build.
//
//	lines.go, yaml.go, flow.go …  the text becomes a tree of nodes
//	decode.go, service.go, …      the tree becomes a Config, key by key
//	order.go                      the Config meets the containers of an image
//
// The package holds plain types and no system calls, so that the builder can use it on
// any system.
package config

import "time"

// Config is how the machine is run. The zero value is not usable; see Default.
type Config struct {
	LogLevel string   // debug, info, warn or error
	Env      []string // NAME=VALUE, into every service, onboot and onshutdown container
	Mounts   []Mount  // made before onboot, in this order
	Onboot   Onboot
	Services []Service // in the order of the file; a service that it does not name has the defaults
	Shutdown time.Duration
	Watchdog Watchdog
}

// Mount is a mount of the machine.
type Mount struct {
	Type    string
	Source  string // the type where it is not given
	Target  string
	Options []string
}

// Onboot is what holds for all onboot containers.
type Onboot struct {
	Stop    bool // onFailure: stop; the boot ends with the first that fails
	Timeout time.Duration
}

// Service is how one service is kept running. One that is named like an onboot
// container gives it Env, and nothing else: that runs once, in the manifest's order.
type Service struct {
	Name         string
	Line         int      // where the file names it, 0 where it does not
	After        []string // services, onboot containers, or milestones
	Before       []string
	Requires     []string
	Ready        Ready
	ReadyTimeout time.Duration
	Restart      string // never, on-failure or always
	Backoff      Backoff
	StartLimit   StartLimit
	OnFailure    Action
	Stop         Stop
	Env          []string // NAME=VALUE, over Config.Env
}

// Ready says how a service proves that it is ready. At most one field is set; where
// none is, it is ready once its process runs.
type Ready struct {
	TCP    string   // IP:PORT; 127.0.0.1 where the file gives the port alone
	HTTP   string   // http://IP:PORT/PATH that answers with a status below 400
	File   string   // an absolute path in the machine that exists
	Exec   []string // a command in the machine that ends with 0
	Log    string   // text in one line of what it prints
	Notify string   // sd or fd: it says so itself (sd_notify(3), s6's notification-fd)
}

// Backoff is the pause before a restart: Initial, doubled each time up to Max.
type Backoff struct{ Initial, Max time.Duration }

// StartLimit gives a service up that was started Burst times within Interval.
type StartLimit struct {
	Burst    int
	Interval time.Duration
}

// Action is what is done when a service is given up.
type Action struct {
	Kind string   // log, reboot, poweroff or exec
	Exec []string // of kind exec; the first is an absolute path
}

// Stop is how a service is asked to end.
type Stop struct {
	Signal  string // SIGTERM and the like, or SIGRTMIN+N
	Timeout time.Duration
}

// Watchdog is a watchdog device that is fed as long as PID 1's loop is alive. There is
// none where Device is "".
type Watchdog struct {
	Device   string
	Interval time.Duration
}

// Default returns the configuration of a machine without the file.
func Default() Config {
	return Config{
		LogLevel: "info",
		Onboot:   Onboot{Timeout: 5 * time.Minute},
		Shutdown: 30 * time.Second,
		Watchdog: Watchdog{Interval: 10 * time.Second},
	}
}

// DefaultService returns how a service is run that the file does not name.
func DefaultService(name string) Service {
	return Service{
		Name:         name,
		ReadyTimeout: 30 * time.Second,
		Restart:      "on-failure",
		Backoff:      Backoff{Initial: 200 * time.Millisecond, Max: 30 * time.Second},
		StartLimit:   StartLimit{Burst: 5, Interval: time.Minute},
		OnFailure:    Action{Kind: "log"},
		Stop:         Stop{Signal: "SIGTERM", Timeout: 10 * time.Second},
	}
}

// Service returns how the service of that name is run, as the file says or by default.
func (c Config) Service(name string) Service {
	for _, s := range c.Services {
		if s.Name == name {
			return s
		}
	}
	return DefaultService(name)
}
