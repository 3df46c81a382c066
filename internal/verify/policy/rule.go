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

// Values of a rule's log and sct.
const (
	logRequired = "required"
	none        = "none"
)

// What a rule requires of the name that a signature carries, as signedIdentity of
// containers/image does. Without a value, IdentityRepository applies to signatures that
// carry a name.
const (
	IdentityExact      = "exact"      // the reference of the manifest
	IdentityRepository = "repository" // its repository
	IdentityAny        = "any"
)

// keyHostsVariable names the hosts of key services that a policy may name, with commas.
const keyHostsVariable = "LINUXKIT_KEY_SERVICE_HOSTS"

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
	Log          string        `yaml:"log"`          // "required": only signatures in a transparency log count; "none": others count too
	SCT          string        `yaml:"sct"`          // "none": certificates need no SCT where the trusted root has no CT log
	Identity     string        `yaml:"identity"`     // IdentityExact, IdentityRepository or IdentityAny
	Attestations []Attestation `yaml:"attestations"` // that the same signers must have made

	pattern pattern
	signers []signer.Signer
}

// Signers returns the signers, of whom Threshold must have signed.
func (r *Rule) Signers() []signer.Signer { return r.signers }

// RequiresLog reports whether only signatures in a transparency log count. Those with a
// certificate need an entry unless the rule says otherwise: only a log lets the owner of an
// identity notice its misuse.
func (r *Rule) RequiresLog() bool { return r.Log == logRequired || r.Keyless != nil && r.Log != none }

// AllowsNoSCT reports whether certificates need no SCT where the trusted root has no CT log.
func (r *Rule) AllowsNoSCT() bool { return r.SCT == none }

func (r *Rule) prepare(dir folder) []strict.Problem {
	var problems []strict.Problem
	var err error
	if r.pattern, err = newPattern(r.Match); err != nil {
		problems = append(problems, r.Problem("match", "%v", err))
	}
	problems = append(problems, r.checkChoices()...)
	for i := range r.Attestations {
		problems = append(problems, r.Attestations[i].prepare(dir)...)
	}
	return append(problems, r.prepareSigners(dir)...)
}

// checkChoices checks the fields with a fixed set of values.
func (r *Rule) checkChoices() []strict.Problem {
	var problems []strict.Problem
	if r.Log != "" && r.Log != logRequired && r.Log != none {
		problems = append(problems, r.Problem("log", "%q must be %s or %s, or omitted", r.Log, logRequired, none))
	}
	switch {
	case r.SCT != "" && r.SCT != none:
		problems = append(problems, r.Problem("sct", "%q must be %s, or omitted", r.SCT, none))
	case r.SCT != "" && !r.Has("keyless"):
		problems = append(problems, r.Problem("sct", "needs keyless; a key has no certificate"))
	}
	if choices := []string{IdentityExact, IdentityRepository, IdentityAny}; r.Identity != "" && !slices.Contains(choices, r.Identity) {
		problems = append(problems, r.Problem("identity", "%q must be one of %s, or omitted", r.Identity, strings.Join(choices, ", ")))
	}
	return problems
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
		if err := checkKeyService(reference); err != nil {
			return nil, err
		}
		return signer.NewServiceKey(reference), nil
	}
	pem, err := dir.read(reference, maxKeyBytes)
	if err != nil {
		return nil, err
	}
	return signer.NewKey(reference, pem)
}

// checkKeyService rejects a reference that decides to whom a request goes, or what code
// runs. The request has the runner's token, and the policy may be a stranger's: both come
// from the environment.
func checkKeyService(reference string) error {
	scheme, rest, _ := strings.Cut(reference, "://")
	if strings.HasPrefix(reference, "pkcs11:") && strings.Contains(reference, "module-") {
		return fmt.Errorf("%s: a policy does not name modules; set $COSIGN_PKCS11_MODULE_PATH", reference)
	}
	if scheme != "awskms" && scheme != "azurekms" {
		return nil // the others have no host: what follows is the name of the key
	}
	host, _, _ := strings.Cut(rest, "/")
	if host == "" || slices.Contains(strings.Split(os.Getenv(keyHostsVariable), ","), host) {
		return nil
	}
	return fmt.Errorf("%s: a policy does not name endpoints, which get the credentials of this machine; "+
		"allow it in the environment, %s=%s, or keep the public key beside the policy", reference, keyHostsVariable, host)
}
