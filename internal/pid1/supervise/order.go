package supervise

import "slices"

// Order checks what services come after. It returns them with the names that
// mean nothing, and those that close a circle, left out, and says what it left
// out: a mistake in the order must not keep a machine from booting.
func Order(services []Service, milestones []string) ([]Service, []string) {
	o := &order{services: slices.Clone(services), index: map[string]int{}, mark: map[string]int{}}
	for i, s := range o.services {
		o.index[s.Name] = i
	}
	for i := range o.services {
		s := &o.services[i]
		s.After = o.known(s.Name, s.After, milestones)
		s.Requires = o.known(s.Name, s.Requires, milestones)
	}
	for _, s := range o.services {
		o.visit(s.Name)
	}
	return o.services, o.problems
}

type order struct {
	services []Service
	index    map[string]int
	mark     map[string]int // visiting, visited
	problems []string
}

const (
	visiting = 1
	visited  = 2
)

func (o *order) known(service string, names, milestones []string) []string {
	var known []string
	for _, name := range names {
		if _, found := o.index[name]; found || slices.Contains(milestones, name) {
			known = append(known, name)
			continue
		}
		o.problems = append(o.problems, "service "+service+": nothing is called "+name+"; it does not wait for it")
	}
	return known
}

// visit walks depth first and cuts each edge that leads back into its own path.
func (o *order) visit(name string) {
	i, isService := o.index[name]
	if !isService || o.mark[name] == visited {
		return
	}
	o.mark[name] = visiting
	s := &o.services[i]
	s.After = o.cut(s.Name, s.After)
	s.Requires = o.cut(s.Name, s.Requires)
	o.mark[name] = visited
}

func (o *order) cut(service string, names []string) []string {
	var kept []string
	for _, name := range names {
		if o.mark[name] == visiting {
			o.problems = append(o.problems, "service "+service+": waits for "+name+" in a circle; it does not wait for it")
			continue
		}
		o.visit(name)
		kept = append(kept, name)
	}
	return kept
}
