package snapshot

import (
	"errors"
	"reflect"
	"testing"
	"time"
)

func TestMachineRoundTrip(t *testing.T) {
	t.Parallel()
	want := Machine{
		Phase: "ready", Version: "v1 beta", Kernel: "6.12.1", Now: time.Hour, Origin: 3 * time.Millisecond,
		Onboot: []Onboot{{"dhcpcd", "0"}, {"mount\x1b[2J\n", "error"}},
		Services: []Service{
			{Name: "web", State: "ready", Pid: 412, Since: time.Second, NeededBy: []string{"app", "db"},
				Memory: 1 << 20, Limit: 1 << 26, OOMKills: 2},
			{Name: "größe", State: "failed", Restarts: 4, Why: "code 1", NeededBy: []string{}, Last: "error no such file:\n\"/run/db\""},
		},
	}
	if got, err := ParseMachine(want.Text()); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestBootRoundTrip(t *testing.T) {
	t.Parallel()
	want := Boot{
		Total: time.Second, Complete: true, Spans: []Span{{"kernel", time.Second}},
		Parallel: []Span{{"service/a b", 20 * time.Millisecond}},
	}
	if got, err := ParseBoot(want.Text()); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestRejectsOtherText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\n", "ready, up 59m58s\n", "onboot name=a\n", "machine phase=\"x\n"} {
		if m, err := ParseMachine(text); !errors.Is(err, ErrSyntax) {
			t.Errorf("%q: %+v, %v", text, m, err)
		}
		if b, err := ParseBoot(text); !errors.Is(err, ErrSyntax) {
			t.Errorf("%q: %+v, %v", text, b, err)
		}
	}
}
