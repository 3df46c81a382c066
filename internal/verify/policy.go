package verify

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
	"github.com/org/linuxkit-action/internal/sigstore"
)

// DefaultFile is where the policy is looked for.
const DefaultFile = "linuxkit.policy.yml"

// maxRules bounds a policy; each rule is compared with all before it.
const maxRules = 1000

// ErrPolicy is wrapped by the error for a policy that is not there, or one whose key
// cannot be loaded. One with mistakes in it is strict.ErrInvalid.
var ErrPolicy = errors.New("cannot use the policy")

// What a component must be where no rule matches it.
const (
	MustBeSigned = "signed"
	MustBePinned = "digest" // named by digest in the manifest, or locked
	MayBeAny     = "any"
)

// Policy says who must have signed what.
type Policy struct {
	strict.At
	Default     string `yaml:"default"`     // signed, digest or any
	TrustedRoot string `yaml:"trustedRoot"` // trusted_root.json, relative to the policy; "" for Sigstore's own
	Rules       []Rule `yaml:"rules"`

	Offline  bool             // never ask Sigstore for its trusted root
	Warnings []strict.Problem // what is no mistake, and yet cannot be meant

	sigstore sigstore.TrustedRoot
}

// LoadPolicy reads the policy file. Without a name it takes DefaultFile if it is
// there; where there is none, the policy is that images be pinned by digest, and
// found is false.
func LoadPolicy(path string) (policy *Policy, found bool, err error) {
	wanted := path != ""
	if !wanted {
		path = DefaultFile
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && !wanted {
		return &Policy{Default: MustBePinned}, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	defer f.Close()
	data, err := strict.Read(path, f)
	if err != nil {
		return nil, false, err
	}
	policy, err = ParsePolicy(path, data)
	return policy, true, err
}

// ParsePolicy reads a policy; the files it names are looked for beside path. Nothing is
// asked of the network.
func ParsePolicy(path string, data []byte) (*Policy, error) {
	p := &Policy{Default: MustBePinned}
	if err := strict.Decode(path, data, p); err != nil {
		return nil, err
	}
	if err := strict.Join(p.prepare(filepath.Dir(path))); err != nil {
		return nil, err
	}
	p.Warnings = p.doubts()
	return p, nil
}

func (p *Policy) prepare(dir string) []strict.Problem {
	var problems []strict.Problem
	if choices := []string{MustBeSigned, MustBePinned, MayBeAny}; !slices.Contains(choices, p.Default) {
		problems = append(problems, p.Problem("default", "%q must be one of %s", p.Default, strings.Join(choices, ", ")))
	}
	if len(p.Rules) > maxRules {
		return append(problems, p.Problem("rules", "are more than %d; match more with one", maxRules))
	}
	if p.TrustedRoot != "" {
		if err := p.loadRoot(beside(dir, p.TrustedRoot)); err != nil {
			problems = append(problems, p.Problem("trustedRoot", "%v", err))
		}
	}
	for i := range p.Rules {
		problems = append(problems, p.Rules[i].prepare(dir)...)
	}
	return problems
}

// doubts finds what expressions leave open, and rules that can never decide anything: no
// name fits them, or an earlier rule takes every name that does.
func (p *Policy) doubts() []strict.Problem {
	var doubts []strict.Problem
	for i, rule := range p.Rules {
		if rule.Keyless != nil {
			doubts = append(doubts, rule.Keyless.doubts...)
		}
		if !rule.pattern.possible() {
			doubts = append(doubts, rule.Problem("match", "%q can never match: names are REGISTRY/REPOSITORY in small letters without tag, such as docker.io/library/alpine", rule.Match))
			continue
		}
		for k, earlier := range p.Rules[:i] {
			if earlier.pattern.covers(rule.pattern) {
				doubts = append(doubts, rule.Problem("match", "%q never comes to its turn: rule %d (%s) is before it and matches all of it; put this one first", rule.Match, k+1, earlier.Match))
				break
			}
		}
	}
	return doubts
}

func (p *Policy) loadRoot(path string) error {
	text, err := readSmall(path, 4<<20)
	if err != nil {
		return err
	}
	if err := p.sigstore.Parse(text); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// beside returns the path of a file that the policy names.
func beside(dir, file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(dir, file)
}

// readSmall reads at most a number of bytes of a file.
func readSmall(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}
