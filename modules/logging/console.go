package logging

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/lmittmann/tint"
)

// timeFormat is Spring's: yyyy-MM-dd'T'HH:mm:ss.SSSXXX.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// nameWidth is how far messages are indented, so that they stand below each other.
const nameWidth = 20

// ANSI sequences; colours as numbers are tint's.
const (
	faint, cyan, reset             = "\x1b[2m", "\x1b[36m", "\x1b[0m"
	red, green, yellow, blue uint8 = 9, 10, 11, 12
)

// console is the readable form, Spring Boot's line without its thread:
//
//	2026-08-21T10:15:30.123+02:00  INFO 4711 --- [orders] [0af7…-b7ad…] eureka.client        : instance registered server=…
//
// tint writes time, level, message and attributes; it knows neither Spring's names of levels nor columns, so the columns
// are put in front of the message and the level is replaced.
type console struct {
	formOptions
	head  string // " 4711 --- [orders] "
	order sync.RWMutex
}

func newConsole(o formOptions) form {
	head := fmt.Sprintf("%d --- ", o.PID)
	if o.IncludeName && o.Name != "" {
		head += "[" + o.Name + "] "
	}
	c := &console{formOptions: o, head: head}
	if o.colour {
		c.head = faint + head + reset
	}
	return c
}

func (c *console) lines() slog.Handler {
	return tint.NewTextHandler(c.out, &tint.Options{
		Level: LevelTrace, TimeFormat: timeFormat, NoColor: !c.colour, ReplaceAttr: c.replace,
	})
}

func (c *console) attr(a slog.Attr) slog.Attr { return a }

func (c *console) write(ctx context.Context, lines slog.Handler, line slog.Record, f facts) error {
	var b strings.Builder
	b.Grow(len(c.head) + len(f.trace) + len(f.span) + nameWidth + len(line.Message) + 20)
	b.WriteString(c.head)
	if f.trace != "" {
		b.WriteByte('[')
		b.WriteString(f.trace)
		b.WriteByte('-')
		b.WriteString(f.span)
		b.WriteString("] ")
	}
	if c.colour {
		b.WriteString(cyan)
	}
	b.WriteString(f.logger)
	for range nameWidth - len(f.logger) {
		b.WriteByte(' ')
	}
	if c.colour {
		b.WriteString(reset)
	}
	b.WriteString(" : ")
	b.WriteString(line.Message)
	line.Message = b.String()
	if f.stack == "" {
		c.order.RLock()
		defer c.order.RUnlock()
		return lines.Handle(ctx, line)
	}
	// A stack belongs below its line, readable, with nothing between them.
	c.order.Lock()
	defer c.order.Unlock()
	if err := lines.Handle(ctx, line); err != nil {
		return err
	}
	_, err := io.WriteString(c.out, strings.TrimRight(f.stack, "\n")+"\n")
	return err
}

func (c *console) replace(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.MessageKey) {
		return a
	}
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(harmless(a.Value.String()))
	case slog.KindAny:
		if level, ok := a.Value.Any().(slog.Level); ok {
			if len(groups) == 0 && a.Key == slog.LevelKey {
				return c.level(level)
			}
			break
		}
		a.Value = slog.StringValue(harmless(textOf(a.Value.Any())))
		if _, failed := a.Value.Any().(error); failed && c.colour {
			return tint.Attr(red, a)
		}
	}
	return a
}

func (c *console) level(level slog.Level) slog.Attr {
	a := slog.String(slog.LevelKey, fmt.Sprintf("%5s", LevelName(level)))
	if !c.colour {
		return a
	}
	switch {
	case level < slog.LevelInfo:
		return tint.Attr(blue, a)
	case level < slog.LevelWarn:
		return tint.Attr(green, a)
	case level < slog.LevelError:
		return tint.Attr(yellow, a)
	}
	return tint.Attr(red, a)
}

// textOf is how a value reads in a line: %+v would add the stacks that some errors carry.
func textOf(v any) string {
	if err, ok := v.(error); ok && err != nil {
		return safely(err.Error)
	}
	return fmt.Sprintf("%v", v)
}

// safely calls a method of a value that may be a nil pointer in an interface.
func safely(text func() string) (s string) {
	defer func() {
		if v := recover(); v != nil {
			s = fmt.Sprintf("!PANIC: %v", v)
		}
	}()
	return text()
}

// harmless returns a value that a terminal takes for text. tint passes escape sequences in values on to a terminal, and
// elsewhere cuts a value off at its first invalid byte; what is logged comes from outside too often for either.
func harmless(s string) string {
	clean := true
	for i := 0; i < len(s) && clean; i++ {
		clean = s[i] < utf8.RuneSelf && s[i] != 0x1b && s[i] != '\\'
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x`)
			b.WriteString(strconv.FormatUint(uint64(s[i])+0x100, 16)[1:])
		case r == utf8.RuneError:
			b.WriteString(`\ufffd`)
		case r == 0x1b, r == '\\' && strings.HasPrefix(s[i:], `\x1b`):
			b.WriteRune('␛')
			if r == '\\' {
				size = len(`\x1b`)
			}
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}
