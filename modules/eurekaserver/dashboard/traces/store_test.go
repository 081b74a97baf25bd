package traces_test

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/archimedes-go/archimedes/modules/eurekaserver/dashboard/traces"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// span is one that differs from others by its numbers.
func span(trace, id int) traces.Span {
	s := traces.Span{Service: "orders", Name: "GET /orders/:id", Kind: traces.Server}
	binary.BigEndian.PutUint64(s.Trace[:], uint64(trace))
	binary.BigEndian.PutUint64(s.ID[:], uint64(id))
	return s
}

func TestAStoreKeepsTheLatestTraces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 20).Draw(t, "limit")
		store := traces.New(limit)
		type one struct {
			id    int
			spans []int
			left  int
		}
		var model []*one // in the order in which they came
		held := 0
		for range rapid.IntRange(0, 60).Draw(t, "adds") {
			trace, id := rapid.IntRange(1, 8).Draw(t, "trace"), rapid.IntRange(1, 30).Draw(t, "span")
			store.Add([]traces.Span{span(trace, id)})
			var of *one
			for _, m := range model {
				if m.id == trace {
					of = m
				}
			}
			if of == nil {
				of = &one{id: trace}
				model = append(model, of)
			}
			again := false
			for _, s := range of.spans {
				again = again || s == id
			}
			switch {
			case again:
			case len(of.spans) == limit:
				of.left++
			default:
				of.spans = append(of.spans, id)
				held++
			}
			for held > limit {
				held -= len(model[0].spans)
				model = model[1:]
			}
		}
		kept := store.Traces()
		require.Len(t, kept, len(model))
		for i, m := range model {
			got := kept[len(kept)-1-i]
			require.Equal(t, span(m.id, 0).Trace, got.ID)
			require.Equal(t, m.left, got.Left)
			var ids []int
			for _, s := range got.Spans {
				ids = append(ids, int(binary.BigEndian.Uint64(s.ID[:])))
			}
			require.Equal(t, m.spans, ids)
			alone, ok := store.Trace(got.ID)
			require.True(t, ok)
			require.Equal(t, got, alone)
		}
		spans, _ := store.Size()
		require.Equal(t, held, spans)
	})
}

func TestAStoreIsBoundedWhateverComes(t *testing.T) {
	store := traces.New(1000) // and 2 MB
	for i := range 100_000 {
		s := span(i+1, 1)
		s.Service = fmt.Sprint("service-", i)
		store.Add([]traces.Span{s})
	}
	spans, size := store.Size()
	require.Equal(t, 1000, spans)
	require.LessOrEqual(t, size, 2<<20)
	for i := range 10_000 { // spans of 6 KB
		s := span(i+1, 2)
		for range 24 {
			s.Attributes = append(s.Attributes, traces.Attribute{Key: "url.full", Value: strings.Repeat("x", 200)})
		}
		store.Add([]traces.Span{s})
	}
	spans, size = store.Size()
	require.LessOrEqual(t, size, 2<<20)
	require.Less(t, spans, 1000)
	for i := range 1500 { // all of one trace
		store.Add([]traces.Span{span(7_000_000, i+1)})
	}
	one, ok := store.Trace(span(7_000_000, 0).Trace)
	require.True(t, ok)
	require.Len(t, one.Spans, 1000)
	require.Equal(t, 500, one.Left)
}

func TestWhatAStoreCountsIsWhatItTakes(t *testing.T) {
	heap := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := heap()
	store := traces.New(100_000)
	for i := range 100_000 {
		s := span(i/4+1, i+1)
		s.Name = strings.Clone("GET /some/path/of/a/service")
		s.Attributes = []traces.Attribute{{Key: "url.path", Value: fmt.Sprint("/some/path/", i)}, {Key: "http.request.method", Value: strings.Clone("GET")}}
		store.Add([]traces.Span{s})
	}
	took := heap() - before
	_, counted := store.Size()
	require.Less(t, took, counted, "the count is a bound")
	require.Greater(t, took, counted/4, "and not a far one")
	runtime.KeepAlive(store)
}

func TestAReaderSeesATraceAsItWasWhileOthersAdd(t *testing.T) {
	store := traces.New(10_000)
	store.Add([]traces.Span{span(1, 1)})
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range 200 {
				store.Add([]traces.Span{span(1, w*1000+i+2)})
				seen, _ := store.Trace(span(1, 0).Trace)
				n := len(seen.Spans)
				seen.Spans = append(seen.Spans, traces.Span{Service: "mine"}) // must not reach the store
				for _, s := range store.Traces()[0].Spans[:n] {
					if s.Service != "orders" {
						t.Error("a reader wrote into the store")
					}
				}
			}
		})
	}
	all.Wait()
	seen, _ := store.Trace(span(1, 0).Trace)
	require.Len(t, seen.Spans, 801)
}

func TestWhatAReaderHasIsItsOwn(t *testing.T) {
	store := traces.New(100)
	for i := range 3 {
		store.Add([]traces.Span{span(1, i+1)})
	}
	seen, _ := store.Trace(span(1, 0).Trace)
	seen.Spans = append(seen.Spans, traces.Span{Service: "mine"})
	store.Add([]traces.Span{span(1, 4)})
	require.Equal(t, "mine", seen.Spans[3].Service)
}

func TestNewsComesWithEachAdd(t *testing.T) {
	store := traces.New(100)
	news, version := store.News(), store.Version()
	require.Equal(t, news, store.News(), "all who wait share it")
	select {
	case <-news:
		t.Fatal("nothing happened yet")
	default:
	}
	store.Add([]traces.Span{span(1, 1)})
	<-news
	require.NotEqual(t, version, store.Version())
	_, ok := store.Trace(span(2, 0).Trace)
	require.False(t, ok)
}
