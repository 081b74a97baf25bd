package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/tools/go/packages"
)

const module = "github.com/archimedes-go/archimedes"

// collector finds what modules bind: calls of config.Bind and of Config.Enabled.
type collector struct {
	comments map[string]string // "file:line" → comment of the field there
	defaults map[string]*ast.FuncDecl
	infos    map[*ast.FuncDecl]*types.Info
	found    collection
}

// collection is what modules read.
type collection struct {
	settings []setting
	prefixes []string    // that are bound as a whole
	aliases  [][2]string // older name, newer name
}

func collect(root string) (*collection, error) {
	loaded, err := packages.Load(&packages.Config{
		Dir:  root,
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports | packages.NeedExportFile,
	}, "./config", "./app", "./modules/...")
	if err != nil {
		return nil, err
	}
	c := &collector{comments: map[string]string{}, defaults: map[string]*ast.FuncDecl{}, infos: map[*ast.FuncDecl]*types.Info{}}
	for _, p := range loaded {
		var faults []error
		for _, e := range p.Errors {
			faults = append(faults, e)
		}
		if len(faults) > 0 {
			return nil, errors.Join(faults...)
		}
		for _, file := range p.Syntax {
			c.index(p, file)
		}
	}
	for _, p := range loaded {
		for _, file := range p.Syntax {
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CallExpr:
					err = errors.Join(err, c.call(p, n))
				case *ast.ValueSpec:
					c.older(p, n)
				}
				return true
			})
		}
	}
	c.found.settings = merge(append(c.found.settings, looked...))
	slices.Sort(c.found.prefixes)
	c.found.prefixes = slices.Compact(c.found.prefixes)
	return &c.found, err
}

// looked are keys that are read one by one.
var looked = []setting{
	{key: "spring.application.name", kind: &kind{name: "text"}, meaning: "name of the program, under which it is registered", normal: "none"},
	{key: "spring.application.version", kind: &kind{name: "text"}, meaning: "version of the program, in logs, traces and info", normal: "that of the build"},
	{key: "spring.application.group", kind: &kind{name: "text"}, meaning: "namespace of the program in traces", normal: "none"},
	{key: "spring.main.web-application-type", kind: &kind{name: "text"}, meaning: "none: no web server", normal: "servlet"},
	{key: "spring.main.log-startup-info", kind: &kind{name: "flag"}, meaning: "log what starts, and how long it took", normal: "true"},
	{key: "spring.webflux.base-path", kind: &kind{name: "text"}, meaning: "other name of server.servlet.context-path", normal: "none"},
	{key: "debug", kind: &kind{name: "flag"}, meaning: "this project's loggers talk more, and the conditions of modules are logged", normal: "false"},
	{key: "trace", kind: &kind{name: "flag"}, meaning: "as debug, and more", normal: "false"},
}

// index remembers comments of fields and functions that give defaults.
func (c *collector) index(p *packages.Package, file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			if text := strings.TrimSpace(cmpComment(n)); text != "" {
				c.comments[place(p.Fset, n.Pos())] = text
			}
		case *ast.FuncDecl:
			if n.Name.Name == "UnmarshalText" {
				c.comments[place(p.Fset, n.Pos())] = n.Doc.Text()
				c.comments[place(p.Fset, n.Name.Pos())] = n.Doc.Text()
			}
			if n.Recv == nil && strings.HasPrefix(strings.ToLower(n.Name.Name), "default") {
				c.defaults[p.PkgPath+"."+n.Name.Name] = n
				c.infos[n] = p.TypesInfo
			}
		}
		return true
	})
}

func cmpComment(f *ast.Field) string {
	if f.Comment != nil {
		return f.Comment.Text()
	}
	return f.Doc.Text()
}

