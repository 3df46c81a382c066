package policy

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
	"github.com/org/linuxkit-action/internal/verify/signer"
)

// maxKeys bounds the keys of one rule.
const maxKeys = 32

// logRequired is the one value of a rule's log.
const logRequired = "required"

// Rule is for the images that match. It names the signers: a key, a number of keys, or an
// identity. A new kind of signer is a field here and a case in prepareSigners; a new
// requirement on signatures is a field here, which verify.requirement enforces.
type Rule struct {
	strict.At
	Match        string        `yaml:"match,required"` // * is anything but a slash, ** anything
	Key          string        `yaml:"key"`            // in cosign's syntax: a file, env://VARIABLE, or a key service
	Keys         []string      `yaml:"keys"`
	Threshold    int           `yaml:"threshold"` // how many of Keys must have signed; all where it is not set
	Keyless      *Keyless      `yaml:"keyless"`
	Log          string        `yaml:"log"`          // "required": only signatures in a transparency log count
	Attestations []Attestation `yaml:"attestations"` // that the same signers must have made

	pattern pattern
	signers []signer.Signer
}

// Signers returns the signers, of whom Threshold must have signed.
func (r *Rule) Signers() []signer.Signer { return r.signers }

// RequiresLog reports whether only signatures in a transparency log count.
func (r *Rule) RequiresLog() bool { return r.Log == logRequired }

func (r *Rule) prepare(dir folder) []strict.Problem {
	var problems []strict.Problem
	var err error
	if r.pattern, err = newPattern(r.Match); err != nil {
		problems = append(problems, r.Problem("match", "%v", err))
	}
	if r.Log != "" && r.Log != logRequired {
		problems = append(problems, r.Problem("log", "%q must be %s, or omitted", r.Log, logRequired))
	}
	for i := range r.Attestations {
		problems = append(problems, r.Attestations[i].prepare(dir)...)
	}
	return append(problems, r.prepareSigners(dir)...)
}

func (r *Rule) prepareSigners(dir folder) []strict.Problem {
	given := 0
	for _, field := range []string{"key", "keys", "keyless"} {
		if r.Has(field) {
			given++
		}
	}
	switch {
	case given != 1:
		return []strict.Problem{r.Problem("", "must have exactly one of key, keys, keyless")}
	case r.Has("threshold") && !r.Has("keys"):
		return []strict.Problem{r.Problem("threshold", "needs keys; this rule has one signer")}
	case r.Has("keyless"):
		return r.prepareKeyless()
	case r.Has("key"):
		return r.prepareKeys(dir, "key", []string{r.Key})
	}
	return r.prepareKeys(dir, "keys", r.Keys)
}

func (r *Rule) prepareKeyless() []strict.Problem {
	identity, problems := r.Keyless.signer()
	r.signers, r.Threshold = []signer.Signer{identity}, 1
	return problems
}

func (r *Rule) prepareKeys(dir folder, field string, references []string) []strict.Problem {
	if !r.Has("threshold") {
		r.Threshold = len(references)
	}
	if len(references) == 0 || len(references) > maxKeys {
		return []strict.Problem{r.Problem(field, "must have 1 to %d keys", maxKeys)}
	}
	if r.Threshold < 1 || r.Threshold > len(references) {
		return []strict.Problem{r.Problem("threshold", "%d must be 1 to %d, the number of keys", r.Threshold, len(references))}
	}
	var problems []strict.Problem
	var identities []string
	for _, reference := range references {
		key, err := loadKey(dir, reference)
		if err != nil {
			problems = append(problems, r.Problem(field, "%v", err))
			continue
		}
		if id := key.Identity(); id != "" && slices.Contains(identities, id) {
			problems = append(problems, r.Problem(field, "%s is a duplicate; one signer would count twice", reference))
		}
		r.signers, identities = append(r.signers, key), append(identities, key.Identity())
	}
	return problems
}

// loadKey reads a key from a file or from the environment. A key in a key service is
// fetched when a signature is verified.
func loadKey(dir folder, reference string) (*signer.Key, error) {
	scheme, variable, isURL := strings.Cut(reference, "://")
	switch {
	case scheme == "env" && isURL:
		return signer.NewKey(reference, []byte(os.Getenv(variable)))
	case (scheme == "http" || scheme == "https") && isURL:
		return nil, fmt.Errorf("%s: keys are not fetched, for their server could replace them; keep the key beside the policy", reference)
	case isURL || strings.HasPrefix(reference, "pkcs11:"):
		return signer.NewServiceKey(reference), nil
	}
	pem, err := dir.read(reference, maxKeyBytes)
	if err != nil {
		return nil, err
	}
	return signer.NewKey(reference, pem)
}
