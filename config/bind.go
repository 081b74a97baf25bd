package config

import (
	"encoding"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bind fills a copy of defaults with the values below prefix.
//
// Fields are named by the tag `config:"name"`, else by their own name in kebab form; "-" leaves one out. Names are compared
// relaxed. Fields may be texts, booleans, numbers, [time.Duration] (bare numbers are milliseconds, or what
// `config:"name,unit=s"` says), [DataSize], [Secret], [*url.URL], anything with UnmarshalText, structs, pointers to these,
// slices (a list or a comma-separated text; the highest source that has one replaces all others) and maps with text keys
// (merged over the sources; the rest of a dotted key is one key where values are plain). An empty text leaves a number,
// boolean or duration as it was.
//
// If T has Validate() error, it is asked last; each [FieldError] in what it returns gets prefix and origin. The error is a
// [*BindError] with every fault.
func Bind[T any](c *Config, prefix string, defaults T) (T, error) {
	b := &binder{c: c, resolver: c.resolver()}
	target := reflect.ValueOf(&defaults).Elem()
	b.value(prefix, target, time.Millisecond)
	c.note(prefix, target.Type())
	if len(b.faults) == 0 {
		if v, ok := any(&defaults).(interface{ Validate() error }); ok {
			b.validated(prefix, v.Validate())
		}
	}
	if len(b.faults) > 0 {
		return defaults, &BindError{Prefix: prefix, Faults: b.faults}
	}
	return defaults, nil
}

type binder struct {
	c        *Config
	resolver *resolver
	faults   []error
}

func (b *binder) fault(key string, problem string) {
	v := &ValueError{Key: key, Problem: problem}
	if e := b.c.find(key); e != nil {
		v.Value, v.Origin, v.Set = e.value, e.origin, true
	}
	b.faults = append(b.faults, v)
}

// validated adds what a Validate method found.
func (b *binder) validated(prefix string, err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			b.validated(prefix, one)
		}
		return
	}
	var field FieldError
	if errors.As(err, &field) {
		b.fault(join(prefix, field.Key), field.Problem)
		return
	}
	b.faults = append(b.faults, &ValueError{Key: prefix, Problem: err.Error()})
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	dataSizeType = reflect.TypeFor[DataSize]()
	urlType      = reflect.TypeFor[url.URL]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// scalar reports whether a type is bound from one text.
func scalar(t reflect.Type) bool {
	if reflect.PointerTo(t).Implements(textType) || t == urlType {
		return true
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map, reflect.Slice, reflect.Pointer, reflect.Array, reflect.Func, reflect.Chan, reflect.Interface:
		return false
	}
	return true
}

// value binds what stands at or below key; it reports whether anything did.
func (b *binder) value(key string, v reflect.Value, unit time.Duration) bool {
	t := v.Type()
	switch {
	case scalar(t):
		return b.scalar(key, v, unit)
	case t.Kind() == reflect.Pointer:
		return b.pointer(key, v, unit)
	case t.Kind() == reflect.Struct:
		return b.structure(key, v)
	case t.Kind() == reflect.Map:
		return b.mapping(key, v, unit)
	case t.Kind() == reflect.Slice:
		return b.list(key, v, unit)
	case t.Kind() == reflect.Interface && t.NumMethod() == 0:
		return b.any(key, v)
	}
	panic(fmt.Sprintf("config: %s cannot be bound to a %s", key, t)) // a mistake in the settings struct, not in settings
}

func (b *binder) pointer(key string, v reflect.Value, unit time.Duration) bool {
	target := reflect.New(v.Type().Elem())
	if !v.IsNil() {
		target.Elem().Set(v.Elem())
	}
	if !b.value(key, target.Elem(), unit) {
		return false
	}
	v.Set(target)
	return true
}

func (b *binder) structure(key string, v reflect.Value) bool {
	found := false
	for i := range v.NumField() {
		name, unit, ok := fieldOf(v.Type().Field(i))
		if !ok {
			continue
		}
		if b.value(join(key, name), v.Field(i), unit) {
			found = true
		}
	}
	return found
}

