package web

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-playground/validator/v10"
	"github.com/labstack/echo/v4"
)

// FieldFault is one faulty field of a request, in the member "errors" of the problem.
type FieldFault struct {
	Field  string `json:"field"`  // as callers know it: its JSON name, parameter or header
	Detail string `json:"detail"` // such as "is required"
}

// Bind makes a T, a struct, of a request: its JSON body by the tags json, and by the tags param, query and header what stands in
// the path, the query and the headers. A field of the path, query or headers is never taken from the body. The result is checked
// by the tags validate (go-playground/validator), and by its method Validate() error where it has one.
//
//	type order struct {
//		Shop     string `param:"shop" validate:"required"`
//		DryRun   bool   `query:"dryRun"`
//		Quantity int    `json:"quantity" validate:"min=1"`
//	}
//
//	in, err := web.Bind[order](c)
//	if err != nil {
//		return err // 400 with every faulty field, 413, or 415
//	}
//
// Unknown fields of the body are faults, too. The error is a [*Problem].
func Bind[T any](c echo.Context) (T, error) {
	var target T
	v := reflect.ValueOf(&target).Elem()
	if v.Kind() != reflect.Struct {
		panic(fmt.Sprintf("web: Bind makes structs, not a %T", target)) // a mistake of the program, not of the caller
	}
	var faults faults
	if err := bindBody(c.Request(), v, &faults); err != nil {
		return target, err
	}
	bindFields(c, v, &faults)
	faults.validate(c.Echo().Validator, &target)
	if len(faults.list) > 0 {
		return target, faults.problem()
	}
	return target, nil
}

// faults are named once each.
type faults struct {
	list  []FieldFault
	cause error // behind the first
}

func (f *faults) add(field, detail string, cause error) {
	for _, one := range f.list {
		if one.Field == field {
			return
		}
	}
	f.list = append(f.list, FieldFault{field, detail})
	if f.cause == nil {
		f.cause = cause
	}
}

func (f *faults) problem() *Problem {
	names := make([]string, len(f.list))
	for i, one := range f.list {
		names[i] = one.Field + " " + one.Detail
	}
	p := NewProblem(http.StatusBadRequest, "The request cannot be used: "+strings.Join(names, "; ")+".").With("errors", f.list)
	if f.cause != nil {
		return p.Because(fmt.Errorf("bind: %w", f.cause))
	}
	return p
}

// bindBody reads the body, if there is one.
func bindBody(r *http.Request, v reflect.Value, faults *faults) error {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return NewProblem(http.StatusUnsupportedMediaType, "The body must be JSON, and the header Content-Type application/json.")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err // 400, 408 or 413
	}
	if len(body) == 0 {
		return nil
	}
	if err := strictly(body, v.Addr().Interface()); err != nil {
		var (
			syntax *json.SyntaxError
			kind   *json.UnmarshalTypeError
		)
		switch {
		case errors.As(err, &syntax):
			return NewProblem(http.StatusBadRequest, fmt.Sprintf("The body is not JSON: %v, at byte %d.", syntax, syntax.Offset)).Because(err)
		case errors.Is(err, io.ErrUnexpectedEOF):
			return NewProblem(http.StatusBadRequest, "The body is not JSON: it ends too early.").Because(err)
		case errors.Is(err, errMore):
			return NewProblem(http.StatusBadRequest, "The body is not JSON: something follows it.").Because(err)
		case errors.As(err, &kind) && kind.Field == "":
			return NewProblem(http.StatusBadRequest, fmt.Sprintf("The body must be a JSON object, not %s.", article(kind.Value))).Because(err)
		}
		each(body, v, "", faults) // encoding/json tells one fault only
		if len(faults.list) == 0 {
			return NewProblem(http.StatusBadRequest, "The body cannot be used.").Because(err)
		}
	}
	forgetForeign(v, faults)
	return nil
}

var errMore = errors.New("more than one value")

// strictly decodes one value without unknown fields.
func strictly(body []byte, target any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(target); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errMore
	}
	return nil
}

