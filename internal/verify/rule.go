package verify

import (
	"slices"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// maxKeys bounds the keys of one rule.
const maxKeys = 32

// logRequired is what a rule says of the transparency log, or nothing.
const logRequired = "required"

// Rule is for the images that match. The first rule that matches counts. It names who
// must have signed: a key, a number of keys, or somebody whom an issuer knows.
type Rule struct {
	strict.At
	Match        string        `yaml:"match,required"` // * is anything but a slash, ** anything
	Key          string        `yaml:"key"`            // as cosign names keys: a file, relative to the policy, env://VARIABLE, or the newest version in a KMS
	Keys         []string      `yaml:"keys"`
	Threshold    int           `yaml:"threshold"` // how many of Keys must have signed; all, where it is not given
	Keyless      *Keyless      `yaml:"keyless"`
	Log          string        `yaml:"log"`          // "required": only what a transparency log has counts
	Attestations []Attestation `yaml:"attestations"` // that must be there, from the same signers

	pattern pattern
	signers []signer
}

func (r *Rule) prepare(dir string) []strict.Problem {
	var problems []strict.Problem
	var err error
	if r.pattern, err = glob(r.Match); err != nil {
		problems = append(problems, r.Problem("match", "%v", err))
	}
	if r.Log != "" && r.Log != logRequired {
		problems = append(problems, r.Problem("log", "%q must be %s, or left out", r.Log, logRequired))
	}
	for i := range r.Attestations {
		problems = append(problems, r.Attestations[i].prepare(dir)...)
	}
	return append(problems, r.prepareSigners(dir)...)
}

func (r *Rule) prepareSigners(dir string) []strict.Problem {
	given := 0
	for _, key := range []string{"key", "keys", "keyless"} {
		if r.Has(key) {
			given++
		}
	}
	switch {
	case given != 1:
		return []strict.Problem{r.Problem("", "must say who signs: give one of key, keys, keyless")}
	case r.Has("threshold") && !r.Has("keys"):
		return []strict.Problem{r.Problem("threshold", "is for keys; there is only one signer here")}
	case r.Keyless != nil:
		r.signers, r.Threshold = []signer{r.Keyless}, 1
		return r.Keyless.prepare()
	case r.Has("key"):
		r.Keys = []string{r.Key}
	}
	return r.prepareKeys(dir)
}

func (r *Rule) prepareKeys(dir string) []strict.Problem {
	field := "keys"
	if r.Has("key") {
		field = "key"
	}
	if !r.Has("threshold") {
		r.Threshold = len(r.Keys)
	}
	if len(r.Keys) == 0 || len(r.Keys) > maxKeys {
		return []strict.Problem{r.Problem(field, "must be 1 to %d keys", maxKeys)}
	}
	if r.Threshold < 1 || r.Threshold > len(r.Keys) {
		return []strict.Problem{r.Problem("threshold", "%d must be 1 to %d, the number of keys", r.Threshold, len(r.Keys))}
	}
	var problems []strict.Problem
	var seen []string
	for _, reference := range r.Keys {
		key, err := openKey(dir, reference)
		if err != nil {
			problems = append(problems, r.Problem(field, "%v", err))
		}
		if err == nil && key.identity != "" && slices.Contains(seen, key.identity) {
			problems = append(problems, r.Problem(field, "%s is there twice; one holder would count as two", reference))
		}
		r.signers, seen = append(r.signers, key), append(seen, key.identity)
	}
	return problems
}
