package config

import (
	"slices"
	"strconv"
	"strings"
)

// service reads one service. What is said of it a second time goes over the first.
func (r *reader) service(c *Config, n node, at string) {
	var name string
	for i, key := range n.keys {
		if key.text == "name" && n.items[i].kind == scalar {
			name = n.items[i].text
		}
	}
	if name == "" {
		r.wrong(n, at, "must each have a name")
		return
	}
	i := slices.IndexFunc(c.Services, func(s Service) bool { return s.Name == name })
	if i < 0 {
		i = len(c.Services)
		c.Services = append(c.Services, DefaultService(name))
	} else {
		r.problems.add(n.line, "service "+name+" is there twice; the later one holds")
	}
	c.Services[i].Line = n.line
	r.mapping(n, "service "+name+": ", r.serviceFields(&c.Services[i]))
}

func (r *reader) serviceFields(s *Service) []field {
	return []field{
		{"name", r.text(&s.Name)},
		{"after", r.texts(&s.After)},
		{"before", r.texts(&s.Before)},
		{"requires", r.texts(&s.Requires)},
		{"ready", r.ready(&s.Ready)},
		{"readyTimeout", r.duration(&s.ReadyTimeout)},
		{"restart", r.choice(&s.Restart, "never", "on-failure", "always")},
		{"backoff", func(n node, at string) { r.backoff(&s.Backoff, n, at) }},
		{"startLimit", r.inside([]field{{"burst", r.number(&s.StartLimit.Burst)}, {"interval", r.duration(&s.StartLimit.Interval)}})},
		{"onFailure", r.action(&s.OnFailure)},
		{"stop", r.inside([]field{{"signal", r.signal(&s.Stop.Signal)}, {"timeout", r.duration(&s.Stop.Timeout)}})},
		{"env", r.env(&s.Env)},
	}
}

func (r *reader) backoff(to *Backoff, n node, at string) {
	r.mapping(n, at+".", []field{{"initial", r.duration(&to.Initial)}, {"max", r.duration(&to.Max)}})
	if to.Initial > to.Max {
		r.wrong(n, at, "begins with "+to.Initial.String()+", more than its max of "+to.Max.String())
		to.Max = to.Initial
	}
}

// action reads what to do when a service is given up: a word, or {exec: COMMAND}.
func (r *reader) action(to *Action) read {
	return func(n node, at string) {
		if n.kind != mapping {
			var a Action
			if r.choice(&a.Kind, "log", "reboot", "poweroff", "{exec: [COMMAND]}")(n, at); a.Kind != "" {
				*to = a
			}
			return
		}
		var command []string
		r.mapping(n, at+".", []field{{"exec", r.command(&command)}})
		if command != nil {
			*to = Action{Kind: "exec", Exec: command}
		}
	}
}

// command reads a program with its arguments: a list, or words with blanks between them.
func (r *reader) command(to *[]string) read {
	return func(n node, at string) {
		words := strings.Fields(n.text)
		if n.kind == sequence {
			r.texts(&words)(n, at)
		}
		if len(words) == 0 || !strings.HasPrefix(words[0], "/") {
			r.wrong(n, at, "must be a command that begins with an absolute path")
			return
		}
		*to = words
	}
}

// signals are those that a service can be stopped by.
var signals = []string{
	"SIGABRT", "SIGALRM", "SIGCONT", "SIGHUP", "SIGINT", "SIGKILL", "SIGPIPE", "SIGPWR", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGWINCH",
}

// lastRealTime is SIGRTMAX of the C library, counted from SIGRTMIN.
const lastRealTime = 30

// signal reads SIGTERM, TERM or, as systemd in a container wants it, SIGRTMIN+3.
func (r *reader) signal(to *string) read {
	return func(n node, at string) {
		name := "SIG" + strings.TrimPrefix(n.text, "SIG")
		number, isRealTime := strings.CutPrefix(name, "SIGRTMIN+")
		if i, err := strconv.Atoi(number); n.kind == scalar && isRealTime && err == nil && i >= 0 && i <= lastRealTime {
			*to = "SIGRTMIN+" + strconv.Itoa(i)
			return
		}
		if n.kind != scalar || !slices.Contains(signals, name) {
			r.problems.unknown(n.line, at+" must be a signal, not", n.text, signals)
			return
		}
		*to = name
	}
}
