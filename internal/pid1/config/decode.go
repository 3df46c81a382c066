package config

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Parse parses a file. In place of an invalid value the Config has the default, and there
// is a Problem for each. If the text is not in the subset of YAML the Config has all
// defaults, and there is one Problem.
func Parse(text []byte) (Config, []Problem) {
	c := Default()
	n, err := parse(text)
	if p, failed := errors.AsType[Problem](err); failed {
		p.Text = "not parsed: " + p.Text
		return c, []Problem{p}
	}
	d := &decoder{}
	d.mapping(n, "", []field{
		{"log", d.inside([]field{{"level", d.choice(&c.LogLevel, "debug", "info", "warn", "error")}})},
		{"env", d.env(&c.Env)},
		{"mounts", d.each(func(n node, at string) { d.mount(&c, n, at) })},
		{"onboot", d.inside([]field{
			{"onFailure", func(n node, at string) { d.onboot(&c.Onboot, n, at) }},
			{"timeout", d.duration(&c.Onboot.Timeout)},
		})},
		{"services", d.each(func(n node, at string) { d.service(&c, n, at) })},
		{"onshutdown", d.inside([]field{{"when", func(n node, at string) { d.onshutdown(&c.Shutdown, n, at) }}})},
		{"shutdown", d.inside([]field{{"timeout", d.duration(&c.Shutdown.Timeout)}})},
		{"tmpfs", d.tmpfs(&c.Tmpfs)},
		{"watchdog", d.inside([]field{
			{"device", func(n node, at string) {
				if n.kind == scalar && n.text == Off {
					c.Watchdog.Device = Off
					return
				}
				d.path(&c.Watchdog.Device)(n, at)
			}},
			{"interval", d.duration(&c.Watchdog.Interval)},
		})},
	})
	return c, d.problems
}

// decoder decodes nodes into values, and collects the problems.
type decoder struct{ problems problems }

// decode decodes a node into the target that it was made for. at is the path of the node,
// for error messages. If the node is invalid the target is not changed.
type decode func(n node, at string)

// field is a key of a mapping.
type field struct {
	name   string
	decode decode
}

func (d *decoder) invalid(n node, at, text string) { d.problems.add(n.line, at+" "+text) }

// mapping decodes a mapping with these keys. A key without a value is ignored.
func (d *decoder) mapping(n node, prefix string, fields []field) {
	if n.kind != mapping {
		if n.kind != null {
			d.invalid(n, cmp.Or(strings.TrimRight(prefix, ".: "), "the file"), "must be a mapping of KEY: VALUE")
		}
		return
	}
	seen := map[string]bool{}
	for i, key := range n.keys {
		d.entry(key, n.items[i], prefix, fields)
		if seen[key.text] {
			d.problems.add(key.line, prefix+key.text+": duplicate key; the last value is used")
		}
		seen[key.text] = true
	}
}

func (d *decoder) entry(key, value node, prefix string, fields []field) {
	var names []string
	for _, f := range fields {
		if f.name == key.text {
			if value.kind != null {
				f.decode(value, prefix+f.name)
			}
			return
		}
		names = append(names, f.name)
	}
	d.problems.unknown(key.line, prefix+"unknown key", key.text, names)
}

// inside decodes a mapping below a key.
func (d *decoder) inside(fields []field) decode {
	return func(n node, at string) { d.mapping(n, at+".", fields) }
}

// each decodes a sequence item by item.
func (d *decoder) each(item decode) decode {
	return func(n node, at string) {
		if n.kind != sequence {
			d.invalid(n, at, "must be a list")
			return
		}
		for _, n := range n.items {
			item(n, at)
		}
	}
}

// text decodes a scalar.
func (d *decoder) text(to *string) decode {
	return func(n node, at string) {
		if n.kind != scalar {
			d.invalid(n, at, "must be a single value")
			return
		}
		*to = n.text
	}
}

// texts decodes a sequence of scalars.
func (d *decoder) texts(to *[]string) decode {
	return func(n node, at string) {
		var texts []string
		d.each(func(n node, at string) {
			if n.kind != scalar {
				d.invalid(n, at, "must be a list of single values")
				return
			}
			texts = append(texts, n.text)
		})(n, at)
		*to = texts
	}
}

// choice decodes one of a few words.
func (d *decoder) choice(to *string, words ...string) decode {
	return func(n node, at string) {
		if n.kind != scalar || !slices.Contains(words, n.text) {
			d.invalid(n, at, "must be one of "+strings.Join(words, ", ")+actual(n))
			return
		}
		*to = n.text
	}
}

// path decodes an absolute path.
func (d *decoder) path(to *string) decode {
	return func(n node, at string) {
		if n.kind != scalar || !strings.HasPrefix(n.text, "/") {
			d.invalid(n, at, "must be an absolute path"+actual(n))
			return
		}
		*to = n.text
	}
}

// duration decodes a positive duration with a unit: 200ms, 30s, 5m, 1h30m.
func (d *decoder) duration(to *time.Duration) decode {
	return func(n node, at string) {
		duration, err := time.ParseDuration(n.text)
		if n.kind != scalar || err != nil || duration <= 0 {
			d.invalid(n, at, "must be a duration with a unit, such as 30s or 5m"+actual(n))
			return
		}
		*to = duration
	}
}

// number decodes an integer of at least 1.
func (d *decoder) number(to *int) decode {
	return func(n node, at string) {
		i, err := strconv.Atoi(n.text)
		if n.kind != scalar || err != nil || i < 1 || i > 1<<20 {
			d.invalid(n, at, "must be an integer of at least 1"+actual(n))
			return
		}
		*to = i
	}
}

// actual returns ", not " and the value of a scalar that is short enough to show, or "".
func actual(n node) string {
	if n.kind != scalar || len(n.text) > 64 {
		return ""
	}
	return ", not " + strconv.Quote(n.text)
}
