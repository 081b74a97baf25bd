package traces

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
)

// readJSON reads an ExportTraceServiceRequest as OTLP writes it in JSON: ids in hexadecimal, 64-bit numbers with or without quotes. One
// element of a list at a time is decoded, so that a list of nothings takes no more memory than its text.
func (b *batch) readJSON(body []byte) error {
	var request struct{ ResourceSpans json.RawMessage }
	if err := json.Unmarshal(body, &request); err != nil {
		return err
	}
	return each(request.ResourceSpans, func(program struct {
		Resource   struct{ Attributes json.RawMessage }
		ScopeSpans json.RawMessage
	}) error {
		var about Span
		if err := b.keyValues(&about, program.Resource.Attributes, true); err != nil {
			return err
		}
		return each(program.ScopeSpans, func(scope struct{ Spans json.RawMessage }) error {
			return each(scope.Spans, func(s jsonSpan) error { return b.jsonSpan(s, about) })
		})
	})
}

// each decodes the elements of a list one by one.
func each[T any](list []byte, do func(T) error) error {
	if len(list) == 0 || string(list) == "null" {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(list))
	if start, err := d.Token(); err != nil || start != json.Delim('[') {
		return errSpan
	}
	for d.More() {
		var element T
		if err := d.Decode(&element); err != nil {
			return err
		}
		if err := do(element); err != nil {
			return err
		}
	}
	return nil
}

type jsonSpan struct {
	TraceID, SpanID, ParentSpanID      string
	Name                               string
	Kind                               int64
	StartTimeUnixNano, EndTimeUnixNano quoted
	Attributes, Events                 json.RawMessage
	Status                             struct {
		Code    int64
		Message string
	}
}

// quoted is a number that may stand in quotes.
type quoted string

// UnmarshalJSON implements [json.Unmarshaler].
func (q *quoted) UnmarshalJSON(text []byte) error {
	*q = quoted(bytes.Trim(text, `"`))
	return nil
}

func (q quoted) time() (uint64, error) {
	if q == "" || q == "null" {
		return 0, nil
	}
	return strconv.ParseUint(string(q), 10, 64)
}

func (b *batch) jsonSpan(from jsonSpan, program Span) (err error) {
	s := reading{Span: Span{Service: program.Service, Attributes: slices.Clone(program.Attributes), Kind: kindOf(from.Kind), Failed: from.Status.Code == 2}}
	s.traceID = parseHex(s.Trace[:], from.TraceID) && s.Trace != ID{}
	s.spanID = parseHex(s.ID[:], from.SpanID) && s.ID != SpanID{}
	if !parseHex(s.Parent[:], from.ParentSpanID) {
		s.Parent = SpanID{}
	}
	s.Name, s.Message = b.text([]byte(from.Name), maxText), b.text([]byte(from.Status.Message), maxMessage)
	if s.start, err = from.StartTimeUnixNano.time(); err != nil {
		return errSpan
	}
	if s.end, err = from.EndTimeUnixNano.time(); err != nil {
		return errSpan
	}
	if err := b.keyValues(&s.Span, from.Attributes, false); err != nil {
		return err
	}
	err = each(from.Events, func(event struct {
		Name       string
		Attributes json.RawMessage
	}) error {
		if event.Name != "exception" {
			return nil
		}
		return b.keyValues(&s.Span, event.Attributes, false)
	})
	if err == nil {
		b.add(&s)
	}
	return err
}

func (b *batch) keyValues(s *Span, list []byte, program bool) error {
	return each(list, func(a struct {
		Key   string
		Value struct {
			StringValue *string
			BoolValue   *bool
			IntValue    quoted
			DoubleValue *json.Number
		}
	}) error {
		var text string
		switch v := a.Value; {
		case v.StringValue != nil:
			text = *v.StringValue
		case v.BoolValue != nil:
			text = strconv.FormatBool(*v.BoolValue)
		case v.IntValue != "":
			text = string(v.IntValue)
		case v.DoubleValue != nil:
			text = v.DoubleValue.String()
		}
		b.keep(s, []byte(a.Key), []byte(text), program)
		return nil
	})
}
