package traces

import (
	"encoding/hex"
	"strings"
	"time"
	"unicode/utf8"
)

// ID is the identity of a trace. The zero one is none.
type ID [16]byte

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID reads 32 hexadecimal digits.
func ParseID(text string) (ID, bool) {
	var id ID
	ok := parseHex(id[:], text)
	return id, ok && id != ID{}
}

// SpanID is the identity of a span within its trace. The zero one is none.
type SpanID [8]byte

func (id SpanID) String() string { return hex.EncodeToString(id[:]) }

func parseHex(into []byte, text string) bool {
	if len(text) != 2*len(into) {
		return false
	}
	_, err := hex.Decode(into, []byte(text))
	return err == nil
}

// Kind is the side of a call that a span is. The numbers are OTLP's.
type Kind uint8

// The kinds that there are.
const (
	Unspecified Kind = iota
	Internal
	Server
	Client
	Producer
	Consumer
)

func (k Kind) String() string {
	return [...]string{"unspecified", "internal", "server", "client", "producer", "consumer"}[k]
}

// serves reports whether a span is the far side of a call, calls whether it is the near one.
func (k Kind) serves() bool { return k == Server || k == Consumer }
func (k Kind) calls() bool  { return k == Client || k == Producer }

// Span is one piece of work. It does not change once it is kept.
type Span struct {
	Trace      ID
	ID, Parent SpanID
	Kind       Kind
	Failed     bool
	Service    string // that did it
	Name       string
	Message    string        // why it failed; "" when it did not say
	Start      int64         // nanoseconds since 1970
	Duration   time.Duration // never negative
	Attributes []Attribute   // the few that are shown, in the order in which they came
}

// End is when the span ended, in nanoseconds since 1970.
func (s *Span) End() int64 { return s.Start + int64(s.Duration) }

// Attribute returns the value of one, "" when there is none.
func (s *Span) Attribute(key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value
		}
	}
	return ""
}

// Attribute is what a span tells of itself.
type Attribute struct{ Key, Value string }

// Attributes that this package reads.
const (
	instanceKey = "archimedes.instance.id"
	resendKey   = "http.request.resend_count"
)

// calleeKeys are where the name of who was called may stand, the best first.
var calleeKeys = []string{"archimedes.service", "service.peer.name", "peer.service", "server.address", "net.peer.name", "http.host"}

// kept are the attributes that are shown. Others may hold secrets, or much; nobody sees them.
var kept = func() map[string]bool {
	all := map[string]bool{}
	for _, key := range []string{
		"http.request.method", "http.response.status_code", "http.route", "url.template", "url.full", "url.path", "url.scheme",
		"server.port", "error.type", "cloud.availability_zone", "service.instance.id", instanceKey, resendKey,
		"rpc.service", "rpc.method", "messaging.destination.name", "db.system.name", "exception.type", "exception.message",
		// The conventions before, and Micrometer's tags as Spring Boot sends them.
		"http.method", "http.status_code", "http.url", "http.target", "db.system", "method", "status", "uri", "outcome", "exception", "client.name",
	} {
		all[key] = true
	}
	for _, key := range calleeKeys {
		all[key] = true
	}
	return all
}()

// How much of a span is kept.
const (
	maxText       = 200 // bytes of a name or a value
	maxMessage    = 400 // bytes of why it failed
	maxAttributes = 24
)

// tidy makes text fit to be kept: valid, without the credentials and queries of URLs, and no longer than max bytes. What is cut ends
// in an ellipsis.
func tidy(text string, max int) string {
	text = scrub(strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) <= max {
		return text
	}
	cut := max - len("…")
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// scrub takes credentials, queries and fragments out of whatever looks like a URL.
func scrub(text string) string {
	if !strings.Contains(text, "://") && !strings.Contains(text, "?") {
		return text
	}
	var b strings.Builder
	for text != "" {
		end := strings.IndexAny(text, " \t\r\n\"'`<>")
		if end < 0 {
			end = len(text)
		}
		word, rest := text[:end], text[end:]
		if before, address, ok := strings.Cut(word, "://"); ok {
			address, _, _ = strings.Cut(address, "?")
			address, _, _ = strings.Cut(address, "#")
			host, path, slash := strings.Cut(address, "/")
			host = host[strings.LastIndexByte(host, '@')+1:]
			word = before + "://" + host
			if slash {
				word += "/" + path
			}
		} else if path, query, ok := strings.Cut(word, "?"); ok && query != "" {
			word = path
		}
		b.WriteString(word)
		if rest != "" {
			b.WriteByte(rest[0])
			rest = rest[1:]
		}
		text = rest
	}
	return b.String()
}
