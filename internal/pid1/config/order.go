package config

import (
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/pid1/record"
)

// Milestones are the milestones of the boot that a service can wait for. A service with
// the name of a milestone takes precedence.
var Milestones = []string{
	record.MilestoneEarly, record.MilestoneModules, record.MilestoneNetwork, record.MilestoneOnboot, record.MilestoneContainerd,
}

// onbootMilestone replaces the name of an onboot container: services start after all of them.
const onbootMilestone = record.MilestoneOnboot

// Check returns the problems of Resolve.
func (c Config) Check(onboot, services []string) []Problem {
	_, problems := c.Resolve(onboot, services)
	return problems
}

// Resolve returns the configuration of each service of an image, in the order of services.
// The arguments are the names of the containers in the order of the manifest.
//
// In the result After and Requires contain only services and Milestones, without a cycle:
// each Before is turned into an After of the other service, and an onboot container into
// its milestone. References that are unknown or would close a cycle are dropped and
// returned as problems, so that the machine boots.
func (c Config) Resolve(onboot, services []string) ([]Service, []Problem) {
	g := &graph{onboot: onboot, index: map[string]int{}, visited: map[string]visit{}}
	for i, name := range services {
		s := c.Service(name)
		s.After, s.Requires = slices.Clone(s.After), slices.Clone(s.Requires)
		g.services, g.index[name] = append(g.services, s), i
	}
	for _, s := range c.Services {
		if _, found := g.index[s.Name]; !found {
			g.checkOnboot(s)
		}
	}
	for i := range services {
		g.invertBefore(&g.services[i])
	}
	for i := range services {
		s := &g.services[i]
		s.After, s.Requires = g.dependencies(*s, s.After), g.dependencies(*s, s.Requires)
	}
	for _, name := range services {
		g.visit(name)
	}
	c.checkShutdown(g.services, &g.problems)
	return g.services, g.problems
}

// graph is the services of an image and their dependencies.
type graph struct {
	services []Service
	onboot   []string
	index    map[string]int // in services, by name
	visited  map[string]visit
	problems problems
}

// visit is the state of a service in the depth-first search.
type visit int

const (
	inProgress visit = iota + 1
	complete
)

// names returns all names that can be referred to.
func (g *graph) names() []string {
	var names []string
	for _, s := range g.services {
		names = append(names, s.Name)
	}
	return append(append(names, g.onboot...), Milestones...)
}

// checkOnboot checks an entry that is not a service: it must be an onboot container. Its
// dependencies must be met by the order of the boot, in which onboot containers run one
// after another, and after the first milestones.
func (g *graph) checkOnboot(s Service) {
	at := slices.Index(g.onboot, s.Name)
	if at < 0 {
		g.problems.unknown(s.Line, "no such service", s.Name, g.names())
		return
	}
	for _, name := range append(slices.Clone(s.After), s.Requires...) {
		if !slices.Contains(Milestones[:3], name) && !slices.Contains(g.onboot[:at], name) {
			g.problems.add(s.Line, "onboot "+s.Name+": cannot wait for "+name+
				"; onboot runs in the order of the manifest, before the services")
		}
	}
}

// invertBefore adds s to After of the services in s.Before.
func (g *graph) invertBefore(s *Service) {
	for _, name := range s.Before {
		i, found := g.index[name]
		if !found {
			g.problems.unknown(s.Line, "service "+s.Name+": before: no such service", name, g.names())
			continue
		}
		other := &g.services[i]
		other.After = append(other.After, s.Name)
		if other.Line == 0 {
			other.Line = s.Line // for problems of the reversed dependency
		}
	}
	s.Before = nil
}

// dependencies returns names without unknown ones, and with onboot containers replaced by
// their milestone.
func (g *graph) dependencies(s Service, names []string) []string {
	var known []string
	for _, name := range names {
		_, isService := g.index[name]
		switch {
		case isService, slices.Contains(Milestones, name):
			known = append(known, name)
		case slices.Contains(g.onboot, name):
			known = append(known, onbootMilestone)
		default:
			g.problems.unknown(s.Line, "service "+s.Name+": unknown dependency", name, g.names())
		}
	}
	return known
}

// visit searches depth first, and removes each edge that leads back into its own path.
func (g *graph) visit(name string, path ...string) {
	i, isService := g.index[name]
	if !isService || g.visited[name] == complete {
		return
	}
	g.visited[name] = inProgress
	s := &g.services[i]
	path = append(path, name)
	s.After = g.acyclic(*s, s.After, path)
	s.Requires = g.acyclic(*s, s.Requires, path)
	g.visited[name] = complete
}

// acyclic returns names without those that are on the path of the search.
func (g *graph) acyclic(s Service, names, path []string) []string {
	var kept []string
	for _, name := range names {
		if g.visited[name] == inProgress {
			cycle := append(slices.Clone(path[slices.Index(path, name):]), name)
			g.problems.add(s.Line, "service "+s.Name+": dependency cycle: "+strings.Join(cycle, " after ")+
				"; "+s.Name+" does not wait for "+name)
			continue
		}
		g.visit(name, path...)
		kept = append(kept, name)
	}
	return kept
}
