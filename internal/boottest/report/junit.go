package report

import (
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/org/linuxkit-action/internal/boottest/judge"
	"github.com/org/linuxkit-action/internal/markup"
)

// The elements of JUnit's XML, as in Jenkins' schema (jenkinsci/xunit-plugin,
// junit-10.xsd).
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure"`
		Skipped *junitSkipped `xml:"skipped"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
)

// JUnit returns the content of junit.xml: a suite for each boot, with a test case for the
// boot and one for each onboot container, service and probe.
func (r *Report) JUnit() ([]byte, error) {
	var all junitSuites
	for _, b := range r.Boots {
		all.Suites = append(all.Suites, newSuite("boot."+r.Name+"."+b.Format, b, r.sections(b)))
	}
	content, err := xml.MarshalIndent(all, "", "  ")
	return markup.EscapeCommands(append([]byte(xml.Header), append(content, '\n')...)), err
}

func newSuite(class string, b Boot, list []Section) junitSuite {
	s := junitSuite{Name: class, Time: junitTime(b.endMS())}
	boot := junitCase{Name: "boot", Class: class, Time: s.Time}
	var units []junitCase
	var evidence []string
	for _, section := range list {
		for _, bar := range section.Bars {
			if bar.State != "" {
				units = append(units, newCase(class, bar))
			}
		}
		if section.Evidence {
			evidence = append(evidence, section.Lines...)
		}
	}
	if b.Verdict != judge.Ready {
		boot.Failure = &junitFailure{Message: b.Reason, Type: string(b.Verdict), Text: strings.Join(evidence, "\n")}
	}
	for _, c := range append([]junitCase{boot}, units...) {
		s.add(c)
	}
	return s
}

func newCase(class string, b Bar) junitCase {
	c := junitCase{Name: b.Kind + " " + b.Name, Class: class, Time: junitTime(b.length())}
	switch b.State {
	case judge.StateOK:
	case judge.StateUnknown:
		c.Skipped = &junitSkipped{Message: "this init does not report it"}
	default:
		c.Failure = &junitFailure{Message: strings.TrimSpace(b.State + " " + b.Detail), Type: b.State}
	}
	return c
}

func (s *junitSuite) add(c junitCase) {
	s.Tests++
	if c.Failure != nil {
		s.Failures++
	}
	if c.Skipped != nil {
		s.Skipped++
	}
	s.Cases = append(s.Cases, c)
}

func junitTime(ms int64) string { return fmt.Sprintf("%.3f", float64(ms)/1000) }
