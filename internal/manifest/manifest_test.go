package manifest

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// load writes each text to a file and loads the files.
func load(t *testing.T, texts ...string) (*Manifest, error) {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for i, text := range texts {
		path := filepath.Join(dir, string(rune('a'+i))+".yml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return Load(t.Context(), paths, Options{})
}

const small = `
kernel: {image: linuxkit/kernel:6.1, cmdline: console=ttyS0}
init: [linuxkit/runc:1, alpine]
onboot:
  - {name: sysctl, image: "linuxkit/sysctl:1"}
services:
  - {name: web, image: ghcr.io/acme/web@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}
files:
  - {path: /etc/motd, contents: hello, mode: "0644"}
`

func TestLoadListsImagesInOrder(t *testing.T) {
	t.Parallel()
	m, err := load(t, small)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range m.Images() {
		got = append(got, u.Role+" "+u.Name+" "+filepath.Base(u.Place.String()))
	}
	want := []string{
		"kernel kernel a.yml:2:10", "init runc a.yml:3:8", "init alpine a.yml:3:25",
		"onboot sysctl a.yml:5:20", "service web a.yml:7:17",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if m.Name != "a" || m.Kernel.BinaryName() != "kernel" || m.Kernel.TarName() != "kernel.tar" {
		t.Errorf("name %q, kernel %q, tar %q", m.Name, m.Kernel.BinaryName(), m.Kernel.TarName())
	}
}

func TestLoadMergesLikeLinuxKit(t *testing.T) {
	t.Parallel()
	m, err := load(t, small, `
kernel: {cmdline: quiet, tar: none}
services: [{name: db, image: db}]
`)
	if err != nil {
		t.Fatal(err)
	}
	if m.Kernel.Image != "linuxkit/kernel:6.1" || m.Kernel.Cmdline != "quiet" || m.Kernel.TarName() != "" {
		t.Errorf("kernel: %+v", m.Kernel)
	}
	if len(m.Services) != 2 || m.Services[1].Name != "db" || m.Name != "b" {
		t.Errorf("services %v, name %q", m.Services, m.Name)
	}
	if place := m.Kernel.Of("image"); filepath.Base(place.String()) != "a.yml:2:10" {
		t.Errorf("the image is placed at %s", place)
	}
}

// serviceWith returns a manifest with one service that has another field.
func serviceWith(field string) string {
	return "services:\n  - {name: web, image: w, " + field + "}"
}

// invalidManifests maps a fault to a manifest with it and the expected error.
var invalidManifests = map[string]struct{ in, want string }{
	"unknown capability": {
		serviceWith("capabilities: [CAP_NET_ADMN]"),
		`services[0] "web": capabilities[0]: unknown capability "CAP_NET_ADMN"; did you mean CAP_NET_ADMIN?`,
	},
	"capability without prefix":   {serviceWith("capabilities: [net_admin]"), `did you mean CAP_NET_ADMIN?`},
	"all with other capabilities": {serviceWith("capabilities: [all, CAP_KILL]"), `"all" must stand alone`},
	"bind without a colon":        {serviceWith("binds: [/var]"), `binds[0]: "/var" must be source:destination`},
	"bind to a relative path":     {serviceWith("binds: ['/a:b']"), `the destination "b" must be an absolute path`},
	"bind of an unknown volume": {
		"volumes: [{name: data}]\n" + serviceWith("binds: ['dat:/b']"),
		`unknown volume "dat"; did you mean data?`,
	},
	"mount of an unknown volume": {
		serviceWith("mounts: [{type: bind, source: dat, destination: /b}]"),
		`unknown volume "dat"; a path starts with /`,
	},
	"writable mount of a read-only volume": {
		"volumes: [{name: data, readonly: true}]\n" + serviceWith("binds: ['data:/b']"),
		`volume "data" is read-only; add the option ro`,
	},
	"ro and rw options": {
		"volumes: [{name: data, readonly: true}]\n" + serviceWith("mounts: [{type: bind, source: data, destination: /b, options: [ro, rw]}]"),
		`is read-only`,
	},
	"volume name in upper case": {"volumes: [{name: Data}]", `"Data" must be lower-case letters`},
	"volume without a name":     {"volumes: [{image: w}]", `name is missing`},
	"duplicate volume":          {"volumes: [{name: a}, {name: a}]", `duplicate volume "a", first defined at`},
	"unknown volume format": {
		"volumes: [{name: a, format: occi}]", `"occi" must be filesystem or oci; did you mean oci?`,
	},
	"platform without arch": {"volumes: [{name: a, platforms: [linux]}]", `"linux" must be os/arch`},
	"unknown package": {
		"packages: [github.com/linuxkit/linuxkit/pkg/getty]",
		`the only known package is github.com/linuxkit/linuxkit/pkg/init`,
	},
	"unknown template":           {"init: ['@foo:bar']", `unknown template "@foo:bar"; use @pkg:DIR`},
	"template without a package": {"init: ['@pkg:../nothing']", `"@pkg:../nothing": no LinuxKit package`},
	"unknown metadata":           {"files: [{path: a, metadata: yml}]", `"yml" must be yaml or json; did you mean yaml?`},
	"metadata and contents":      {"files: [{path: a, metadata: yaml, contents: x}]", `keep one`},
	"id of unknown entry":        {serviceWith("uid: wep"), `no entry is named "wep"; did you mean web?`},
	"file of unknown entry": {
		"files: [{path: a, contents: x, gid: unknown}]", `files[0]: gid: no entry is named "unknown"`,
	},
	"unknown namespace": {
		serviceWith("net: hots"),
		`"hots" must be host, root, new, none or the path of a namespace; did you mean host?`,
	},
	"none for another namespace":  {serviceWith("ipc: none"), `"none" must be host, root, new or the path`},
	"unknown propagation":         {serviceWith("rootfsPropagation: sharde"), `did you mean shared?`},
	"relative cwd":                {serviceWith("cwd: srv"), `cwd: "srv" must be an absolute path`},
	"variable without a value":    {serviceWith("env: [FOO]"), `env[0]: "FOO" must be NAME=VALUE`},
	"oom score out of range":      {serviceWith("oomScoreAdj: -2000"), `must be from -1000 to 1000`},
	"soft limit above hard limit": {serviceWith("rlimits: ['nofile,3,2']"), `the soft limit exceeds`},
	"unknown device type": {
		serviceWith("devices: [{path: /dev/x, type: char, mode: '0666'}]"),
		`"char" must be one of b, c, u, p`,
	},
	"device without a mode":       {serviceWith("devices: [{path: /dev/x, type: c}]"), `mode is missing`},
	"unknown namespace in bindNS": {serviceWith("runtime: {bindNS: {nte: /x}}"), `unknown key "nte"; did you mean "net"?`},
	"empty reference":             {"init: ['']", `image reference is empty`},
	"bind with four parts":        {serviceWith("binds: ['a:b:c:d']"), `must be source:destination`},
	"tmpfs with three parts":      {serviceWith("tmpfs: ['/a:b:c']"), `tmpfs[0]: "/a:b:c" must be`},
	"unknown limit":               {serviceWith("rlimits: ['nofiles,1,2']"), `unknown limit "nofiles"; did you mean NOFILE?`},
	"limit of two parts":          {serviceWith("rlimits: ['nofile,1']"), `must be name,soft,hard`},
	"limit is not a number":       {serviceWith("rlimits: ['nofile,x,2']"), `"x" must be a number or unlimited`},
	"mount without a type":        {serviceWith("mounts: [{destination: /x}]"), `the mount at "/x" has no type`},
	"mount without a destination": {serviceWith("mounts: [{type: ext4}]"), `the mount of type "ext4" has no destination`},
	"device mode in decimal":      {serviceWith("devices: [{path: /dev/x, type: c, mode: '0999'}]"), `"0999" must be octal`},
	"device mode unquoted":        {serviceWith("devices: [{path: /dev/x, type: c, mode: 0666}]"), `quote it: "0666"`},
	"unknown resource": {
		serviceWith("resources: {memory: {limmit: 3}}"),
		`resources: memory: unknown key "limmit"; did you mean "limit"?`,
	},
	"name with dots and a slash": {"services: [{name: ../x, image: w}]", `name: "../x" must be letters, digits`},
	"name with a slash":          {"onboot: [{name: a/b, image: w}]", `name: "a/b" must be`},
	"duplicate service": {
		"services: [{name: a, image: w}, {name: a, image: w}]", `duplicate service "a", first defined at`,
	},
	"invalid image reference": {
		"services: [{name: a, image: 'UPPER/case'}]",
		`services[0] "a": image: not an image reference`,
	},
	"invalid init reference":        {"init: ['a b']", `init[0]: not an image reference`},
	"cmdline of two lines":          {"kernel: {image: k, cmdline: \"a\\nb\"}", `kernel: cmdline: must be one line`},
	"file without content":          {"files: [{path: a}]", `files[0]: no content`},
	"file with contents and source": {"files: [{path: a, contents: x, source: y}]", `keep one`},
	"directory with contents":       {"files: [{path: a, directory: true, contents: x}]", `directory and also contents`},
	"file mode unquoted":            {"files: [{path: a, contents: x, mode: 0644}]", `quote it`},
	"file at the root":              {"files: [{path: ../.., contents: x}]", `is not a path in the image`},
	"misspelled section":            {"service: []", `unknown key "service"; did you mean "services"?`},
	"key with a plus":               {serviceWith("binds+: [a:b]"), `unknown key "binds+"; did you mean "binds"?`},
}

func TestLoadReportsErrors(t *testing.T) {
	t.Parallel()
	for name, tt := range invalidManifests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, tt.in)
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestLoadReportsErrorsOfAllFiles(t *testing.T) {
	t.Parallel()
	_, err := load(t, "servces: []\nint: []", "kernel: 3")
	if lines := strings.Count(err.Error(), "\n") + 1; lines != 3 {
		t.Errorf("%d errors reported:\n%v", lines, err)
	}
}

func TestLoadRejectsMissingFileAndFolder(t *testing.T) {
	t.Parallel()
	for _, path := range []string{filepath.Join(t.TempDir(), "none.yml"), t.TempDir()} {
		if _, err := Load(t.Context(), []string{path}, Options{}); !errors.Is(err, ErrUnreadable) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestNameOfStandardInput(t *testing.T) {
	t.Parallel()
	m, err := Load(t.Context(), []string{"-"}, Options{Stdin: strings.NewReader(small)})
	if err != nil || m.Name != "moby" {
		t.Errorf("%v, %v", m, err)
	}
}

func TestParseReferenceShortForms(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"alpine":             "index.docker.io/library/alpine:latest",
		"alpine:3":           "index.docker.io/library/alpine:3",
		"linuxkit/init:v1":   "index.docker.io/linuxkit/init:v1",
		"localhost/x":        "localhost/x:latest",
		"localhost:5000/x":   "localhost:5000/x:latest",
		"ghcr.io/acme/web:1": "ghcr.io/acme/web:1",
	} {
		got, err := ParseReference(in)
		if err != nil || got.Name() != want {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte("services: [{name: a, image: b, uid: root, resources: {pids: {limit: 3}}}]"))
	f.Fuzz(func(t *testing.T, in []byte) {
		_, err := Load(t.Context(), []string{"-"}, Options{Stdin: strings.NewReader(string(in))})
		if err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("unexpected kind of error: %v", err)
		}
	})
}
