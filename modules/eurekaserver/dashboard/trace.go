package dashboard

import (
	"time"

	"github.com/archimedes-go/archimedes/modules/eurekaserver/dashboard/traces"
)

const (
	maxIndent = 12   // steps to the right; what is deeper stands below the last
	colours   = 8    // of services, in style.css
	axis      = 1000 // units of a bar's drawing
)

// tracePage writes the document of one trace, or that it is not there.
func (t *text) tracePage(v traceView) {
	t.begin(v.frame, "Calls", "spans", "")
	if len(v.Rows) == 0 {
		t.put(`<section aria-labelledby="spans">
<h2 id="spans" tabindex="-1">This trace is not kept</h2>
<p class="note">No span of {} came yet, or newer traces took its place. <a href="{}traces">All calls</a></p>
</section>
`, v.ID, v.Base)
		t.end()
		return
	}
	first := v.Rows[0]
	t.put(`<section aria-labelledby="trace">
<h2 id="trace" class="title"><bdi>{}</bdi> <bdi>{}</bdi> `, first.Service, first.Name)
	t.outcome(v.Errors)
	t.put(`</h2>
<dl class="figures">
<div><dt>Took</dt><dd>{}</dd></div>
<div><dt>Began</dt><dd><span class="ago">`, took(v.Duration))
	t.when(v.Began)
	t.put(` ago</span></dd></div>
<div><dt>Spans</dt><dd>{}</dd></div>
<div><dt>Services</dt><dd>{}</dd></div>
</dl>
<p class="note">Trace <code>{}</code></p>
`, len(v.Rows)+v.Left, len(v.Services), v.ID)
	t.putIf(v.Left > 0, `<p class="note alarm">{} more spans came than are kept of one trace.</p>`+"\n", v.Left)
	t.put("</section>\n")
	t.waterfall(v)
	t.end()
}

func (t *text) waterfall(v traceView) {
	t.put(`<section aria-labelledby="spans">
<h2 id="spans" tabindex="-1">Spans</h2>
<ul class="legend">`)
	colour := map[string]int{}
	for i, service := range v.Services {
		colour[service] = i % colours
		if i < 2*colours {
			t.put(`<li><span class="dot s{}"></span><bdi>{}</bdi></li>`, i%colours, service)
		}
	}
	t.putIf(len(v.Services) > 2*colours, `<li>and {} more</li>`, len(v.Services)-2*colours)
	t.put(`</ul>
<div class="frame">
<div class="axis" aria-hidden="true">`)
	for i := range 5 {
		t.put(`<span>{}</span>`, took(v.Duration*time.Duration(i)/4))
	}
	t.put("</div>\n<ol class=\"spans\">\n")
	for _, row := range v.Rows {
		t.span(row, v.Duration, colour[row.Service])
	}
	t.put("</ol>\n</div>\n</section>\n")
}

func (t *text) span(r traces.Row, whole time.Duration, colour int) {
	t.put(`<li class="span"><details><summary data-key="{}">
<span class="what in{}"><span class="dot s{}"></span><span><bdi class="who">{}</bdi> <bdi>{}</bdi>`,
		r.ID, min(r.Depth, maxIndent), colour, r.Service, r.Name)
	t.putIf(r.Retry > 0, ` <span class="status">retry {}</span>`, r.Retry)
	if r.Failed {
		code := r.Attribute("http.response.status_code")
		t.put(` <span class="status down">error`)
		t.putIf(code != "", " {}", code)
		t.put(`</span>`)
	}
	at, width := place(r.Offset, whole), place(r.Duration, whole)
	width = max(width, 3)
	at = min(at, axis-width)
	t.put(`</span></span>
<svg class="bar s{}{}" viewBox="0 0 {} 1" preserveAspectRatio="none" aria-hidden="true"><rect x="{}" width="{}" height="1"/></svg>
<span class="took">{}</span></summary>
<dl class="about">
`, colour, map[bool]string{true: " failed"}[r.Failed], axis, at, width, took(r.Duration))
	about := func(name, value string) { t.put(`<div><dt>{}</dt><dd><bdi>{}</bdi></dd></div>`+"\n", name, value) }
	if r.Message != "" {
		t.put(`<div class="down"><dt>error</dt><dd><bdi>{}</bdi></dd></div>`+"\n", r.Message)
	}
	about("began after", took(r.Offset))
	about("kind", r.Kind.String())
	for _, a := range r.Attributes {
		about(a.Key, a.Value)
	}
	about("span", r.ID.String())
	if r.Orphan {
		about("parent", r.Parent.String()+", which is not kept")
	}
	switch {
	case r.Shifted > 0:
		about("clock", took(r.Shifted)+" behind that of its caller; it is drawn where it must have been")
	case r.Shifted < 0:
		about("clock", took(-r.Shifted)+" ahead of that of its caller; it is drawn where it must have been")
	}
	t.put("</dl></details></li>\n")
}

// place is where a time stands on the axis of the whole.
func place(d, whole time.Duration) int {
	if whole <= 0 {
		return 0
	}
	return int(float64(d) / float64(whole) * axis)
}
