package config

import "context"

// importer reads what stands behind one prefix of spring.config.import, other than files: "configserver:".
type importer interface {
	// load returns the sources behind a location, highest precedence first. It is asked twice for each import: once without
	// profiles, and, once they are known, with those that are active (or the default ones). What it returns then stands above
	// what it returned first. A source marked forProfile rises above all that is not for a profile. It may block until ctx ends.
	//
	// No source and no error means that there is nothing, which is a failure unless the import is optional. An error is a
	// failure, optional or not, so an importer that shall be forgiving returns nothing and calls warn. Errors should be of type
	// [*LoadError] with the request's origin.
	load(ctx context.Context, r importRequest) ([]*Source, error)
}

// importRequest is one location of spring.config.import.
type importRequest struct {
	location string   // behind the prefix, placeholders resolved: "http://config:8888?fail-fast=true", or ""
	optional bool     // whether "optional:" stands before it
	origin   Origin   // where it was written
	profiles []string // nil while they are unknown
	settings *Config  // what is known so far: spring.application.name, spring.cloud.config.*; for Bind and Value
	warn     func(message string)
}

// importers holds the importers by prefix.
var importers = map[string]importer{"configserver": configServer{}}
