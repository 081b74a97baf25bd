package main

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/archimedes-go/archimedes/modules/invoker"
)

// load is calls that come at a rate, whatever became of those before.
type load struct {
	rate  int
	lasts time.Duration
}

// mostUnderWay bounds the calls under way on a machine that does not keep the rate.
const mostUnderWay = 5000

// result is how a call went.
type result struct {
	method string
	began  time.Duration // since the load began
	took   time.Duration
	err    error
}

// run calls, by turns with GET and POST, and does what is due meanwhile. It returns when the last call has ended, and says how late
// a call began at the most: on a machine that stands still now and then, no call ends in time.
func (l load) run(client *invoker.Client, timeout time.Duration, at time.Duration, due func()) (results []result, lag time.Duration) {
	var (
		calls sync.WaitGroup
		mu    sync.Mutex
	)
	began, places := time.Now(), make(chan struct{}, mostUnderWay)
	calls.Go(func() { time.Sleep(at); due() })
	for n := 0; ; n++ {
		planned := time.Duration(n) * time.Second / time.Duration(l.rate)
		time.Sleep(planned - time.Since(began))
		if planned >= l.lasts {
			break
		}
		lag = max(lag, time.Since(began)-planned)
		places <- struct{}{}
		calls.Go(func() {
			r := result{method: http.MethodGet, began: time.Since(began)}
			if n%2 == 1 {
				r.method = http.MethodPost
			}
			r.err = call(client, r.method, timeout)
			r.took = time.Since(began) - r.began
			mu.Lock()
			results = append(results, r)
			mu.Unlock()
			<-places
		})
	}
	calls.Wait()
	return results, lag
}

func call(client *invoker.Client, method string, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	var err error
	if method == http.MethodGet {
		_, err = invoker.GetForObject[string](ctx, client, "http://stock/42")
	} else {
		_, err = invoker.PostForObject[string](ctx, client, "http://stock/42", "one less")
	}
	return err
}

// tried returns the instances that a failed call had tried.
func tried(err error) (ids []string) {
	var failed *invoker.CallError
	if errors.As(err, &failed) {
		for _, a := range failed.Attempts {
			ids = append(ids, a.Instance)
		}
	}
	return ids
}
