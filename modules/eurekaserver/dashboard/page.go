package dashboard

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"strings"
)

// text is HTML in the making. It is written by hand since the template packages call methods by name, which keeps the linker from
// leaving out of every program what nobody calls: 5 MB.
type text struct{ strings.Builder }

// put writes HTML, with the values where {} stands, escaped for text and for attributes in quotes.
func (t *text) put(markup string, values ...any) {
	for _, value := range values {
		before, after, _ := strings.Cut(markup, "{}")
		t.WriteString(before)
		t.WriteString(html.EscapeString(fmt.Sprint(value)))
		markup = after
	}
	t.WriteString(markup)
}

// putIf is put when something holds.
func (t *text) putIf(holds bool, markup string, values ...any) {
	if holds {
		t.put(markup, values...)
	}
}

// send writes what there is as the answer.
func (t *text) send(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, t.String())
}

// frame is what is around the content of each page.
type frame struct {
	Title   string
	Base    string // of assets and pages, as seen from the page
	Stream  string // of events, below base, that tells that the page is out of date
	Version string // of what the page shows, as the events tell it
	Query   string
	More    bool // not all that was found is shown
	Failed  bool // only what failed is looked for
	Calls   bool // there are pages of calls
}

// begin writes what stands above the content: a search, if what is searched has a name.
func (t *text) begin(f frame, here, skipTo, placeholder string) {
	t.put(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{}</title>
<link rel="icon" href="{}icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="{}style.css">
<script src="{}script.js" defer></script>
</head>
<body data-events="{}{}">
<a class="skip" href="#{}">Skip to the {}</a>
<header>
<h1>Eureka</h1>
`, f.Title, f.Base, f.Base, f.Base, f.Base, f.Stream, skipTo, skipTo)
	if f.Calls {
		t.put(`<nav aria-label="Pages">`)
		for _, page := range [][2]string{{"", "Registry"}, {"traces", "Calls"}} {
			t.put(`<a href="{}{}"`, f.Base, page[0])
			t.putIf(here == page[1], ` aria-current="{}"`, map[bool]string{true: "page", false: "true"}[placeholder != ""])
			t.put(`>{}</a>`, page[1])
		}
		t.put("</nav>\n")
	}
	if placeholder != "" {
		t.put(`<form role="search" method="get">
<label for="q">Search</label>
<input id="q" name="q" type="search" value="{}" placeholder="{}" autocomplete="off" spellcheck="false">
`, f.Query, placeholder)
		if here == "Calls" {
			t.put(`<label><input name="failed" type="checkbox" value="1"`)
			t.putIf(f.Failed, " checked")
			t.put("> Failed</label>\n")
		}
		t.put(`<noscript><button>Search</button></noscript>
</form>
`)
	}
	t.put(`<p id="live" role="status"></p>
</header>
<main id="main" data-version="{}"`, f.Version)
	t.putIf(f.More, ` data-more`)
	t.put(">\n")
}

func (t *text) end() { t.put("</main>\n</body>\n</html>\n") }

// page writes the registry's document.
func (t *text) page(v view) {
	t.begin(v.frame, "Registry", "services", "Service, instance, status, zone")
	t.figures(v)
	t.services(v)
	t.events(v, "Recent events")
	t.putIf(len(v.Events) == maxEvents, `<p class="note"><a href="{}lastn">All that are kept</a></p>`+"\n", v.Base)
	t.end()
}

// last writes the document of all events that are kept.
func (t *text) last(v view) {
	t.begin(v.frame, "Registry", "happened", "Service, instance, status, registered, expired")
	t.events(v, "Last events")
	t.put(`<p class="note"><a href="{}">Registry</a></p>`+"\n", v.Base)
	t.end()
}

func (t *text) figures(v view) {
	t.put(`<section aria-label="Figures">
<dl class="figures">
<div><dt>Services</dt><dd>{}</dd></div>
`, v.Stats.Applications)
	for _, s := range v.Statuses {
		t.put(`<div class="{}"><dt>{}</dt><dd><a href="?q={}" aria-label="{} {}: show them" data-key="figure {}">{}</a></dd></div>`+"\n",
			strings.ToLower(s.Name), s.Name, s.Name, s.Number, s.Name, s.Name, s.Number)
	}
	t.put(`<div><dt>Renewals, last minute</dt><dd>{} <small>of {} expected</small></dd></div>
<div><dt>Leases expired</dt><dd>{}</dd></div>
`, v.Stats.LastMinute, v.Stats.ExpectedRenewals, v.Stats.Evicted)
	t.putIf(v.Stats.Restored > 0, "<div><dt>Not heard of since the restart</dt><dd>{}</dd></div>\n", v.Stats.Restored)
	t.put("</dl>\n")
	switch {
	case v.Stats.Preserving:
		t.put(`<p class="note alarm"><strong>Self-preservation is active.</strong> Too few renewals came in the last minute, so leases do not end: what is listed may be gone.</p>`)
	case v.Stats.SelfPreservation:
		t.put(`<p class="note"><strong>Self-preservation is on</strong> and not active: leases end when they are not renewed, until many fail to come at once.</p>`)
	default:
		t.put(`<p class="note"><strong>Self-preservation is off:</strong> instances that do not renew leave the list when their lease ends.</p>`)
	}
	t.put("\n</section>\n")
}

func (t *text) services(v view) {
	t.put(`<section aria-labelledby="services">
<h2 id="services" tabindex="-1">Services</h2>
`)
	if len(v.Services) > 0 {
		t.put(`<div class="frame">
<table role="table">
<thead role="rowgroup"><tr role="row">`)
		for _, column := range []string{"Instance", "Status", "Zone", "Version", "Up for", "Last renewal", "Actions"} {
			t.put(`<th scope="col" role="columnheader">{}</th>`, column)
		}
		t.put("</tr></thead>\n")
		for _, s := range v.Services {
			t.put(`<tbody role="rowgroup">
<tr role="row" class="service"><th scope="rowgroup" role="rowheader" colspan="7"><bdi>{}</bdi> <small>{} of {} up</small></th></tr>
`, s.Name, s.Up, s.All)
			for _, i := range s.Instances {
				t.instance(i, v)
			}
			t.put("</tbody>\n")
		}
		t.put("</table>\n</div>\n")
	}
	t.put(`<p id="none" class="note"`)
	t.putIf(len(v.Services) > 0, " hidden")
	if v.Query == "" && len(v.Services) == 0 {
		t.put(">No instance is registered yet.</p>\n")
	} else {
		t.put(">Nothing matches.</p>\n")
	}
	t.putIf(v.Shown < v.Found, `<p class="note">{} of {} instances are shown; a search finds the others.</p>`+"\n", v.Shown, v.Found)
	t.put("</section>\n")
}

func (t *text) instance(i instance, v view) {
	t.put(`<tr role="row" class="instance" data-text="{} {} {} {} {} {}">
<th scope="row" role="rowheader"><bdi>{}</bdi></th>
<td role="cell" data-label="Status"><span class="status {}">{}</span>`,
		i.App, i.ID, i.Host, i.Status, i.Zone, i.Version, i.ID, strings.ToLower(i.Status), i.Status)
	t.putIf(i.Overridden, ` <small>set by hand</small>`)
	t.putIf(i.Restored, ` <small>not heard of since the restart</small>`)
	t.put("</td>\n")
	for _, cell := range [][2]string{{"Zone", i.Zone}, {"Version", i.Version}} {
		t.put(`<td role="cell" data-label="{}">`, cell[0])
		t.putIf(cell[1] != "", `<bdi>{}</bdi>`, cell[1])
		t.putIf(cell[1] == "", `–`)
		t.put("</td>\n")
	}
	t.put(`<td role="cell" data-label="Up for">`)
	if i.Since != nil {
		t.put(`<time datetime="{}" title="since {}" data-seconds="{}">{}</time>`, i.Since.At, i.Since.At, i.Since.Seconds, ago(i.Since.Seconds))
	} else {
		t.put(`–`)
	}
	t.put(`</td>
<td role="cell" data-label="Last renewal"><span class="ago">`)
	t.when(i.Renewed)
	t.put(` ago</span></td>
<td role="cell" class="actions">`)
	t.putIf(i.Actuator != "", `<a class="button" href="{}" target="_blank" rel="noopener noreferrer" aria-label="Actuator of {}" data-key="actuator {} {}">Actuator</a>`,
		i.Actuator, i.ID, i.App, i.ID)
	switch {
	case !v.Actions:
	case i.Overridden:
		t.action(v.Base, i, "back", "Put "+i.ID+" back", "Put back")
	case i.Status == "UP":
		t.action(v.Base, i, "out", "Take "+i.ID+" out of service", "Take out")
	}
	t.put("</td>\n</tr>\n")
}

// action writes a button that changes the status of an instance.
func (t *text) action(base string, i instance, do, label, name string) {
	t.put(`<form method="post" action="{}status"><input type="hidden" name="app" value="{}"><input type="hidden" name="id" value="{}">`, base, i.App, i.ID)
	t.put(`<button name="do" value="{}" aria-label="{}" data-key="status {} {}">{}</button></form>`, do, label, i.App, i.ID, name)
}

func (t *text) when(a age) {
	t.put(`<time datetime="{}" title="{}" data-seconds="{}">{}</time>`, a.At, a.At, a.Seconds, ago(a.Seconds))
}

func (t *text) events(v view, title string) {
	t.put(`<section aria-labelledby="happened">
<h2 id="happened" tabindex="-1">{}</h2>
`, title)
	if len(v.Events) == 0 {
		t.putIf(v.Version == noEvents, `<p class="note">Nothing happened yet.</p>`)
		t.putIf(v.Version != noEvents, `<p class="note">Nothing matches.</p>`)
		t.put("\n</section>\n")
		return
	}
	t.put("<ol class=\"events\">\n")
	for _, e := range v.Events {
		t.put(`<li><span class="when">`)
		t.when(e.When)
		t.put(` ago</span> <span>{}`, e.Kind)
		t.putIf(e.ID != "", ` <bdi>{}</bdi> <bdi>{}</bdi> <span class="status {}">{}</span>`, e.App, e.ID, strings.ToLower(e.Status), e.Status)
		t.put("</span></li>\n")
	}
	t.put("</ol>\n</section>\n")
}
