package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

const everything = `
kernel: {image: linuxkit/kernel:6.1, cmdline: "console=ttyS0 a: b", tar: none, ucode: intel-ucode.cpio}
init: [linuxkit/runc:1, {image: linuxkit/init:1, command: [/init, --debug], env: [A=b]}]
packages: [github.com/linuxkit/linuxkit/pkg/init]
volumes:
  - {name: data, image: alpine, format: oci, platforms: [linux/amd64], readonly: true}
  - {name: blank}
onboot:
  - {name: sysctl, image: "linuxkit/sysctl:1", capabilities: [], binds: ["/a:/b", "data:/c:ro"], command: [a, "b c", "0"]}
services:
  - name: web
    image: ghcr.io/acme/web:1
    capabilities.add: [CAP_NET_ADMIN]
    binds.add: ["blank:/c:rw"]
    tmpfs: ["/run:size=1m"]
    devices: [{path: /dev/x, type: c, major: 1, minor: 2, mode: "0666"}]
    mounts: [{type: proc}, {type: bind, source: blank, destination: /d, options: [rw]}]
    env: [A=1, "B=yes"]
    readonly: false
    uid: sysctl
    gid: 7
    additionalGids: [web, 9]
    oomScoreAdj: -800
    rlimits: ["nofile,1,unlimited"]
    resources: {memory: {limit: 1, disableOOMKiller: true}, cpu: {shares: 3}, unified: {memory.high: "3"}}
    sysctl: {net.ipv4.ip_forward: "1"}
    uidMappings: [{hostID: 1, size: 2}]
    annotations: {"no": "yes"}
    runtime: {mkdir: [/x], bindNS: {net: /run/netns/a}, interfaces: [{name: eth0, add: veth, peer: v}], namespace: other}
files:
  - {path: etc/a, contents: "@reboot\nline two\n", mode: "0644", uid: web}
  - {path: etc/b, contents: ""}
  - {path: etc/c, source: c, optional: true}
  - {path: etc/d, directory: true}
  - {path: etc/e, symlink: d}
  - {path: etc/f, metadata: yaml}
trust: {org: [linuxkit], image: [alpine]}
outputs: [{format: tar}]
`

// The output of Dump loads as the same manifest.
func TestDumpRoundTrips(t *testing.T) {
	t.Parallel()
	m, err := load(t, everything)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{MetadataYAML, MetadataJSON} {
		first := dump(t, m, form)
		again, err := load(t, first)
		if err != nil {
			t.Fatalf("%s:\n%s\n%v", form, first, err)
		}
		if second := dump(t, again, form); second != first {
			t.Errorf("%s:\n%s\n--- again ---\n%s", form, first, second)
		}
	}
	if text := dump(t, m, MetadataJSON); !json.Valid([]byte(text)) {
		t.Error("invalid JSON")
	}
}

func dump(t *testing.T, m *Manifest, form string) string {
	t.Helper()
	text, err := m.Dump(form)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDumpContainsOnlyGivenKeys(t *testing.T) {
	t.Parallel()
	m, err := load(t, everything)
	if err != nil {
		t.Fatal(err)
	}
	text := dump(t, m, MetadataYAML)
	for _, want := range []string{
		"image: docker.io/linuxkit/kernel:6.1", "capabilities: []", "readonly: false",
		`contents: ""`, `mode: "0644"`, "docker.io/library/alpine", "disableOOMKiller: true",
		"  - image: docker.io/linuxkit/init:1",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, unwanted := range []string{"null", "onshutdown", "cwd", "kernelTCP", "At:"} {
		if strings.Contains(text, unwanted) {
			t.Errorf("%q in\n%s", unwanted, text)
		}
	}
}

func FuzzDump(f *testing.F) {
	f.Add([]byte(everything))
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := Load(t.Context(), []string{"-"}, Options{Stdin: bytes.NewReader(in)})
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("unexpected kind of error: %v", err)
			}
			return
		}
		text, err := m.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Load(t.Context(), []string{"-"}, Options{Stdin: bytes.NewReader(text)}); err != nil {
			t.Errorf("%s\n---\n%s\n%v", in, text, err)
		}
	})
}
