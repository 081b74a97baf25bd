package dashboard

import (
	"cmp"
	"fmt"
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
	gapHigh  = 46
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
	for i, e := range edges {
		path, _, _ := draw(lines[i])
		class, tip := "edge", "tip"
		if e.Errors > 0 {
			class, tip = "edge bad", "bad-tip"
		}
		t.put(`<path class="{}" d="{}" stroke-width="{}" marker-end="url(#{})"/>`+"\n", class, path, fmt.Sprintf("%.1f", 1.2+2.8*float64(e.Calls)/float64(most)), tip)
	}
	for _, n := range inOrder(nodes) {
		t.node(n)
	}
	for i, e := range edges {
		_, x, y := draw(lines[i])
		t.put(`<text class="figure" x="{}" y="{}">{} · {}</text>`, px(x), px(y-6), rate(e.Calls, v.Graph.Window), took(e.P50))
		t.putIf(e.Errors > 0, `<text class="figure bad" x="{}" y="{}">{} failed</text>`, px(x), px(y+15), percent(e.Errors, e.Calls))
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
	return lines, 2*margin + len(columns)*boxWide + (len(columns)-1)*gapWide, stack(columns)
}

// stack puts the nodes of each column above each other, in the order of those that they are called by, and returns how high that is.
func stack(columns [][]*node) int {
	tall := func(n *node) float64 {
		if n.bend {
			return bendHigh
		}
		return boxHigh
	}
	heights, tallest := make([]float64, len(columns)), 0.0
	for i, column := range columns {
		for _, n := range column {
			heights[i] += tall(n) + gapHigh
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
			n.y = top + (tall(n)+gapHigh)/2
			top += tall(n) + gapHigh
		}
	}
	return int(tallest) + 2*margin
}

// draw returns the path of a line, and where on it there is room for text.
func draw(line []*node) (path string, x, y float64) {
	from, to := line[0], line[len(line)-1]
	if to.layer <= from.layer { // below the boxes, and back
		x1, x2 := from.x+30, to.x-30
		y1, y2 := from.y+boxHigh/2, to.y+boxHigh/2
		low := max(y1, y2) + gapHigh*3/4
		return fmt.Sprintf("M%s %sC%s %s %s %s %s %s", px(x1), px(y1), px(x1), px(low), px(x2), px(low), px(x2), px(y2)), (x1 + x2) / 2, (y1+y2)/8 + low*3/4
	}
	path = "M" + px(from.x+boxWide/2) + " " + px(from.y)
	for i, n := range line[1:] {
		before := line[i]
		x2 := n.x - boxWide/2
		half := x2 - gapWide/2
		path += fmt.Sprintf("C%s %s %s %s %s %s", px(half), px(before.y), px(half), px(n.y), px(x2), px(n.y))
		if n.bend {
			path += "H" + px(n.x+boxWide/2)
		}
	}
	if first := line[1]; first.bend {
		return path, first.x, first.y
	}
	return path, to.x - boxWide/2 - gapWide/2, (from.y + to.y) / 2
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
