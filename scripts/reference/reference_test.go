package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func TestTheReferenceIsWhatTheCodeSays(t *testing.T) {
	files, err := generate("../..")
	require.NoError(t, err)
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("../..", name))
		require.NoError(t, err)
		require.Truef(t, bytes.Equal(want, got), "%s is stale: go generate ./config", name)
	}
	again, err := generate("../..")
	require.NoError(t, err)
	require.Equal(t, files, again, "the same each time")
}

func TestEverySettingSaysItsDefault(t *testing.T) {
	c, err := collect("../..")
	require.NoError(t, err)
	require.Greater(t, len(c.settings), 150)
	for _, s := range c.settings {
		require.NotEmptyf(t, s.normal, "the comment of the field that %s is bound to does not say its default", s.key)
	}
}

func TestTheSchemaAcceptsWhatTeamsWrite(t *testing.T) {
	schema := compiled(t)
	files := []string{"testdata/good.yml"}
	for _, pattern := range []string{"../../examples/*/*.yml", "../../examples/*/*/*.yml", "../effective/testdata/*.yml"} {
		more, err := filepath.Glob(pattern)
		require.NoError(t, err)
		files = append(files, more...)
	}
	require.Greater(t, len(files), 4)
	for _, file := range files {
		for i, document := range documents(t, file) {
			err := schema.Validate(document.value)
			require.NoErrorf(t, err, "document %d of %s", i, file)
		}
	}
}

func TestTheSchemaMarksMistakes(t *testing.T) {
	schema := compiled(t)
	all := documents(t, "testdata/bad.yml")
	require.Greater(t, len(all), 20)
	for _, document := range all {
		comment := document.comment[strings.LastIndexByte(document.comment, '\n')+1:]
		want := strings.TrimPrefix(comment, "# ")
		err := schema.Validate(document.value)
		require.Errorf(t, err, "nothing is wrong with %s", want)
		require.Contains(t, marked(t, err), want)
	}
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	data, err := os.ReadFile("../../config/application.schema.json")
	require.NoError(t, err)
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource(address, parsed))
	schema, err := compiler.Compile(address)
	require.NoError(t, err)
	return schema
}

// marked are the places that an editor would underline.
func marked(t *testing.T, err error) []string {
	t.Helper()
	var invalid *jsonschema.ValidationError
	require.ErrorAs(t, err, &invalid)
	var places []string
	var visit func(e *jsonschema.ValidationError)
	visit = func(e *jsonschema.ValidationError) {
		at := "/" + strings.Join(e.InstanceLocation, "/")
		places = append(places, at)
		text, err := json.Marshal(e.ErrorKind)
		require.NoError(t, err)
		var names struct {
			Properties []string
			Property   string
		}
		require.NoError(t, json.Unmarshal(text, &names))
		for _, name := range append(names.Properties, names.Property) {
			places = append(places, strings.TrimSuffix(at, "/")+"/"+name)
		}
		for _, cause := range e.Causes {
			visit(cause)
		}
	}
	visit(invalid)
	slices.Sort(places)
	return slices.Compact(places)
}

type document struct {
	comment string
	value   any
}

// documents reads YAML as JSON has it, as editors do.
func documents(t *testing.T, file string) []document {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var all []document
	for decoder := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var n yaml.Node
		err := decoder.Decode(&n)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err, file)
		var value any
		require.NoError(t, n.Decode(&value))
		text, err := json.Marshal(value)
		require.NoError(t, err)
		parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(t, err)
		comment := n.HeadComment
		if comment == "" && len(n.Content) > 0 {
			comment = n.Content[0].HeadComment
			if comment == "" && len(n.Content[0].Content) > 0 {
				comment = n.Content[0].Content[0].HeadComment
			}
		}
		all = append(all, document{comment, parsed})
	}
}
