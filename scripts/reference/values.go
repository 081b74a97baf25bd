package main

import (
	"strings"
	"unicode"
)

// kinds are the definitions that settings refer to. A placeholder may stand for anything.
func kinds() object {
	or := func(others ...any) object {
		return object{"anyOf": append(others, object{"type": "null"}, object{"type": "string", "pattern": `\$\{`})}
	}
	text := func(pattern string) object { return object{"type": "string", "pattern": pattern} }
	const whole = `[-+]?([0-9]+|0[xX][0-9a-fA-F]+|#[0-9a-fA-F]+)`
	return object{
		"kind.text":     object{"type": []string{"string", "number", "boolean", "null"}},
		"kind.flag":     or(object{"type": "boolean"}, text("^("+anyCase("true", "false", "on", "off", "yes", "no")+"|1|0)?$")),
		"kind.whole":    or(object{"type": "integer"}, text(`^\s*(`+whole+`)?\s*$`)),
		"kind.wholes":   or(object{"type": "integer"}, text(`^\s*(`+whole+`(\s*,\s*`+whole+`)*)?\s*$`)),
		"kind.number":   or(object{"type": "number"}, text(`^\s*([-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?)?\s*$`)),
		"kind.duration": or(object{"type": "integer"}, text(`^([-+]?[0-9]+([nN][sS]|[uU][sS]|[mM][sS]|[sS]|[mM]|[hH]|[dD])?|[-+]?[pP]([-+]?[0-9]+[dD])?([tT]([-+]?[0-9]+[hH])?([-+]?[0-9]+[mM])?([-+]?[0-9]+(\.[0-9]*)?[sS])?)?)?$`)),
		"kind.size":     or(object{"type": "integer"}, text(`^\s*([-+]?[0-9]+\s*(B|KB|MB|GB|TB)?)?\s*$`)),
		"kind.texts":    object{"anyOf": []any{refer("kind.text"), object{"type": "array", "items": refer("kind.text")}}},
		"kind.tree":     object{"anyOf": []any{refer("kind.text"), object{"type": "array"}, object{"type": "object", "additionalProperties": refer("kind.tree")}}},
	}
}

// anyCase is a pattern of words in any case.
func anyCase(words ...string) string {
	var all []string
	for _, word := range words {
		var b strings.Builder
		for _, r := range word {
			if unicode.IsLetter(r) {
				b.WriteString("[" + string(unicode.ToLower(r)) + string(unicode.ToUpper(r)) + "]")
			} else {
				b.WriteString("[-_. ]?")
			}
		}
		all = append(all, b.String())
	}
	return strings.Join(all, "|")
}

// valued is the definition of a setting.
func valued(s *setting) object {
	o := value(s.kind)
	var about []string
	if s.meaning != "" {
		about = append(about, strings.ToUpper(s.meaning[:1])+s.meaning[1:]+".")
	}
	if s.kind.name == "duration" && s.kind.unit != "" && s.kind.unit != "ms" {
		about = append(about, "A bare number is in "+s.kind.unit+".")
	}
	if s.normal != "" {
		about = append(about, "Default: "+s.normal+".")
	}
	if ref, ok := o["$ref"]; ok && len(about) > 0 { // beside a reference draft 7 sees nothing else
		o = object{"allOf": []any{object{"$ref": ref}}}
	}
	if len(about) > 0 {
		o["description"] = strings.Join(about, " ")
	}
	if strings.HasPrefix(s.meaning, "older name of ") {
		o["deprecationMessage"] = "This is the " + s.meaning + "."
	}
	return o
}

// value is the schema of a kind.
func value(k *kind) object {
	if len(k.words) > 0 {
		others := []any{object{"enum": k.words}, object{"type": "string", "pattern": "^(" + anyCase(k.words...) + `)?$|\$\{`}, object{"type": "null"}}
		for _, word := range k.words {
			if word == "on" || word == "off" {
				others = append(others, object{"type": "boolean"}) // what YAML makes of them
				break
			}
		}
		return object{"anyOf": others}
	}
	switch k.name {
	case "flag":
		return refer("kind.flag")
	case "whole":
		return refer("kind.whole")
	case "number":
		return refer("kind.number")
	case "duration":
		return refer("kind.duration")
	case "size":
		return refer("kind.size")
	case "list":
		items := object{"type": "array", "items": value(k.of)}
		switch k.of.name {
		case "text", "secret":
			return refer("kind.texts")
		case "whole":
			return object{"anyOf": []any{refer("kind.wholes"), items}}
		}
		return object{"anyOf": []any{items, object{"type": []string{"string", "null"}}}}
	case "map":
		if k.of.name == "text" || k.of.name == "secret" {
			return object{"type": []string{"object", "null"}, "additionalProperties": refer("kind.tree")}
		}
		m := object{"type": []string{"object", "null"}, "additionalProperties": value(k.of)}
		if k.of.name == "object" || k.of.of != nil && k.of.of.name == "object" {
			m["patternProperties"] = object{`[.\[]`: true} // a name and what follows it, dotted
		}
		return m
	case "object":
		// What else Spring has there is not checked.
		inside := &node{}
		for _, s := range k.fields {
			inside.at(strings.TrimPrefix(s.key, ".")).setting = &s
		}
		return inside.inline()
	case "any":
		return object{}
	}
	return refer("kind.text")
}

// inline is the schema of an object that has no definition of its own.
func (n *node) inline() object {
	properties := object{}
	for name, child := range n.children {
		var one object
		if child.setting != nil {
			one = valued(child.setting)
		} else {
			one = child.inline()
		}
		properties[name] = one
		if others := spellings(name)[1:]; len(others) > 0 {
			for _, other := range others {
				properties[other] = one
			}
		}
	}
	return object{"type": []string{"object", "null"}, "properties": properties}
}
