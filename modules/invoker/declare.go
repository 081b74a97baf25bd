package invoker

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Declare returns a T, a struct of functions, that call what their tags say (Spring: HTTP interfaces, @HttpExchange):
//
//	type Inventory struct {
//		Stock func(ctx context.Context, sku string) (Stock, error)                      `method:"GET" path:"/stock/{sku}"`
//		Find  func(ctx context.Context, words []string, page int) ([]Stock, error)      `method:"GET" path:"/stock" query:"q,page"`
//		Add   func(ctx context.Context, tenant string, s Stock) (Entity[Nothing], error) `method:"POST" path:"/stock" header:"X-Tenant" body:""`
//	}
//
//	inventory, err := invoker.Declare[Inventory](rest, "http://inventory")
//	stock, err := inventory.Stock(ctx, "42")
//
// After the context come the variables of the path, in their order, then the parameters that query names, the headers that
// header names, and the body, if there is the tag, whose value may be its content type. A slice is several values, a nil pointer
// none. Results are an error, or what [Exchange] may return and an error; an [Entity] tells status and headers, too.
//
// base goes before the paths; "" is the caller's own. Declare calls nobody, and its error names every mistake. The functions are
// safe for concurrent use.
func Declare[T any](c Caller, base string) (*T, error) {
	declared := new(T)
	v := reflect.ValueOf(declared).Elem()
	if v.Kind() != reflect.Struct {
		return nil, fmt.Errorf("invoker: a declared client is a struct of functions, %s is none", v.Type())
	}
	own := c.settings().with(nil)
	if base != "" {
		own.base = base
	}
	c = c.derived(own)
	var faults []error
	if u, err := url.Parse(own.base); err != nil || u.Scheme == "" || u.Host == "" {
		faults = append(faults, fmt.Errorf("invoker: %s: the base URL %q is none: write http://service", v.Type(), shownTemplate(own.base)))
	}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		f, err := declare(field)
		if err != nil {
			for _, one := range err {
				faults = append(faults, fmt.Errorf("invoker: %s.%s: %w", v.Type(), field.Name, one))
			}
			continue
		}
		v.Field(i).Set(reflect.MakeFunc(field.Type, func(arguments []reflect.Value) []reflect.Value { return f.call(c, arguments) }))
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return declared, nil
}

// function is one function of a declared client.
type function struct {
	typ       reflect.Type
	method    string
	path      string
	variables []string
	query     []string
	header    []string
	body      bool
	kind      string // content type of the body
}

var (
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
	tagName     = regexp.MustCompile(`([^\s":]+):"`)
)

// declare reads the type and the tags of a function.
func declare(field reflect.StructField) (*function, []error) {
	var faults []error
	fault := func(format string, arguments ...any) { faults = append(faults, fmt.Errorf(format, arguments...)) }
	t := field.Type
	switch {
	case !field.IsExported():
		fault("only exported functions can be filled in")
		return nil, faults
	case t.Kind() != reflect.Func:
		fault("%s is no function", t)
		return nil, faults
	}
	f := &function{typ: t, method: field.Tag.Get("method"), path: field.Tag.Get("path"), query: list(field.Tag.Get("query")), header: list(field.Tag.Get("header"))}
	f.kind, f.body = field.Tag.Lookup("body")
	for _, tag := range tagName.FindAllStringSubmatch(string(field.Tag), -1) {
		switch tag[1] {
		case "method", "path", "query", "header", "body":
		default:
			fault("the tag %q is none of method, path, query, header, body", tag[1])
		}
	}
	if !httpguts.ValidHeaderFieldName(f.method) {
		fault("the tag method:%q names no method", f.method)
	}
	if _, ok := field.Tag.Lookup("path"); !ok {
		fault("the tag path is missing")
	}
	var err error
	if f.variables, err = variablesOf(f.path); err != nil {
		fault("path:%q: %w", f.path, err)
	}
	for i, name := range f.header {
		if !httpguts.ValidHeaderFieldName(name) {
			fault("header:%q is no name of a header", name)
		}
		f.header[i] = http.CanonicalHeaderKey(name)
	}
	if t.NumIn() == 0 || t.In(0) != contextType {
		fault("the first argument must be a context.Context")
		return nil, faults
	}
	if t.IsVariadic() {
		fault("a function with a variable number of arguments cannot be declared; take a slice")
	}
	named := append(append(append([]string{}, f.variables...), f.query...), f.header...)
	values := len(named)
	if f.body {
		named = append(named, "body")
	}
	if t.NumIn()-1 != len(named) {
		fault("%d arguments after the context, but the tags name %d: [%s]", t.NumIn()-1, len(named), strings.Join(named, " "))
	} else {
		for i, name := range named[:values] {
			if argument := t.In(i + 1); !textual(argument, i >= len(f.variables)) {
				fault("the argument %s is a %s, which is no text, number or boolean", name, argument)
			}
		}
	}
	if n := t.NumOut(); n == 0 || n > 2 || t.Out(n-1) != errorType {
		fault("the results must be an error, or a value and an error")
	}
	return f, faults
}

