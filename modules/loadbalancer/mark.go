package loadbalancer

import (
	"net/http"
	"net/url"
	"strings"
)

// Mark adds to the headers of a request what the settings want the instance to know: which one it is, as a cookie, and by which URL
// the service was called, as X-Forwarded-Host and X-Forwarded-Proto. Values of the header are replaced, not changed.
func (p Pick) Mark(header http.Header, called *url.URL) {
	s := p.Settings()
	if on(s.Sticky.AddCookie) && s.Sticky.Cookie != "" {
		own := (&http.Cookie{Name: s.Sticky.Cookie, Value: p.instance.ID}).String()
		header["Cookie"] = []string{strings.Join(append(otherCookies(header, s.Sticky.Cookie), own), "; ")}
	}
	if on(s.XForwarded.Enabled) {
		header["X-Forwarded-Host"], header["X-Forwarded-Proto"] = []string{called.Host}, []string{called.Scheme}
	}
}

// Marks reports whether [Pick.Mark] adds anything.
func (p Pick) Marks() bool {
	s := p.Settings()
	return on(s.Sticky.AddCookie) && s.Sticky.Cookie != "" || on(s.XForwarded.Enabled)
}

func otherCookies(h http.Header, name string) (others []string) {
	for _, line := range h["Cookie"] {
		for part := range strings.SplitSeq(line, ";") {
			part = strings.TrimSpace(part)
			if key, _, _ := strings.Cut(part, "="); part != "" && strings.TrimSpace(key) != name {
				others = append(others, part)
			}
		}
	}
	return others
}
