package cli

import (
	"cmp"
	"path/filepath"
	"strings"

	"github.com/org/linuxkit-action/fixtures/vault"
	"github.com/rogpeppe/go-internal/testscript"
)

// startVault starts a Vault for the rest of a script, with keys: vault release old=rsa-2048.
func startVault(ts *testscript.TestScript, neg bool, names []string) {
	if neg || len(names) == 0 {
		ts.Fatalf("usage: vault KEY[=KIND]...")
	}
	bin, err := filepath.Abs("../../bin") // as make test fills it
	ts.Check(err)
	v, err := vault.Start(bin)
	ts.Check(err)
	ts.Defer(func() { ts.Check(v.Close()) })
	for _, name := range names {
		name, kind, _ := strings.Cut(name, "=")
		ts.Check(v.NewKey(name, cmp.Or(kind, "ecdsa-p256")))
	}
	for name, value := range v.Environ() {
		ts.Setenv(name, value)
	}
}
