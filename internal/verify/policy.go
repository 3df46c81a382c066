package verify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// DefaultFile is where the policy is looked for.
const DefaultFile = "linuxkit.policy.yml"

// ErrPolicy is wrapped by the error for a policy that is not there. One with mistakes
// in it is strict.ErrInvalid.
var ErrPolicy = errors.New("no policy to read")

// What a component must be where no rule matches it.
const (
	MustBeSigned = "signed"
	MustBePinned = "digest" // named by digest in the manifest, or locked
	MayBeAny     = "any"
)

// Policy says who must have signed what.
type Policy struct {
	strict.At
	Default string `yaml:"default"` // signed, digest or any
	Rules   []Rule `yaml:"rules"`
}

// Rule is for the images that match. The first rule that matches counts.
type Rule struct {
	strict.At
	Match string `yaml:"match,required"` // * is anything but a slash, ** anything
	Key   string `yaml:"key,required"`   // PEM file of a public key, relative to the policy

	pattern *regexp.Regexp
	signer  *keySigner
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

// ParsePolicy reads a policy; key files are looked for beside path.
func ParsePolicy(path string, data []byte) (*Policy, error) {
	p := &Policy{Default: MustBePinned}
	if err := strict.Decode(path, data, p); err != nil {
		return nil, err
	}
	var problems []strict.Problem
	if choices := []string{MustBeSigned, MustBePinned, MayBeAny}; !slices.Contains(choices, p.Default) {
		problems = append(problems, p.Problem("default", "%q must be one of %s", p.Default, strings.Join(choices, ", ")))
	}
	for i := range p.Rules {
		problems = append(problems, p.Rules[i].prepare(filepath.Dir(path))...)
	}
	if err := strict.Join(problems); err != nil {
		return nil, err
	}
	return p, nil
}

func (r *Rule) prepare(dir string) []strict.Problem {
	var problems []strict.Problem
	var err error
	if r.pattern, err = glob(r.Match); err != nil {
		problems = append(problems, r.Problem("match", "%v", err))
	}
	if r.signer, err = loadKey(dir, r.Key); err != nil {
		problems = append(problems, r.Problem("key", "%v", err))
	}
	return problems
}

// check finds the rule for one component and asks it. What the manifest's own trust
// names must be signed, whatever the default is.
func (p *Policy) check(ctx context.Context, c *component.Component, trust manifest.Trust) (Result, error) {
	for i, rule := range p.Rules {
		if !rule.pattern.MatchString(subject(c.Reference)) {
			continue
		}
		result := Result{Component: c, Rule: fmt.Sprintf("rule %d (%s)", i+1, rule.Match), demanded: trust.Demands(c.Reference)}
		ctx, cancel := context.WithTimeout(ctx, component.AskTimeout)
		defer cancel()
		err := rule.signer.verify(ctx, c)
		if errors.Is(err, ErrRefused) {
			result.Miss = fmt.Errorf("%w (policy rule %d); sign %s with cosign, or change the rule", err, i+1, c.Root)
			return result, nil
		}
		result.Signer = rule.signer.identity
		return result, err
	}
	if trust.Demands(c.Reference) {
		miss := fmt.Errorf("%w: %s: the manifest's trust demands a signature, and no rule says whose; add a rule that matches %s", ErrRefused, trust.Place, subject(c.Reference))
		return Result{Component: c, Rule: "trust", Miss: miss, demanded: true}, nil
	}
	return p.byDefault(c), nil
}

func (p *Policy) byDefault(c *component.Component) Result {
	result := Result{Component: c, Rule: "default: " + p.Default}
	switch {
	case p.Default == MustBeSigned:
		result.Miss = fmt.Errorf("%w: no rule says who may sign it; add a rule that matches %s", ErrRefused, subject(c.Reference))
	case p.Default == MustBePinned && !c.Pinned():
		result.Miss = fmt.Errorf("%w: it is named by a tag, which can move; write @%s behind it, lock it with linuxkit-action lock, or add a rule with a key", ErrRefused, c.Root)
	}
	return result
}

// subject is the name that rules match: registry and repository, with Docker Hub
// called docker.io.
func subject(reference name.Reference) string {
	return strings.Replace(reference.Context().Name(), name.DefaultRegistry+"/", "docker.io/", 1)
}

// glob makes an expression that matches the whole of a name. A pattern without a
// registry is for Docker Hub, as a reference would be.
func glob(pattern string) (*regexp.Regexp, error) {
	if len(pattern) > 255 {
		return nil, fmt.Errorf("is longer than 255 characters")
	}
	first, _, _ := strings.Cut(pattern, "/")
	if !strings.ContainsAny(first, ".:*") && first != "localhost" {
		pattern = "docker.io/" + pattern
	}
	quoted := regexp.QuoteMeta(pattern)
	quoted = strings.ReplaceAll(quoted, `\*\*`, `.*`)
	quoted = strings.ReplaceAll(quoted, `\*`, `[^/]*`)
	return regexp.Compile("^" + quoted + "$")
}