// fieldOf returns the name that a field is bound by ("" for an embedded struct) and the unit of bare durations.
func fieldOf(f reflect.StructField) (name string, unit time.Duration, ok bool) {
	tag, options, _ := strings.Cut(f.Tag.Get("config"), ",")
	if tag == "-" || !f.IsExported() {
		return "", 0, false
	}
	unit = time.Millisecond
	if u, has := strings.CutPrefix(options, "unit="); has {
		parsed, err := ParseDuration("1"+u, 0)
		if err != nil {
			panic("config: field " + f.Name + ": unknown unit " + u)
		}
		unit = parsed
	}
	if tag == "" && f.Anonymous && f.Type.Kind() == reflect.Struct {
		return "", unit, true
	}
	if tag == "" {
		tag = kebab(f.Name)
	}
	return tag, unit, true
}

func (b *binder) scalar(key string, v reflect.Value, unit time.Duration) bool {
	value, set, err := b.resolver.value(key)
	if err != nil {
		b.resolved(key, err)
		return true
	}
	if !set {
		return false
	}
	if err := convert(value, v, unit, b.c.find(key)); err != nil {
		b.fault(key, err.Error())
	}
	return true
}

// resolved adds an error of resolving placeholders.
func (b *binder) resolved(key string, err error) {
	var v *ValueError
	if errors.As(err, &v) {
		b.faults = append(b.faults, v)
		return
	}
	b.fault(key, err.Error())
}

// convert sets v to what text says. Empty text leaves numbers and the like alone.
func convert(text string, v reflect.Value, unit time.Duration, from *entry) error {
	if v.CanAddr() {
		if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
			if text == "" && v.Kind() != reflect.Struct {
				return nil
			}
			return u.UnmarshalText([]byte(text))
		}
	}
	switch v.Type() {
	case urlType:
		u, err := url.Parse(text)
		if err != nil {
			return errors.New("is not a URL") // the parser's text would show credentials
		}
		v.Set(reflect.ValueOf(*u))
		return nil
	case durationType:
		if text == "" {
			return nil
		}
		d, err := ParseDuration(text, unit)
		if err == nil {
			v.SetInt(int64(d))
		}
		return err
	case dataSizeType:
		if text == "" {
			return nil
		}
		d, err := ParseDataSize(text, Byte)
		if err == nil {
			v.SetInt(int64(d))
		}
		return err
	}
	if v.Kind() == reflect.String {
		v.SetString(text)
		return nil
	}
	if strings.TrimSpace(text) == "" {
		return nil
	}
	switch v.Kind() {
	case reflect.Bool:
		on, err := parseBool(text)
		if err == nil && from != nil && from.kind == number {
			err = fmt.Errorf("the number %s is neither true nor false", text) // as Spring: 1 and 0 count as text only
		}
		if err == nil {
			v.SetBool(on)
		}
		return err
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if from != nil && from.kind == number && strings.HasSuffix(text, ".0") {
			text = strings.TrimSuffix(text, ".0")
		}
		n, err := parseInt(text, v.Type().Bits())
		if err == nil {
			v.SetInt(n)
		}
		return err
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, err := parseInt(text, 64)
		if err == nil && (n < 0 || v.OverflowUint(uint64(n))) {
			err = fmt.Errorf("%q is out of range", text)
		}
		if err == nil {
			v.SetUint(uint64(n))
		}
		return err
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(strings.TrimSpace(text), v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is not a number", text)
		}
		v.SetFloat(f)
		return nil
	}
	return fmt.Errorf("cannot be bound to a %s", v.Type())
}

// list binds the highest source that has the key: a list, or a comma-separated text.
func (b *binder) list(key string, v reflect.Value, unit time.Duration) bool {
	u, legacy := uniform(key), legacyUniform(key)
	for _, s := range b.c.sources {
		if e := s.find(u, legacy); e != nil && e.kind != emptyMap {
			b.commaList(key, u, e, v, unit)
			return true
		}
		n := elements(s, u)
		if n == 0 {
			continue
		}
		list := reflect.MakeSlice(v.Type(), n, n)
		for i := range n {
			if !b.value(indexed(key, i), list.Index(i), unit) {
				b.fault(indexed(key, i), "the list has a gap here")
			}
		}
		v.Set(list)
		return true
	}
	return false
}

