package report

import (
	"encoding/xml"
	"fmt"

	"github.com/org/linuxkit-action/internal/boottest/judge"
	"github.com/org/linuxkit-action/internal/markup"
)

// The elements of JUnit's XML as Jenkins' schema has them
// (jenkinsci/xunit-plugin, junit-10.xsd).
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

// JUnit returns the content of junit.xml: a suite for each boot, a case for the boot
// as a whole and one for each onboot, service and probe.
func (r *Report) JUnit() ([]byte, error) {
	var all junitSuites
	for _, b := range r.Boots {
		all.Suites = append(all.Suites, b.suite(r.Name))
	}
	content, err := xml.MarshalIndent(all, "", "  ")
	return markup.EscapeCommands(append([]byte(xml.Header), append(content, '\n')...)), err
}

func (b Boot) suite(name string) junitSuite {
	class := "boot." + name + "." + b.Format
	s := junitSuite{Name: class, Time: junitTime(b.end())}
	whole := junitCase{Name: "boot", Class: class, Time: s.Time}
	if b.Verdict != judge.Ready {
		whole.Failure = &junitFailure{Message: b.Reason, Type: string(b.Verdict), Text: b.Line + "\n" + b.Tail}
	}
	s.add(whole)
	for _, kind := range []struct {
		name string
		list []judge.Unit
	}{{"onboot", b.Onboot}, {"service", b.Services}, {"probe", b.Probes}} {
		for _, u := range kind.list {
			s.add(unitCase(class, kind.name, u))
		}
	}
	return s
}

func unitCase(class, kind string, u judge.Unit) junitCase {
	c := junitCase{Name: kind + " " + u.Name, Class: class, Time: junitTime(max(0, u.ToMS-u.FromMS))}
	switch u.State {
	case judge.StateOK:
	case judge.StateUnknown:
		c.Skipped = &junitSkipped{"this init does not tell"}
	default:
		c.Failure = &junitFailure{Message: u.State + " " + u.Detail, Type: u.State}
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
