package invoker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

func descriptors(t *testing.T) int {
	open, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(open)
}

func TestNothingIsLeftAfterTenThousandMixedCallsWithCancellations(t *testing.T) {
	serve := func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			select {
			case <-r.Context().Done():
			case <-time.After(5 * time.Millisecond):
			}
		case "/503":
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, strings.Repeat("x", 10_000))
		case "/away":
			http.Redirect(w, r, "/large", http.StatusFound)
		case "/large":
			fmt.Fprint(w, strings.Repeat("x", 100_000))
		case "/broken":
			panic(http.ErrAbortHandler)
		}
	}
	before, descriptorsBefore := runtime.NumGoroutine(), descriptors(t)
	nodes := []*node{startNode(t, serve), startNode(t, serve), startNode(t, serve)}
	b, err := loadbalancer.New(loadbalancer.DefaultConfig(), discovery.Static{"stock": discovery.NewSet(nodes[0].instance("a"), nodes[1].instance("b"), nodes[2].instance("c"), dead(t, "d"))})
	require.NoError(t, err)
	c := invoker.New(invoker.DefaultConfig(), b)
	var calls, failed sync.Map
	var all sync.WaitGroup
	for caller := range 20 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(caller)))
			for range 500 {
				ctx, cancel := context.WithCancel(context.Background())
				switch random.IntN(3) {
				case 0:
					time.AfterFunc(time.Duration(random.IntN(2000))*time.Microsecond, cancel)
				case 1:
					ctx, cancel = context.WithTimeout(ctx, time.Duration(random.IntN(10))*time.Millisecond)
				}
				path := []string{"/", "/slow", "/503", "/away", "/large", "/broken"}[random.IntN(6)]
				kind := random.IntN(6)
				var err error
				switch kind {
				case 0:
					_, err = invoker.GetForObject[string](ctx, c, "http://stock"+path)
				case 1:
					_, err = invoker.PostForObject[string](ctx, c, "http://stock"+path, io.MultiReader(strings.NewReader("a"), strings.NewReader("b")))
				case 2:
					err = invoker.Put(ctx, c, "http://stock"+path, new(invoker.Multipart).File("f", "f", strings.NewReader("x")))
				case 3:
					var body io.ReadCloser
					if body, err = invoker.GetForObject[io.ReadCloser](ctx, c.With(invoker.Timeout(time.Second)), "http://stock"+path); err == nil {
						_, _ = body.Read(make([]byte, 10)) // and no more
						body.Close()
					}
				case 4:
					_, err = invoker.Execute(ctx, c, http.MethodGet, "http://stock"+path, nil, func(*http.Response) (int, error) { return 0, errors.New("not read at all") })
				case 5:
					_, err = invoker.HeadForHeaders(ctx, c, "http://stock"+path)
				}
				cancel()
				calls.Store(kind, true)
				if err != nil {
					failed.Store(kind, true)
				}
			}
		})
	}
	all.Wait()
	c.CloseIdleConnections()
	for _, n := range nodes {
		n.Close()
	}
	left := func() string {
		c.CloseIdleConnections()
		return fmt.Sprintf("%d goroutines, %d descriptors more than before", max(0, runtime.NumGoroutine()-before), max(0, descriptors(t)-descriptorsBefore))
	}
	for range 1000 { // connections end in their own time
		if left() == "0 goroutines, 0 descriptors more than before" {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	require.Equal(t, "0 goroutines, 0 descriptors more than before", left())
	require.Equal(t, 6, kinds(&calls))
	require.Equal(t, 6, kinds(&failed), "some of every kind were cut off")
}

func kinds(m *sync.Map) (n int) {
	m.Range(func(any, any) bool { n++; return true })
	return n
}
