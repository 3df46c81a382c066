package cli

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/markup"
	"github.com/org/linuxkit-action/internal/progress"
	"github.com/org/linuxkit-action/internal/verify"
	"github.com/org/linuxkit-action/internal/verify/policy"
	"github.com/org/linuxkit-action/internal/verify/report"
	"github.com/org/linuxkit-action/internal/workspace"
	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"
)

func newPolicy() *cobra.Command {
	c := &cobra.Command{
		Use:   "policy",
		Short: "write a first policy",
		Args:  knownCommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newPolicyInit())
	return c
}

// signers are where policy init looks for signers.
type signers struct {
	keys        []string
	trustedRoot string
}

func newPolicyInit() *cobra.Command {
	o := defaults()
	var from signers
	c := &cobra.Command{
		Use:   "init [MANIFEST…]",
		Short: "write a first policy and lock from the signatures of the images",
		Long: "Init finds who signed the images of the manifests (linuxkit.yml if none is named): the keys of --key, and\n" +
			"identities that Sigstore certified. It writes a policy with one rule for each signed image, and a lock.\n" +
			"Check the signers before you commit the policy: it trusts those that signed the images until now.",
		RunE: func(c *cobra.Command, args []string) error {
			p, err := newPipeline(o, c.OutOrStdout(), c.ErrOrStderr())
			if err != nil {
				return err
			}
			if len(args) == 0 {
				args = []string{"linuxkit.yml"}
			}
			defer p.show.Close()
			return p.initPolicy(c.Context(), args, from)
		},
	}
	o.manifestFlags(c)
	o.fetchFlags(c)
	c.Flags().StringVar(&o.policy, "policy", "", "`FILE` to write (default "+policy.DefaultFile+")")
	c.Flags().StringVar(&o.lock, "lock", "", "`FILE` of the lock to write (default linuxkit.lock)")
	c.Flags().StringArrayVar(&from.keys, "key", nil, "public `KEY` that may have signed images (repeatable)")
	c.Flags().StringVar(&from.trustedRoot, "trusted-root", "", "`FILE` with the trusted root of a Sigstore (default Sigstore's own)")
	return c
}

// initPolicy writes the policy, and then the lock under it.
func (p *pipeline) initPolicy(ctx context.Context, paths []string, from signers) error {
	file := cmp.Or(p.policy, policy.DefaultFile)
	if workspace.Exists(file) {
		return fmt.Errorf("%w: %s exists; edit it, or remove it first", errUsage, file)
	}
	m, err := p.load(ctx, paths)
	if err != nil {
		return err
	}
	set, err := p.resolveBy(ctx, m, nil)
	if err != nil {
		return err
	}
	first, err := p.findSigners(ctx, set, file, from)
	if err != nil {
		return err
	}
	text, err := first.text()
	if err != nil {
		return err
	}
	if _, err := policy.Parse(file, text); err != nil {
		return err
	}
	if err := workspace.WriteFile(file, text); err != nil {
		return fmt.Errorf("%w: --policy: %w", errUsage, err)
	}
	p.policy = file
	changes, err := p.writeLock(ctx, paths, nil)
	if err != nil {
		return fmt.Errorf("%s is written, the lock is not: %w", file, err)
	}
	fmt.Fprintf(p.out, "%s: %d rules, %d images without a known signer\n", markup.Line(file), len(first.Rules), len(first.unsigned))
	return writeChanges(p.out, p.lockFile(), changes)
}

// firstPolicy is the policy that init writes.
type firstPolicy struct {
	Default     string      `yaml:"default"`
	TrustedRoot string      `yaml:"trustedRoot,omitempty"`
	Rules       []firstRule `yaml:"rules,omitempty"`

	unsigned []string // names of images
}

type firstRule struct {
	Match   string        `yaml:"match"`
	Key     string        `yaml:"key,omitempty"`
	Keyless *firstKeyless `yaml:"keyless,omitempty"`
	SCT     string        `yaml:"sct,omitempty"`
}

type firstKeyless struct {
	Issuer        string `yaml:"issuer,omitempty"`
	Subject       string `yaml:"subject,omitempty"`
	IssuerRegExp  string `yaml:"issuerRegExp,omitempty"`
	SubjectRegExp string `yaml:"subjectRegExp,omitempty"`
}

