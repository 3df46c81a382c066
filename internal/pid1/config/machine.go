package config

import "strings"

// env reads NAME: VALUE lines, or a list of NAME=VALUE as in a manifest.
func (r *reader) env(to *[]string) read {
	return func(n node, at string) {
		var vars []string
		switch n.kind {
		case mapping:
			for i, key := range n.keys {
				vars = r.variable(vars, n.items[i], at, key.text, key.text != "")
			}
		case sequence:
			for _, item := range n.items {
				name, value, found := strings.Cut(item.text, "=")
				item.text = value
				vars = r.variable(vars, item, at, name, found && name != "")
			}
		default:
			r.wrong(n, at, "must be NAME: VALUE lines, or a list of NAME=VALUE")
			return
		}
		*to = vars
	}
}

// variable adds one variable, whose value may be empty.
func (r *reader) variable(vars []string, value node, at, name string, named bool) []string {
	if !named || strings.Contains(name, "=") || value.kind != scalar && value.kind != null {
		r.wrong(value, at, "must be NAME: VALUE lines, or a list of NAME=VALUE")
		return vars
	}
	if value.kind == null {
		value.text = ""
	}
	return append(vars, name+"="+value.text)
}

// mount reads one of the machine's mounts.
func (r *reader) mount(c *Config, n node, at string) {
	var m Mount
	before := len(r.problems)
	r.mapping(n, at+".", []field{
		{"type", r.text(&m.Type)}, {"source", r.text(&m.Source)}, {"target", r.path(&m.Target)}, {"options", r.texts(&m.Options)},
	})
	if len(r.problems) > before {
		return // half a mount is worse than none
	}
	if m.Type == "" || m.Target == "" {
		r.wrong(n, at, "must each have a type and a target")
		return
	}
	if m.Source == "" {
		m.Source = m.Type
	}
	c.Mounts = append(c.Mounts, m)
}

func (r *reader) onboot(to *Onboot, n node, at string) {
	var word string
	if r.choice(&word, "continue", "stop")(n, at); word != "" {
		to.Stop = word == "stop"
	}
}
