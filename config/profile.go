package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// accepts evaluates a profile expression such as "prod & !dev": !, &, | and parentheses, where & and | mix only with
// parentheses. A malformed one matches nothing, as Spring's does.
func accepts(expression string, active []string) bool {
	p := &profileParser{rest: strings.TrimSpace(expression), active: active}
	value, ok := p.expression()
	return ok && p.skip() == "" && value
}

type profileParser struct {
	rest   string
	active []string
	depth  int
}

func (p *profileParser) skip() string {
	p.rest = strings.TrimLeft(p.rest, " \t")
	return p.rest
}

func (p *profileParser) expression() (value, ok bool) {
	if value, ok = p.operand(); !ok {
		return false, false
	}
	operator := byte(0)
	for {
		rest := p.skip()
		if rest == "" || rest[0] == ')' {
			return value, true
		}
		if rest[0] != '&' && rest[0] != '|' || operator != 0 && rest[0] != operator {
			return false, false
		}
		operator = rest[0]
		p.rest = rest[1:]
		next, ok := p.operand()
		if !ok {
			return false, false
		}
		if operator == '&' {
			value = value && next
		} else {
			value = value || next
		}
	}
}

func (p *profileParser) operand() (value, ok bool) {
	if p.depth++; p.depth > 100 {
		return false, false
	}
	defer func() { p.depth-- }()
	rest := p.skip()
	switch {
	case rest == "":
		return false, false
	case rest[0] == '!':
		p.rest = rest[1:]
		value, ok = p.operand()
		return !value, ok
	case rest[0] == '(':
		p.rest = rest[1:]
		value, ok = p.expression()
		if rest = p.skip(); !ok || rest == "" || rest[0] != ')' {
			return false, false
		}
		p.rest = rest[1:]
		return value, true
	}
	end := strings.IndexAny(rest, "!&|() \t")
	if end < 0 {
		end = len(rest)
	}
	if end == 0 {
		return false, false
	}
	name := rest[:end]
	p.rest = rest[end:]
	return slices.Contains(p.active, name), true
}

// checkProfile applies Spring's rule for names.
func checkProfile(name string) error {
	runes := []rune(name)
	for i, r := range runes {
		switch inside := strings.ContainsRune("-_.+@", r); {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r) && !inside:
			return fmt.Errorf("Profile '%s' must contain a letter, digit or allowed char ('-', '_', '.', '+', '@')", name) //nolint:staticcheck // Spring's words
		case inside && (i == 0 || i == len(runes)-1):
			return fmt.Errorf("Profile '%s' must start and end with a letter or digit", name) //nolint:staticcheck // Spring's words
		}
	}
	return nil
}
