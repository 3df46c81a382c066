package config

import (
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/pid1/record"
)

// Milestones are the points of the boot that a service can come after. A service
// of the same name goes before.
var Milestones = []string{
	record.MilestoneEarly, record.MilestoneModules, record.MilestoneNetwork, record.MilestoneOnboot, record.MilestoneContainerd,
}

// onbootMilestone stands for every onboot container: services start after all of them.
const onbootMilestone = record.MilestoneOnboot

// Check returns what is wrong with the orders and names for an image with these
// containers, by their names in the manifest and in its order.
func (c Config) Check(onboot, services []string) []Problem {
	_, problems := c.Resolve(onboot, services)
	return problems
}

// Resolve returns how each service of an image is run, in the order of services.
// What one comes before has become what the other comes after, onboot containers
// have become their milestone, and After and Requires name nothing but services and
// Milestones, without a circle. What had to be left out for that is in the problems:
// a mistake in the order must not keep a machine from booting.
func (c Config) Resolve(onboot, services []string) ([]Service, []Problem) {
	g := &graph{onboot: onboot, index: map[string]int{}, mark: map[string]int{}}
	for i, name := range services {
		s := c.Service(name)
		s.After, s.Requires = slices.Clone(s.After), slices.Clone(s.Requires)
		g.services, g.index[name] = append(g.services, s), i
	}
	for _, s := range c.Services {
		if _, found := g.index[s.Name]; !found {
			g.other(s)
		}
	}
	for i := range services {
		g.turn(&g.services[i])
	}
	for i := range services {
		s := &g.services[i]
		s.After, s.Requires = g.known(*s, s.After), g.known(*s, s.Requires)
	}
	for _, name := range services {
		g.visit(name)
	}
	return g.services, g.problems
}

// graph is the services of an image and what they wait for.
type graph struct {
	services []Service
	onboot   []string
	index    map[string]int // of services
	mark     map[string]int // visiting, visited
	problems problems
}

const (
	visiting = 1
	visited  = 2
)

// names returns all that can be named.
func (g *graph) names() []string {
	var names []string
	for _, s := range g.services {
		names = append(names, s.Name)
	}
	return append(append(names, g.onboot...), Milestones...)
}

// other checks an entry that is no service's. One of an onboot container may say
// what holds anyway: onboot runs after the machine's own network is up, and in order.
func (g *graph) other(s Service) {
	at := slices.Index(g.onboot, s.Name)
	if at < 0 {
		g.problems.unknown(s.Line, "there is no service", s.Name, g.names())
		return
	}
	for _, name := range append(slices.Clone(s.After), s.Requires...) {
		if !slices.Contains([]string{"early", "modules", "network"}, name) && !slices.Contains(g.onboot[:at], name) {
			g.problems.add(s.Line, "onboot "+s.Name+": cannot wait for "+name+"; onboot runs in the order of the manifest, before the services")
		}
	}
}

// turn makes what s comes before come after s.
func (g *graph) turn(s *Service) {
	for _, name := range s.Before {
		i, found := g.index[name]
		if !found {
			g.problems.unknown(s.Line, "service "+s.Name+": comes before what is no service,", name, g.names())
			continue
		}
		other := &g.services[i]
		other.After = append(other.After, s.Name)
		if other.Line == 0 {
			other.Line = s.Line // which now says something of it
		}
	}
	s.Before = nil
}

// known leaves out the names that mean nothing.
func (g *graph) known(s Service, names []string) []string {
	var known []string
	for _, name := range names {
		_, isService := g.index[name]
		switch {
		case isService, slices.Contains(Milestones, name):
			known = append(known, name)
		case slices.Contains(g.onboot, name):
			known = append(known, onbootMilestone)
		default:
			g.problems.unknown(s.Line, "service "+s.Name+": nothing to wait for is called", name, g.names())
		}
	}
	return known
}

// visit walks depth first and cuts each edge that leads back into its own path.
func (g *graph) visit(name string, path ...string) {
	i, isService := g.index[name]
	if !isService || g.mark[name] == visited {
		return
	}
	g.mark[name] = visiting
	s := &g.services[i]
	path = append(path, name)
	s.After = g.cut(*s, s.After, path)
	s.Requires = g.cut(*s, s.Requires, path)
	g.mark[name] = visited
}

func (g *graph) cut(s Service, names, path []string) []string {
	var kept []string
	for _, name := range names {
		if g.mark[name] == visiting {
			circle := append(slices.Clone(path[slices.Index(path, name):]), name)
			g.problems.add(s.Line, "service "+s.Name+": waits in a circle: "+strings.Join(circle, " after ")+"; it does not wait for "+name)
			continue
		}
		g.visit(name, path...)
		kept = append(kept, name)
	}
	return kept
}
