package invoker

import (
	"bytes"
	"encoding"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// Converter writes values as bodies and reads them back (Spring: HttpMessageConverter). One of the user's own comes before the
// built-in ones:
//
//	yaml := invoker.Converter{Types: []string{"application/yaml"}, Write: yaml.Marshal,
//		Read: func(body []byte, target any) error { return yaml.Unmarshal(body, target) }}
//	rest = rest.With(invoker.Converters(yaml))
type Converter struct {
	Types  []string                            // media types; the first is what is sent. application/*+json and */* are understood
	Writes func(value any) bool                // values it writes without being asked by a Content-Type; nil: none
	Write  func(value any) ([]byte, error)     // nil: it only reads
	Reads  func(target any) bool               // targets, which are pointers, that it reads; nil: any
	Read   func(body []byte, target any) error // nil: it only writes
}

// Nothing is a result that is not looked at.
type Nothing struct{}

// builtIn are the converters that every client has, in the order in which they are asked. Streams and multipart bodies come
// before them, since they are not held in memory.
var builtIn = []Converter{
	{
		Types:  []string{"text/plain;charset=UTF-8", "text/plain", "*/*"},
		Writes: is[string], Write: func(value any) ([]byte, error) { return []byte(value.(string)), nil },
		Reads: is[*string], Read: func(body []byte, target any) error { *target.(*string) = string(body); return nil },
	},
	{
		Types:  []string{"application/octet-stream", "*/*"},
		Writes: is[[]byte], Write: func(value any) ([]byte, error) { return value.([]byte), nil },
		Reads: is[*[]byte], Read: func(body []byte, target any) error { *target.(*[]byte) = body; return nil },
	},
	{
		Types:  []string{"application/x-www-form-urlencoded", "*/*"},
		Writes: is[url.Values], Write: func(value any) ([]byte, error) { return []byte(value.(url.Values).Encode()), nil },
		Reads: is[*url.Values], Read: readForm,
	},
	{
		Types:  []string{"application/json", "application/*+json"},
		Writes: func(any) bool { return true }, Write: json.Marshal,
		Read: func(body []byte, target any) error { return json.Unmarshal(body, target) },
	},
	{
		Types: []string{"application/xml", "text/xml", "application/*+xml"},
		Write: xml.Marshal,
		Reads: readsXML, Read: func(body []byte, target any) error { return xml.Unmarshal(body, target) },
	},
}

func is[T any](value any) bool { _, ok := value.(T); return ok }

func readForm(body []byte, target any) (err error) {
	*target.(*url.Values), err = url.ParseQuery(string(body))
	return err
}

// readsXML reports whether encoding/xml can fill a target: maps and interfaces it cannot.
func readsXML(target any) bool {
	if is[xml.Unmarshaler](target) || is[encoding.TextUnmarshaler](target) {
		return true
	}
	t := reflect.TypeOf(target)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct
}

// matches reports whether a media type is among those of a converter.
func (c *Converter) matches(media string) bool {
	return slices.ContainsFunc(c.Types, func(pattern string) bool {
		pattern, _, _ = strings.Cut(pattern, ";")
		before, after, wild := strings.Cut(pattern, "*")
		return strings.EqualFold(pattern, media) || pattern == "*/*" ||
			wild && len(media) >= len(before)+len(after) && strings.HasPrefix(media, before) && strings.HasSuffix(media, after)
	})
}

// mediaOf returns a content type without parameters, in lower case.
func mediaOf(contentType string) string {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil && media == "" {
		media, _, _ = strings.Cut(contentType, ";")
		media = strings.ToLower(strings.TrimSpace(media))
	}
	return media
}

// encode sets the body of a request. What it holds in memory can be sent again; a stream cannot.
func encode(request *http.Request, body any, own []Converter) error {
	switch b := body.(type) {
	case nil:
		return nil
	case *Multipart:
		return b.encode(request, own)
	case io.Reader:
		setStream(request, b)
		setDefault(request.Header, "Content-Type", "application/octet-stream")
		return nil
	}
	data, contentType, err := converted(body, request.Header.Get("Content-Type"), own)
	if err != nil {
		return err
	}
	setBytes(request, data)
	setDefault(request.Header, "Content-Type", contentType)
	return nil
}

// converted returns what the first converter that is fit makes of a value: fit for the content type that the caller has set, or,
// without one, for the value.
func converted(value any, contentType string, own []Converter) (data []byte, media string, err error) {
	wanted := mediaOf(contentType)
	for _, converters := range [][]Converter{own, builtIn} {
		for i := range converters {
			c := &converters[i]
			asked := wanted != "" && c.matches(wanted)
			if c.Write == nil || !asked && (wanted != "" || c.Writes == nil) || c.Writes != nil && !c.Writes(value) {
				continue
			}
			if data, err = c.Write(value); err != nil {
				return nil, "", fmt.Errorf("a body of type %T cannot be written as %s: %w", value, nameOf(c, wanted), err)
			}
			return data, c.Types[0], nil
		}
	}
	return nil, "", fmt.Errorf("no converter for a body of type %T and content type %q", value, contentType)
}

// nameOf says what a converter was asked to write.
func nameOf(c *Converter, wanted string) string {
	if wanted != "" {
		return wanted
	}
	media, _, _ := strings.Cut(c.Types[0], ";")
	return media
}

// setBytes sets a body that can be sent again.
func setBytes(request *http.Request, data []byte) {
	if request.ContentLength = int64(len(data)); len(data) == 0 {
		request.Body, request.GetBody = http.NoBody, nil
		return
	}
	request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	request.Body, _ = request.GetBody()
}

// setStream sets a body that is sent as it is read. Those of bytes and strings can be sent again, as in net/http.
func setStream(request *http.Request, body io.Reader) {
	again := func(size int, copied func() io.Reader) {
		if request.ContentLength = int64(size); size == 0 {
			request.Body = http.NoBody
			return
		}
		request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(copied()), nil }
		request.Body, _ = request.GetBody()
	}
	switch b := body.(type) {
	case *bytes.Buffer:
		held := b.Bytes()
		again(len(held), func() io.Reader { return bytes.NewReader(held) })
	case *bytes.Reader:
		held := *b
		again(b.Len(), func() io.Reader { r := held; return &r })
	case *strings.Reader:
		held := *b
		again(b.Len(), func() io.Reader { r := held; return &r })
	case io.ReadCloser:
		request.Body, request.ContentLength = b, -1
	default:
		request.Body, request.ContentLength = io.NopCloser(b), -1
	}
}

