package config

import (
	"slices"
	"time"
)

const (
	// defaultShutdown is the least time for the services to stop, if the file contains none.
	defaultShutdown = 30 * time.Second
	// killTime is the time for a process to end after SIGKILL.
	killTime = 2 * time.Second
)

// ShutdownTimeout returns the time in which the services, as returned by Resolve, must stop: that
// of the file, or one in which each can use its stop timeout. They stop in reverse order, so the
// timeouts of services that come after one another add up.
func (c Config) ShutdownTimeout(services []Service) time.Duration {
	if c.Shutdown.Timeout > 0 {
		return c.Shutdown.Timeout
	}
	longest := defaultShutdown
	times := map[string]time.Duration{}
	for _, s := range services {
		longest = max(longest, stopTime(s, services, times))
	}
	return longest
}

// stopTime returns the time until s and the services that it comes after have stopped.
func stopTime(s Service, services []Service, times map[string]time.Duration) time.Duration {
	if t, known := times[s.Name]; known {
		return t
	}
	var rest time.Duration
	for _, other := range services {
		if slices.Contains(s.After, other.Name) || slices.Contains(s.Requires, other.Name) {
			rest = max(rest, stopTime(other, services, times))
		}
	}
	times[s.Name] = s.Stop.Timeout + killTime + rest
	return times[s.Name]
}

// checkShutdown adds a problem for a shutdown timeout that is shorter than that of a service.
func (c Config) checkShutdown(services []Service, p *problems) {
	for _, s := range services {
		if c.Shutdown.Timeout > 0 && c.Shutdown.Timeout < s.Stop.Timeout {
			p.add(s.Line, "shutdown.timeout "+c.Shutdown.Timeout.String()+" is shorter than stop.timeout "+s.Stop.Timeout.String()+
				" of service "+s.Name+", which would be killed early; make it longer, or omit it")
			return
		}
	}
}
