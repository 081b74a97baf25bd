package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// acceptsProfiles evaluates a profile expression such as "prod & !dev": !, &, | and parentheses, where & and | mix only with
// parentheses. It is as forgiving as Spring: a parenthesis that is not closed ends with the text.
func acceptsProfiles(expression string, active []string) (bool, error) {
	p := &profileParser{whole: expression, rest: expression, active: active}
	if strings.TrimSpace(expression) == "" {
		return false, p.malformed()
	}
	return p.terms(wholeExpression)
}

type profileParser struct {
	whole, rest string
	active      []string
	depth       int
}

func (p *profileParser) malformed() error {
	return fmt.Errorf("the profile expression %q is malformed", p.whole)
}

// token returns the next operator, parenthesis or name; "" at the end. Names may hold blanks.
func (p *profileParser) token() string {
	p.rest = strings.TrimLeft(p.rest, " \t\r\n")
	if p.rest == "" {
		return ""
	}
	end := strings.IndexAny(p.rest, "()&|!")
	switch {
	case end == 0:
		end = 1
	case end < 0:
		end = len(p.rest)
	}
	token := strings.TrimSpace(p.rest[:end])
	p.rest = p.rest[end:]
	return token
}

// where a run of terms stands decides what ends it.
const (
	wholeExpression = iota
	inParentheses
	afterNot
)

// terms reads terms up to the end of what they stand in.
func (p *profileParser) terms(where int) (bool, error) {
	if p.depth++; p.depth > 100 {
		return false, p.malformed()
	}
	defer func() { p.depth-- }()
	var values []bool
	operator := ""
	for token := p.token(); token != ""; token = p.token() {
		var value bool
		var err error
		switch token {
		case "(":
			value, err = p.terms(inParentheses)
		case "!":
			value, err = p.terms(afterNot)
			value = !value
		case "&", "|":
			if operator != "" && operator != token {
				return false, p.malformed()
			}
			operator = token
			continue
		case ")":
			if value, err = p.merge(values, operator); err == nil && where == inParentheses {
				return value, nil
			}
			values, operator = nil, ""
		default:
			value = slices.Contains(p.active, token)
		}
		if err != nil || where == afterNot && token != "!" && token != ")" {
			return value, err
		}
		values = append(values, value)
	}
	return p.merge(values, operator)
}

func (p *profileParser) merge(values []bool, operator string) (bool, error) {
	switch {
	case len(values) == 0:
		return false, p.malformed()
	case operator == "&":
		return !slices.Contains(values, false), nil
	}
	return slices.Contains(values, true), nil
}

// checkProfile applies Spring's rule for names.
func checkProfile(name string) error {
	if strings.TrimSpace(name) == "" {
		return errors.New("the name of a profile is empty")
	}
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
