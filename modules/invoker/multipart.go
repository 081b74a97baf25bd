package invoker

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
)

// Multipart is a body of several parts, multipart/form-data as browsers send it. It is sent as it is read, whatever the size of
// its files. It can be sent again unless one of its files is a stream.
//
//	form := new(invoker.Multipart).Field("title", "Invoice").File("scan", "scan.pdf", file)
//	err := invoker.Put(ctx, rest, "http://archive/documents/{id}", form, id)
type Multipart struct{ parts []part }

type part struct {
	header textproto.MIMEHeader
	body   any
}

// Field adds a field. Its value is converted as a body is: text, bytes, or JSON.
func (m *Multipart) Field(name string, value any) *Multipart {
	return m.Part(disposition(name, ""), value)
}

// File adds a file, which is closed once it was sent if it can be.
func (m *Multipart) File(name, filename string, content io.Reader) *Multipart {
	return m.Part(disposition(name, filename), content)
}

// Part adds a part with headers of its own, such as a Content-Type.
func (m *Multipart) Part(header textproto.MIMEHeader, body any) *Multipart {
	m.parts = append(m.parts, part{header, body})
	return m
}

// disposition says what a part is. What would end the quotes or the line is escaped, as browsers do.
func disposition(name, filename string) textproto.MIMEHeader {
	escaped := strings.NewReplacer("\r", "%0D", "\n", "%0A", `"`, "%22")
	value := `form-data; name="` + escaped.Replace(name) + `"`
	if filename != "" {
		value += `; filename="` + escaped.Replace(filename) + `"`
	}
	return textproto.MIMEHeader{"Content-Disposition": {value}}
}

// encode sets the parts as the body of a request.
func (m *Multipart) encode(request *http.Request, own []Converter) error {
	var heads bytes.Buffer
	form := multipart.NewWriter(&heads)
	bodies := make([]*http.Request, len(m.parts)) // each part is encoded as a request would be
	ends := make([]int, len(m.parts))             // where the head of each part ends
	for i, p := range m.parts {
		bodies[i] = &http.Request{Header: http.Header{}}
		maps.Copy(bodies[i].Header, p.header)
		if err := encode(bodies[i], p.body, own); err != nil {
			return fmt.Errorf("part %d: %w", i+1, err)
		}
		if _, text := p.body.(string); text && p.header.Get("Content-Type") == "" {
			bodies[i].Header.Del("Content-Type") // as browsers: text is the default of a part
		}
		if err := headersFault(bodies[i].Header); err != nil {
			return fmt.Errorf("part %d: %w", i+1, err)
		}
		_, _ = form.CreatePart(textproto.MIMEHeader(bodies[i].Header)) // a buffer takes everything
		ends[i] = heads.Len()
	}
	_ = form.Close()
	head := heads.Bytes()
	request.ContentLength = int64(len(head))
	replays := true
	for _, b := range bodies {
		if b.ContentLength < 0 || request.ContentLength < 0 {
			request.ContentLength = -1
		} else {
			request.ContentLength += b.ContentLength
		}
		replays = replays && (b.GetBody != nil || b.Body == nil || b.Body == http.NoBody)
	}
	open := func(again bool) (io.ReadCloser, error) {
		whole, from := &partsBody{}, 0
		var readers []io.Reader
		for i, b := range bodies {
			readers, from = append(readers, bytes.NewReader(head[from:ends[i]])), ends[i]
			body := b.Body
			if again && b.GetBody != nil {
				var err error
				if body, err = b.GetBody(); err != nil {
					return nil, err
				}
			}
			if body != nil && body != http.NoBody {
				readers, whole.closers = append(readers, body), append(whole.closers, body)
			}
		}
		whole.Reader = io.MultiReader(append(readers, bytes.NewReader(head[from:]))...)
		return whole, nil
	}
	request.Body, _ = open(false)
	if replays {
		request.GetBody = func() (io.ReadCloser, error) { return open(true) }
	}
	request.Header.Set("Content-Type", form.FormDataContentType())
	return nil
}

// partsBody reads parts one after the other.
type partsBody struct {
	io.Reader
	closers []io.Closer
}

func (b *partsBody) Close() error {
	for _, c := range b.closers {
		_ = c.Close()
	}
	return nil
}
