package manifest

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// load writes the texts to files of a folder and loads them.
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

func TestLoadTellsMistakes(t *testing.T) {
	t.Parallel()
	service := func(field string) string { return "services:\n  - {name: web, image: w, " + field + "}" }
	for name, tt := range map[string]struct{ in, want string }{
		"unknown capability": {
			service("capabilities: [CAP_NET_ADMN]"),
			`services[0] "web": capabilities[0]: there is no capability "CAP_NET_ADMN"; did you mean CAP_NET_ADMIN?`,
		},
		"capability without prefix": {service("capabilities: [net_admin]"), `did you mean CAP_NET_ADMIN?`},
		"all beside others":         {service("capabilities: [all, CAP_KILL]"), `"all" must stand alone`},
		"bind without a colon":      {service("binds: [/var]"), `binds[0]: "/var" must be source:destination`},
		"bind to a relative path":   {service("binds: ['/a:b']"), `the destination "b" must be a path from /`},
		"bind of an unknown volume": {
			"volumes: [{name: data}]\n" + service("binds: ['dat:/b']"),
			`there is no volume "dat"; did you mean data?`,
		},
		"mount of an unknown volume": {
			service("mounts: [{type: bind, source: dat, destination: /b}]"),
			`there is no volume "dat"; a path begins with /`,
		},
		"writing to a read-only one": {
			"volumes: [{name: data, readonly: true}]\n" + service("binds: ['data:/b']"),
			`volume "data" is read-only; add the option ro`,
		},
		"ro and rw at once": {
			"volumes: [{name: data, readonly: true}]\n" + service("mounts: [{type: bind, source: data, destination: /b, options: [ro, rw]}]"),
			`is read-only`,
		},
		"volume in capitals":      {"volumes: [{name: Data}]", `"Data" must be small letters`},
		"volume without a name":   {"volumes: [{image: w}]", `name is missing`},
		"two volumes of one name": {"volumes: [{name: a}, {name: a}]", `another volume is called "a", at`},
		"unknown volume format": {
			"volumes: [{name: a, format: occi}]", `"occi" must be filesystem or oci; did you mean oci?`,
		},
		"platform without arch": {"volumes: [{name: a, platforms: [linux]}]", `"linux" must be os/arch`},
		"unknown package": {
			"packages: [github.com/linuxkit/linuxkit/pkg/getty]",
			`there is github.com/linuxkit/linuxkit/pkg/init`,
		},
		"unknown template":       {"init: ['@foo:bar']", `there is no template "@foo:bar"; there is @pkg:DIR`},
		"template of no package": {"init: ['@pkg:../nothing']", `"@pkg:../nothing": no package to name`},
		"unknown metadata":       {"files: [{path: a, metadata: yml}]", `"yml" must be yaml or json; did you mean yaml?`},
		"metadata and contents":  {"files: [{path: a, metadata: yaml, contents: x}]", `keep one`},
		"id of nobody":           {service("uid: wep"), `no entry is called "wep", so it has no id; did you mean web?`},
		"file of nobody": {
			"files: [{path: a, contents: x, gid: nobody}]", `files[0]: gid: no entry is called "nobody"`,
		},
		"namespace of no kind": {
			service("net: hots"),
			`"hots" must be host, root, new, none or the path of a namespace; did you mean host?`,
		},
		"none beside net":          {service("ipc: none"), `"none" must be host, root, new or the path`},
		"propagation":              {service("rootfsPropagation: sharde"), `did you mean shared?`},
		"relative cwd":             {service("cwd: srv"), `cwd: "srv" must be a path from /`},
		"variable without a value": {service("env: [FOO]"), `env[0]: "FOO" must be NAME=VALUE`},
		"oom score off the scale":  {service("oomScoreAdj: -2000"), `must be from -1000 to 1000`},
		"soft above hard":          {service("rlimits: ['nofile,3,2']"), `the soft limit is higher`},
		"device type": {
			service("devices: [{path: /dev/x, type: char, mode: '0666'}]"),
			`"char" must be one of b, c, u, p`,
		},
		"device without a mode":       {service("devices: [{path: /dev/x, type: c}]"), `mode is missing`},
		"bindNS of no namespace":      {service("runtime: {bindNS: {nte: /x}}"), `unknown key "nte"; did you mean "net"?`},
		"empty reference":             {"init: ['']", `the reference is empty`},
		"bind with too many":          {service("binds: ['a:b:c:d']"), `must be source:destination`},
		"tmpfs with too many":         {service("tmpfs: ['/a:b:c']"), `tmpfs[0]: "/a:b:c" must be`},
		"unknown limit":               {service("rlimits: ['nofiles,1,2']"), `there is no limit "nofiles"; did you mean NOFILE?`},
		"limit of two parts":          {service("rlimits: ['nofile,1']"), `must be name,soft,hard`},
		"limit that is no number":     {service("rlimits: ['nofile,x,2']"), `"x" must be a number or unlimited`},
		"mount without a type":        {service("mounts: [{destination: /x}]"), `the mount for "/x" has no type`},
		"mount without a destination": {service("mounts: [{type: ext4}]"), `the mount of type "ext4" has no destination`},
		"device mode in decimal":      {service("devices: [{path: /dev/x, type: c, mode: '0999'}]"), `"0999" must be octal`},
		"device mode unquoted":        {service("devices: [{path: /dev/x, type: c, mode: 0666}]"), `put it in quotes: "0666"`},
		"unknown resource": {
			service("resources: {memory: {limmit: 3}}"),
			`resources: memory: unknown key "limmit"; did you mean "limit"?`,
		},
		"name that climbs":  {"services: [{name: ../x, image: w}]", `name: "../x" must be letters, digits`},
		"name with a slash": {"onboot: [{name: a/b, image: w}]", `name: "a/b" must be`},
		"two of one name": {
			"services: [{name: a, image: w}, {name: a, image: w}]", `another service is called "a", at`,
		},
		"image that is none": {
			"services: [{name: a, image: 'UPPER/case'}]",
			`services[0] "a": image: not an image reference`,
		},
		"init that is none":      {"init: ['a b']", `init[0]: not an image reference`},
		"cmdline of two lines":   {"kernel: {image: k, cmdline: \"a\\nb\"}", `kernel: cmdline: must be one line`},
		"file without content":   {"files: [{path: a}]", `files[0]: has nothing in it`},
		"file with two contents": {"files: [{path: a, contents: x, source: y}]", `keep one`},
		"folder with content":    {"files: [{path: a, directory: true, contents: x}]", `is a directory and has contents`},
		"file mode unquoted":     {"files: [{path: a, contents: x, mode: 0644}]", `put it in quotes`},
		"file at the root":       {"files: [{path: ../.., contents: x}]", `is not a path inside the image`},
		"misspelt section":       {"service: []", `unknown key "service"; did you mean "services"?`},
		"docker's plus":          {service("binds+: [a:b]"), `unknown key "binds+"; did you mean "binds"?`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, tt.in)
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestLoadTellsAllMistakesOfAllFiles(t *testing.T) {
	t.Parallel()
	_, err := load(t, "servces: []\nint: []", "kernel: 3")
	if lines := strings.Count(err.Error(), "\n") + 1; lines != 3 {
		t.Errorf("%d mistakes told:\n%v", lines, err)
	}
}

func TestLoadOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	for _, path := range []string{filepath.Join(t.TempDir(), "none.yml"), t.TempDir()} {
		if _, err := Load(t.Context(), []string{path}, Options{}); !errors.Is(err, ErrUnreadable) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestStandardInputIsCalledMoby(t *testing.T) {
	t.Parallel()
	m, err := Load(t.Context(), []string{"-"}, Options{Stdin: strings.NewReader(small)})
	if err != nil || m.Name != "moby" {
		t.Errorf("%v, %v", m, err)
	}
}

func TestParseReferenceKnowsShortForms(t *testing.T) {
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
			t.Errorf("no kind: %v", err)
		}
	})
}
