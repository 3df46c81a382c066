package config

import "testing"

func TestSizesOfTmpfs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Size{
		"": {Percent: 30}, "tmpfs: {var: 45%}": {Percent: 45}, "tmpfs: {var: 64m}": {Bytes: 64 << 20},
		"tmpfs: {var: 1G, run: 5%}": {Bytes: 1 << 30}, "tmpfs: {var: 512k}": {Bytes: 512 << 10},
	} {
		if c, problems := Parse([]byte(text)); c.Tmpfs.Var != want || len(problems) > 0 {
			t.Errorf("%q: %+v, %q; want %+v", text, c.Tmpfs.Var, problems, want)
		}
	}
}

func TestRejectsSizesAboveTheMemory(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"tmpfs: {var: 50%}": "line 1: tmpfs adds up to 100% of the memory, more than 95%; " +
			"make a share smaller, such as var, which has 50%",
		"tmpfs: {var: 101%}": `line 1: tmpfs.var must be a share of the memory or a size, such as 25% or 64m, not "101%"`,
		"tmpfs: {var: 64}":   `line 1: tmpfs.var must be a share of the memory or a size, such as 25% or 64m, not "64"`,
		"tmpfs: {var: -1m}":  `line 1: tmpfs.var must be a share of the memory or a size, such as 25% or 64m, not "-1m"`,
		"tmpfs: {var: m}":    `line 1: tmpfs.var must be a share of the memory or a size, such as 25% or 64m, not "m"`,
		"tmpfs: {var: 9999999999g}": "line 1: tmpfs.var must be a share of the memory or a size, such as 25% or 64m, " +
			`not "9999999999g"`,
	} {
		c, problems := Parse([]byte(text))
		if len(problems) != 1 || problems[0].Error() != want || c.Tmpfs != defaultTmpfs {
			t.Errorf("%q: %q, want %q; %+v", text, problems, want, c.Tmpfs)
		}
	}
}
