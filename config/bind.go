package config

import (
	"encoding"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
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
// boolean or duration as it was. T itself may be any of these: a *int stays nil where there is no number.
//
// A placeholder that stands for nothing stays as it is in a text, with a diagnostic, and is a fault elsewhere.
//
// If T has Validate() error, it is asked last; each [FieldError] in what it returns gets prefix and origin. The error is a
// [*BindError] with every fault.
func Bind[T any](c *Config, prefix string, defaults T) (T, error) {
	b := &binder{c: c, sources: c.sources(), resolver: c.lenientResolver(), whole: true}
	settings := defaults
	err := b.into(prefix, &settings)
	c.note(prefix, reflect.TypeFor[T](), func(other *Config) error {
		_, err := Bind(other, prefix, defaults)
		return err
	})
	return settings, err
}

type binder struct {
	c        *Config
	sources  []*Source // that values are taken from; placeholders see all
	whole    bool      // sources are all there are
	resolver *resolver
	faults   []error
	depth    int // of structs
	level    int // of everything
}

// maxLevel is deeper than any file may nest.
const maxLevel = 250

// into binds what target points to.
func (b *binder) into(prefix string, target any) error {
	b.value(prefix, reflect.ValueOf(target).Elem(), time.Millisecond)
	if v, ok := target.(interface{ Validate() error }); ok && len(b.faults) == 0 {
		b.validated(prefix, v.Validate())
	}
	if len(b.faults) > 0 {
		return &BindError{Prefix: prefix, Faults: b.faults}
	}
	return nil
}

func (b *binder) find(key string) *entry { return findIn(b.sources, uniform(key), legacyName(key)) }

func (b *binder) fault(key string, problem string) {
	v := &ValueError{Key: key, Problem: problem}
	e := b.find(key)
	if e == nil { // a list or a map: its first value shows where it stands
		for _, s := range b.sources {
			if e = s.first(uniform(key)); e != nil {
				v.Origin, v.Set = e.origin, true
				break
			}
		}
	} else {
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
	if b.level++; b.level > maxLevel {
		b.level--
		return false // a key with half a bracket can look as if it were below itself
	}
	defer func() { b.level-- }()
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
	if e := b.find(key); b.depth > 0 && e != nil && e.value != "" && key != "" {
		b.fault(key, "a single value cannot stand here, only settings below it")
		return true
	}
	b.depth++
	defer func() { b.depth-- }()
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
	u := uniform(key)
	e := findIn(b.sources, u, legacyName(key))
	if e == nil && !b.whole {
		return false // what is computed belongs to no source
	}
	if e != nil && e.kind == noEntries {
		b.fault(key, noText)
		return true
	}
	b.resolver.missing = nil
	value, set, err := b.resolver.found(key, u, e)
	switch {
	case err != nil:
		b.resolved(key, err)
		return true
	case !set:
		if b.depth > 0 && b.isList(u) {
			b.fault(key, "a single value is expected here, not a list")
		}
		return false
	}
	return b.converted(key, value, v, unit, e)
}

func (b *binder) isList(u string) bool {
	return slices.ContainsFunc(b.sources, func(s *Source) bool {
		_, is := s.lists[u]
		return is
	})
}

// converted sets v to a resolved value. An empty text is no number, no duration and the like: then nothing was there.
func (b *binder) converted(key, value string, v reflect.Value, unit time.Duration, e *entry) bool {
	plain := v.Kind() == reflect.String && !reflect.PointerTo(v.Type()).Implements(textType)
	if missing := b.resolver.missing; missing != nil && e != nil {
		if !plain {
			b.faults = append(b.faults, missing.fault(e))
			return true
		}
		b.c.warn(fmt.Sprintf("the placeholder ${%s} stands for nothing and is left as it is: set %s, or give a default as in ${%s:default}", missing.name, missing.name, missing.name), e.key, e.origin)
	}
	if value == "" && !plain && v.Type() != urlType && v.Kind() != reflect.Struct {
		return false
	}
	if v.Kind() == reflect.Bool && trimmed(value) == "" {
		return false
	}
	if err := convert(value, v, unit, e); err != nil {
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
