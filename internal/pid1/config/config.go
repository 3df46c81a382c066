// Package config parses /etc/init/config.yml, the configuration of PID 1.
//
// The file is written in a small subset of YAML. The parser is part of this package,
// because a YAML library would double the size of PID 1; a file of the subset has the
// same meaning to any YAML 1.2 parser. Parse never fails as a whole: it returns a usable
// Config, with defaults in place of what is invalid, and a Problem with its line for each
// error. PID 1 reports the problems and boots; the builder uses the same code and rejects
// the file.
//
//	lines.go, yaml.go, flow.go, scalar.go  text to a tree of nodes
//	decode.go, machine.go, service.go, …   tree to Config
//	order.go                               Config and the containers of an image to an order
//
// The package makes no system calls, so that the builder can use it on any platform.
package config

import "time"

// Config is the configuration of a machine. The zero value is not valid; see Default.
type Config struct {
	LogLevel string   // debug, info, warn or error
	Env      []string // NAME=VALUE, into every service, onboot and onshutdown container
	Mounts   []Mount  // mounted before onboot, in this order
	Onboot   Onboot
	Services []Service // in the order of the file; other services have the defaults
	Shutdown Shutdown
	Watchdog Watchdog
	Tmpfs    Tmpfs
}

// Mount is a mount of the machine.
type Mount struct {
	Type    string
	Source  string // by default the type
	Target  string
	Options []string
}

// Onboot is the configuration of all onboot containers.
type Onboot struct {
	Stop    bool // onFailure: stop; the boot stops at the first one that fails
	Timeout time.Duration
}

// Service is the configuration of a service. If Name is that of an onboot container only
// Env is used: an onboot container runs once, in the order of the manifest.
type Service struct {
	Name         string
	Line         int      // of its entry in the file, 0 without one
	After        []string // services, onboot containers, or milestones
	Before       []string
	Requires     []string
	StopWith     []string // of Requires: stop: true; the service is stopped when that one ends
	Ready        Ready
	ReadyTimeout time.Duration
	OnUnready    string        // log or restart: what is done if it is ReadyTimeout long not ready any more
	Watchdog     time.Duration // within which it must send WATCHDOG=1, or 0
	Restart      string        // never, on-failure or always
	Backoff      Backoff
	StartLimit   StartLimit
	OnFailure    Action
	Stop         Stop
	EnvFile      string   // path in the machine of a file of NAME=VALUE lines, over Config.Env
	Env          []string // NAME=VALUE, over EnvFile
}

// Ready is the readiness check of a service. At most one field is set; without one the
// service is ready as soon as its process runs.
type Ready struct {
	TCP    string   // IP:PORT that accepts connections; by default of 127.0.0.1
	HTTP   string   // http://IP:PORT/PATH that responds with a status below 400
	File   string   // absolute path in the machine that exists
	Exec   []string // command in the machine that exits with 0
	Log    string   // text in one line of the service's output
	Notify string   // sd or fd: the service notifies PID 1 (sd_notify(3), s6's notification-fd)
}

// Backoff is the delay before a restart: Initial, doubled each time up to Max.
type Backoff struct{ Initial, Max time.Duration }

// StartLimit makes a service fail that was started Burst times within Interval, unless Off is set.
type StartLimit struct {
	Burst    int
	Interval time.Duration
	Off      bool
}

// Action is the reaction to a service that has failed.
type Action struct {
	Kind string   // log, reboot, poweroff or exec
	Exec []string // command of kind exec; the first element is an absolute path
}

// Stop is how a service is stopped; after Timeout it is killed.
type Stop struct {
	Signal  string // such as SIGTERM, or SIGRTMIN+N
	Who     string // all or main: which processes of the container get the signal
	Timeout time.Duration
}

// Shutdown is the configuration of the shutdown.
type Shutdown struct {
	Timeout       time.Duration // in which the services must stop; 0 for one that fits them, see ShutdownTimeout
	AfterServices bool          // onshutdown runs after the services have stopped; LinuxKit runs it before
}

// Off as the device of a Watchdog means that there is none, and as a StartLimit that it has no limit.
const Off = "off"

// Watchdog is a hardware watchdog, fed every Interval as long as the event loop of PID 1
// responds. Without Device it is the first one of the machine, if no container is given it.
type Watchdog struct {
	Device   string
	Interval time.Duration
}

// Default returns the configuration that an empty file has.
func Default() Config {
	return Config{
		LogLevel: "info",
		Onboot:   Onboot{Timeout: 5 * time.Minute},
		Watchdog: Watchdog{Interval: 10 * time.Second},
		Tmpfs:    defaultTmpfs,
	}
}

// DefaultService returns the configuration of a service without an entry in the file.
func DefaultService(name string) Service {
	return Service{
		Name:         name,
		ReadyTimeout: 30 * time.Second,
		OnUnready:    "log",
		Restart:      "on-failure",
		Backoff:      Backoff{Initial: 200 * time.Millisecond, Max: 30 * time.Second},
		StartLimit:   StartLimit{Burst: 5, Interval: time.Minute},
		OnFailure:    Action{Kind: "log"},
		Stop:         Stop{Signal: "SIGTERM", Who: "all", Timeout: 10 * time.Second},
	}
}

// Service returns the configuration of a service: its entry in the file, or the default.
func (c Config) Service(name string) Service {
	for _, s := range c.Services {
		if s.Name == name {
			return s
		}
	}
	return DefaultService(name)
}
