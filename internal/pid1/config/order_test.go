package config

import (
	"reflect"
	"strings"
	"testing"
)

// resolveTests are orders of the services a, b and c, and of the onboot containers dhcp and disk.
var resolveTests = map[string]struct {
	file    string
	want    string // NAME:AFTER… of the services a, b and c
	problem string // part of the only problem
}{
	"empty": {file: "[]", want: "a: b: c:"},
	"services and milestones": {
		file: "[{name: a, after: [b, network]}, {name: b, requires: [c]}]",
		want: "a:b,network b:c c:",
	},
	"every milestone": {
		file: "[{name: a, after: [early, modules, network, onboot, containerd]}]",
		want: "a:early,modules,network,onboot,containerd b: c:",
	},
	"before":       {file: "[{name: a, before: [b, c]}, {name: c, after: [b]}]", want: "a: b:a c:b,a"},
	"after onboot": {file: "[{name: a, after: [dhcp], requires: [disk]}]", want: "a:onboot,onboot b: c:"},
	"unknown dependency": {
		file:    "[{name: a, after: [newtork]}]",
		want:    "a: b: c:",
		problem: `service a: unknown dependency "newtork"; did you mean "network"?`,
	},
	"before an onboot milestone": {
		file:    "[{name: a, before: [onboot]}]",
		want:    "a: b: c:",
		problem: `service a: before: no such service "onboot"`,
	},
	"no such service": {file: "[{name: d, before: [a]}]", want: "a: b: c:", problem: `no such service "d"`},
	"itself":          {file: "[{name: a, after: [a]}]", want: "a: b: c:", problem: "a after a; a does not wait for a"},
	"cycle of two": {
		file:    "[{name: a, after: [b]}, {name: b, after: [a]}, {name: c, after: [a]}]",
		want:    "a:b b: c:a",
		problem: "dependency cycle: a after b after a; b does not wait for a",
	},
	"cycle of three": {
		file:    "[{name: a, after: [b]}, {name: b, requires: [c]}, {name: c, after: [a]}]",
		want:    "a:b b:c c:",
		problem: "dependency cycle: a after b after c after a; c",
	},
	"cycle through before": {
		file:    "[{name: a, before: [b], after: [b]}]",
		want:    "a:b b: c:",
		problem: "service b: dependency cycle: a after b after a; b does not wait for a",
	},
	"diamond":             {file: "[{name: a, after: [b, c]}, {name: b, after: [c]}]", want: "a:b,c b:c c:"},
	"onboot in its order": {file: "[{name: disk, after: [dhcp, network]}]", want: "a: b: c:"},
	"onboot out of order": {
		file:    "[{name: dhcp, after: [disk]}]",
		want:    "a: b: c:",
		problem: "onboot dhcp: cannot wait for disk",
	},
	"onboot after services": {file: "[{name: dhcp, requires: [a]}]", want: "a: b: c:", problem: "onboot dhcp: cannot wait for a"},
}

func TestResolve(t *testing.T) {
	t.Parallel()
	for name, tt := range resolveTests {
		c, problems := Parse([]byte("services: " + tt.file))
		if len(problems) > 0 {
			t.Fatalf("%s: %v", name, problems)
		}
		services, problems := c.Resolve([]string{"dhcp", "disk"}, []string{"a", "b", "c"})
		var got []string
		for _, s := range services {
			got = append(got, s.Name+":"+strings.Join(append(s.After, s.Requires...), ","))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %v, want %s", name, got, tt.want)
		}
		ok := len(problems) == 0
		if tt.problem != "" {
			ok = len(problems) == 1 && problems[0].Line == 1 && strings.Contains(problems[0].Text, tt.problem)
		}
		if !ok {
			t.Errorf("%s: problems %v, want %q", name, problems, tt.problem)
		}
	}
}

func TestResolveDoesNotModifyTheConfig(t *testing.T) {
	t.Parallel()
	text := []byte("services: [{name: a, after: [b, x], before: [c]}, {name: b, after: [a]}]")
	c, _ := Parse(text)
	c.Resolve(nil, []string{"a", "b", "c"})
	if again, _ := Parse(text); !reflect.DeepEqual(c, again) {
		t.Errorf("%+v, want %+v", c, again)
	}
}

func TestServiceTakesPrecedenceOverMilestone(t *testing.T) {
	t.Parallel()
	c, _ := Parse([]byte("services: [{name: containerd, after: [a]}, {name: a, after: [containerd]}]"))
	if problems := c.Check(nil, []string{"a", "containerd"}); len(problems) != 1 {
		t.Errorf("problems %v, want one cycle", problems)
	}
}
