package app

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/archimedes-go/archimedes/config"
)

// bannerFile is "spring.banner": a text that a start begins with.
type bannerFile struct {
	Location string `config:"location"` // of the text; default banner.txt, embedded or beside application.yml; without one nothing is shown
	Charset  string `config:"charset"`  // of the text; default UTF-8, the only one
}

// Validate reports everything that cannot work.
func (b bannerFile) Validate() error {
	if !strings.EqualFold(b.Charset, "UTF-8") {
		return config.FieldError{Key: "charset", Problem: "must be UTF-8: store the banner as that"}
	}
	return nil
}

// bannerMode says where the banner goes.
type bannerMode string

// UnmarshalText accepts console, log and off.
func (m *bannerMode) UnmarshalText(text []byte) error {
	switch one := bannerMode(strings.ToLower(string(text))); one {
	case "console", "log", "off", "false": // YAML reads off as false
		*m = one
		return nil
	}
	return fmt.Errorf("%q is not one of console, log, off", text)
}

// showBanner shows what banner.txt says. As in Spring, a console of JSON lines shows none unless the mode is set.
func (a *App) showBanner(mode bannerMode) error {
	file, err := config.Bind(a.cfg, "spring.banner", bannerFile{Charset: "UTF-8"})
	if err != nil {
		return err
	}
	if mode == "" {
		if form, _ := a.cfg.Lookup("logging.structured.format.console"); form != "" {
			return nil
		}
		mode = "console"
	}
	if mode == "off" || mode == "false" {
		return nil
	}
	text := a.banner(file.Location)
	if text == "" {
		return nil
	}
	if mode == "log" {
		a.log.Info("\n" + text)
		return nil
	}
	_, _ = fmt.Fprintln(a.spec.Stdout, text) // a closed terminal is no reason not to start
	return nil
}

// banner reads the text and puts values where their names stand.
func (a *App) banner(location string) string {
	places := []string{location}
	if location == "" {
		places = []string{"classpath:banner.txt"}
		if !a.spec.NoFiles {
			places = append(places, "banner.txt")
		}
	}
	for _, place := range places {
		data, err := a.cfg.ReadResource(place)
		switch {
		case err == nil:
			return namedInBanners.ReplaceAllStringFunc(strings.TrimRight(string(data), "\r\n"), a.valueInBanner)
		case location != "" || !errors.Is(err, fs.ErrNotExist) && !strings.HasPrefix(place, "classpath:"):
			a.log.Warn("the banner cannot be read", "spring.banner.location", place, "error", err)
		}
	}
	return ""
}

// namedInBanners is ${name} and ${name:default}.
var namedInBanners = regexp.MustCompile(`\$\{([^}:]+)(:[^}]*)?\}`)

// valueInBanner is what a name stands for: Spring's words for the program, or a setting. Colours are left out, since a banner may go
// to a file; what is not known stays as it is.
func (a *App) valueInBanner(name string) string {
	parts := namedInBanners.FindStringSubmatch(name)
	version, _ := a.cfg.Lookup("spring.application.version")
	switch key := parts[1]; {
	case strings.HasPrefix(key, "Ansi"):
		return ""
	case key == "application.title":
		return a.name
	case key == "application.version":
		return version
	case key == "application.formatted-version":
		if version == "" {
			return ""
		}
		return " (v" + version + ")"
	default:
		if value, found := a.cfg.Lookup(key); found {
			return mask(value)
		}
	}
	if parts[2] != "" {
		return parts[2][1:]
	}
	return name
}
