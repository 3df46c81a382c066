package report

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/boottest/judge"
)

// sections are the sections of a report on one boot, in order. A function returns none if
// there is nothing to show. A new section is a function and its line here.
var sections = []func(*Report, Boot) []Section{
	banner,
	timeline,
	notes,
	decisiveLine,
	lastOutput,
	consoleEnd,
}

// sections returns the sections of a report on one boot.
func (r *Report) sections(b Boot) []Section {
	var list []Section
	for _, build := range sections {
		list = append(list, build(r, b)...)
	}
	return list
}

func banner(r *Report, b Boot) []Section {
	s := Section{
		Title:    fmt.Sprintf("%s (%s)", r.Name, b.Format),
		Verdict:  string(b.Verdict),
		Level:    Terminal,
		Headline: fmt.Sprintf("%s %s", b.Format, b.Verdict),
	}
	reason := b.Reason
	if b.Accelerator != "" {
		accelerator := strings.ToUpper(b.Accelerator)
		reason += ", under " + accelerator
		s.Headline += ", " + accelerator
	}
	if b.ReadyMS > 0 {
		s.Headline += ", ready after " + seconds(b.ReadyMS)
	}
	s.Paragraphs = append(s.Paragraphs, Paragraph{Text: reason + "."})
	if b.Remedy != "" {
		s.Paragraphs = append(s.Paragraphs, Paragraph{Label: "Remedy", Text: b.Remedy})
	}
	return []Section{s}
}

// kindStage is the kind of the bars of stages.
const kindStage = "stage"

func timeline(_ *Report, b Boot) []Section {
	s := Section{Title: "Timeline", Level: Terminal}
	add := func(bar Bar, toMS int64) {
		bar.To = max(bar.From, toMS)
		bar.Value = seconds(bar.length())
		s.Bars = append(s.Bars, bar)
	}
	for _, stage := range b.Stages {
		add(Bar{Kind: kindStage, Name: stage.Name, From: stage.FromMS}, stage.ToMS)
	}
	for _, group := range []struct {
		kind  string
		units []judge.Unit
	}{
		{kind: "onboot", units: b.Onboot},
		{kind: "service", units: b.Services},
		{kind: "probe", units: b.Probes},
	} {
		for _, u := range group.units {
			add(Bar{Kind: group.kind, Name: u.Name, State: u.State, Detail: u.Detail, From: u.FromMS}, u.ToMS)
		}
	}
	return unlessEmpty(len(s.Bars), s)
}

func notes(_ *Report, b Boot) []Section {
	return unlessEmpty(len(b.Notes), Section{Title: "Notes", Level: Summary, Items: b.Notes})
}

func decisiveLine(_ *Report, b Boot) []Section {
	return unlessEmpty(len(b.Line), Section{Title: "Decisive line", Evidence: true, Lines: []string{b.Line}})
}

func lastOutput(_ *Report, b Boot) []Section {
	return unlessEmpty(len(b.Tail), Section{
		Title: "Last output of " + cmp.Or(b.Culprit, "the guest"), Level: Summary, Evidence: true,
		Lines: strings.Split(b.Tail, "\n"),
	})
}

func consoleEnd(_ *Report, b Boot) []Section {
	s := Section{Title: "End of the console", Lines: b.LastLines}
	if b.Verdict != judge.Ready {
		s.Level = Summary
	}
	return unlessEmpty(len(b.LastLines), s)
}

// unlessEmpty returns the section if it has content.
func unlessEmpty(length int, s Section) []Section {
	if length == 0 {
		return nil
	}
	return []Section{s}
}

// seconds formats milliseconds.
func seconds(ms int64) string {
	return fmt.Sprintf("%.2f s", (time.Duration(ms) * time.Millisecond).Seconds())
}
