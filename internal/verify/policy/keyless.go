package policy

import (
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
	"github.com/org/linuxkit-action/internal/verify/signer"
)

// Keyless is an identity that Fulcio certifies. Issuer and subject are each an exact value
// or, as in cosign's flags, a regular expression. An expression that is not anchored would
// match longer values: it gets a warning, and is anchored.
type Keyless struct {
	strict.At
	Issuer        string `yaml:"issuer"`
	IssuerRegExp  string `yaml:"issuerRegExp"`
	Subject       string `yaml:"subject"`
	SubjectRegExp string `yaml:"subjectRegExp"`

	// What the workflow's certificate must contain besides: * is anything but a slash, **
	// anything. A subject may name a reusable workflow, which every repository can call.
	Repository string `yaml:"repository"` // URL, or OWNER/NAME on github.com
	Ref        string `yaml:"ref"`        // refs/tags/v*
	Event      string `yaml:"event"`      // push, release
	Runner     string `yaml:"runner"`     // github-hosted, self-hosted

	warnings []strict.Problem
}

// signer validates the fields and returns the signer that they describe.
func (k *Keyless) signer() (*signer.Keyless, []strict.Problem) {
	problems := append(
		k.checkPair("issuer", k.Issuer, &k.IssuerRegExp),
		k.checkPair("subject", k.Subject, &k.SubjectRegExp)...)
	if len(problems) > 0 {
		return nil, problems
	}
	k.warn()
	workflow, problems := k.workflow()
	if len(problems) > 0 {
		return nil, problems
	}
	identity, err := signer.NewKeyless(k.Issuer, k.IssuerRegExp, k.Subject, k.SubjectRegExp, workflow)
	if err != nil {
		return nil, []strict.Problem{k.Problem("", "%v", err)}
	}
	return identity, nil
}

// workflow returns what the certificate must contain about the workflow.
func (k *Keyless) workflow() (signer.WorkflowRule, []strict.Problem) {
	var problems []strict.Problem
	compile := func(field, text string) *regexp.Regexp {
		if text == "" {
			return nil
		}
		if len(text) > maxPattern {
			problems = append(problems, k.Problem(field, "is longer than %d characters", maxPattern))
			return nil
		}
		return regexp.MustCompile("^" + replaceWildcards(regexp.QuoteMeta(text), `\*`, `.*`, `[^/]*`) + "$")
	}
	repository := k.Repository
	if repository != "" && !strings.Contains(repository, "://") {
		repository = "https://github.com/" + repository
	}
	return signer.WorkflowRule{
		Repository: compile("repository", repository), Ref: compile("ref", k.Ref),
		Event: compile("event", k.Event), Runner: compile("runner", k.Runner),
	}, problems
}

// unescapedDot finds a host in an expression whose dot matches any character.
var unescapedDot = regexp.MustCompile(`[A-Za-z0-9-]\.[A-Za-z]`)

// warn warns of identities that match more than they seem to.
func (k *Keyless) warn() {
	subject := strings.ReplaceAll(k.Subject+k.SubjectRegExp, `\`, "")
	if k.Repository == "" && strings.Contains(subject, "/.github/workflows/") {
		k.warnings = append(k.warnings, k.Problem("subject",
			"names a workflow, which other repositories may call; add repository: OWNER/NAME"))
	}
	for field, text := range map[string]string{"issuerRegExp": k.IssuerRegExp, "subjectRegExp": k.SubjectRegExp} {
		switch {
		case text == "":
		case matchesAnything(text):
			k.warnings = append(k.warnings, k.Problem(field, "matches everything; name who may sign"))
		case unescapedDot.MatchString(text):
			k.warnings = append(k.warnings, k.Problem(field, `has a dot that matches any character; write \.`))
		}
	}
}

func matchesAnything(expression string) bool {
	re, err := regexp.Compile(expression)
	return err == nil && re.MatchString("") || err == nil && re.MatchString("\x01")
}

// checkPair checks that either a value or an expression is given, and anchors the
// expression.
func (k *Keyless) checkPair(field, exact string, expression *string) []strict.Problem {
	if (exact == "") == (*expression == "") {
		return []strict.Problem{k.Problem(field, "must be given, or else %sRegExp, and not both", field)}
	}
	if exact != "" {
		return nil
	}
	field += "RegExp"
	parsed, err := syntax.Parse(*expression, syntax.Perl)
	if err != nil {
		return []strict.Problem{k.Problem(field, "%v", err)}
	}
	if !anchored(parsed, syntax.OpBeginText) || !anchored(parsed, syntax.OpEndText) {
		*expression = "^(?:" + *expression + ")$"
		k.warnings = append(k.warnings,
			k.Problem(field, "is not anchored and would match longer values; it is used as %s, write that", *expression))
	}
	return nil
}

// anchored reports whether every match of an expression begins with OpBeginText, or ends
// with OpEndText.
func anchored(re *syntax.Regexp, anchor syntax.Op) bool {
	switch re.Op {
	case anchor:
		return true
	case syntax.OpCapture:
		return anchored(re.Sub[0], anchor)
	case syntax.OpConcat:
		if anchor == syntax.OpBeginText {
			return anchored(re.Sub[0], anchor)
		}
		return anchored(re.Sub[len(re.Sub)-1], anchor)
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			if !anchored(sub, anchor) {
				return false
			}
		}
		return true
	}
	return false
}
