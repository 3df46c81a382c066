package gitpkg

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repository creates a git repository with committed packages.
func repository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"pkg/web/build.yml":   "image: web\norg: acme\n",
		"pkg/web/Dockerfile":  "FROM scratch\n",
		"pkg/db/build.yml":    "image: db\nextra-sources: ['../shared:/shared']\ntag: 'v1-{{.Hash}}'\nnetwork: true\n",
		"pkg/shared/file":     "x",
		"pkg/fixed/build.yml": "image: fixed\ntag: v7\n",
		"build.yml":           "image: whole\n",
	} {
		write(t, filepath.Join(dir, name), text)
	}
	run(t, dir, "init", "--quiet")
	run(t, dir, "add", ".")
	run(t, dir, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--message", "first")
	return dir
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, dir string, args ...string) {
	t.Helper()
	if out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// The expected hashes are the output of LinuxKit's `pkg show-tag` for this repository.
func TestTag(t *testing.T) {
	t.Parallel()
	dir := repository(t)
	for name, want := range map[string]string{
		"pkg/web":   "acme/web:3a98b9a6ec7a792db95d81a383b58b855411d318",
		"pkg/db":    "linuxkit/db:v1-c30e441cf0c46ab6bf7b2c06d05dbc16fd116a39",
		"pkg/fixed": "linuxkit/fixed:v7",
		".":         "linuxkit/whole:5090ef24c92afd1393b39949c54a599367f5355c",
	} {
		if got, err := Tag(filepath.Join(dir, name)); err != nil || got != want {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

func TestTagOfUncommittedChanges(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ file, suffix string }{
		"changed": {"pkg/web/Dockerfile", "-dirty-e393408"}, // same as in LinuxKit
		"new":     {"pkg/web/new", "-dirty-"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := repository(t)
			clean, err := Tag(filepath.Join(dir, "pkg/web"))
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, tt.file), "changed\n")
			got, err := Tag(filepath.Join(dir, "pkg/web"))
			if err != nil || !strings.HasPrefix(got, clean+tt.suffix) || len(got) != len(clean)+len("-dirty-")+7 {
				t.Errorf("%s, %v", got, err)
			}
			if other, err := Tag(filepath.Join(dir, "pkg/db")); err != nil || strings.Contains(other, "dirty") {
				t.Errorf("another package: %s, %v", other, err)
			}
		})
	}
}

func TestTagErrors(t *testing.T) {
	t.Parallel()
	dir := repository(t)
	write(t, filepath.Join(dir, "pkg/nameless/build.yml"), "org: acme\n")
	write(t, filepath.Join(dir, "pkg/shared/build.yml"), "image: x\ntag: '{{.Foo}}'\n")
	write(t, filepath.Join(dir, "pkg/fresh/build.yml"), "image: x\n")
	outside := t.TempDir()
	write(t, filepath.Join(outside, "build.yml"), "image: x\n")
	for name, tt := range map[string]struct{ dir, want string }{
		"no build.yml":     {filepath.Join(dir, "pkg"), "build.yml: no such file"},
		"no image":         {filepath.Join(dir, "pkg/nameless"), "image is missing"},
		"unknown variable": {filepath.Join(dir, "pkg/shared"), "tag:"},
		"not committed":    {filepath.Join(dir, "pkg/fresh"), "not in 'HEAD'"},
		"no repository":    {outside, "not a git repository"},
	} {
		if _, err := Tag(tt.dir); !errors.Is(err, ErrPackage) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
}

// Programs in the configuration of the repository are not executed.
func TestTagExecutesNoProgramsOfTheRepository(t *testing.T) {
	t.Parallel()
	dir := repository(t)
	marker := filepath.Join(dir, "marker")
	run(t, dir, "config", "core.fsmonitor", "touch "+marker)
	if _, err := Tag(filepath.Join(dir, "pkg/web")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("a program of the repository was executed")
	}
}
