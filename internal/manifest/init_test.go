package manifest

import (
	"strings"
	"testing"
)

func TestInitSaysHowPID1IsCalled(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"references alone": {"kernel: {cmdline: console=ttyS0}\ninit: [a, b]", "console=ttyS0"},
		"arguments": {
			"kernel: {cmdline: console=ttyS0}\ninit: [{image: a, command: [/init, --debug]}]",
			"console=ttyS0 -- --debug",
		},
		"variables": {
			"kernel: {cmdline: quiet}\ninit: [{image: a, env: [INIT_LOG_LEVEL=debug, TZ=UTC]}]",
			"quiet INIT_LOG_LEVEL=debug TZ=UTC",
		},
		"words with blanks": {
			"init: [{image: a, command: [/sbin/init, 'two words'], env: ['A=b c']}]",
			`"A=b c" -- "two words"`,
		},
		"the user's own -- is kept":  {"kernel: {cmdline: 'quiet -- x'}\ninit: [{image: a, command: [/init, y]}]", "quiet -- x y"},
		"blanks of the user's stay":  {"kernel: {cmdline: 'a  b '}", "a  b "},
		"nothing":                    {"init: [a]", ""},
		"command without arguments":  {"init: [{image: a, command: [/init]}]", ""},
		"several, in their order":    {"init: [{image: a, command: [/init, 1]}, b, {image: c, env: [X=1]}]", "error"},
		"several, quoted as strings": {"init: [{image: a, command: [/init, '1']}, b, {image: c, env: [X=1]}]", "X=1 -- 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := load(t, tt.text)
			if err != nil {
				if tt.want != "error" {
					t.Error(err)
				}
				return
			}
			if got := m.KernelLine(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestInitThatTheKernelCannotCall(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{image: a, command: [/bin/sh]}":       `a.yml:1:8: init[0]: command: PID 1 is /init, so the command must begin with it, not with "/bin/sh"`,
		"{image: a, command: [/init, 'a\"b']}": "cannot stand on the kernel's command line",
		"{image: a, env: [\"A=\\n\"]}":         "cannot stand on the kernel's command line",
		"{image: a, env: [A]}":                 `env[0]: "A" must be NAME=VALUE`,
		"{image: a, env: [module.param=1]}":    `a parameter of its own`,
		"{command: [/init]}":                   "init[0]: image is missing",
		"{image: a, comand: [/init]}":          `did you mean "command"?`,
		"[a]":                                  "must be a string, not a list",
	} {
		if _, err := load(t, "init: ["+text+"]"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", text, err, want)
		}
	}
}
