package pid1

import (
	"path/filepath"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/bundle"
	"github.com/org/linuxkit-action/internal/pid1/supervise"
)

// Config is how the machine is to be run: the defaults of /etc/init/config.yml.
type Config struct {
	Onboot   Onboot
	Shutdown time.Duration // how long all of a shutdown may take
	Scripts  time.Duration // how long one of /etc/init.d may take
	Services []supervise.Service
}

// Onboot is how onboot containers are run.
type Onboot struct{ Timeout time.Duration }

// onshutdownTimeout is how long one onshutdown container may take; all of the
// shutdown has Config.Shutdown.
const onshutdownTimeout = 10 * time.Second

// defaults returns the configuration of a machine with these services.
func defaults(services []string) Config {
	c := Config{
		Onboot:   Onboot{Timeout: 5 * time.Minute},
		Shutdown: 30 * time.Second,
		Scripts:  time.Minute,
	}
	for _, name := range services {
		c.Services = append(c.Services, supervise.Default(name, filepath.Join(bundle.Services, name)))
	}
	return c
}

// Milestones of a boot, in their order.
const (
	milestoneEarly    = "early"
	milestoneModules  = "modules"
	milestoneNetwork  = "network" // loopback is up and onboot, which configures the rest, is done
	milestoneOnboot   = "onboot"
	milestoneServices = "services" // all are being started
	milestoneReady    = "ready"
)
