package signer

import (
	"crypto/x509"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/org/linuxkit-action/internal/markup"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
)

// Workflow is what a certificate contains about the run that signed (Fulcio,
// docs/oid-info.md). Fields are "" where it has no such extension.
type Workflow struct {
	Repository string `json:"repository,omitempty"` // URL of the repository whose workflow ran
	Ref        string `json:"ref,omitempty"`
	Event      string `json:"event,omitempty"`
	Runner     string `json:"runner,omitempty"` // github-hosted or self-hosted
}

// WorkflowRule is what a certificate must contain. A nil expression requires nothing.
type WorkflowRule struct{ Repository, Ref, Event, Runner *regexp.Regexp }

// check returns a *Rejection unless the workflow of a signature matches.
func (r WorkflowRule) check(s Signature) error {
	for _, field := range []struct {
		name, got string
		want      *regexp.Regexp
	}{
		{name: "repository", got: s.Repository, want: r.Repository},
		{name: "ref", got: s.Ref, want: r.Ref},
		{name: "event", got: s.Event, want: r.Event},
		{name: "runner", got: s.Runner, want: r.Runner},
	} {
		if field.want != nil && !field.want.MatchString(field.got) {
			return Reject(fmt.Errorf("certificate has %s %q, want %s", field.name, field.got, field.want))
		}
	}
	return nil
}

// workflowOf returns what a certificate contains. Fulcio writes some values in two
// versions of an extension; a certificate in which they disagree is an error.
func workflowOf(c *x509.Certificate) (Workflow, error) {
	e, err := certificate.ParseExtensions(c.Extensions)
	if err != nil {
		return Workflow{}, err
	}
	disagree := func(v1, v2 string) bool { return v1 != "" && v2 != "" && v1 != v2 }
	repository := e.GithubWorkflowRepository
	if repository != "" {
		repository = "https://github.com/" + repository
	}
	onGitHub := strings.HasPrefix(e.SourceRepositoryURI, "https://github.com/")
	switch {
	case onGitHub && disagree(repository, e.SourceRepositoryURI),
		!onGitHub && e.SourceRepositoryURI != "" && !strings.HasSuffix(e.SourceRepositoryURI, "/"+e.GithubWorkflowRepository),
		disagree(e.GithubWorkflowRef, e.SourceRepositoryRef),
		disagree(e.GithubWorkflowTrigger, e.BuildTrigger),
		disagree(e.GithubWorkflowSHA, e.SourceRepositoryDigest):
		return Workflow{}, errors.New("certificate contradicts itself: two versions of an extension disagree")
	}
	line := func(v2, v1 string) string {
		if v2 == "" {
			return markup.Line(v1)
		}
		return markup.Line(v2)
	}
	return Workflow{
		Repository: line(e.SourceRepositoryURI, repository), Ref: line(e.SourceRepositoryRef, e.GithubWorkflowRef),
		Event: line(e.BuildTrigger, e.GithubWorkflowTrigger), Runner: markup.Line(e.RunnerEnvironment),
	}, nil
}
