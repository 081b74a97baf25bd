package dashboard

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/archimedes-go/archimedes/modules/eurekaserver/dashboard/traces"
)

const (
	maxTraces = 100 // that a page lists
	maxEdges  = 100 // that its table of who calls whom lists
)

// serveCalls answers what is asked for below traces: nothing is the page of all calls, an id that of one trace.
func (h *Handler) serveCalls(w http.ResponseWriter, r *http.Request, below string) {
	f := frame{Base: base(r.URL.Path), Calls: true}
	id, one := traces.ParseID(cmp.Or(r.URL.Query().Get("of"), below))
	switch {
	case below == "events" && one:
		h.events(w, r, h.traces.News, func() string { t, _ := h.traces.Trace(id); return traceVersion(t) })
	case below == "events":
		h.events(w, r, h.traces.News, h.traces.Version)
	case below == "":
		f.Title, f.Stream, f.Query, f.Failed = "Calls", "traces/events", r.URL.Query().Get("q"), r.URL.Query().Get("failed") != ""
		v := h.lookAtCalls(f)
		v.Endpoint = endpoint(r)
		var t text
		t.callsPage(v)
		t.send(w, http.StatusOK)
	case one:
		found, kept := h.traces.Trace(id)
		f.Title, f.Stream, f.Version = "Trace", "traces/events?of="+id.String(), traceVersion(found)
		var t text
		if !kept {
			t.tracePage(traceView{frame: f, ID: id.String()})
			t.send(w, http.StatusNotFound)
			return
		}
		fall := traces.Arrange(found)
		f.Title = fall.Rows[0].Service + " " + fall.Rows[0].Name
		t.tracePage(traceView{f, fall, id.String(), h.age(fall.Start), found.Left})
		t.send(w, http.StatusOK)
	default:
		http.NotFound(w, r)
	}
}

// traceVersion changes when spans of a trace come.
func traceVersion(t traces.Trace) string { return strconv.Itoa(len(t.Spans) + t.Left) }

// endpoint is where programs send their spans, as the one who looks at the page would write it.
func endpoint(r *http.Request) string {
	asked, _, _ := strings.Cut(r.RequestURI, "?")
	context, _, _ := strings.Cut(asked, root)
	if !strings.HasPrefix(context, "/") {
		context = "" // none, or a whole URL as proxies ask for
	}
	_, port, _ := net.SplitHostPort(r.Host) // what is no port is none
	return "http://localhost:" + cmp.Or(port, "8761") + context + "/v1/traces"
}

// callsView is what the page of all calls shows.
type callsView struct {
	frame
	Endpoint string
	Graph    traces.Graph
	Spans    int // that are kept
	Total    int // traces that are kept
	Found    int // of these, those that were looked for
	Shown    []traceView
}

// traceView is one trace.
type traceView struct {
	frame
	traces.Waterfall
	ID    string
	Began age
	Left  int // spans there was no room for
}

func (h *Handler) lookAtCalls(f frame) callsView {
	f.Version = h.traces.Version() // before what is looked at: a page that is newer than it says is loaded once too often
	all := h.traces.Traces()
	v := callsView{Graph: traces.Calls(all, h.now()), Total: len(all)}
	words := strings.Fields(strings.ToLower(f.Query))
	for _, t := range all {
		v.Spans += len(t.Spans)
		if f.Failed && !failed(t) || !tells(t, words) {
			continue
		}
		if v.Found++; len(v.Shown) < maxTraces {
			fall := traces.Arrange(t)
			v.Shown = append(v.Shown, traceView{Waterfall: fall, ID: t.ID.String(), Began: h.age(fall.Start), Left: t.Left})
		}
	}
	f.More = len(v.Shown) < v.Found
	v.frame = f
	return v
}

func failed(t traces.Trace) bool {
	for i := range t.Spans {
		if t.Spans[i].Failed {
			return true
		}
	}
	return false
}

