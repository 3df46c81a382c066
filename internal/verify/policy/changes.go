package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
	"gopkg.in/yaml.v3"
)

// Change is one difference between two policies.
type Change struct {
	Subject  string // default, trustedRoot, rule N, or the name of a file
	Old, New string // "" where that policy does not have it
}

// Changes returns the differences to a newer policy: the default, the trusted root, each
// rule by its content and its order, and each file that both name, such as a key, whose
// content differs. A nil or missing policy has no rules.
func (p *Policy) Changes(newer *Policy) []Change {
	if p == nil {
		p = &Policy{missing: true}
	}
	if newer == nil {
		newer = &Policy{missing: true}
	}
	var changes []Change
	add := func(subject, before, after string) {
		if before != after {
			changes = append(changes, Change{Subject: subject, Old: before, New: after})
		}
	}
	add("policy", p.presence(), newer.presence())
	add("default", p.shownDefault(), newer.shownDefault())
	add("trustedRoot", p.TrustedRoot, newer.TrustedRoot)
	changes = append(changes, changedRules(p.ruleTexts(), newer.ruleTexts())...)
	for _, name := range slices.Sorted(maps.Keys(p.digests)) {
		if after, ok := newer.digests[name]; ok {
			add(name, "sha256:"+p.digests[name], "sha256:"+after)
		}
	}
	return changes
}

func (p *Policy) presence() string {
	if p.missing {
		return ""
	}
	return "exists"
}

func (p *Policy) shownDefault() string {
	if p.missing {
		return ""
	}
	return p.Default
}

// ruleTexts returns each rule as one line of YAML.
func (p *Policy) ruleTexts() []string {
	texts := make([]string, len(p.Rules))
	for i := range p.Rules {
		rule := p.Rules[i]
		if !rule.Has("threshold") {
			rule.Threshold = 0 // set by prepare
		}
		node := strict.Encode(&rule)
		setFlow(node)
		text, err := yaml.Marshal(node)
		if err != nil { // strict.Encode makes valid nodes
			text = []byte(p.Rules[i].Match)
		}
		texts[i] = strings.Join(strings.Fields(string(text)), " ")
	}
	return texts
}

func setFlow(node *yaml.Node) {
	node.Style = yaml.FlowStyle
	if node.Kind == yaml.ScalarNode {
		node.Style = 0
	}
	for _, child := range node.Content {
		setFlow(child)
	}
}

// changedRules compares two lists in order. Rules between two that are equal are paired:
// such a pair is one changed rule.
func changedRules(before, after []string) []Change {
	var changes []Change
	i, k := 0, 0
	for _, same := range append(common(before, after), [2]int{len(before), len(after)}) {
		for i < same[0] || k < same[1] {
			c := Change{}
			if i < same[0] {
				c.Subject, c.Old = fmt.Sprintf("rule %d", i+1), before[i]
				i++
			}
			if k < same[1] {
				c.Subject, c.New = cmp.Or(c.Subject, fmt.Sprintf("rule %d", k+1)), after[k]
				k++
			}
			changes = append(changes, c)
		}
		i, k = same[0]+1, same[1]+1
	}
	return changes
}

// common returns the indexes of a longest common subsequence.
func common(before, after []string) [][2]int {
	length := make([][]int, len(before)+1)
	for i := range length {
		length[i] = make([]int, len(after)+1)
	}
	for i := len(before) - 1; i >= 0; i-- {
		for k := len(after) - 1; k >= 0; k-- {
			length[i][k] = max(length[i+1][k], length[i][k+1])
			if before[i] == after[k] {
				length[i][k] = length[i+1][k+1] + 1
			}
		}
	}
	var pairs [][2]int
	for i, k := 0, 0; i < len(before) && k < len(after); {
		switch {
		case before[i] == after[k]:
			pairs = append(pairs, [2]int{i, k})
			i, k = i+1, k+1
		case length[i+1][k] >= length[i][k+1]:
			i++
		default:
			k++
		}
	}
	return pairs
}
