package config

import (
	"reflect"
	"strings"
	"testing"
)

func TestResolveLeavesOutWhatCannotBe(t *testing.T) {
	t.Parallel()
	const circle = "waits in a circle: "
	for name, tt := range map[string]struct {
		file string
		want string // NAME:AFTER… of the services a, b and c
		told string // part of the only problem
	}{
		"nothing": {file: "[]", want: "a: b: c:"},
		"fine": {
			file: "[{name: a, after: [b, network]}, {name: b, requires: [c]}]",
			want: "a:b,network b:c c:",
		},
		"every milestone": {
			file: "[{name: a, after: [early, modules, network, onboot, containerd]}]",
			want: "a:early,modules,network,onboot,containerd b: c:",
		},
		"before":       {file: "[{name: a, before: [b, c]}, {name: c, after: [b]}]", want: "a: b:a c:b,a"},
		"after onboot": {file: "[{name: a, after: [dhcp], requires: [disk]}]", want: "a:onboot,onboot b: c:"},
		"unknown": {
			file: "[{name: a, after: [newtork]}]",
			want: "a: b: c:",
			told: `service a: nothing to wait for is called "newtork"; did you mean "network"?`,
		},
		"before what is none": {
			file: "[{name: a, before: [onboot]}]",
			want: "a: b: c:",
			told: `service a: comes before what is no service, "onboot"`,
		},
		"no such service": {file: "[{name: d, before: [a]}]", want: "a: b: c:", told: `there is no service "d"`},
		"itself":          {file: "[{name: a, after: [a]}]", want: "a: b: c:", told: "a after a; it does not wait for a"},
		"a circle of two": {
			file: "[{name: a, after: [b]}, {name: b, after: [a]}, {name: c, after: [a]}]",
			want: "a:b b: c:a",
			told: circle + "a after b after a; it does not wait for a",
		},
		"a circle of all": {
			file: "[{name: a, after: [b]}, {name: b, requires: [c]}, {name: c, after: [a]}]",
			want: "a:b b:c c:",
			told: circle + "a after b after c after a; it",
		},
		"a circle by before": {
			file: "[{name: a, before: [b], after: [b]}]",
			want: "a:b b: c:",
			told: "service b: waits in a circle: a after b after a; it does not wait for a",
		},
		"twice, no circle": {file: "[{name: a, after: [b, c]}, {name: b, after: [c]}]", want: "a:b,c b:c c:"},
		"onboot as it is":  {file: "[{name: disk, after: [dhcp, network]}]", want: "a: b: c:"},
		"onboot out of order": {
			file: "[{name: dhcp, after: [disk]}]",
			want: "a: b: c:",
			told: "onboot dhcp: cannot wait for disk",
		},
		"onboot after services": {file: "[{name: dhcp, requires: [a]}]", want: "a: b: c:", told: "onboot dhcp: cannot wait for a"},
	} {
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
		if tt.told == "" && len(problems) > 0 || tt.told != "" && (len(problems) != 1 || problems[0].Line != 1 || !strings.Contains(problems[0].Text, tt.told)) {
			t.Errorf("%s: problems %v, want %q", name, problems, tt.told)
		}
	}
}

func TestResolveChangesNothingInTheConfig(t *testing.T) {
	t.Parallel()
	text := []byte("services: [{name: a, after: [b, x], before: [c]}, {name: b, after: [a]}]")
	c, _ := Parse(text)
	c.Resolve(nil, []string{"a", "b", "c"})
	if again, _ := Parse(text); !reflect.DeepEqual(c, again) {
		t.Errorf("%+v, want %+v", c, again)
	}
}

func TestAServiceGoesBeforeAMilestoneOfItsName(t *testing.T) {
	t.Parallel()
	c, _ := Parse([]byte("services: [{name: containerd, after: [a]}, {name: a, after: [containerd]}]"))
	if problems := c.Check(nil, []string{"a", "containerd"}); len(problems) != 1 {
		t.Errorf("no circle in %v", problems)
	}
}
