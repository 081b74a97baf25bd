package invoker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strings"
)

// encode sets the body of a request: nothing, text, bytes, a form, a stream, or JSON.
func encode(request *http.Request, body any) error {
	var data []byte
	kind := ""
	switch b := body.(type) {
	case nil:
		return nil
	case string:
		data, kind = []byte(b), "text/plain;charset=UTF-8"
	case []byte:
		data, kind = b, "application/octet-stream"
	case url.Values:
		data, kind = []byte(b.Encode()), "application/x-www-form-urlencoded"
	case io.Reader:
		request.Body = io.NopCloser(b)
		if c, ok := b.(io.ReadCloser); ok {
			request.Body = c
		}
		request.ContentLength = -1
		setDefault(request.Header, "Content-Type", "application/octet-stream")
		return nil
	default:
		var err error
		if data, err = json.Marshal(body); err != nil {
			return fmt.Errorf("invoker: a body of type %T cannot be written as JSON: %w", body, err)
		}
		kind = "application/json"
	}
	request.Body = io.NopCloser(bytes.NewReader(data))
	request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	request.ContentLength = int64(len(data))
	if len(data) == 0 {
		request.Body, request.GetBody = http.NoBody, nil
	}
	setDefault(request.Header, "Content-Type", kind)
	return nil
}

func setDefault(h http.Header, name, value string) {
	if h.Get(name) == "" {
		h.Set(name, value)
	}
}

// Nothing is a result that is not looked at.
type Nothing struct{}

// accept returns what to ask for when T is wanted.
func accept[T any]() string {
	switch any((*T)(nil)).(type) {
	case *Nothing:
		return "*/*"
	case *string:
		return "text/plain, */*"
	case *[]byte:
		return "application/octet-stream, */*"
	}
	return "application/json, application/*+json"
}

// decode reads a body as T: text and bytes from any content type, everything else from JSON.
func decode[T any](response *http.Response, method, shownURL string, limit int64) (value T, err error) {
	body, err := readAll(response, limit)
	if err != nil {
		return value, err
	}
	switch v := any(&value).(type) {
	case *string:
		*v = string(body)
		return value, nil
	case *[]byte:
		*v = body
		return value, nil
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return value, nil // as RestTemplate: no body is no object
	}
	contentType := response.Header.Get("Content-Type")
	fault := func(err error) error {
		return &ConversionError{Method: method, URL: shownURL, Target: reflect.TypeFor[T]().String(), ContentType: contentType, Err: err, Body: body[:min(len(body), 200)]}
	}
	if media, _, _ := mime.ParseMediaType(contentType); media != "" && media != "application/json" && !strings.HasSuffix(media, "+json") {
		return value, fault(fmt.Errorf("no converter for the content type %q", media))
	}
	if err := json.Unmarshal(body, &value); err != nil {
		return value, fault(err)
	}
	return value, nil
}

// isNothing reports whether T is [Nothing].
func isNothing[T any]() bool {
	_, ok := any((*T)(nil)).(*Nothing)
	return ok
}

// tooLarge is a body above spring.http.clients.max-response-size; another instance would send the same.
type tooLarge struct{ limit int64 }

func (e *tooLarge) Error() string {
	return fmt.Sprintf("invoker: the answer is larger than %d bytes (spring.http.clients.max-response-size)", e.limit)
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