func setDefault(h http.Header, name, value string) {
	if h.Get(name) == "" {
		h.Set(name, value)
	}
}

// accept returns what to ask for when target is to be filled: the types of the converters that read it, those that know it by
// name first.
func accept(target any, own []Converter) string {
	switch target.(type) {
	case nil, *io.ReadCloser:
		return "*/*"
	case *string:
		return "text/plain, */*"
	case *[]byte:
		return "application/octet-stream, */*"
	case *url.Values:
		return "application/x-www-form-urlencoded"
	}
	const most, less = "application/json, application/*+json", "application/xml;q=0.5, text/xml;q=0.5"
	var named, after []string
	for _, c := range own {
		switch {
		case c.Read == nil:
		case c.Reads == nil:
			after = append(after, c.Types...)
		case c.Reads(target):
			named = append(named, c.Types...)
		}
	}
	types := append(append(named, most), after...)
	if readsXML(target) {
		types = append(types, less)
	}
	return strings.Join(types, ", ")
}

// latin reports whether a text is in ISO 8859-1, which old servers still write; every other character set is taken for UTF-8.
func latin(contentType string) bool {
	_, parameters, err := mime.ParseMediaType(contentType)
	return err == nil && (strings.EqualFold(parameters["charset"], "iso-8859-1") || strings.EqualFold(parameters["charset"], "latin1"))
}

// utf8Of translates from ISO 8859-1, whose bytes are the first characters of Unicode.
func utf8Of(text []byte) []byte {
	translated := make([]byte, 0, len(text))
	for _, b := range text {
		translated = utf8.AppendRune(translated, rune(b))
	}
	return translated
}

// errNoConverter means that nothing reads an answer of such a content type as what is asked for (Spring:
// UnknownContentTypeException).
var errNoConverter = errors.New("no suitable converter found")

// read fills target, a pointer, from a body.
func read(body []byte, contentType string, target any, own []Converter) error {
	media := mediaOf(contentType)
	for _, converters := range [][]Converter{own, builtIn} {
		for i := range converters {
			c := &converters[i]
			if c.Read == nil || c.Reads != nil && !c.Reads(target) || media != "" && !c.matches(media) {
				continue
			}
			if media == "" && c.Reads == nil && !c.matches("application/json") {
				continue // an answer that does not say what it is counts as JSON
			}
			if len(bytes.TrimSpace(body)) == 0 && !is[*[]byte](target) && !is[*string](target) {
				return nil // as RestTemplate: no body is no object
			}
			if is[*string](target) && latin(contentType) {
				body = utf8Of(body)
			}
			return c.Read(body, target)
		}
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	return errNoConverter
}

// tooLarge is a body above spring.http.clients.max-response-size; another instance would send the same.
type tooLarge struct{ limit int64 }

func (e *tooLarge) Error() string {
	return fmt.Sprintf("the answer is larger than %d bytes (spring.http.clients.max-response-size)", e.limit)
}

// readAll reads a body up to a limit.
func readAll(response *http.Response, limit int64) ([]byte, error) {
	if taken, ok := response.Body.(*wholeBody); ok {
		return taken.data, taken.err
	}
	if response.Request != nil && response.Request.Method == http.MethodHead {
		return nil, nil // Content-Length is that of a body that is not sent
	}
	if response.ContentLength >= 0 && response.ContentLength <= limit {
		body := make([]byte, response.ContentLength)
		_, err := io.ReadFull(response.Body, body)
		return body, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err == nil && int64(len(body)) > limit {
		err = &tooLarge{limit}
	}
	return body, err
}
