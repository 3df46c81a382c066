package modules

import "strings"

// parseDeps parses modules.dep(5): "path/a.ko: path/b.ko path/c.ko".
func parseDeps(text string) lookup {
	deps := make(map[string]string, strings.Count(text, "\n"))
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if path, _, found := strings.Cut(line, ":"); found && path != "" {
			deps[Name(path)] = line
		}
	}
	return func(module string) []string {
		if line, found := deps[module]; found {
			return []string{line}
		}
		return nil
	}
}

// parseAliases parses modules.alias: "alias PATTERN MODULE".
func parseAliases(text string) lookup {
	aliases := map[string][]alias{} // by bus
	for line := range strings.Lines(text) {
		rest, found := strings.CutPrefix(strings.TrimSpace(line), "alias ")
		if at := strings.LastIndexByte(rest, ' '); found && at > 0 {
			a := newAlias(underscores(rest[:at]), Name(rest[at+1:]))
			aliases[a.bus()] = append(aliases[a.bus()], a)
		}
	}
	return func(name string) []string {
		found := matching(aliases[""], name)
		if b := bus(name); b != "" {
			found = append(found, matching(aliases[b], name)...)
		}
		return found
	}
}

// underscores returns a pattern with "_" for "-" except in sets, where "-" is a range.
// depmod writes patterns into a tree the same way.
func underscores(pattern string) string {
	fixed, rest, found := strings.Cut(pattern, "[")
	fixed = strings.ReplaceAll(fixed, "-", "_")
	if !found {
		return fixed
	}
	set, rest, closed := strings.Cut(rest, "]")
	if !closed {
		return fixed + "[" + set
	}
	return fixed + "[" + set + "]" + underscores(rest)
}

func matching(aliases []alias, name string) (found []string) {
	for _, a := range aliases {
		if a.matches(name) {
			found = append(found, a.module)
		}
	}
	return found
}

// parseBuiltin parses modules.builtin: one path on each line.
func parseBuiltin(text string) lookup {
	builtin := map[string]bool{}
	for line := range strings.Lines(text) {
		builtin[Name(strings.TrimSpace(line))] = true
	}
	return func(module string) []string {
		if builtin[module] {
			return []string{module}
		}
		return nil
	}
}

// softDep is the modules to load before and after a module if they exist.
type softDep struct{ before, after []string }

// parseSoftDeps parses modules.softdep: "softdep MODULE pre: A B post: C".
func parseSoftDeps(text string) map[string]softDep {
	all := map[string]softDep{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[0] != "softdep" {
			continue
		}
		s, where := softDep{}, ""
		for _, f := range fields[2:] {
			switch {
			case strings.HasSuffix(f, ":"):
				where = f
			case where == "pre:":
				s.before = append(s.before, f)
			case where == "post:":
				s.after = append(s.after, f)
			}
		}
		all[Name(fields[1])] = s
	}
	return all
}