// each finds the faulty fields of an object one by one.
func each(body []byte, v reflect.Value, path string, faults *faults) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return
	}
	fields := jsonFields(v)
	for name, raw := range members {
		field, ok := fields[strings.ToLower(name)]
		if !ok {
			faults.add(path+name, "is unknown", nil)
			continue
		}
		own := reflect.New(field.Type())
		err := strictly(raw, own.Interface())
		if err == nil {
			continue
		}
		before := len(faults.list)
		if structure := own.Elem(); structure.Kind() == reflect.Struct || structure.Kind() == reflect.Pointer && structure.Type().Elem().Kind() == reflect.Struct {
			if structure.Kind() == reflect.Pointer {
				structure = reflect.New(structure.Type().Elem()).Elem()
			}
			each(raw, structure, path+name+".", faults)
		}
		if len(faults.list) > before {
			continue
		}
		var kind *json.UnmarshalTypeError
		switch {
		case errors.As(err, &kind):
			at := path + name
			if kind.Field != "" {
				at += "." + kind.Field
			}
			faults.add(at, fmt.Sprintf("must be %s, not %s", kindName(kind.Type), article(kind.Value)), err)
		case strings.Contains(err.Error(), "unknown field "):
			_, unknown, _ := strings.Cut(err.Error(), "unknown field ")
			faults.add(path+name+"."+strings.Trim(unknown, `"`), "is unknown", err)
		default: // what UnmarshalJSON or UnmarshalText of the field's type says may be internal
			faults.add(path+name, "has a form that cannot be read", err)
		}
	}
}

// jsonFields returns the fields that a body can set, by name in lower case.
func jsonFields(v reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || foreign(f):
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			for name, field := range jsonFields(v.Field(i)) {
				fields[name] = field
			}
		case f.IsExported():
			if name == "" {
				name = f.Name
			}
			fields[strings.ToLower(name)] = v.Field(i)
		}
	}
	return fields
}

// sources are the tags of what does not come from the body.
var sources = []string{"param", "query", "header"}

// foreign reports whether a field comes from the path, query or headers alone.
func foreign(f reflect.StructField) bool {
	if f.Tag.Get("json") != "" {
		return false
	}
	for _, source := range sources {
		if f.Tag.Get(source) != "" {
			return true
		}
	}
	return false
}

// forgetForeign takes back what a body said of fields that are not its business; encoding/json finds them by their Go names.
func forgetForeign(v reflect.Value, faults *faults) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		switch {
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			forgetForeign(v.Field(i), faults)
		case foreign(f) && f.IsExported() && !v.Field(i).IsZero():
			v.Field(i).SetZero()
			faults.add(f.Name, "is unknown", nil)
		}
	}
}

// bindFields takes what stands in path, query and headers.
func bindFields(c echo.Context, v reflect.Value, faults *faults) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			bindFields(c, v.Field(i), faults)
			continue
		}
		for _, source := range sources {
			name := f.Tag.Get(source)
			if name == "" || !f.IsExported() {
				continue
			}
			texts := textsOf(c, source, name)
			if len(texts) == 0 {
				continue
			}
			if err := setTexts(v.Field(i), texts); err != nil {
				faults.add(name, "must be "+kindName(f.Type), err)
			}
			break
		}
	}
}

func textsOf(c echo.Context, source, name string) []string {
	switch source {
	case "param":
		for _, known := range c.ParamNames() {
			if known == name {
				return []string{c.Param(name)}
			}
		}
		return nil
	case "query":
		return c.QueryParams()[name]
	}
	return c.Request().Header.Values(name)
}

var durationType = reflect.TypeFor[time.Duration]()

func setTexts(v reflect.Value, texts []string) error {
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8 {
		list := reflect.MakeSlice(v.Type(), len(texts), len(texts))
		for i, text := range texts {
			if err := setText(list.Index(i), text); err != nil {
				return err
			}
		}
		v.Set(list)
		return nil
	}
	return setText(v, texts[0])
}

