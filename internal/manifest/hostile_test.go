package manifest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// repeated returns a text n times, with a number for %d.
func repeated(n int, format string) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, format, i)
	}
	return out.String()
}

// TestRejectsHostileManifestsSoon: each would take minutes, or gigabytes of memory.
func TestRejectsHostileManifestsSoon(t *testing.T) {
	t.Parallel()
	anchor := "services: [{name: a, image: b}]\nfiles:\n- {path: /a, contents: &big " + strings.Repeat("x", 1<<20) + "}\n"
	for name, tt := range map[string]struct{ text, want string }{
		"2,000 services with unknown ids": {
			text: "services:\n" + repeated(2000, "- {name: service%[1]d, image: a/b, uid: unknown%[1]d, gid: other%[1]d}\n"),
			want: `no entry is named "unknown0"`,
		},
		"2,000 binds of unknown volumes": {
			text: "volumes:\n" + repeated(2000, "- {name: volume%d}\n") + "services:\n" +
				repeated(2000, "- {name: service%[1]d, image: a/b, binds: ['vol%[1]dx:/x']}\n"),
			want: `unknown volume "vol0x"`,
		},
		"anchor of 1 MB, 3,000 times": {
			text: anchor + repeated(3000, "- {path: /f%d, contents: *big}\n"), want: "the values have more than 16 MiB in total",
		},
		"unknown keys": {text: "kernel:\n" + repeated(100_000, "  kex%d: 1\n"), want: "more problems follow"},
		"unknown words": {
			text: "services:\n- name: a\n  image: b\n  capabilities:\n" + repeated(100_000, "  - CAP_SYS%d\n"),
			want: "more problems follow",
		},
		"many values":       {text: "a: [" + repeated(1_000_000, "%d,") + "]", want: "more than 500000 values"},
		"many null entries": {text: "services:\n" + strings.Repeat("-\n", 2_000_000), want: "more than 500000 values"},
		"key of 1 MB": {
			text: "services:\n- name: a\n  image: b\n  sysctl:\n    " + strings.Repeat("k", 1<<20) + ": [" + repeated(10_000, "%d,") + "]\n",
			want: "not YAML",
		},
		"merges of a large mapping": {
			text: "a: &a {" + repeated(50_000, "k%d: 1,") + "}\nservices: [{name: a, image: b, annotations: {<<: [" +
				strings.Repeat("*a,", 5000) + "]}}]",
			want: "too many aliases",
		},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := Load(t.Context(), []string{"-"}, Options{Stdin: strings.NewReader(tt.text)})
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %.300v, want %s", err, tt.want)
			}
			// A second at most on an idle machine; quadratic time would take minutes.
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}
