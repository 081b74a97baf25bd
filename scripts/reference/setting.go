package main

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// setting is a key that something reads.
type setting struct {
	key     string // canonical; a <name> stands for what the user chooses
	kind    *kind
	meaning string
	normal  string // the default, in words
	ours    bool   // Spring has no such key
	vague   bool   // another may say more
}

// kind is what a value must be.
type kind struct {
	name   string // text, secret, flag, whole, number, duration, size, list, map, object, any
	unit   string // of a bare duration
	words  []string
	of     *kind // of a list's elements or a map's values
	fields []setting
}

func (k *kind) title() string {
	switch k.name {
	case "flag":
		return "true or false"
	case "whole":
		return "whole number"
	case "size":
		return "data size"
	case "duration":
		if k.unit == "" || k.unit == "ms" {
			return "duration"
		}
		return "duration, bare numbers in " + k.unit
	case "list":
		return "list of " + plural(k.of)
	case "map":
		return "map to " + plural(k.of)
	}
	if len(k.words) > 0 {
		return strings.Join(k.words, ", ")
	}
	return k.name
}

func plural(k *kind) string {
	switch k.name {
	case "text":
		return "texts"
	case "secret":
		return "secrets"
	case "whole":
		return "whole numbers"
	case "list":
		return "lists of " + plural(k.of)
	}
	if len(k.words) > 0 {
		return strings.Join(k.words, " / ")
	}
	return k.name + "s"
}

var (
	choice = regexp.MustCompile(`^((?:[A-Za-z][A-Za-z-]*, )*[A-Za-z][A-Za-z-]*) or ([A-Za-z][A-Za-z-]*)$`)
	byRule = regexp.MustCompile(`(?:^|; )default (.*)$`)
)

// describe takes a field's comment apart: "ours: what it is; default 5s".
func (s *setting) describe(comment string) {
	comment = strings.Join(strings.Fields(comment), " ")
	if rest, ok := strings.CutPrefix(comment, "ours: "); ok {
		comment, s.ours = rest, true
	}
	if at := byRule.FindStringSubmatchIndex(comment); at != nil {
		s.normal = comment[at[2]:at[3]]
		comment = comment[:at[0]]
	}
	s.meaning = comment
	first, _, _ := strings.Cut(comment, ";")
	if found := choice.FindStringSubmatch(first); found != nil && s.kind.name == "text" && len(s.kind.words) == 0 {
		s.kind = &kind{name: "text", words: append(strings.Split(found[1], ", "), found[2])}
	}
	if first == strings.Join(s.kind.words, ", ") || choice.MatchString(first) && len(s.kind.words) > 0 {
		s.meaning = strings.TrimPrefix(strings.TrimPrefix(s.meaning, first), "; ") // the type says it
	}
}

// merge joins what several places say of the same key.
func merge(all []setting) []setting {
	slices.SortStableFunc(all, func(a, b setting) int { return cmp.Compare(a.key, b.key) })
	var kept []setting
	for _, s := range all {
		if len(kept) == 0 || kept[len(kept)-1].key != s.key {
			kept = append(kept, s)
			continue
		}
		last := &kept[len(kept)-1]
		if last.meaning == "" || last.vague && s.meaning != "" {
			last.meaning, last.ours, last.vague = s.meaning, s.ours, s.vague
		}
		if last.normal == "" || last.normal == "none" {
			last.normal = cmp.Or(s.normal, last.normal)
		}
		if len(s.kind.words) > 0 {
			last.kind = s.kind
		}
	}
	return kept
}
