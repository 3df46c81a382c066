package config

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// with returns the defaults, changed.
func with(change func(*Config)) Config {
	c := Default()
	change(&c)
	return c
}

// web returns the defaults of the service web on line 1, changed.
func web(change func(*Service)) Service {
	s := DefaultService("web")
	s.Line = 1
	change(&s)
	return s
}

func unchanged(*Service) {}

func TestParseEveryKey(t *testing.T) {
	t.Parallel()
	got, problems := Parse([]byte(fullExample))
	want := Config{
		LogLevel: "info", Env: []string{"TZ=UTC"}, Onboot: Onboot{Timeout: 5 * time.Minute},
		Shutdown: Shutdown{Timeout: 30 * time.Second},
		Mounts:   []Mount{{Type: "tmpfs", Source: "tmpfs", Target: "/data", Options: []string{"size=64m"}}},
		Services: []Service{{
			Name: "web", Line: 7, After: []string{"network", "dhcpcd"}, Requires: []string{"db"},
			Ready: Ready{TCP: "127.0.0.1:80"}, ReadyTimeout: 30 * time.Second, OnUnready: "log", Restart: "on-failure",
			Backoff: Backoff{200 * time.Millisecond, 30 * time.Second}, StartLimit: StartLimit{Burst: 5, Interval: time.Minute},
			OnFailure: Action{Kind: "log"}, Stop: Stop{Signal: "SIGTERM", Who: "all", Timeout: 10 * time.Second}, Env: []string{"DEBUG=1"},
		}},
		Watchdog: Watchdog{"/dev/watchdog", 10 * time.Second}, Tmpfs: defaultTmpfs,
	}
	if len(problems) > 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v\nproblems %v", got, want, problems)
	}
}

func TestParseMinimalExample(t *testing.T) {
	t.Parallel()
	got, problems := Parse([]byte(minimalExample))
	if len(problems) > 0 || len(got.Services) != 1 || !reflect.DeepEqual(got.Services[0].After, []string{"network"}) {
		t.Errorf("%+v, %v", got, problems)
	}
	if problems := got.Check([]string{"dhcpcd"}, []string{"getty"}); len(problems) > 0 {
		t.Errorf("Check: %v", problems)
	}
}

func TestEmptyValuesAreDefaults(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "# nothing\n", "{}", "services:\nlog: ~\nonboot: {timeout: }\n", "services: []"} {
		if got, problems := Parse([]byte(text)); len(problems) > 0 || !reflect.DeepEqual(got, Default()) {
			t.Errorf("%q: %+v, %v", text, got, problems)
		}
	}
}