// findSigners verifies every image under a policy for each possible signer. The first one
// that signed an image gets the rule.
func (p *pipeline) findSigners(ctx context.Context, set *component.Set, file string, from signers) (*firstPolicy, error) {
	first := &firstPolicy{Default: policy.RequireDigest}
	candidates := []firstRule{}
	for _, key := range from.keys {
		candidates = append(candidates, firstRule{Key: relativeTo(file, key)})
	}
	anyIdentity := &firstKeyless{IssuerRegExp: "^.+$", SubjectRegExp: "^.+$"}
	candidates = append(candidates, firstRule{Keyless: anyIdentity})
	candidates = append(candidates, firstRule{Keyless: anyIdentity, SCT: "none"}) // for a trusted root without a CT log
	rules := map[string]firstRule{}
	for _, candidate := range candidates {
		candidate.Match = "**"
		probe := &firstPolicy{Default: policy.AllowAny, Rules: []firstRule{candidate}}
		if from.trustedRoot != "" {
			probe.TrustedRoot = relativeTo(file, from.trustedRoot)
		}
		found, err := p.probe(ctx, set, file, probe)
		if err != nil {
			return nil, err
		}
		for image, rule := range found {
			if _, known := rules[image]; !known {
				rules[image] = rule
				if rule.Keyless != nil {
					first.TrustedRoot = probe.TrustedRoot
				}
			}
		}
	}
	for _, c := range set.Components {
		image := policy.ImageName(c.Reference.Context())
		rule, signed := rules[image]
		switch {
		case signed && !slices.Contains(first.Rules, rule):
			first.Rules = append(first.Rules, rule)
		case !signed && !slices.Contains(first.unsigned, image):
			first.unsigned = append(first.unsigned, image)
		}
	}
	return first, nil
}

// probe returns a rule for each image that the signer of a policy signed, by its name.
func (p *pipeline) probe(ctx context.Context, set *component.Set, file string, candidate *firstPolicy) (map[string]firstRule, error) {
	text, err := yaml.Marshal(candidate)
	if err != nil {
		return nil, err
	}
	rules, err := policy.Parse(file, text)
	if err != nil {
		return nil, err
	}
	p.show.Step("find signers")
	verified, err := verify.Check(ctx, set, rules, verify.Options{Mode: verify.Warn, Offline: p.offline, Report: progress.Silent()})
	found := verify.ReportOf(verified, err)
	if found == nil {
		return nil, err
	}
	signed := map[string]firstRule{}
	for i, c := range found.Components {
		image := policy.ImageName(set.Components[i].Reference.Context())
		if rule, ok := ruleOf(candidate.Rules[0], c); ok {
			rule.Match = image
			signed[image] = rule
		}
	}
	return signed, nil
}

// ruleOf returns the rule for a component that the candidate signed. A certificate whose
// names are not printable gets none.
func ruleOf(candidate firstRule, c report.Component) (firstRule, bool) {
	if c.Verdict != report.Signed {
		return firstRule{}, false
	}
	if candidate.Key != "" {
		return firstRule{Key: candidate.Key}, true
	}
	text, closed := strings.CutSuffix(c.Signatures[0].Signer, ")")
	at := strings.LastIndex(text, " (by ")
	if !closed || at < 0 {
		return firstRule{}, false
	}
	identity := &firstKeyless{Issuer: text[at+len(" (by "):], Subject: text[:at]}
	return firstRule{Keyless: identity, SCT: candidate.SCT}, true
}

// text returns the content of the file.
func (f *firstPolicy) text() ([]byte, error) {
	body, err := yaml.Marshal(f)
	var out strings.Builder
	out.WriteString("# First policy, written by linuxkit-action policy init from the signatures that exist.\n" +
		"# Check that you trust each signer. Images that no rule matches must be pinned (linuxkit.lock).\n")
	for _, image := range f.unsigned {
		fmt.Fprintf(&out, "# no signature by a known signer: %s\n", markup.Line(image))
	}
	out.Write(body)
	return []byte(out.String()), err
}

// relativeTo returns a path relative to the folder of the policy; a URL is unchanged.
func relativeTo(file, name string) string {
	if strings.Contains(name, "://") || filepath.IsAbs(name) {
		return name
	}
	if rel, err := filepath.Rel(filepath.Dir(file), name); err == nil {
		return rel
	}
	return name
}
