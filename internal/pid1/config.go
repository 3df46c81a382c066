package pid1

import (
	"errors"
	"io/fs"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/config"
	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/file"
)

// Times that the configuration does not set.
const (
	onshutdownTimeout = 10 * time.Second // of one onshutdown container; all of a shutdown has Config.Shutdown
	scriptTimeout     = time.Minute      // of one script of /etc/init.d
	containerdTimeout = time.Minute      // until containerd answers
)

// readConfig reads the configuration and holds to what of it can be understood.
// That nobody has written one is normal.
func (m *machine) readConfig(path string) config.Config {
	text, err := file.Read(path, config.MaxBytes)
	if err != nil {
		if path != configPath || !errors.Is(err, fs.ErrNotExist) {
			m.note(err, "its settings; the defaults hold")
		}
		return config.Default()
	}
	c, problems := config.Parse(text)
	m.report(path, problems)
	return c
}

// report reports mistakes in the configuration, each with its place.
func (m *machine) report(path string, problems []config.Problem) {
	for _, p := range problems {
		m.console.Log(console.Error, path+": "+p.Error())
	}
}

// configure sets how the machine is run. It waits until the loop has taken it in,
// and from then on nobody changes it, so that all may read it.
func (m *machine) configure(path string, c config.Config) {
	done := make(chan struct{})
	m.loop.Post(func() {
		defer close(done)
		if m.ending == nil { // which may be under way by what held when it began
			m.config, m.file = c, path
		}
	})
	<-done
}