func TestServiceKeys(t *testing.T) {
	t.Parallel()
	for text, change := range map[string]func(*Service){
		"ready: {tcp: 80}":                           func(s *Service) { s.Ready.TCP = "127.0.0.1:80" },
		"ready: {tcp: ':80'}":                        func(s *Service) { s.Ready.TCP = "127.0.0.1:80" },
		`ready: {tcp: "10.0.0.1:80"}`:                func(s *Service) { s.Ready.TCP = "10.0.0.1:80" },
		`ready: {tcp: "[::1]:80"}`:                   func(s *Service) { s.Ready.TCP = "[::1]:80" },
		"ready: {http: 8080}":                        func(s *Service) { s.Ready.HTTP = "http://127.0.0.1:8080/" },
		`ready: {http: ":8080/health"}`:              func(s *Service) { s.Ready.HTTP = "http://127.0.0.1:8080/health" },
		"ready: {http: {port: 8080, path: /a/b}}":    func(s *Service) { s.Ready.HTTP = "http://127.0.0.1:8080/a/b" },
		"ready: {http: {port: 8080}}":                func(s *Service) { s.Ready.HTTP = "http://127.0.0.1:8080/" },
		`ready: {http: "http://localhost:80/a?b:c"}`: func(s *Service) { s.Ready.HTTP = "http://127.0.0.1:80/a?b:c" },
		"ready: {file: /run/up}":                     func(s *Service) { s.Ready.File = "/run/up" },
		"ready: {exec: /bin/check  -v}":              func(s *Service) { s.Ready.Exec = []string{"/bin/check", "-v"} },
		`ready: {exec: [/bin/check, "a b"]}`:         func(s *Service) { s.Ready.Exec = []string{"/bin/check", "a b"} },
		"ready: {log: listening on}":                 func(s *Service) { s.Ready.Log = "listening on" },
		"ready: {notify: fd}":                        func(s *Service) { s.Ready.Notify = "fd" },
		"onFailure: reboot":                          func(s *Service) { s.OnFailure = Action{Kind: "reboot"} },
		"onFailure: {exec: [/bin/alert, x]}": func(s *Service) {
			s.OnFailure = Action{Kind: "exec", Exec: []string{"/bin/alert", "x"}}
		},
		"stop: {signal: QUIT, timeout: 1m30s}": func(s *Service) {
			s.Stop = Stop{Signal: "SIGQUIT", Who: "all", Timeout: 90 * time.Second}
		},
		"stop: {who: main}":          func(s *Service) { s.Stop.Who = "main" },
		"stop: {signal: SIGRTMIN+3}": func(s *Service) { s.Stop.Signal = "SIGRTMIN+3" },
		"restart: always":            func(s *Service) { s.Restart = "always" },
		"backoff: {max: 1h}":         func(s *Service) { s.Backoff.Max = time.Hour },
		"startLimit: {burst: 1}":     func(s *Service) { s.StartLimit.Burst = 1 },
		"envFile: /etc/web.env":      func(s *Service) { s.EnvFile = "/etc/web.env" },
		"startLimit: off":            func(s *Service) { s.StartLimit.Off = true },
		"onUnready: restart":         func(s *Service) { s.OnUnready = "restart" },
		"ready: {notify: sd}\n    watchdog: 30s": func(s *Service) {
			s.Ready.Notify, s.Watchdog = "sd", 30*time.Second
		},
		"env: [A=1, B=, 'C=a=b']":                      func(s *Service) { s.Env = []string{"A=1", "B=", "C=a=b"} },
		"env: {A: 1, B: , C: yes, D: null, E: 'null'}": func(s *Service) { s.Env = []string{"A=1", "B=", "C=yes", "D=", "E=null"} },
		"before: [a]\n    after: [b]\n    requires: [c]": func(s *Service) {
			s.Before, s.After, s.Requires = []string{"a"}, []string{"b"}, []string{"c"}
		},
	} {
		c, problems := Parse([]byte("services: # web\n  - name: web\n    " + text))
		if len(problems) > 0 || len(c.Services) != 1 {
			t.Errorf("%s: %+v, %v", text, c, problems)
			continue
		}
		want := web(change)
		want.Line = 2
		if !reflect.DeepEqual(c.Services[0], want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", text, c.Services[0], want)
		}
	}
}

