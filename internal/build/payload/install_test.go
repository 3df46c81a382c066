package payload_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

const (
	modulePath = "github.com/org/linuxkit-action"
	version    = "v1.2.3"
	image      = "ghcr.io/org/linuxkit-action@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// TestGoInstallOfARelease makes the commit of a release in a clone of HEAD, serves it as a
// module, installs the program from there, and builds an image: it contains PID 1.
func TestGoInstallOfARelease(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the program from a clone")
	}
	clone, proxy, bin := filepath.Join(t.TempDir(), "clone"), t.TempDir(), t.TempDir()
	env := gitEnviron(t)
	run(t, env, ".", "git", "clone", "--quiet", "../../..", clone)
	run(t, env, clone, ".ci/release-commit", version, image)
	if action := read(t, filepath.Join(clone, "action.yml")); !bytes.Contains(action, []byte("default: "+image+"\n")) {
		t.Error("action.yml does not name the container by digest")
	}
	serveModule(t, clone, proxy)

	env = append(env, "GOBIN="+bin, "GOMODCACHE="+filepath.Join(t.TempDir(), "mod"), "GOFLAGS=-trimpath -modcacherw",
		"GOPROXY=file://"+proxy+",file://"+goEnv(t, "GOMODCACHE")+"/cache/download,"+goEnv(t, "GOPROXY"), "GONOSUMDB=*", "GOSUMDB=off")
	run(t, env, t.TempDir(), "go", "install", modulePath+"/cmd/linuxkit-action@latest")

	program := filepath.Join(bin, "linuxkit-action")
	if got := run(t, env, ".", program, "--version"); got != "linuxkit-action "+version+"\n" {
		t.Errorf("--version prints %q", got)
	}
	for _, arch := range []string{"amd64", "arm64"} {
		want := decompress(t, filepath.Join(clone, "internal/build/payload/bin/init-"+arch+".zst"))
		if got := builtInit(t, env, program, arch); !bytes.Equal(got, want) {
			t.Errorf("%s: /init of the image has %d bytes, PID 1 of the release %d", arch, len(got), len(want))
		}
	}
}

// gitEnviron gives git an identity, and lets it read a repository of another user, as in
// the containers of CI.
func gitEnviron(t *testing.T) []string {
	t.Helper()
	config := filepath.Join(t.TempDir(), "gitconfig")
	const text = "[user]\n\tname = test\n\temail = test@example.com\n[safe]\n\tdirectory = *\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return append(os.Environ(), "GIT_CONFIG_GLOBAL="+config)
}

// serveModule writes the release to dir as the module proxy protocol describes.
func serveModule(t *testing.T, repository, dir string) {
	t.Helper()
	var archive bytes.Buffer
	if err := zip.CreateFromVCS(&archive, module.Version{Path: modulePath, Version: version}, repository, version, ""); err != nil {
		t.Fatal(err)
	}
	versions := filepath.Join(dir, modulePath, "@v")
	if err := os.MkdirAll(versions, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"list":            []byte(version + "\n"),
		version + ".info": fmt.Appendf(nil, `{"Version":%q}`, version),
		version + ".mod":  read(t, filepath.Join(repository, "go.mod")),
		version + ".zip":  archive.Bytes(),
	} {
		if err := os.WriteFile(filepath.Join(versions, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// builtInit builds an image without components and returns its /init.
func builtInit(t *testing.T, env []string, program, arch string) []byte {
	t.Helper()
	dir := t.TempDir()
	manifest := "files: [{path: etc/motd, contents: hello}]\n"
	if err := os.WriteFile(filepath.Join(dir, "linuxkit.yml"), []byte(manifest), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, append(env, "XDG_CACHE_HOME="+dir), dir, program, "build", "linuxkit.yml", "--arch", arch, "--o", "root.tar")
	for r := tar.NewReader(bytes.NewReader(read(t, filepath.Join(dir, "root.tar")))); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			t.Fatal("the image has no /init")
		} else if err != nil {
			t.Fatal(err)
		}
		if h.Name == "init" {
			content, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			return content
		}
	}
}

func run(t *testing.T, env []string, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	var stderr strings.Builder
	cmd.Dir, cmd.Env, cmd.Stderr = dir, env, &stderr
	if strings.Contains(name, "/") && !filepath.IsAbs(name) {
		cmd.Path = filepath.Join(dir, name)
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	return strings.TrimSpace(run(t, os.Environ(), ".", "go", "env", name))
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func decompress(t *testing.T, name string) []byte {
	t.Helper()
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	content, err := decoder.DecodeAll(read(t, name), nil)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
