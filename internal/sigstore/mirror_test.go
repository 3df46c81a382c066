package sigstore

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/linuxkit-action/fixtures/tools"
	"github.com/sigstore/sigstore-go/pkg/tuf"
)

// initialize runs cosign initialize with dir as the home folder.
func initialize(t *testing.T, dir string, args ...string) {
	t.Helper()
	program, err := tools.Path("cosign")
	must(t, err)
	run := exec.CommandContext(t.Context(), program, append([]string{"initialize"}, args...)...)
	run.Env = []string{"HOME=" + dir}
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("cosign initialize: %v\n%s", err, out)
	}
}

// TestUsesMirrorOfCosign: cosign's environment and cache choose the mirror. It is not
// parallel, for it sets the environment.
func TestUsesMirrorOfCosign(t *testing.T) {
	m := newTUFMirror(t, trustedRoot(t))
	home, initialized, broken := t.TempDir(), t.TempDir(), t.TempDir()
	url, cache := m.server.URL, filepath.Join(initialized, ".sigstore", "root")
	rootJSON, otherRoot := filepath.Join(home, "root.json"), filepath.Join(home, "other.json")
	must(t, os.WriteFile(rootJSON, m.files["/1.root.json"], 0o600))
	must(t, os.WriteFile(otherRoot, tuf.DefaultRoot(), 0o600))
	must(t, os.WriteFile(filepath.Join(broken, "remote.json"), []byte("{"), 0o600))
	initialize(t, initialized, "--mirror", url, "--root", rootJSON)
	type environment = map[string]string
	for name, tt := range map[string]struct {
		env  environment
		want string // of the error
	}{
		"cosign initialize": {env: environment{"HOME": initialized}},
		"environment":       {env: environment{"HOME": home, "TUF_MIRROR": url, "TUF_ROOT_JSON": rootJSON}},
		"TUF_ROOT":          {env: environment{"HOME": home, "TUF_ROOT": cache}},
		"no initial root": {
			env:  environment{"HOME": home, "TUF_ROOT": t.TempDir(), "TUF_MIRROR": url},
			want: "$TUF_ROOT_JSON",
		},
		"initial root of another mirror": {
			env:  environment{"HOME": home, "TUF_MIRROR": url, "TUF_ROOT_JSON": otherRoot},
			want: "trusted root rejected: " + url,
		},
		"malformed remote.json": {env: environment{"HOME": home, "TUF_ROOT": broken}, want: "remote.json"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range []string{"HOME", "TUF_ROOT", "TUF_MIRROR", "TUF_ROOT_JSON"} {
				t.Setenv(variable, tt.env[variable])
			}
			before := m.requests.Load()
			var r TrustedRoot
			material, err := r.Material(t.Context(), false)
			switch {
			case tt.want != "" && (!errors.Is(err, ErrTrustedRoot) || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got  %v\nwant %s", err, tt.want)
			case tt.want == "" && (err != nil || len(material.FulcioCertificateAuthorities()) == 0):
				t.Errorf("got %v", err)
			case tt.want == "" && tt.env["TUF_MIRROR"] != "" && m.requests.Load() == before:
				t.Error("no request to the mirror")
			}
		})
	}
}

// TestDefaultMirror: without configuration it is Sigstore's, with the embedded root.
func TestDefaultMirror(t *testing.T) {
	home := t.TempDir()
	for name, value := range map[string]string{"HOME": home, "TUF_ROOT": "", "TUF_MIRROR": "", "TUF_ROOT_JSON": "/nonexistent"} {
		t.Setenv(name, value)
	}
	options, err := tufOptions()
	must(t, err)
	if options.RepositoryBaseURL != tuf.DefaultMirror || string(options.Root) != string(tuf.DefaultRoot()) {
		t.Errorf("got %+v", options)
	}
	if options.CachePath != filepath.Join(home, ".sigstore", "root") {
		t.Errorf("cache %s", options.CachePath)
	}
}
