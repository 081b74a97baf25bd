package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// ReadResource reads the file that a setting names: "classpath:tls/server.pem" is an embedded one, "file:/etc/tls/server.pem" or a
// path without a scheme one on disk, relative to where relative locations start. Nothing is kept: each call reads.
func (c *Config) ReadResource(location string) ([]byte, error) {
	embedded, name, err := c.resource(location)
	if err != nil {
		return nil, err
	}
	if !embedded {
		return os.ReadFile(name)
	}
	for _, files := range slices.Backward(c.options().Embedded) {
		data, err := fs.ReadFile(files, name)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return data, err
		}
	}
	return nil, fmt.Errorf("no embedded file is called %s (app.Embedded gives them)", name)
}

// ResourceFolders returns the folders that a location such as "classpath:/static/" or "file:./public/" stands for, those that
// count more first; none when there is no such folder. Links that lead out of a folder on disk are not followed.
func (c *Config) ResourceFolders(location string) ([]fs.FS, error) {
	embedded, name, err := c.resource(location)
	if err != nil {
		return nil, err
	}
	if !embedded {
		root, err := os.OpenRoot(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return []fs.FS{root.FS()}, nil
	}
	var folders []fs.FS
	for _, files := range slices.Backward(c.options().Embedded) {
		if info, err := fs.Stat(files, name); err != nil || !info.IsDir() {
			continue
		}
		folder, err := fs.Sub(files, name)
		if err != nil {
			return nil, err
		}
		folders = append(folders, folder)
	}
	return folders, nil
}

// resource tells embedded files from those on disk.
func (c *Config) resource(location string) (embedded bool, name string, err error) {
	scheme, rest, ok := strings.Cut(location, ":")
	if !ok || len(scheme) == 1 { // none, or a drive letter
		scheme, rest = "file", location
	}
	switch scheme {
	case "file":
		return false, (&fileReader{options: c.options()}).osPath(strings.TrimPrefix(rest, "//")), nil
	case classpath:
		return true, path.Clean(strings.Trim(rest, "/") + "/."), nil
	}
	return false, "", fmt.Errorf("%q is neither a file: nor a classpath: location", scheme+":")
}

// options returns how the configuration was loaded.
func (c *Config) options() Options {
	if c.origin == nil {
		return Options{}
	}
	return c.origin.options
}
