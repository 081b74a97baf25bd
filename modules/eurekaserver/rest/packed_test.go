package rest_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/rest"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

func fetch(h http.Handler, path, accept, encoding, form string) (*httptest.ResponseRecorder, error) {
	r := httptest.NewRequest(http.MethodGet, "/eureka/"+path, nil)
	r.Header.Set("Accept", accept)
	r.Header.Set("Accept-Encoding", encoding)
	r.Header.Set("X-Eureka-Accept", form)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if encoding != "gzip" {
		return w, nil
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(z)
	w.Body = bytes.NewBuffer(plain)
	return w, err
}

func TestPackedAnswersSayWhatPlainOnesDoAfterAnyChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := registry.New(registry.DefaultConfig())
		h := rest.New(r)
		app := rapid.StringMatching(`[A-F]{1,2}`)
		id := rapid.StringMatching(`[a-d]`)
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			for range rapid.IntRange(0, 25).Draw(t, "changes") {
				name := app.Draw(t, "app")
				if rapid.Bool().Draw(t, "cancel") {
					_ = r.Cancel(name, id.Draw(t, "id"))
					continue
				}
				i := wire.NewInstance()
				i.App, i.InstanceID, i.HostName, i.HomePageURL = name, id.Draw(t, "id"), "h", rapid.String().Draw(t, "url")
				_ = r.Register(i, false)
			}
			for _, accept := range []string{"application/json", "application/xml"} {
				path, form := rapid.SampledFrom([]string{"apps", "apps/delta"}).Draw(t, "path"), rapid.SampledFrom([]string{"full", "compact"}).Draw(t, "form")
				packed, err := fetch(h, path, accept, "gzip", form)
				if err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				plain, _ := fetch(h, path, accept, "identity", form)
				if packed.Body.String() != plain.Body.String() {
					t.Fatalf("packed:\n%s\nplain:\n%s", packed.Body, plain.Body)
				}
			}
		}
	})
}

func TestAChangeIsVisibleToTheNextFetchHoweverManyFetch(t *testing.T) {
	r := registry.New(registry.DefaultConfig())
	h := rest.New(r)
	var all sync.WaitGroup
	for caller := range 8 {
		all.Go(func() {
			for n := range 15 {
				i := wire.NewInstance()
				i.App, i.InstanceID, i.HostName = fmt.Sprint("APP-", caller), fmt.Sprint("id-", caller, "-", n), "h"
				_ = r.Register(i, false)
				for _, path := range []string{"apps", "apps/delta"} {
					w, err := fetch(h, path, "application/json", "gzip", "full")
					if err != nil || !strings.Contains(w.Body.String(), `"`+i.InstanceID+`"`) {
						t.Errorf("%s without %s: %v", path, i.InstanceID, err)
					}
				}
			}
		})
	}
	all.Wait()
}

func TestTheVersionOfADeltaChangesWithItsContent(t *testing.T) {
	r := registry.New(registry.DefaultConfig())
	h := rest.New(r)
	seen := map[string]string{}
	for n := range 20 {
		i := wire.NewInstance()
		i.App, i.InstanceID, i.HostName = "A", "i", fmt.Sprint("host-", n/2)
		if n%2 == 0 {
			require.NoError(t, r.Register(i, false))
		}
		w, err := fetch(h, "apps/delta", "application/json", "gzip", "full")
		require.NoError(t, err)
		delta, err := wire.DecodeApplications(w.Body.Bytes())
		require.NoError(t, err)
		if before, ok := seen[delta.Version]; ok {
			require.Equal(t, before, w.Body.String())
		}
		seen[delta.Version] = w.Body.String()
	}
	require.Len(t, seen, 10)
}