func setText(v reflect.Value, text string) error {
	if v.Kind() == reflect.Pointer {
		own := reflect.New(v.Type().Elem())
		if err := setText(own.Elem(), text); err != nil {
			return err
		}
		v.Set(own)
		return nil
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	if v.Type() == durationType {
		d, err := time.ParseDuration(text)
		v.SetInt(int64(d))
		return err
	}
	bits := func() int { return v.Type().Bits() }
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
		return nil
	case reflect.Bool:
		on, err := strconv.ParseBool(text)
		v.SetBool(on)
		return err
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, bits())
		v.SetInt(n)
		return err
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, bits())
		v.SetUint(n)
		return err
	case reflect.Float32, reflect.Float64:
		n, err := strconv.ParseFloat(text, bits())
		v.SetFloat(n)
		return err
	}
	panic(fmt.Sprintf("web: a %s cannot be taken from a parameter or header; give it UnmarshalText", v.Type()))
}

// kindName is a type in the words of someone who does not know Go.
func kindName(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == durationType {
		return "a duration such as 1m30s"
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return "a valid " + strings.ToLower(t.Name())
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number, not negative"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "a list"
	}
	return "an object"
}

// article puts encoding/json's words for a value into a sentence.
func article(value string) string {
	switch kind, _, _ := strings.Cut(value, " "); kind {
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "bool":
		return "true or false"
	case "number", "string":
		return "a " + kind
	}
	return value
}

// validate checks the tags and the method of the target. Fields that are named already are not named again.
func (f *faults) validate(by echo.Validator, target any) {
	if by != nil {
		var broken validator.ValidationErrors
		err := by.Validate(target)
		switch {
		case errors.As(err, &broken):
			root := reflect.TypeOf(target).Elem().Name() + "." // "." alone is the beginning of nothing
			for _, one := range broken {
				f.add(strings.TrimPrefix(one.Namespace(), root), ruleText(one), nil)
			}
		case err != nil:
			f.add("request", "does not fit together", err)
		}
	}
	if own, ok := target.(interface{ Validate() error }); ok && len(f.list) == 0 {
		if err := own.Validate(); err != nil {
			var known *FieldFaultError
			if errors.As(err, &known) {
				f.add(known.Field, known.Detail, err)
				return
			}
			f.add("request", "does not fit together", err)
		}
	}
}

// FieldFaultError is what a Validate method returns to name a field. The text of any other error stays inside.
type FieldFaultError FieldFault

// Error returns field and detail.
func (e *FieldFaultError) Error() string { return e.Field + " " + e.Detail }

// validation is the Echo's validator. A program may set another one in Echo.Validator.
type validation struct{}

// Validate implements [echo.Validator].
func (validation) Validate(target any) error { return rules().Struct(target) }

// rules is made when it is first needed: it costs a program that validates nothing neither time nor memory.
var rules = sync.OnceValue(func() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(func(f reflect.StructField) string {
		for _, tag := range []string{"json", "param", "query", "header"} {
			if name, _, _ := strings.Cut(f.Tag.Get(tag), ","); name != "" && name != "-" {
				return name
			}
		}
		return f.Name
	})
	return v
})

// ruleText says what a broken rule asks for.
func ruleText(e validator.FieldError) string {
	p := e.Param()
	unit := ""
	switch e.Kind() {
	case reflect.String:
		unit = " characters"
	case reflect.Slice, reflect.Array, reflect.Map:
		unit = " entries"
	}
	switch e.Tag() {
	case "required":
		return "is required"
	case "min", "gte":
		if unit != "" {
			return "must have at least " + p + unit
		}
		return "must be at least " + p
	case "max", "lte":
		if unit != "" {
			return "must have at most " + p + unit
		}
		return "must be at most " + p
	case "gt":
		return "must be more than " + p + unit
	case "lt":
		return "must be less than " + p + unit
	case "len":
		return "must have exactly " + p + unit
	case "oneof":
		return "must be one of " + strings.Join(strings.Fields(p), ", ")
	case "email":
		return "must be an e-mail address"
	case "url", "uri", "http_url":
		return "must be a URL"
	case "uuid", "uuid4":
		return "must be a UUID"
	}
	if p != "" {
		return "breaks the rule " + e.Tag() + "=" + p
	}
	return "breaks the rule " + e.Tag()
}
