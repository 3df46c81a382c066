package modules

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/uevent"
)

// folder writes files below a new directory.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	put(t, dir, files)
	return dir
}

// put writes files below a directory.
func put(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var kernel = map[string]string{
	"modules.dep": `kernel/drivers/virtio/virtio.ko.xz:
kernel/drivers/virtio/virtio_ring.ko.xz: kernel/drivers/virtio/virtio.ko.xz
kernel/drivers/virtio/virtio-pci.ko.xz: kernel/drivers/virtio/virtio_ring.ko.xz kernel/drivers/virtio/virtio.ko.xz
kernel/fs/overlay.ko:
kernel/lib/crc.ko:
kernel/fs/ext4.ko:
kernel/net/late.ko:
`,
	"modules.alias": `# Aliases extracted from modules themselves.
alias pci:v00001AF4d*sv*sd*bc*sc*i* virtio_pci
alias fs-overlay overlay
alias twice virtio_ring
alias twice overlay
`,
	"modules.softdep": "# Soft dependencies\nsoftdep ext4 pre: crc post: late absent\n",
	"modules.builtin": "kernel/drivers/acpi/button.ko\n",
}

// recorder stands where the kernel would be.
type recorder struct {
	files []string
	fail  map[string]error
}

func (r *recorder) insert(p string) error {
	r.files = append(r.files, Name(p))
	return r.fail[Name(p)]
}

func loader(t *testing.T) (*Loader, *recorder) {
	t.Helper()
	return loaderOf(t, kernel)
}

// loaderOf returns a loader of the modules in index files. They may lack what they need not have.
func loaderOf(t *testing.T, files map[string]string) (*Loader, *recorder) {
	t.Helper()
	x, err := Open(folder(t, files))
	if x == nil {
		t.Fatal(err)
	}
	l, r := NewLoader(x), &recorder{fail: map[string]error{}}
	l.insert = r.insert
	return l, r
}

func TestLoadOrder(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		names []string
		want  []string
	}{
		"what it needs comes first":       {[]string{"pci:v00001AF4d00001000sv1sd2bc02sc00i00"}, []string{"virtio", "virtio_ring", "virtio_pci"}},
		"- and _ are the same":            {[]string{"virtio-pci"}, []string{"virtio", "virtio_ring", "virtio_pci"}},
		"by an alias":                     {[]string{"fs-overlay"}, []string{"overlay"}},
		"an alias of two":                 {[]string{"twice"}, []string{"virtio", "virtio_ring", "overlay"}},
		"each once":                       {[]string{"virtio_ring", "virtio-pci", "virtio_pci"}, []string{"virtio", "virtio_ring", "virtio_pci"}},
		"soft dependencies before, after": {[]string{"ext4"}, []string{"crc", "ext4", "late"}},
		"built in":                        {[]string{"button"}, nil},
	} {
		for kind, files := range kinds(kernel) {
			l, r := loaderOf(t, files)
			for _, n := range tt.names {
				if err := l.Load(n); err != nil {
					t.Errorf("%s, by %s: %v", name, kind, err)
				}
			}
			if !reflect.DeepEqual(r.files, tt.want) || l.Count() != len(tt.want) {
				t.Errorf("%s, by %s: loaded %q, count %d, want %q", name, kind, r.files, l.Count(), tt.want)
			}
		}
	}
}

func TestLoadErrors(t *testing.T) {
	t.Parallel()
	for kind, files := range kinds(kernel) {
		l, r := loaderOf(t, files)
		for _, name := range []string{"nonsense", "dmi:svn/overlay.x", "fs/overlay.ko"} { // no module, though one's name is in it
			if err := l.Load(name); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: unknown: %v", kind, err)
			}
		}
		r.fail["virtio"] = unix.EEXIST
		r.fail["virtio_ring"] = unix.ENOEXEC
		if err := l.Load("virtio_pci"); !errors.Is(err, unix.ENOEXEC) {
			t.Errorf("%s: what it needs does not load: %v", kind, err)
		}
		if want := []string{"virtio", "virtio_ring"}; !reflect.DeepEqual(r.files, want) {
			t.Errorf("%s: tried %q, want %q: one that is there already is fine, behind a failure nothing is tried", kind, r.files, want)
		}
	}
}

