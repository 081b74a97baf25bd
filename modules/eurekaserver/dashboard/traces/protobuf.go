package traces

import (
	"math"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// readProtobuf reads an ExportTraceServiceRequest. It walks the bytes, since the generated types make 250 bytes of memory out of the two
// of an empty span, and an allocation out of everything that is not kept.
func (b *batch) readProtobuf(body []byte) error {
	return fields(body, func(f field) error {
		if f.number != 1 || f.kind != protowire.BytesType {
			return nil
		}
		return b.resourceSpans(f.bytes)
	})
}

// field is one field of a message. Of bytes and value, the one that its kind says is set.
type field struct {
	number protowire.Number
	kind   protowire.Type
	bytes  []byte
	value  uint64
}

// fields calls do for each field of a message.
func fields(message []byte, do func(field) error) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		f := field{number: number, kind: kind}
		switch kind {
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(message)
		case protowire.VarintType:
			f.value, n = protowire.ConsumeVarint(message)
		case protowire.Fixed64Type:
			f.value, n = protowire.ConsumeFixed64(message)
		default:
			n = protowire.ConsumeFieldValue(number, kind, message)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		if err := do(f); err != nil {
			return err
		}
	}
	return nil
}

// resourceSpans reads the spans of one program. What the program is may stand behind them.
func (b *batch) resourceSpans(message []byte) error {
	var program Span
	err := fields(message, func(f field) error {
		if f.number != 1 || f.kind != protowire.BytesType {
			return nil
		}
		return fields(f.bytes, func(f field) error {
			if f.number != 1 || f.kind != protowire.BytesType {
				return nil
			}
			return b.keyValue(&program, f.bytes, true)
		})
	})
	if err != nil {
		return err
	}
	return fields(message, func(f field) error {
		if f.number != 2 || f.kind != protowire.BytesType {
			return nil
		}
		return fields(f.bytes, func(f field) error {
			if f.number != 2 || f.kind != protowire.BytesType {
				return nil
			}
			return b.span(f.bytes, program)
		})
	})
}

func (b *batch) span(message []byte, program Span) error {
	s := reading{Span: Span{Service: program.Service, Attributes: slices.Clone(program.Attributes)}}
	err := fields(message, func(f field) error {
		switch {
		case f.kind == protowire.BytesType:
			switch f.number {
			case 1:
				s.traceID = identity(s.Trace[:], f.bytes)
			case 2:
				s.spanID = identity(s.ID[:], f.bytes)
			case 4:
				identity(s.Parent[:], f.bytes)
			case 5:
				s.Name = b.text(f.bytes, maxText)
			case 9:
				return b.keyValue(&s.Span, f.bytes, false)
			case 11:
				return b.event(&s.Span, f.bytes)
			case 15:
				return b.status(&s.Span, f.bytes)
			}
		case f.kind == protowire.VarintType && f.number == 6:
			s.Kind = kindOf(int64(int32(f.value)))
		case f.kind == protowire.Fixed64Type && f.number == 7:
			s.start = f.value
		case f.kind == protowire.Fixed64Type && f.number == 8:
			s.end = f.value
		}
		return nil
	})
	if err == nil {
		b.add(&s)
	}
	return err
}

func kindOf(number int64) Kind {
	if number < 0 || number > int64(Consumer) {
		return Unspecified
	}
	return Kind(number)
}

// event keeps what an exception says; other events are not shown.
func (b *batch) event(s *Span, message []byte) error {
	var name []byte
	err := fields(message, func(f field) error {
		if f.number == 2 && f.kind == protowire.BytesType {
			name = f.bytes
		}
		return nil
	})
	if err != nil || string(name) != "exception" {
		return err
	}
	return fields(message, func(f field) error {
		if f.number == 3 && f.kind == protowire.BytesType {
			return b.keyValue(s, f.bytes, false)
		}
		return nil
	})
}

func (b *batch) status(s *Span, message []byte) error {
	return fields(message, func(f field) error {
		switch {
		case f.number == 2 && f.kind == protowire.BytesType:
			s.Message = b.text(f.bytes, maxMessage)
		case f.number == 3 && f.kind == protowire.VarintType:
			s.Failed = int32(f.value) == 2
		}
		return nil
	})
}

// keyValue reads an attribute. Of a program's, the name is its service.
func (b *batch) keyValue(s *Span, message []byte, program bool) error {
	var key, text []byte
	var number [32]byte
	err := fields(message, func(f field) error {
		if f.kind != protowire.BytesType {
			return nil
		}
		switch f.number {
		case 1:
			key = f.bytes
		case 2:
			return fields(f.bytes, func(f field) error {
				switch {
				case f.number == 1 && f.kind == protowire.BytesType:
					text = f.bytes
				case f.number == 2 && f.kind == protowire.VarintType:
					text = strconv.AppendBool(number[:0], f.value != 0)
				case f.number == 3 && f.kind == protowire.VarintType:
					text = strconv.AppendInt(number[:0], int64(f.value), 10)
				case f.number == 4 && f.kind == protowire.Fixed64Type:
					text = strconv.AppendFloat(number[:0], math.Float64frombits(f.value), 'g', -1, 64)
				case f.number >= 5 && f.number <= 7 && f.kind == protowire.BytesType:
					text = nil // a list, a map, bytes: nothing that is shown
				}
				return nil
			})
		}
		return nil
	})
	if err != nil {
		return err
	}
	b.keep(s, key, text, program)
	return nil
}