// invalidValues are files in which an invalid value is replaced by the default, and reported
// with its line.
var invalidValues = map[string]struct {
	text     string
	want     Config
	problems []string
}{
	"unknown key": {
		text:     "log: {level: warn}\nservice: []",
		want:     with(func(c *Config) { c.LogLevel = "warn" }),
		problems: []string{`line 2: unknown key "service"; did you mean "services"?`},
	},
	"unknown key without suggestion": {text: "network: {}", want: Default(), problems: []string{`line 1: unknown key "network"`}},
	"unknown level": {
		text:     "log: {level: loud}",
		want:     Default(),
		problems: []string{`line 1: log.level must be one of debug, info, warn, error, not "loud"`},
	},
	"scalar for mapping": {
		text: "onboot: stop", want: Default(),
		problems: []string{"line 1: onboot must be a mapping of KEY: VALUE"},
	},
	"mapping for list":  {text: "services: {name: web}", want: Default(), problems: []string{"line 1: services must be a list"}},
	"list for the file": {text: "- a", want: Default(), problems: []string{"line 1: the file must be a mapping of KEY: VALUE"}},
	"duration without unit": {
		text:     "shutdown: {timeout: 30}",
		want:     Default(),
		problems: []string{`line 1: shutdown.timeout must be a duration with a unit, such as 30s or 5m, not "30"`},
	},
	"negative duration": {
		text:     "onboot: {timeout: -1s, onFailure: stop}",
		want:     with(func(c *Config) { c.Onboot.Stop = true }),
		problems: []string{`line 1: onboot.timeout must be a duration with a unit, such as 30s or 5m, not "-1s"`},
	},
	"duplicate key": {
		text:     "log: {level: warn}\nlog: {level: debug}",
		want:     with(func(c *Config) { c.LogLevel = "debug" }),
		problems: []string{"line 2: log: duplicate key; the last value is used"},
	},
	"incomplete mount": {
		text: "mounts: [{target: /a}, {type: a, target: b}, {type: tmpfs, target: /c}]",
		want: with(func(c *Config) {
			c.Mounts = []Mount{{
				Type:   "tmpfs",
				Source: "tmpfs",
				Target: "/c",
			}}
		}),
		problems: []string{
			"line 1: mounts must each have a type and a target",
			`line 1: mounts.target must be an absolute path, not "b"`,
		},
	},
	"env without equals sign": {
		text:     "env: [A, =b, [c], D=e]",
		want:     with(func(c *Config) { c.Env = []string{"D=e"} }),
		problems: []string{"line 1: env must be", "line 1: env must be", "line 1: env must be"},
	},
	"scalar for env":       {text: "env: A=b", want: Default(), problems: []string{"line 1: env must be"}},
	"mapping as env value": {text: "env: {A: {b: c}}", want: Default(), problems: []string{"line 1: env must be"}},
	"relative watchdog device": {
		text:     "watchdog: {device: watchdog}",
		want:     Default(),
		problems: []string{"line 1: watchdog.device must be an absolute path"},
	},
	"service without name": {
		text:     "services: [{after: [a]}]",
		want:     Default(),
		problems: []string{"line 1: services must each have a name"},
	},
	"scalar for service": {text: "services: [web]", want: Default(), problems: []string{"line 1: services must each have a name"}},
	"duplicate service": {text: "services: [{name: web, restart: never}, {name: web, after: [a]}]", want: with(func(c *Config) {
		c.Services = []Service{web(func(s *Service) { s.Restart, s.After = "never", []string{"a"} })}
	}), problems: []string{"line 1: service web: duplicate entry; its keys override the first"}},
	"unknown key of service": {
		text:     "services: [{name: web, afer: [a]}]",
		want:     with(func(c *Config) { c.Services = []Service{web(unchanged)} }),
		problems: []string{`line 1: service web: unknown key "afer"; did you mean "after"?`},
	},
	"scalar for list": {
		text:     "services: [{name: web, after: network}]",
		want:     with(func(c *Config) { c.Services = []Service{web(unchanged)} }),
		problems: []string{"line 1: service web: after must be a list"},
	},
	"two readiness checks": {
		text:     "services: [{name: web, ready: {file: /a, tcp: 1}}]",
		want:     with(func(c *Config) { c.Services = []Service{web(func(s *Service) { s.Ready.File = "/a" })} }),
		problems: []string{"line 1: service web: ready must have only one key; file is used"},
	},
	"host name": {
		text:     "services: [{name: web, ready: {tcp: 'db:1'}}]",
		want:     with(func(c *Config) { c.Services = []Service{web(unchanged)} }),
		problems: []string{`line 1: service web: ready.tcp must be PORT or IP:PORT, not "db:1"`},
	},
	"invalid port": {
		text:     "services: [{name: web, ready: {http: 70000}}]",
		want:     with(func(c *Config) { c.Services = []Service{web(unchanged)} }),
		problems: []string{"line 1: service web: ready.http must be"},
	},
	"TLS": {
		text:     "services: [{name: web, ready: {http: 'https://1.2.3.4:443'}}]",
		want:     with(func(c *Config) { c.Services = []Service{web(unchanged)} }),
		problems: []string{"line 1: service web: ready.http must be"},
	},
	"relative command": {
		text:     "services: [{name: web, ready: {exec: check}}]",
		want:     with(func(c *Config) { c.Services = []Service{web(unchanged)} }),
		problems: []string{"line 1: service web: ready.exec must be a command with an absolute path"},
	},
	"unknown action": {
		text:     "services: [{name: web, onFailure: panic}]",
		want:     with(func(c *Config) { c.Services = []Service{web(unchanged)} }),
		problems: []string{`line 1: service web: onFailure must be one of log, reboot, poweroff, {exec: [COMMAND]}, not "panic"`},
	},
	"unknown signal": {
		text:     "services: [{name: web, stop: {signal: SIGTREM}}]",
		want:     with(func(c *Config) { c.Services = []Service{web(unchanged)} }),
		problems: []string{`line 1: service web: stop.signal must be a signal, not "SIGTREM"; did you mean "SIGTERM"?`},
	},
	"real-time signal out of range": {
		text:     "services: [{name: web, stop: {signal: SIGRTMIN+31}}]",
		want:     with(func(c *Config) { c.Services = []Service{web(unchanged)} }),
		problems: []string{"line 1: service web: stop.signal must be a signal"},
	},
	"watchdog without notify": {
		text: "services: [{name: web, ready: {tcp: 80}, watchdog: 30s}]",
		want: with(func(c *Config) {
			c.Services = []Service{web(func(s *Service) { s.Line, s.Ready.TCP = 1, "127.0.0.1:80" })}
		}),
		problems: []string{"line 1: service web: watchdog needs ready: {notify: sd}; the service feeds it with WATCHDOG=1"},
	},
	"burst of zero": {
		text:     "services: [{name: web, startLimit: {burst: 0}}]",
		want:     with(func(c *Config) { c.Services = []Service{web(unchanged)} }),
		problems: []string{`line 1: service web: startLimit.burst must be an integer of at least 1, not "0"`},
	},
	"backoff initial longer than max": {text: "services: [{name: web, backoff: {initial: 1m}}]", want: with(func(c *Config) {
		c.Services = []Service{web(func(s *Service) { s.Backoff = Backoff{time.Minute, time.Minute} })}
	}), problems: []string{"line 1: service web: backoff has initial 1m0s, longer than max 30s"}},
	"tab": {
		text: "log: {level: warn}\n\tfoo", want: Default(),
		problems: []string{"line 2: not parsed: tab character; use spaces"},
	},
	"binary": {
		text:     "\x7fELF\x02\x01",
		want:     Default(),
		problems: []string{"line 1: not parsed: unprintable character"},
	},
}

