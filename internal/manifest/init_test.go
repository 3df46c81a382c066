package manifest

import (
	"strings"
	"testing"
)

func TestKernelCmdlineForPID1(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"references only": {"kernel: {cmdline: console=ttyS0}\ninit: [a, b]", "console=ttyS0"},
		"arguments": {
			"kernel: {cmdline: console=ttyS0}\ninit: [{image: a, command: [/init, --debug]}]",
			"console=ttyS0 -- --debug",
		},
		"variables": {
			"kernel: {cmdline: quiet}\ninit: [{image: a, env: [INIT_LOG_LEVEL=debug, TZ=UTC]}]",
			"quiet INIT_LOG_LEVEL=debug TZ=UTC",
		},
		"words with blanks are quoted": {
			"init: [{image: a, command: [/sbin/init, 'two words'], env: ['A=b c']}]",
			`"A=b c" -- "two words"`,
		},
		"existing -- is kept":       {"kernel: {cmdline: 'quiet -- x'}\ninit: [{image: a, command: [/init, y]}]", "quiet -- x y"},
		"blanks are kept":           {"kernel: {cmdline: 'a  b '}", "a  b "},
		"empty":                     {"init: [a]", ""},
		"command without arguments": {"init: [{image: a, command: [/init]}]", ""},
		"number as an argument":     {"init: [{image: a, command: [/init, 1]}, b, {image: c, env: [X=1]}]", "error"},
		"several entries":           {"init: [{image: a, command: [/init, '1']}, b, {image: c, env: [X=1]}]", "X=1 -- 1"},
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
			if got := m.KernelCmdline(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestInitErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{image: a, command: [/bin/sh]}":       `a.yml:1:8: init[0]: command: PID 1 is /init; the first element must be /init, not "/bin/sh"`,
		"{image: a, command: [/init, 'a\"b']}": "is not possible on the kernel command line",
		"{image: a, env: [\"A=\\n\"]}":         "is not possible on the kernel command line",
		"{image: a, env: [A]}":                 `env[0]: "A" must be NAME=VALUE`,
		"{image: a, env: [module.param=1]}":    `as its own parameter`,
		"{command: [/init]}":                   "init[0]: image is missing",
		"{image: a, comand: [/init]}":          `did you mean "command"?`,
		"[a]":                                  "must be a string, not a list",
	} {
		if _, err := load(t, "init: ["+text+"]"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", text, err, want)
		}
	}
}