// elements returns one more than the highest index that a source has directly below a uniform key.
func elements(s *Source, u string) int {
	n := 0
	for name := range s.byName {
		rest, ok := below(name, u)
		if !ok {
			continue
		}
		index, _, _ := strings.Cut(rest, ".")
		if isIndex(index) {
			i, _ := strconv.Atoi(index)
			n = max(n, i+1)
		}
	}
	return n
}

func (b *binder) commaList(key, u string, e *entry, v reflect.Value, unit time.Duration) {
	text, err := b.resolver.entry(u, e)
	if err != nil {
		b.resolved(key, err)
		return
	}
	parts := splitList(text)
	list := reflect.MakeSlice(v.Type(), len(parts), len(parts))
	if len(parts) > 0 && !scalar(v.Type().Elem()) {
		b.fault(key, "a list is expected here, not a single value")
		return
	}
	for i, part := range parts {
		if err := convert(part, list.Index(i), unit, nil); err != nil {
			b.fault(key, err.Error())
			return
		}
	}
	v.Set(list)
}

// mapping binds the keys that any source has below key.
func (b *binder) mapping(key string, v reflect.Value, unit time.Duration) bool {
	plain := scalar(v.Type().Elem())
	names := b.names(key, plain)
	if len(names) == 0 {
		return false
	}
	m := reflect.MakeMapWithSize(v.Type(), v.Len()+len(names))
	for _, existing := range v.MapKeys() {
		m.SetMapIndex(existing, v.MapIndex(existing))
	}
	for _, name := range names {
		index := reflect.ValueOf(unbracketed(name)).Convert(v.Type().Key())
		one := reflect.New(v.Type().Elem()).Elem()
		if known := v.MapIndex(index); known.IsValid() {
			one.Set(known)
		}
		if b.value(join(key, name), one, unit) {
			m.SetMapIndex(index, one)
		}
	}
	v.Set(m)
	return true
}

// names returns the keys of a map, as its sources write them, lowest source first. For plain values the whole rest of a key
// is one; else it ends at the next dot.
func (b *binder) names(key string, plain bool) []string {
	u := uniform(key)
	depth := elementsOf(u)
	var names []string
	for _, s := range slices.Backward(b.c.sources) {
		for _, e := range s.entries {
			name := uniform(e.key)
			if s.variable {
				name = uniform(strings.ReplaceAll(e.key, "_", "."))
			}
			if _, ok := below(name, u); !ok {
				continue
			}
			rest := writtenBelow(e.key, depth)
			if !plain {
				rest = firstElement(rest)
			}
			if rest != "" && !slices.Contains(names, rest) {
				names = append(names, rest)
			}
		}
	}
	return names
}

// unbracketed is the key that "[a/b]" stands for.
func unbracketed(name string) string {
	if strings.HasPrefix(name, "[") && strings.HasSuffix(name, "]") && !strings.Contains(name[1:], "[") {
		return name[1 : len(name)-1]
	}
	return name
}

func firstElement(rest string) string {
	if strings.HasPrefix(rest, "[") {
		if end := strings.IndexByte(rest, ']'); end > 0 {
			return rest[:end+1]
		}
	}
	if end := strings.IndexAny(rest, ".["); end >= 0 {
		return rest[:end]
	}
	return rest
}

// any binds a tree: maps of any, lists of any, and texts, numbers and booleans as their sources had them.
func (b *binder) any(key string, v reflect.Value) bool {
	u := uniform(key)
	if e := b.c.findUniform(u, legacyUniform(key)); e != nil && e.kind != emptyList {
		text, err := b.resolver.entry(u, e)
		if err != nil {
			b.resolved(key, err)
			return true
		}
		var value any = text
		if e.kind == boolean {
			value = text == "true"
		} else if n, err := strconv.ParseInt(text, 10, 64); err == nil && e.kind == number {
			value = n
		} else if f, err := strconv.ParseFloat(text, 64); err == nil && e.kind == number {
			value = f
		}
		v.Set(reflect.ValueOf(value))
		return true
	}
	list := reflect.New(reflect.TypeFor[[]any]()).Elem()
	if names := b.names(key, false); len(names) > 0 && isIndex(unbracketed(names[0])) && b.list(key, list, time.Millisecond) {
		v.Set(list)
		return true
	}
	m := reflect.New(reflect.TypeFor[map[string]any]()).Elem()
	if b.mapping(key, m, time.Millisecond) {
		v.Set(m)
		return true
	}
	return false
}
