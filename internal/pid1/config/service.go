package config

import (
	"slices"
	"strconv"
	"strings"
)

// service decodes one service. The keys of a second entry of the same name override those
// of the first.
func (d *decoder) service(c *Config, n node, at string) {
	var name string
	for i, key := range n.keys {
		if key.text == "name" && n.items[i].kind == scalar {
			name = n.items[i].text
		}
	}
	if name == "" {
		d.invalid(n, at, "must each have a name")
		return
	}
	i := slices.IndexFunc(c.Services, func(s Service) bool { return s.Name == name })
	if i < 0 {
		i = len(c.Services)
		c.Services = append(c.Services, DefaultService(name))
	} else {
		d.problems.add(n.line, "service "+name+": duplicate entry; its keys override the first")
	}
	c.Services[i].Line = n.line
	d.mapping(n, "service "+name+": ", d.serviceFields(&c.Services[i]))
	if s := &c.Services[i]; s.Watchdog > 0 && s.Ready.Notify != "sd" {
		d.invalid(n, "service "+name+": watchdog", "needs ready: {notify: sd}; the service feeds it with WATCHDOG=1")
		s.Watchdog = 0
	}
}

func (d *decoder) serviceFields(s *Service) []field {
	return []field{
		{"name", d.text(&s.Name)},
		{"after", d.texts(&s.After)},
		{"before", d.texts(&s.Before)},
		{"requires", d.requires(s)},
		{"ready", d.ready(&s.Ready)},
		{"readyTimeout", d.duration(&s.ReadyTimeout)},
		{"restart", d.choice(&s.Restart, "never", "on-failure", "always")},
		{"backoff", func(n node, at string) { d.backoff(&s.Backoff, n, at) }},
		{"onUnready", d.choice(&s.OnUnready, "log", "restart")},
		{"watchdog", d.duration(&s.Watchdog)},
		{"startLimit", d.startLimit(&s.StartLimit)},
		{"onFailure", d.action(&s.OnFailure)},
		{"stop", d.inside([]field{
			{"signal", d.signal(&s.Stop.Signal)}, {"who", d.choice(&s.Stop.Who, "all", "main")}, {"timeout", d.duration(&s.Stop.Timeout)},
		})},
		{"envFile", d.path(&s.EnvFile)},
		{"env", d.env(&s.Env)},
	}
}

// requires decodes a list of names, or of {name: NAME, stop: true}.
func (d *decoder) requires(s *Service) decode {
	return func(n node, at string) {
		s.Requires, s.StopWith = nil, nil
		d.each(func(n node, at string) {
			var name, stop string
			if n.kind == mapping {
				d.mapping(n, at+".", []field{{"name", d.text(&name)}, {"stop", d.choice(&stop, "true", "false")}})
			} else {
				d.text(&name)(n, at)
			}
			if name == "" {
				return
			}
			s.Requires = append(s.Requires, name)
			if stop == "true" {
				s.StopWith = append(s.StopWith, name)
			}
		})(n, at)
	}
}

// startLimit decodes {burst: N, interval: DURATION}, or off.
func (d *decoder) startLimit(to *StartLimit) decode {
	fields := d.inside([]field{{"burst", d.number(&to.Burst)}, {"interval", d.duration(&to.Interval)}})
	return func(n node, at string) {
		if n.kind == scalar && n.text == Off {
			to.Off = true
			return
		}
		fields(n, at)
	}
}

func (d *decoder) backoff(to *Backoff, n node, at string) {
	d.mapping(n, at+".", []field{{"initial", d.duration(&to.Initial)}, {"max", d.duration(&to.Max)}})
	if to.Initial > to.Max {
		d.invalid(n, at, "has initial "+to.Initial.String()+", longer than max "+to.Max.String())
		to.Max = to.Initial
	}
}

// action decodes the reaction to a failed service: a word, or {exec: COMMAND}.
func (d *decoder) action(to *Action) decode {
	return func(n node, at string) {
		if n.kind != mapping {
			var a Action
			if d.choice(&a.Kind, "log", "reboot", "poweroff", "{exec: [COMMAND]}")(n, at); a.Kind != "" {
				*to = a
			}
			return
		}
		var command []string
		d.mapping(n, at+".", []field{{"exec", d.command(&command)}})
		if command != nil {
			*to = Action{Kind: "exec", Exec: command}
		}
	}
}

// command decodes a program and its arguments: a list, or words separated by spaces.
func (d *decoder) command(to *[]string) decode {
	return func(n node, at string) {
		words := strings.Fields(n.text)
		if n.kind == sequence {
			d.texts(&words)(n, at)
		}
		if len(words) == 0 || !strings.HasPrefix(words[0], "/") {
			d.invalid(n, at, "must be a command with an absolute path")
			return
		}
		*to = words
	}
}

// signals are the signals with which a service can be stopped.
var signals = []string{
	"SIGABRT", "SIGALRM", "SIGCONT", "SIGHUP", "SIGINT", "SIGKILL", "SIGPIPE",
	"SIGPWR", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGWINCH",
}

// lastRealTime is the C library's SIGRTMAX, counted from SIGRTMIN.
const lastRealTime = 30

// signal decodes SIGTERM, TERM or SIGRTMIN+N; SIGRTMIN+3 stops systemd in a container.
func (d *decoder) signal(to *string) decode {
	return func(n node, at string) {
		name := "SIG" + strings.TrimPrefix(n.text, "SIG")
		number, isRealTime := strings.CutPrefix(name, "SIGRTMIN+")
		if i, err := strconv.Atoi(number); n.kind == scalar && isRealTime && err == nil && i >= 0 && i <= lastRealTime {
			*to = "SIGRTMIN+" + strconv.Itoa(i)
			return
		}
		if n.kind != scalar || !slices.Contains(signals, name) {
			d.problems.unknown(n.line, at+" must be a signal, not", n.text, signals)
			return
		}
		*to = name
	}
}