func TestColdplugAsksOnceAndFollowsNewDevices(t *testing.T) {
	t.Parallel()
	sys := folder(t, map[string]string{
		"devices/system/cpu/modalias":           "crc\n",
		"bus/pci/devices/0000:00:03.0/modalias": "pci:v00001AF4d00001000sv1sd2bc02sc00i00\n",
		"bus/pci/devices/0000:00:04.0/modalias": "pci:v00001AF4d00001000sv1sd2bc02sc00i00\n",
		"bus/platform/devices/x/modalias":       "platform:nobody\n",
		"bus/platform/devices/empty/modalias":   "\n",
		"bus/platform/drivers/x/bind":           "no device\n",
		"class/net/lo/address":                  "no alias\n",
	})
	l, r := loader(t)
	l.insert = func(p string) error {
		if Name(p) == "virtio_pci" { // its probe makes a device appear where the look has been
			if err := os.WriteFile(filepath.Join(sys, "devices/system/cpu/modalias"), []byte("fs-overlay\n"), 0o644); err != nil {
				t.Error(err)
			}
		}
		return r.insert(p)
	}
	unwanted := func(err error) { t.Error(err) }
	for look, news := range []bool{true, true, false} {
		if l.Coldplug(sys, unwanted) != news {
			t.Errorf("look %d: news is %v", look, !news)
		}
	}
	if want := []string{"crc", "virtio", "virtio_ring", "virtio_pci", "overlay"}; !reflect.DeepEqual(r.files, want) {
		t.Errorf("loaded %q, want %q", r.files, want)
	}
}

func TestColdplugLooksAtTheClassesThatHaveDevicesToLoadFor(t *testing.T) {
	t.Parallel()
	sys := folder(t, map[string]string{
		"class/dmi/id/modalias":       "crc\n",
		"class/input/input0/modalias": "fs-overlay\n",
		"class/tty/tty0/modalias":     "ext4\n",
	})
	l, r := loader(t)
	l.Coldplug(sys, func(err error) { t.Error(err) })
	if want := []string{"crc", "overlay"}; !reflect.DeepEqual(r.files, want) {
		t.Errorf("loaded %q, want %q", r.files, want)
	}
}

// swarm is what events tell: its batches one after another, then an error.
type swarm struct{ batches []uevent.Batch }

var errOver = errors.New("no more events")

func (s *swarm) Next(time.Duration) (uevent.Batch, error) {
	if len(s.batches) == 0 {
		return uevent.Batch{}, errOver
	}
	b := s.batches[0]
	s.batches = s.batches[1:]
	return b, nil
}

func aliases(names ...string) uevent.Batch { return uevent.Batch{Aliases: names} }

func TestHotplug(t *testing.T) {
	t.Parallel()
	present := folder(t, map[string]string{"bus/pci/devices/0/modalias": "fs-overlay\n"})
	for name, tt := range map[string]struct {
		batches []uevent.Batch
		want    []string
		opened  int
	}{
		"nothing appears":                     {[]uevent.Batch{{}, {}}, nil, 0},
		"a device, and what it needs":         {[]uevent.Batch{aliases("virtio_ring")}, []string{"virtio", "virtio_ring"}, 1},
		"one that comes and goes":             {[]uevent.Batch{aliases("overlay"), aliases("overlay")}, []string{"overlay"}, 1},
		"the index is given back and is read": {[]uevent.Batch{aliases("overlay"), {}, aliases("crc")}, []string{"overlay", "crc"}, 2},
		"events were lost":                    {[]uevent.Batch{{Lost: true}}, []string{"overlay"}, 1},
		"lost, and some known":                {[]uevent.Batch{{Lost: true, Aliases: []string{"crc"}}}, []string{"overlay", "crc"}, 1},
		"no module for it":                    {[]uevent.Batch{aliases("usb:unknown")}, nil, 1},
		"no index is kept for ever":           {slices.Repeat([]uevent.Batch{aliases("usb:unknown")}, maxBatches+1), nil, 2},
	} {
		r, opened := &recorder{}, 0
		open := func() (*Loader, error) {
			opened++
			l, _ := loader(t)
			l.insert = r.insert
			return l, nil
		}
		err := Hotplug(&swarm{tt.batches}, open, present, func(err error) { t.Errorf("%s: %v", name, err) })
		if err != errOver || !reflect.DeepEqual(r.files, tt.want) || opened != tt.opened {
			t.Errorf("%s: loaded %q with %d indexes, want %q with %d, %v", name, r.files, opened, tt.want, tt.opened, err)
		}
	}
}

