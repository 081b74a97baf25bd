package dashboard

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/archimedes-go/archimedes/modules/eurekaserver/dashboard/traces"
)

// outside is who calls without sending spans.
const outside = "outside"

// How the drawing of who calls whom is laid out, in pixels.
const (
	maxNodes = 24
	boxWide  = 130
	boxHigh  = 40
	bendHigh = 20  // what a line takes that passes a column
	gapWide  = 125 // between columns, for what is written on the lines
	gapHigh  = 46  // between the boxes of a column, or more where many lines pass
	lineHigh = 50  // what is written on a line
	margin   = 24
)

// node is a service in the drawing, or a place where a line passes between those of a column.
type node struct {
	name   string // "" for the outside
	bend   bool
	traced bool
	out    []*node
	state  int     // of the walk that finds layers
	layer  int     // column, from the left
	before []*node // to which lines go in the column before
	x, y   float64 // of its middle
}

// graph draws who calls whom, callers to the left of whom they call.
func (t *text) graph(v callsView) {
	t.put(`<section aria-labelledby="who">
<h2 id="who">Who calls whom</h2>
`)
	nodes, edges := nodesOf(v.Graph.Edges)
	lines, wide, high := layOut(nodes, edges)
	most := edges[0].Calls
	t.put(`<div class="frame graph" tabindex="0" role="group" aria-label="Drawing of who calls whom; the table below says the same">
<svg width="{}" height="{}" viewBox="0 0 {} {}">
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 8 4 0 8z"/></marker>
<marker id="bad-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>
`, wide, high, wide, high)
	places := make([][]point, len(edges))
	for i, e := range edges {
		path, along := draw(lines[i])
		places[i] = along
		class, tip := "edge", "tip"
		if e.Errors > 0 {
			class, tip = "edge bad", "bad-tip"
		}
		t.put(`<path class="{}" d="{}" stroke-width="{}" marker-end="url(#{})"/>`+"\n", class, path, fmt.Sprintf("%.1f", 1.2+2.8*float64(e.Calls)/float64(most)), tip)
	}
	var taken []area
	for _, n := range inOrder(nodes) {
		t.node(n)
		taken = append(taken, area{n.x - boxWide/2, n.y - boxHigh/2, n.x + boxWide/2, n.y + boxHigh/2})
	}
	for _, i := range byRoom(places) {
		e := edges[i]
		text := rate(e.Calls, v.Graph.Window) + " · " + took(e.P50)
		at, covered := room(places[i], text, e.Errors > 0, taken)
		taken = append(taken, covered)
		t.put(`<text class="figure" x="{}" y="{}">{}</text>`, px(at.x), px(at.y-6), text)
		t.putIf(e.Errors > 0, `<text class="figure bad" x="{}" y="{}">{} failed</text>`, px(at.x), px(at.y+15), percent(e.Errors, e.Calls))
		t.put("\n")
	}
	t.put("</svg>\n</div>\n")
	t.putIf(len(edges) < len(v.Graph.Edges), `<p class="note">The drawing shows the {} services that are called most.</p>`+"\n", len(nodes))
}

func (t *text) node(n *node) {
	switch {
	case n.name == "":
		t.put(`<g class="node away">`)
	case n.traced:
		t.put(`<a class="node" href="?q={}" data-key="node {}" aria-label="Traces of {}"><title>{}</title>`, n.name, n.name, n.name, n.name)
	default:
		t.put(`<g class="node away"><title>{}</title>`, n.name)
	}
	t.put(`<rect x="{}" y="{}" width="{}" height="{}" rx="6"/>`, px(n.x-boxWide/2), px(n.y-boxHigh/2), boxWide, boxHigh)
	name := cut(cmp.Or(n.name, outside), 16)
	if n.traced || n.name == "" {
		t.put(`<text x="{}" y="{}">{}</text>`, px(n.x), px(n.y+5), name)
	} else {
		t.put(`<text x="{}" y="{}">{}</text><text class="figure" x="{}" y="{}">not traced</text>`, px(n.x), px(n.y-1), name, px(n.x), px(n.y+13))
	}
	if n.traced {
		t.put("</a>\n")
	} else {
		t.put("</g>\n")
	}
}

