package policy

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/org/linuxkit-action/fixtures/registry"
)

// TestChangesNameEveryLoosenedRule: what a pull request changes is shown, rule by rule.
func TestChangesNameEveryLoosenedRule(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := registry.NewKey(dir); err != nil {
		t.Fatal(err)
	}
	parse := func(text string) *Policy {
		p, err := Parse(filepath.Join(dir, "policy.yml"), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	const (
		acme = "{match: ghcr.io/acme/**, key: cosign.pub}"
		all  = "{match: '**', key: cosign.pub, log: required}"
	)
	base := parse("default: signed\nrules: [" + acme + ", " + all + "]")
	wide := "{match: '**', key: cosign.pub, log: required}"
	for name, tt := range map[string]struct {
		newer *Policy
		want  []Change
	}{
		"the same": {newer: parse("default: signed\nrules:\n- " + acme + "\n- " + all), want: nil},
		"default": {
			newer: parse("default: any\nrules: [" + acme + ", " + all + "]"),
			want:  []Change{{Subject: "default", Old: "signed", New: "any"}},
		},
		"one removed": {newer: parse("default: signed\nrules: [" + all + "]"), want: []Change{{Subject: "rule 1", Old: acme}}},
		"log removed": {
			newer: parse("default: signed\nrules: [" + acme + ", {match: '**', key: cosign.pub}]"),
			want:  []Change{{Subject: "rule 2", Old: wide, New: "{match: '**', key: cosign.pub}"}},
		},
		"one put before the others": {
			newer: parse("default: signed\nrules: [{match: ghcr.io/acme/eve, key: cosign.pub}, " + acme + ", " + all + "]"),
			want:  []Change{{Subject: "rule 1", New: "{match: ghcr.io/acme/eve, key: cosign.pub}"}},
		},
		"policy deleted": {newer: nil, want: []Change{
			{Subject: "policy", Old: "exists"},
			{Subject: "default", Old: "signed"},
			{Subject: "rule 1", Old: acme},
			{Subject: "rule 2", Old: wide},
		}},
	} {
		if got := base.Changes(tt.newer); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got\n%+v\nwant\n%+v", name, got, tt.want)
		}
	}
}

func TestChangesNameAReplacedKey(t *testing.T) {
	t.Parallel()
	const text = "rules: [{match: '**', key: cosign.pub}]"
	var policies []*Policy
	for range 2 {
		dir := t.TempDir()
		if err := registry.NewKey(dir); err != nil {
			t.Fatal(err)
		}
		p, err := Parse(filepath.Join(dir, "policy.yml"), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		policies = append(policies, p)
	}
	got := policies[0].Changes(policies[1])
	if len(got) != 1 || got[0].Subject != "cosign.pub" || got[0].Old == got[0].New {
		t.Errorf("got %+v", got)
	}
}