func TestHotplugSurvivesWhatFails(t *testing.T) {
	t.Parallel()
	var told []error
	l, r := loader(t)
	r.fail["crc"] = unix.ENOEXEC
	opens := []func() (*Loader, error){
		func() (*Loader, error) { return nil, os.ErrNotExist },
		func() (*Loader, error) { return l, nil },
	}
	open := func() (*Loader, error) {
		next := opens[0]
		opens = opens[1:]
		return next()
	}
	err := Hotplug(&swarm{[]uevent.Batch{aliases("overlay"), aliases("crc"), aliases("overlay")}}, open, "", func(err error) { told = append(told, err) })
	if err != errOver || len(told) != 2 || !errors.Is(told[0], os.ErrNotExist) || !errors.Is(told[1], unix.ENOEXEC) {
		t.Errorf("told %v, ended with %v", told, err)
	}
	if want := []string{"crc", "overlay"}; !reflect.DeepEqual(r.files, want) {
		t.Errorf("tried %q, want %q", r.files, want)
	}
}

func TestAnIndexThatLacksAPartStillLoads(t *testing.T) {
	t.Parallel()
	for kind, files := range kinds(map[string]string{"modules.dep": kernel["modules.dep"]}) {
		x, err := Open(folder(t, files))
		if x == nil || !errors.Is(err, os.ErrNotExist) || len(x.resolve("overlay")) == 0 {
			t.Errorf("%s: index %v, error %v", kind, x, err)
		}
	}
	if x, err := Open(t.TempDir()); x != nil || err == nil {
		t.Errorf("without modules.dep: %v, %v", x, err)
	}
}

func TestModprobeQuiet(t *testing.T) {
	t.Parallel()
	l, r := loader(t)
	if err := load(l, []string{"nonsense", "fs-overlay"}, true); err != nil || len(r.files) != 1 {
		t.Errorf("quiet: %v, loaded %q", err, r.files)
	}
	l, _ = loader(t)
	if err := load(l, []string{"nonsense"}, false); !errors.Is(err, ErrUnknown) {
		t.Errorf("loud: %v", err)
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"pci:v00001AF4d*", "pci:v00001AF4d00001000", true}, {"pci:v00001AF4d*", "pci:v00001AF5d1", false},
		{"a*b*c", "axxbyyc", true}, {"a*b*c", "axxbyy", false}, {"*", "", true}, {"?", "", false}, {"a?c", "abc", true},
		{"input:b*v*e*-e*1,*k*", "input:b0019v0000p0001e0000-e0,1,k74,ram", true},
		{"x[0-9a]y", "x5y", true}, {"x[0-9a]y", "xay", true}, {"x[0-9a]y", "xby", false}, {"x[!0-9]y", "xby", true},
		{"x[y", "x[y", true}, {"", "", true}, {"", "a", false}, {"abc", "abc", true}, {"ab", "abc", false}, {"a*", "a", true},
	} {
		if got := newAlias(tt.pattern, "").matches(tt.name); got != tt.want {
			t.Errorf("%q matches %q: %v", tt.pattern, tt.name, got)
		}
	}
}

// The standard library's matcher agrees where its syntax is the same.
func FuzzMatch(f *testing.F) {
	f.Add("a*b?c", "axxbyc")
	f.Add("pci:v*d[0-9]*", "pci:v1d2")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if strings.ContainsAny(pattern, `[]\/`) || strings.Contains(name, "/") || !ascii(pattern) || !ascii(name) {
			return
		}
		want, err := path.Match(pattern, name)
		if got := newAlias(pattern, "").matches(name); err == nil && got != want {
			t.Errorf("%q matches %q: %v", pattern, name, got)
		}
	})
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 127 })
}

func FuzzIndex(f *testing.F) {
	for _, text := range kernel {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l := NewLoader(&Index{"", parseDeps(text), parseAliases(text), parseBuiltin(text), parseSoft(text)})
		l.insert = func(string) error { return nil }
		for line := range strings.Lines(text) {
			path, _, _ := strings.Cut(line, ":")
			_ = l.Load(Name(path)) // a circle must not run for ever
		}
	})
}