// list splits a tag at commas.
func list(tag string) (names []string) {
	for name := range strings.SplitSeq(tag, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// textual reports whether values of a type can be written into a URL or header; several of them where many may stand.
func textual(t reflect.Type, many bool) bool {
	if t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) || t.Implements(reflect.TypeFor[fmt.Stringer]()) {
		return true
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	case reflect.Pointer:
		return many && textual(t.Elem(), false)
	case reflect.Slice:
		return many && textual(t.Elem(), false)
	}
	return false
}

// texts writes an argument: one text, several for a slice, none for a nil pointer.
func texts(v reflect.Value) ([]string, error) {
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, nil
	}
	switch value := v.Interface().(type) {
	case encoding.TextMarshaler:
		text, err := value.MarshalText()
		return []string{string(text)}, err
	case fmt.Stringer:
		return []string{value.String()}, nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		return texts(v.Elem())
	case reflect.Slice:
		var all []string
		for i := range v.Len() {
			one, err := texts(v.Index(i))
			if err != nil {
				return nil, err
			}
			all = append(all, one...)
		}
		return all, nil
	}
	return []string{fmt.Sprint(v.Interface())}, nil
}

// call makes the call of a function.
func (f *function) call(c Caller, arguments []reflect.Value) []reflect.Value {
	results := make([]reflect.Value, 0, 2)
	var target any // what is filled
	var entity interface {
		body() any
		tell(about)
	}
	if f.typ.NumOut() == 2 {
		value := reflect.New(f.typ.Out(0))
		results = append(results, value.Elem())
		target = value.Interface()
		if entity, _ = target.(interface {
			body() any
			tell(about)
		}); entity != nil {
			target = entity.body()
		}
	}
	w, err := f.written(arguments[1:])
	if ctx, ok := arguments[0].Interface().(context.Context); !ok {
		err = errors.Join(err, errors.New("the context is nil"))
	} else if err == nil {
		if is[*Nothing](target) {
			target = nil
		}
		var a about
		a, err = w.retrieve(ctx, c, target)
		if entity != nil {
			entity.tell(a)
		}
		return append(results, failure(err))
	}
	return append(results, failure(&RequestError{Method: f.method, URL: shownTemplate(w.template), Err: err}))
}

func failure(err error) reflect.Value {
	v := reflect.New(errorType).Elem()
	if err != nil {
		v.Set(reflect.ValueOf(err))
	}
	return v
}

// written puts the arguments where the tags say.
func (f *function) written(arguments []reflect.Value) (written, error) {
	w := written{method: f.method, template: f.path, header: http.Header{}, query: url.Values{}}
	vars := Vars{}
	w.vars = []any{vars}
	for i, name := range f.variables {
		text, err := texts(arguments[i])
		if err != nil {
			return w, fmt.Errorf("the argument %s: %w", name, err)
		}
		vars[name] = strings.Join(text, ",")
	}
	arguments = arguments[len(f.variables):]
	for i, name := range f.query {
		text, err := texts(arguments[i])
		if err != nil {
			return w, fmt.Errorf("the argument %s: %w", name, err)
		}
		w.query[name] = text
	}
	arguments = arguments[len(f.query):]
	for i, name := range f.header {
		text, err := texts(arguments[i])
		if err != nil {
			return w, fmt.Errorf("the argument %s: %w", name, err)
		}
		if len(text) > 0 {
			w.header[name] = text
		}
	}
	if f.body {
		w.body = arguments[len(f.header)].Interface()
		if f.kind != "" {
			w.header.Set("Content-Type", f.kind)
		}
	}
	return w, nil
}

// body is what of an entity is filled, and tell fills the rest.
func (e *Entity[T]) body() any { return &e.Body }

func (e *Entity[T]) tell(a about) { e.Status, e.Header, e.Instance = a.status, a.header, a.instance }