func TestParseReportsInvalidValues(t *testing.T) {
	t.Parallel()
	for name, tt := range invalidValues {
		got, problems := Parse([]byte(tt.text))
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, tt.want)
		}
		if !havePrefixes(problems, tt.problems) {
			t.Errorf("%s: problems %v, want %q", name, problems, tt.problems)
		}
	}
}

// havePrefixes reports whether the texts of the problems begin with want, one for one.
func havePrefixes(problems []Problem, want []string) bool {
	for i, p := range problems {
		if i >= len(want) || !strings.HasPrefix(p.Error(), want[i]) {
			return false
		}
	}
	return len(problems) == len(want)
}

func TestNumberOfProblemsIsBounded(t *testing.T) {
	t.Parallel()
	_, problems := Parse([]byte(strings.Repeat("x: y\n", 10_000)))
	if len(problems) != maxProblems+1 || !strings.Contains(problems[maxProblems].Text, "only the first 20") {
		t.Errorf("%d problems, last %v", len(problems), problems[len(problems)-1])
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range validTexts {
		f.Add(text)
	}
	f.Add("services: [{name: a, before: [b], ready: {http: {port: 1}}, onFailure: {exec: /a}}, {name: b, requires: [a, c]}]")
	f.Fuzz(func(t *testing.T, text string) {
		c, _ := Parse([]byte(text))
		services, _ := c.Resolve([]string{"c"}, []string{"a", "b"})
		if c.ShutdownTimeout(services) <= 0 || c.Onboot.Timeout <= 0 || c.LogLevel == "" || len(services) != 2 {
			t.Errorf("invalid config %+v, %+v", c, services)
		}
		for _, s := range append(services, c.Services...) {
			if s.Name == "" || s.Restart == "" || s.StartLimit.Burst < 1 || s.Stop.Signal == "" || s.Backoff.Initial > s.Backoff.Max {
				t.Errorf("invalid service %+v", s)
			}
		}
	})
}
