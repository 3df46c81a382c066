package cli

import (
	"path/filepath"

	"github.com/org/linuxkit-action/fixtures/sigstore"
	"github.com/rogpeppe/go-internal/testscript"
)

// startSigstore starts the one that all scripts share.
func startSigstore(dir string) (*sigstore.Sigstore, error) {
	bin, err := filepath.Abs("../../bin")
	if err != nil {
		return nil, err
	}
	issuers, err := sigstore.StartIssuers()
	if err != nil {
		return nil, err
	}
	theEnd = append(theEnd, issuers.Close)
	s, err := sigstore.Start(bin, dir, issuers)
	if err != nil {
		return nil, err
	}
	theEnd = append(theEnd, s.Close)
	return s, nil
}

// setSigstore tells a script where it is, and gives it tokens to sign with.
func setSigstore(env *testscript.Env, s *sigstore.Sigstore) error {
	env.Setenv("SIGNING_CONFIG", s.SigningConfig())
	env.Setenv("TRUSTED_ROOT", s.TrustedRoot())
	env.Setenv("ISSUER", s.Issuers.Actions)
	stranger := sigstore.Release
	stranger.Repository = "eve/web"
	for name, who := range map[string]sigstore.Workflow{"TOKEN": sigstore.Release, "STRANGERS_TOKEN": stranger} {
		token, err := s.Issuers.Token(s.Issuers.Actions, who)
		if err != nil {
			return err
		}
		env.Setenv(name, token)
	}
	return nil
}
