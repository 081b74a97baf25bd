package loadbalancer

import (
	"fmt"
	"maps"
	"mime"
	"slices"
	"strings"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// versionKey is the metadata that tells which version of its API an instance has, as in Spring.
const versionKey = "API_VERSION"

// VersionError is a call for which there is no instance since of the version of the API that it asks for there is none, or it asks for
// none and the settings want it to.
type VersionError struct {
	Service string
	Version string   // "" when the request names none
	Known   []string // of instances that can be called
}

// Error says which versions there are.
func (e *VersionError) Error() string {
	known := strings.Join(e.Known, ", ")
	if known == "" {
		known = "none"
	}
	if e.Version == "" {
		return fmt.Sprintf("loadbalancer: the request to %s names no version of its API where api-version says (instances have %s)", e.Service, known)
	}
	return fmt.Sprintf("loadbalancer: no instance of %s has the version %s of its API (%s in the metadata; instances have %s)", e.Service, e.Version, versionKey, known)
}

// Is makes the error match [ErrNoInstance].
func (e *VersionError) Is(target error) bool { return target == ErrNoInstance }

// version returns which version of the API a request is for, "" when any will do.
func (v *View) version(r *Request) (string, error) {
	a := &v.settings.APIVersion
	named := a.named(r)
	asked := canonicalVersion(named)
	if asked == "" && !a.Required {
		asked = canonicalVersion(a.Default)
	}
	switch {
	case asked != "" && v.versions[asked]:
		return asked, nil
	case a.Fallback && !(asked == "" && a.Required):
		return "", nil
	}
	return "", &VersionError{Service: r.Service, Version: asked, Known: slices.Sorted(maps.Keys(v.versions))}
}

// named returns what a request says; "" when that is nothing.
func (a *APIVersion) named(r *Request) string {
	if a.Header != "" {
		if version := headerOf(r.Header, a.Header); version != "" {
			return version
		}
	}
	if r.URL != nil && a.QueryParameter != "" {
		if version := r.URL.Query().Get(a.QueryParameter); version != "" {
			return version
		}
	}
	if r.URL != nil && a.PathSegment != nil {
		if segments := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/"); *a.PathSegment < len(segments) && segments[*a.PathSegment] != "" {
			return segments[*a.PathSegment]
		}
	}
	for _, want := range slices.Sorted(maps.Keys(a.MediaTypes)) {
		for _, key := range []string{"Accept", "Content-Type"} {
			for one := range strings.SplitSeq(headerOf(r.Header, key), ",") {
				media, parameters, err := mime.ParseMediaType(one)
				if version := parameters[strings.ToLower(a.MediaTypes[want])]; err == nil && version != "" && strings.EqualFold(media, want) {
					return version
				}
			}
		}
	}
	return ""
}

// canonicalVersion makes one text of all that mean the same version, as Spring's SemanticApiVersionParser does: v1, 1.0 and 1.0.0. What is
// no such version stays as it is.
func canonicalVersion(text string) string {
	text = strings.TrimSpace(text)
	digits := strings.TrimLeftFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	parts := strings.Split(digits, ".")
	if len(parts) > 3 {
		return text
	}
	for i, part := range parts {
		if part == "" || strings.Trim(part, "0123456789") != "" {
			return text
		}
		if parts[i] = strings.TrimLeft(part, "0"); parts[i] == "" {
			parts[i] = "0"
		}
	}
	for len(parts) < 3 {
		parts = append(parts, "0")
	}
	return strings.Join(parts, ".")
}

// versionOf returns the version of an instance; "" when it tells none.
func versionOf(i *discovery.Instance) string { return canonicalVersion(i.Metadata.Get(versionKey)) }