// nodesOf returns the services of the most used edges, and the edges between them.
func nodesOf(all []traces.Edge) (map[string]*node, []traces.Edge) {
	nodes := map[string]*node{}
	var edges []traces.Edge
	for _, e := range all {
		added := 0
		for i, name := range []string{e.Caller, e.Callee} {
			if nodes[name] == nil && (i == 0 || e.Caller != e.Callee) {
				added++
			}
		}
		if len(nodes)+added > maxNodes {
			continue
		}
		for _, name := range []string{e.Caller, e.Callee} {
			if nodes[name] == nil {
				nodes[name] = &node{name: name}
			}
		}
		nodes[e.Caller].traced = e.Caller != ""
		nodes[e.Callee].traced = nodes[e.Callee].traced || e.Traced
		nodes[e.Caller].out = append(nodes[e.Caller].out, nodes[e.Callee])
		edges = append(edges, e)
	}
	return nodes, edges
}

// inOrder returns the nodes by name, so that the same calls make the same drawing.
func inOrder(nodes map[string]*node) []*node {
	all := make([]*node, 0, len(nodes))
	for _, n := range nodes {
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b *node) int { return cmp.Compare(a.name, b.name) })
	return all
}

// layOut gives each node its place, and returns for each edge what its line passes, and how large the drawing is. A node stands one
// column to the right of the last of its callers, those aside that it calls itself in a circle.
func layOut(nodes map[string]*node, edges []traces.Edge) (lines [][]*node, wide, high int) {
	all := inOrder(nodes)
	called := map[*node]bool{}
	for _, e := range edges {
		if e.Caller != e.Callee {
			called[nodes[e.Callee]] = true
		}
	}
	var order []*node // callers after whom they call
	back := map[[2]*node]bool{}
	var walk func(*node)
	walk = func(n *node) {
		n.state = 1
		for _, to := range n.out {
			switch to.state {
			case 0:
				walk(to)
			case 1:
				back[[2]*node{n, to}] = true
			}
		}
		n.state = 2
		order = append(order, n)
	}
	for _, first := range []bool{true, false} {
		for _, n := range all {
			if n.state == 0 && (!first || !called[n]) {
				walk(n)
			}
		}
	}
	var columns [][]*node
	for _, n := range slices.Backward(order) {
		for _, to := range n.out {
			if !back[[2]*node{n, to}] {
				to.layer = max(to.layer, n.layer+1)
			}
		}
		for len(columns) <= n.layer {
			columns = append(columns, nil)
		}
		columns[n.layer] = append(columns[n.layer], n)
	}
	for _, e := range edges {
		from, to := nodes[e.Caller], nodes[e.Callee]
		line := []*node{from}
		for layer := from.layer + 1; layer < to.layer; layer++ {
			bend := &node{name: to.name, bend: true, layer: layer, before: line[len(line)-1:]}
			columns[layer] = append(columns[layer], bend)
			line = append(line, bend)
		}
		if to.layer > from.layer {
			to.before = append(to.before, line[len(line)-1])
		}
		lines = append(lines, append(line, to))
	}
	return lines, 2*margin + len(columns)*boxWide + (len(columns)-1)*gapWide, stack(columns, gapFor(columns, lines))
}

// gapFor returns how far apart boxes stand, so that what is written on the lines between two columns has room.
func gapFor(columns [][]*node, lines [][]*node) float64 {
	passing, gap := make([]int, len(columns)), float64(gapHigh)
	for _, line := range lines {
		for _, n := range line[:len(line)-1] {
			passing[n.layer]++
		}
	}
	for i := range len(columns) - 1 {
		boxes := float64(len(columns[i])+len(columns[i+1])) / 2
		gap = max(gap, float64(passing[i]*lineHigh)/boxes-boxHigh)
	}
	return min(gap, 4*gapHigh)
}

// stack puts the nodes of each column above each other, in the order of those that they are called by, and returns how high that is.
func stack(columns [][]*node, gap float64) int {
	tall := func(n *node) float64 {
		if n.bend {
			return bendHigh
		}
		return boxHigh
	}
	heights, tallest := make([]float64, len(columns)), 0.0
	for i, column := range columns {
		for _, n := range column {
			heights[i] += tall(n) + gap
		}
		tallest = max(tallest, heights[i])
	}
	for i, column := range columns {
		callers := func(n *node) (sum float64) {
			for _, b := range n.before {
				sum += b.y
			}
			return sum / max(1, float64(len(n.before)))
		}
		slices.SortStableFunc(column, func(a, b *node) int { return cmp.Or(cmp.Compare(callers(a), callers(b)), cmp.Compare(a.name, b.name)) })
		top := margin + (tallest-heights[i])/2
		for _, n := range column {
			n.x = margin + boxWide/2 + float64(i)*(boxWide+gapWide)
			n.y = top + (tall(n)+gap)/2
			top += tall(n) + gap
		}
	}
	return int(tallest) + 2*margin
}