// tells reports whether every word stands in a trace's id or in a service or name of its spans.
func tells(t traces.Trace, words []string) bool {
	if len(words) == 0 {
		return true
	}
	text := strings.ToLower(traceText(t.ID.String(), t.Spans))
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// traceText is what a search for a trace looks at.
func traceText(id string, spans []traces.Span) string {
	var b strings.Builder
	b.WriteString(id)
	seen := map[string]bool{}
	for i := range spans {
		for _, one := range []string{spans[i].Service, spans[i].Name} {
			if !seen[one] && b.Len() < 4096 {
				seen[one] = true
				b.WriteString(" " + one)
			}
		}
	}
	return b.String()
}

// callsPage writes the document of all calls.
func (t *text) callsPage(v callsView) {
	t.begin(v.frame, "Calls", "traces", "Service, name, trace id")
	if v.Total == 0 {
		t.put(`<section aria-labelledby="traces">
<h2 id="traces" tabindex="-1">No call was seen yet</h2>
<p class="note">Programs on this machine show their calls here once they export spans:</p>
<pre class="frame" tabindex="0">management:
  tracing.sampling.probability: 1.0
  opentelemetry.tracing.export.otlp.endpoint: {}</pre>
</section>
`, v.Endpoint)
		t.end()
		return
	}
	t.callFigures(v)
	if len(v.Graph.Edges) > 0 {
		t.graph(v)
		t.edges(v)
	}
	t.traces(v)
	t.end()
}

func (t *text) callFigures(v callsView) {
	var requests, calls, errors int
	for _, e := range v.Graph.Edges {
		if calls += e.Calls; e.Caller == "" {
			requests += e.Calls
		}
		errors += e.Errors
	}
	t.put(`<section aria-label="Figures">
<dl class="figures">
<div><dt>Requests from outside</dt><dd>{}</dd></div>
<div><dt>Calls between services</dt><dd>{}</dd></div>
<div class="{}"><dt>Failed</dt><dd>{}</dd></div>
<div><dt>Kept</dt><dd>{} <small>spans of {} traces, {}</small></dd></div>
</dl>
</section>
`, rate(requests, v.Graph.Window), rate(calls-requests, v.Graph.Window), map[bool]string{true: "down", false: ""}[errors > 0], percent(errors, calls),
		v.Spans, v.Total, ago(int64(v.Graph.Window/time.Second)))
}

func (t *text) edges(v callsView) {
	t.put(`<div class="frame">
<table role="table" class="edges">
<thead role="rowgroup"><tr role="row">`)
	for _, column := range []string{"Call", "Number", "Rate", "Failed", "Median", "95 %"} {
		t.put(`<th scope="col" role="columnheader">{}</th>`, column)
	}
	t.put("</tr></thead>\n<tbody role=\"rowgroup\">\n")
	for _, e := range v.Graph.Edges[:min(len(v.Graph.Edges), maxEdges)] {
		t.put(`<tr role="row" class="row"><th scope="row" role="rowheader"><bdi>{}</bdi> → <bdi>{}</bdi>`, cmp.Or(e.Caller, outside), e.Callee)
		t.putIf(!e.Traced, ` <small>not traced</small>`)
		t.put(`</th><td role="cell" data-label="Number">{}</td><td role="cell" data-label="Rate">{}</td><td role="cell" data-label="Failed">`, e.Calls, rate(e.Calls, v.Graph.Window))
		if e.Errors > 0 {
			t.put(`<span class="status down">{}</span>`, percent(e.Errors, e.Calls))
		} else {
			t.put(`–`)
		}
		t.put(`</td><td role="cell" data-label="Median">{}</td><td role="cell" data-label="95 %">{}</td></tr>`+"\n", took(e.P50), took(e.P95))
	}
	t.put("</tbody>\n</table>\n</div>\n")
	t.putIf(len(v.Graph.Edges) > maxEdges, `<p class="note">{} of {} are shown, the most used.</p>`+"\n", maxEdges, len(v.Graph.Edges))
	t.put("</section>\n")
}

func (t *text) traces(v callsView) {
	t.put(`<section aria-labelledby="traces">
<h2 id="traces" tabindex="-1">Latest traces</h2>
`)
	if len(v.Shown) > 0 {
		t.put(`<div class="frame">
<table role="table">
<thead role="rowgroup"><tr role="row">`)
		for _, column := range []string{"Trace", "Outcome", "Took", "Services", "Spans", "Began"} {
			t.put(`<th scope="col" role="columnheader">{}</th>`, column)
		}
		t.put("</tr></thead>\n<tbody role=\"rowgroup\">\n")
		for _, one := range v.Shown {
			t.traceRow(v.Base, one)
		}
		t.put("</tbody>\n</table>\n</div>\n")
	}
	t.put(`<p id="none" class="note"`)
	t.putIf(len(v.Shown) > 0, " hidden")
	t.put(">Nothing matches.</p>\n")
	t.putIf(v.More, `<p class="note">{} of {} traces are shown; a search finds the others.</p>`+"\n", len(v.Shown), v.Found)
	t.put("</section>\n")
}

func (t *text) traceRow(base string, v traceView) {
	first := v.Rows[0]
	spans := make([]traces.Span, len(v.Rows))
	for i, row := range v.Rows {
		spans[i] = *row.Span
	}
	t.put(`<tr role="row" class="row" data-text="{}">
<th scope="row" role="rowheader"><a href="{}traces/{}" data-key="{}"><bdi>{}</bdi> <bdi>{}</bdi></a></th>
<td role="cell" data-label="Outcome">`, traceText(v.ID, spans), base, v.ID, v.ID, first.Service, first.Name)
	t.outcome(v.Errors)
	t.put(`</td>
<td role="cell" data-label="Took">{}</td>
<td role="cell" data-label="Services"><span>`, took(v.Duration))
	for i, service := range v.Services[:min(len(v.Services), 6)] {
		t.putIf(i > 0, ", ")
		t.put(`<bdi>{}</bdi>`, service)
	}
	t.putIf(len(v.Services) > 6, " and {} more", len(v.Services)-6)
	t.put(`</span></td>
<td role="cell" data-label="Spans">{}</td>
<td role="cell" data-label="Began"><span class="ago">`, len(v.Rows)+v.Left)
	t.when(v.Began)
	t.put(" ago</span></td>\n</tr>\n")
}

func (t *text) outcome(errors int) {
	switch errors {
	case 0:
		t.put(`<span class="status up">OK</span>`)
	case 1:
		t.put(`<span class="status down">1 error</span>`)
	default:
		t.put(`<span class="status down">{} errors</span>`, errors)
	}
}

// rate is how often something happens.
func rate(n int, in time.Duration) string {
	perSecond := float64(n) / in.Seconds()
	switch {
	case n == 0:
		return "0/s"
	case perSecond >= 9.95:
		return fmt.Sprintf("%.0f/s", perSecond)
	case perSecond >= 0.095:
		return fmt.Sprintf("%.1f/s", perSecond)
	}
	return fmt.Sprintf("%.2g/min", perSecond*60)
}

// percent is a part of a whole; no error becomes none, and no success all.
func percent(part, whole int) string {
	if part == 0 || whole == 0 {
		return "0 %"
	}
	p := 100 * float64(part) / float64(whole)
	switch {
	case p < 1:
		return "< 1 %"
	case p > 99 && part < whole:
		return "> 99 %"
	}
	return fmt.Sprintf("%.0f %%", p)
}

// took is how long something lasted, in three digits.
func took(d time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case d < time.Microsecond:
		return fmt.Sprintf("%d ns", d.Nanoseconds())
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.2f ms", d.Seconds()*1000)
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1000)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return ago(int64(d / time.Second))
}
