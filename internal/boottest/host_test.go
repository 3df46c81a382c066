package boottest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/boottest/spec"
)

func TestRejectsMoreThanTheHostHas(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		spec    string
		options Options
		want    string
	}{
		"memory of the spec":  {spec: "memory: 4096", want: "linuxkit.test.yml:1:1: memory: 4096 MiB is more than the 2048 MiB"},
		"memory of the flag":  {options: Options{Memory: 4096}, want: "--memory: 4096 MiB is more than the 2048 MiB"},
		"processors":          {spec: "cpus: 3", want: "linuxkit.test.yml:1:1: cpus: 3 is more than the 2 processors"},
		"disks together":      {spec: "disks: [{size: 40G}, {size: 40G}]", want: "disks: are larger than 68.7 GB together"},
		"disks overflow":      {spec: "disks: [{size: 8000000G}, {size: 9000000000G}]", want: "disks"},
		"timeout of the spec": {spec: "timeout: 31m", want: "timeout: must be more than 0s and at most 30m0s"},
		"timeout of the flag": {options: Options{Timeout: -time.Second}, want: "--timeout must not be negative"},
		"negative memory":     {options: Options{Memory: -5}, want: "must not be negative"},
		"17 ports": {
			spec: "expect: [" + manyPorts(17) + "]",
			want: "uses 17 ports of the guest; the maximum is 16",
		},
		"network": {spec: "network: host", want: "must be restricted or open"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := spec.Parse("linuxkit.test.yml", []byte(tt.spec))
			if err == nil {
				_, err = resources(s, tt.options, host{memory: 2048, cpus: 2})
			}
			if !errors.Is(err, ErrSpec) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func manyPorts(n int) string {
	var list []string
	for i := range n {
		list = append(list, "{tcp: {port: "+string(rune('1'+i/10))+string(rune('0'+i%10))+"}}")
	}
	return strings.Join(list, ", ")
}

func TestFlagsTakePrecedenceOverSpec(t *testing.T) {
	t.Parallel()
	s, err := resources(spec.Default(), Options{Memory: 512, CPUs: 2}, host{memory: 2048, cpus: 2})
	if err != nil || s.Memory != 512 || s.CPUs != 2 {
		t.Errorf("memory %d, cpus %d, error %v", s.Memory, s.CPUs, err)
	}
}
