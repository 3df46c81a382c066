package pid1

import (
	"errors"
	"io/fs"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/config"
	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/file"
)

// Timeouts that cannot be configured.
const (
	onshutdownTimeout = 10 * time.Second // of one onshutdown container; onshutdownBudget limits all of them
	scriptTimeout     = time.Minute      // of one script of /etc/init.d
	containerdTimeout = time.Minute      // until containerd answers
	mountTimeout      = time.Minute      // of one mount of the configuration
	launchMargin      = 5 * time.Second  // for a start to return after its timeout
)

// readConfig reads the configuration, and logs its mistakes. The default file is optional.
func (m *machine) readConfig(path string) config.Config {
	text, err := file.Read(path, config.MaxBytes)
	if err != nil {
		if path != configPath || !errors.Is(err, fs.ErrNotExist) {
			m.logError(err, "its settings; using the defaults")
		}
		return config.Default()
	}
	c, problems := config.Parse(text)
	m.logProblems(path, problems)
	return c
}

// logProblems logs mistakes in the configuration file at path.
func (m *machine) logProblems(path string, problems []config.Problem) {
	for _, p := range problems {
		m.console.Log(console.Error, path+": "+p.Error())
	}
}

// configure sets the configuration and waits until the loop has stored it. It does not change
// afterwards, so all goroutines may read it.
func (m *machine) configure(path string, c config.Config) {
	done := make(chan struct{})
	m.loop.Post(func() {
		defer close(done)
		if m.stopping == nil { // a shutdown in progress keeps its settings
			m.config, m.configFile, m.shutdownTimeout = c, path, c.ShutdownTimeout(nil)
		}
	})
	<-done
}