func place(fset *token.FileSet, pos token.Pos) string {
	p := fset.Position(pos)
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

// call looks at one call.
func (c *collector) call(p *packages.Package, call *ast.CallExpr) error {
	function := called(p.TypesInfo, call.Fun)
	if function == nil || function.Pkg() == nil || function.Pkg().Path() != module+"/config" {
		return nil
	}
	text := func(i int) string {
		if i < len(call.Args) {
			if v := p.TypesInfo.Types[call.Args[i]].Value; v != nil && v.Kind() == constant.String {
				return constant.StringVal(v)
			}
		}
		return ""
	}
	switch function.Name() {
	case "Bind":
		if prefix := text(1); prefix != "" && prefix != "otel" { // OpenTelemetry's own variables
			return c.bound(p, prefix, call.Args[2], p.TypesInfo.TypeOf(call.Args[2]))
		}
	case "into": // how package config itself binds
		if prefix := text(0); prefix != "" {
			if pointer, ok := p.TypesInfo.TypeOf(call.Args[1]).(*types.Pointer); ok {
				return c.bound(p, prefix, nil, pointer.Elem())
			}
		}
	case "Enabled":
		if key := text(1); key != "" {
			c.found.settings = append(c.found.settings, setting{key: key, kind: &kind{name: "flag"}, vague: true, meaning: "whether " + text(0) + " is on", normal: fmt.Sprint(p.TypesInfo.Types[call.Args[2]].Value)})
		}
	}
	return nil
}

// older reads the table of aliases in package config.
func (c *collector) older(p *packages.Package, spec *ast.ValueSpec) {
	if p.PkgPath != module+"/config" || len(spec.Names) != 1 || spec.Names[0].Name != "aliases" || len(spec.Values) != 1 {
		return
	}
	table, ok := spec.Values[0].(*ast.CompositeLit)
	if !ok {
		return
	}
	for _, row := range table.Elts {
		if pair, ok := row.(*ast.CompositeLit); ok && len(pair.Elts) == 2 {
			old, now := p.TypesInfo.Types[pair.Elts[0]].Value, p.TypesInfo.Types[pair.Elts[1]].Value
			c.found.aliases = append(c.found.aliases, [2]string{constant.StringVal(old), constant.StringVal(now)})
		}
	}
}

func called(info *types.Info, fun ast.Expr) *types.Func {
	switch f := fun.(type) {
	case *ast.Ident:
		function, _ := info.Uses[f].(*types.Func)
		return function
	case *ast.SelectorExpr:
		function, _ := info.Uses[f.Sel].(*types.Func)
		return function
	case *ast.IndexExpr:
		return called(info, f.X)
	}
	return nil
}

func (c *collector) bound(p *packages.Package, prefix string, given ast.Expr, t types.Type) error {
	if _, named := t.Underlying().(*types.Map); named { // its keys are the user's
		k, err := c.kind(p.Fset, t.Underlying(), "", 0)
		c.found.settings = append(c.found.settings, setting{key: prefix, kind: k, normal: "none"})
		return err
	}
	fields, err := c.fields(p.Fset, prefix, t, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", prefix, err)
	}
	values := map[string]string{}
	c.literal(p.TypesInfo, given, prefix, values)
	for i := range fields {
		if fields[i].normal == "" {
			fields[i].normal = values[fields[i].key]
		}
		if k := fields[i].kind; fields[i].normal == "" && k.name != "flag" {
			fields[i].normal = "none"
		}
	}
	c.found.settings = append(c.found.settings, fields...)
	c.found.prefixes = append(c.found.prefixes, prefix)
	return nil
}

// fields lists the settings of a struct.
func (c *collector) fields(fset *token.FileSet, prefix string, t types.Type, depth int) ([]setting, error) {
	structure, ok := t.Underlying().(*types.Struct)
	if !ok || depth > 8 {
		return nil, nil
	}
	var all []setting
	for i := range structure.NumFields() {
		field := structure.Field(i)
		name, options, _ := strings.Cut(reflect.StructTag(structure.Tag(i)).Get("config"), ",")
		if name == "-" || !field.Exported() && !field.Anonymous() {
			continue
		}
		key := prefix
		if name != "" || !field.Anonymous() {
			if name == "" {
				name = kebab(field.Name())
			}
			key = prefix + "." + name
		} else if !field.Exported() {
			continue
		}
		unit, _ := strings.CutPrefix(options, "unit=")
		k, err := c.kind(fset, field.Type(), unit, depth)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		if k.name == "object" {
			more, err := c.fields(fset, key, deref(field.Type()), depth+1)
			if err != nil {
				return nil, err
			}
			if len(more) == 1 && more[0].meaning == "" && more[0].normal == "" { // a mere switch
				more[0].describe(c.comments[place(fset, field.Pos())])
			}
			all = append(all, more...)
			continue
		}
		s := setting{key: key, kind: k}
		s.describe(c.comments[place(fset, field.Pos())])
		all = append(all, s)
	}
	return all, nil
}

func deref(t types.Type) types.Type {
	if p, ok := t.Underlying().(*types.Pointer); ok {
		return p.Elem()
	}
	return t
}

func (c *collector) kind(fset *token.FileSet, t types.Type, unit string, depth int) (*kind, error) {
	t = deref(t)
	if named, ok := t.(*types.Named); ok {
		switch named.Obj().Pkg().Path() + "." + named.Obj().Name() {
		case "time.Duration":
			return &kind{name: "duration", unit: unit}, nil
		case module + "/config.DataSize":
			return &kind{name: "size"}, nil
		case module + "/config.Secret":
			return &kind{name: "secret"}, nil
		}
		if m, _, _ := types.LookupFieldOrMethod(types.NewPointer(named), true, named.Obj().Pkg(), "UnmarshalText"); m != nil {
			if found := accepted.FindStringSubmatch(c.comments[place(fset, m.Pos())]); found != nil {
				return &kind{name: "text", words: append(strings.Split(found[1], ", "), found[2])}, nil
			}
			return &kind{name: "text", words: constantsOf(named)}, nil
		}
		if words := constantsOf(named); len(words) > 0 {
			return &kind{name: "text", words: words}, nil
		}
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		switch {
		case u.Info()&types.IsBoolean != 0:
			return &kind{name: "flag"}, nil
		case u.Info()&types.IsInteger != 0:
			return &kind{name: "whole"}, nil
		case u.Info()&types.IsFloat != 0:
			return &kind{name: "number"}, nil
		}
		return &kind{name: "text"}, nil
	case *types.Slice:
		of, err := c.element(fset, u.Elem(), unit, depth)
		return &kind{name: "list", of: of}, err
	case *types.Map:
		of, err := c.element(fset, u.Elem(), unit, depth)
		return &kind{name: "map", of: of}, err
	case *types.Struct:
		return &kind{name: "object"}, nil
	case *types.Interface:
		return &kind{name: "any"}, nil
	}
	return nil, fmt.Errorf("no kind for %s", t)
}

// element is the kind of what a list or a map holds.
func (c *collector) element(fset *token.FileSet, t types.Type, unit string, depth int) (*kind, error) {
	k, err := c.kind(fset, t, unit, depth)
	if err == nil && k.name == "object" {
		k.fields, err = c.fields(fset, "", deref(t), depth+1)
	}
	return k, err
}

// accepted is how the comment of an UnmarshalText method names the words of its type.
var accepted = regexp.MustCompile(`accepts ([\w-]+(?:, [\w-]+)*) and ([\w-]+)`)

// constantsOf are the values of a type of words.
func constantsOf(named *types.Named) []string {
	basic, ok := named.Underlying().(*types.Basic)
	if !ok || basic.Kind() != types.String {
		return nil
	}
	var words []string
	scope := named.Obj().Pkg().Scope()
	for _, name := range scope.Names() {
		if v, ok := scope.Lookup(name).(*types.Const); ok && types.Identical(v.Type(), named) {
			if word := constant.StringVal(v.Val()); word != "" && !slices.Contains(words, word) {
				words = append(words, word)
			}
		}
	}
	return words
}

// literal reads the defaults that a composite literal gives, or the one that a Default function returns.
func (c *collector) literal(info *types.Info, e ast.Expr, key string, to map[string]string) {
	switch e := e.(type) {
	case *ast.CallExpr:
		if function := called(info, e.Fun); function != nil && function.Pkg() != nil {
			declared := c.defaults[function.Pkg().Path()+"."+function.Name()]
			if declared == nil {
				return
			}
			ast.Inspect(declared, func(n ast.Node) bool {
				if r, ok := n.(*ast.ReturnStmt); ok && len(r.Results) > 0 {
					c.literal(c.infos[declared], r.Results[0], key, to)
				}
				return true
			})
		}
	case *ast.UnaryExpr:
		c.literal(info, e.X, key, to)
	case *ast.CompositeLit:
		structure, ok := info.TypeOf(e).Underlying().(*types.Struct)
		if !ok {
			return
		}
		for _, element := range e.Elts {
			pair, ok := element.(*ast.KeyValueExpr)
			if !ok {
				return
			}
			name, ok := pair.Key.(*ast.Ident)
			if !ok {
				return
			}
			for i := range structure.NumFields() {
				if structure.Field(i).Name() == name.Name {
					tag, _, _ := strings.Cut(reflect.StructTag(structure.Tag(i)).Get("config"), ",")
					if tag == "" {
						tag = kebab(name.Name)
					}
					c.literal(info, pair.Value, key+"."+tag, to)
				}
			}
		}
	default:
		if e == nil {
			return
		}
		v := info.Types[e].Value
		if v == nil {
			return
		}
		to[key] = spoken(v, info.TypeOf(e))
	}
}

// kebab is config's own rule for fields without a name in their tag.
func kebab(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 && (unicode.IsLower(rune(name[i-1])) || i+1 < len(name) && unicode.IsLower(rune(name[i+1]))) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