// point is a place in the drawing, area what something covers there.
type (
	point struct{ x, y float64 }
	area  struct{ left, top, right, bottom float64 }
)

func (a area) shared(b area) float64 {
	return max(0, min(a.right, b.right)-max(a.left, b.left)) * max(0, min(a.bottom, b.bottom)-max(a.top, b.top))
}

// byRoom returns lines in the order in which their texts find a place: a flat one has hardly a choice.
func byRoom(places [][]point) []int {
	order, steep := make([]int, len(places)), make([]float64, len(places))
	for i, all := range places {
		order[i] = i
		for _, p := range all {
			steep[i] = max(steep[i], math.Abs(p.y-all[0].y))
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(steep[a], steep[b]) })
	return order
}

// room returns the first of some places where a text covers nothing that is taken, or the one where it covers least.
func room(places []point, text string, failed bool, taken []area) (best point, covered area) {
	const letter, above, below, second = 6.8, 17, -2, 20 // of a text at 12 pixels, which stands on its line, and of one below that
	half, bottom := letter*float64(len([]rune(text)))/2, float64(below)
	if failed {
		bottom = second
	}
	least := math.Inf(1)
	for _, p := range places {
		a, sum := area{p.x - half, p.y - above, p.x + half, p.y + bottom}, 0.0
		for _, t := range taken {
			sum += a.shared(t)
		}
		if sum < least {
			best, covered, least = p, a, sum
		}
	}
	return best, covered
}

// curve is one of Bézier's.
type curve [4]point

func (c curve) at(t float64) point {
	u := 1 - t
	a, b, d, e := u*u*u, 3*u*u*t, 3*u*t*t, t*t*t
	return point{a*c[0].x + b*c[1].x + d*c[2].x + e*c[3].x, a*c[0].y + b*c[1].y + d*c[2].y + e*c[3].y}
}

func (c curve) path() string {
	return fmt.Sprintf("C%s %s %s %s %s %s", px(c[1].x), px(c[1].y), px(c[2].x), px(c[2].y), px(c[3].x), px(c[3].y))
}

// along returns where on a curve a text may stand, the middle first.
func (c curve) along() (all []point) {
	for _, t := range [...]float64{.5, .46, .54, .42, .58, .38, .62, .34, .66, .3, .7, .26, .74} {
		all = append(all, c.at(t))
	}
	return all
}

// draw returns the path of a line, and where on it a text may stand, the best first.
func draw(line []*node) (path string, places []point) {
	from, to := line[0], line[len(line)-1]
	if to.layer <= from.layer { // below the boxes, and back
		begin, end := point{from.x + 30, from.y + boxHigh/2}, point{to.x - 30, to.y + boxHigh/2}
		low := max(begin.y, end.y) + gapHigh*3/4
		c := curve{begin, {begin.x, low}, {end.x, low}, end}
		return "M" + px(begin.x) + " " + px(begin.y) + c.path(), c.along()
	}
	path = "M" + px(from.x+boxWide/2) + " " + px(from.y)
	var between []point
	for i, n := range line[1:] {
		before, right := line[i], n.x-boxWide/2
		half := right - gapWide/2
		c := curve{{right - gapWide, before.y}, {half, before.y}, {half, n.y}, {right, n.y}}
		path += c.path()
		between = append(between, c.along()...)
		if n.bend {
			path += "H" + px(n.x+boxWide/2)
			places = append(places, point{n.x, n.y})
		}
	}
	return path, append(places, between...)
}

func px(f float64) string { return fmt.Sprintf("%.0f", f) }

// cut shortens a name to what fits.
func cut(name string, most int) string {
	runes := []rune(name)
	if len(runes) <= most {
		return name
	}
	return string(runes[:most-1]) + "…"
}
