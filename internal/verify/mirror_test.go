package verify

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sigstore/sigstore-go/pkg/tuf"
)

// TestMirrorAsCosignHasIt: who has told cosign about another Sigstore need not tell us.
// Not parallel: the environment is one.
func TestMirrorAsCosignHasIt(t *testing.T) {
	m := newTUFMirror(t, trustedRoot(t))
	home := t.TempDir()
	rootJSON := filepath.Join(home, "root.json")
	must(t, os.WriteFile(rootJSON, m.files["/1.root.json"], 0o600))
	initialized := t.TempDir()
	cosign(t, initialized, "initialize", "--mirror", m.server.URL, "--root", rootJSON)
	broken := t.TempDir()
	must(t, os.WriteFile(filepath.Join(broken, "remote.json"), []byte("{"), 0o600))
	for name, tt := range map[string]struct {
		environment map[string]string
		want        string // of the error
	}{
		"by cosign initialize":       {map[string]string{"HOME": initialized}, ""},
		"by the environment":         {map[string]string{"HOME": home, "TUF_MIRROR": m.server.URL, "TUF_ROOT_JSON": rootJSON}, ""},
		"with a cache elsewhere":     {map[string]string{"HOME": home, "TUF_ROOT": filepath.Join(initialized, ".sigstore", "root")}, ""},
		"whose root is not known":    {map[string]string{"HOME": home, "TUF_ROOT": t.TempDir(), "TUF_MIRROR": m.server.URL}, "$TUF_ROOT_JSON"},
		"whose root is Sigstore's":   {map[string]string{"HOME": home, "TUF_MIRROR": m.server.URL, "TUF_ROOT_JSON": writeDefaultRoot(t)}, "cannot trust the trusted root: " + m.server.URL},
		"in a note that is not JSON": {map[string]string{"HOME": home, "TUF_ROOT": broken}, "remote.json"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range []string{"HOME", "TUF_ROOT", "TUF_MIRROR", "TUF_ROOT_JSON"} {
				t.Setenv(variable, tt.environment[variable])
			}
			before := m.asked.Load()
			var a authorities
			material, err := a.get(t.Context(), mirror, false)
			switch {
			case tt.want != "" && (!errors.Is(err, ErrAuthorities) || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got  %v\nwant %s", err, tt.want)
			case tt.want == "" && (err != nil || len(material.FulcioCertificateAuthorities()) == 0):
				t.Errorf("got %v", err)
			case tt.want == "" && tt.environment["TUF_MIRROR"] != "" && m.asked.Load() == before:
				t.Error("the mirror was not asked")
			}
		})
	}
}

// writeDefaultRoot is the root of trust of Sigstore's own mirror.
func writeDefaultRoot(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "root.json")
	must(t, os.WriteFile(file, tuf.DefaultRoot(), 0o600))
	return file
}

// TestMirrorIsSigstoresOwnWhereNobodySaysOtherwise, and believed by the root within.
func TestMirrorIsSigstoresOwnWhereNobodySaysOtherwise(t *testing.T) {
	home := t.TempDir()
	for variable, value := range map[string]string{"HOME": home, "TUF_ROOT": "", "TUF_MIRROR": "", "TUF_ROOT_JSON": "/nonexistent"} {
		t.Setenv(variable, value)
	}
	options, err := mirror()
	if err != nil || options.RepositoryBaseURL != tuf.DefaultMirror || string(options.Root) != string(tuf.DefaultRoot()) || options.CachePath != filepath.Join(home, ".sigstore", "root") {
		t.Errorf("got %+v, %v", options, err)
	}
}
