// Package policy reads linuxkit.policy.yml: whose signatures an image must have.
//
// A policy is a list of rules and a default. The first rule whose pattern matches the name
// of an image applies. It names signers and, where wanted, attestations that they must
// have made. Parse reads every file that the policy names (keys, CUE, the trusted root)
// and reports all mistakes with file, line and column. It does not use the network: key
// services and Sigstore are called when a signature is verified.
package policy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/org/linuxkit-action/internal/manifest/strict"
	"github.com/org/linuxkit-action/internal/sigstore"
	"github.com/org/linuxkit-action/internal/workspace"
	"github.com/sigstore/sigstore-go/pkg/root"
)

// DefaultFile is the policy that Load reads if it exists.
const DefaultFile = "linuxkit.policy.yml"

// Limits of a policy and of the files that it names.
const (
	maxRules     = 1000 // each is compared with all before it
	maxRootBytes = 4 << 20
	maxKeyBytes  = 64 << 10
)

// ErrUnreadable is wrapped by the error for a policy file that cannot be opened. The error
// for one with mistakes wraps strict.ErrInvalid.
var ErrUnreadable = errors.New("cannot read the policy")

// What the default requires of an image that no rule matches.
const (
	RequireSigned = "signed"
	RequireDigest = "digest" // in the manifest or in the lock
	AllowAny      = "any"
)

// Policy is whose signatures images must have.
type Policy struct {
	strict.At
	Default     string `yaml:"default"`     // RequireSigned, RequireDigest or AllowAny
	TrustedRoot string `yaml:"trustedRoot"` // trusted_root.json, relative to the policy; "" for Sigstore's own
	Rules       []Rule `yaml:"rules"`

	Warnings []strict.Problem // rules that never apply, or match more than they should

	missing     bool
	digests     map[string]string // SHA-256 of each file that the policy names, by its name there
	trustedRoot sigstore.TrustedRoot
}

// Files are where a policy and the files it names are read from: workspace.Files is the work
// tree, a *git.Commit is a commit. Errors for a missing file wrap fs.ErrNotExist.
type Files interface {
	// ReadFile returns the content of a file, of at most limit bytes.
	ReadFile(name string, limit int64) ([]byte, error)
}

// Load reads a policy file. Without a name it reads DefaultFile if it exists; else the
// policy requires digests, and found is false.
func Load(files Files, path string) (policy *Policy, found bool, err error) {
	optional := path == ""
	if optional {
		path = DefaultFile
	}
	data, err := files.ReadFile(path, strict.MaxBytes)
	if errors.Is(err, fs.ErrNotExist) && optional {
		return &Policy{Default: RequireDigest, missing: true}, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	policy, err = parse(files, path, data)
	return policy, true, err
}

// Parse reads the content of a policy file. The names of files in it are relative to the
// folder of path in the work tree.
func Parse(path string, data []byte) (*Policy, error) { return parse(workspace.Files{}, path, data) }

func parse(files Files, path string, data []byte) (*Policy, error) {
	p := &Policy{Default: RequireDigest, digests: map[string]string{}}
	if err := strict.Decode(path, data, p); err != nil {
		return nil, err
	}
	if err := strict.Join(p.prepare(folder{files: files, path: filepath.Dir(path), digests: p.digests})); err != nil {
		return nil, err
	}
	p.Warnings = p.warnings()
	return p, nil
}

// Missing reports whether there is no policy file, so that nothing is known about signers.
func (p *Policy) Missing() bool { return p.missing }

// RuleFor returns the rule for an image and its number, which counts from 1; nil and 0 if
// no rule matches.
func (p *Policy) RuleFor(repository name.Repository) (rule *Rule, number int) {
	for i := range p.Rules {
		if p.Rules[i].pattern.matches(repository) {
			return &p.Rules[i], i + 1
		}
	}
	return nil, 0
}

// TrustedMaterial returns the authorities and logs that are trusted: those of the file
// that the policy names, or Sigstore's own. Errors are those of sigstore.TrustedRoot.
func (p *Policy) TrustedMaterial(ctx context.Context, offline bool) (root.TrustedMaterial, error) {
	return p.trustedRoot.Material(ctx, offline)
}

func (p *Policy) prepare(dir folder) []strict.Problem {
	var problems []strict.Problem
	if choices := []string{RequireSigned, RequireDigest, AllowAny}; !slices.Contains(choices, p.Default) {
		problems = append(problems, p.Problem("default", "%q must be one of %s", p.Default, strings.Join(choices, ", ")))
	}
	if len(p.Rules) > maxRules {
		return append(problems, p.Problem("rules", "must have at most %d entries; use wider patterns", maxRules))
	}
	if p.TrustedRoot != "" {
		if err := p.loadTrustedRoot(dir); err != nil {
			problems = append(problems, p.Problem("trustedRoot", "%v", err))
		}
	}
	for i := range p.Rules {
		problems = append(problems, p.Rules[i].prepare(dir)...)
	}
	return problems
}

func (p *Policy) loadTrustedRoot(dir folder) error {
	content, err := dir.read(p.TrustedRoot, maxRootBytes)
	if err != nil {
		return err
	}
	if err := p.trustedRoot.Parse(content); err != nil {
		return fmt.Errorf("%s: %w", p.TrustedRoot, err)
	}
	return nil
}

// warnings finds expressions that are not anchored, and rules that never apply, as an
// earlier rule matches every name that they match.
func (p *Policy) warnings() []strict.Problem {
	var warnings []strict.Problem
	for i, rule := range p.Rules {
		if rule.Keyless != nil {
			warnings = append(warnings, rule.Keyless.warnings...)
		}
		for k, earlier := range p.Rules[:i] {
			if earlier.pattern.covers(rule.pattern) {
				warnings = append(warnings, rule.Problem("match",
					"%q is unreachable: shadowed by rule %d (%s); move it before that rule", rule.Match, k+1, earlier.Match))
				break
			}
		}
	}
	return warnings
}

// folder is that of a policy. The names of files in a policy are relative to it.
type folder struct {
	files   Files
	path    string
	digests map[string]string // of what is read, by name
}

// read reads a file of at most limit bytes.
func (d folder) read(name string, limit int64) ([]byte, error) {
	full := name
	if !filepath.IsAbs(name) {
		full = filepath.Join(d.path, name)
	}
	content, err := d.files.ReadFile(full, limit)
	if err == nil {
		sum := sha256.Sum256(content)
		d.digests[name] = hex.EncodeToString(sum[:])
	}
	return content, err
}
