package main

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// scenario is a service of which some instances fail while it is called.
type scenario struct {
	name     string
	zones    []string // of the instances; default three in one
	fault    string
	victims  int           // how many instances have it, the first ones
	early    bool          // they have it before the first call, not after a quarter of the time
	timeout  time.Duration // of each call; default 5s
	strategy string
	zone     string // that is preferred
}

var scenarios = []scenario{
	{name: "kill", fault: "kill", victims: 1},                                                              // SIGKILL
	{name: "refuse", fault: "refuse", victims: 2},                                                          // two of three listen no more
	{name: "dead", fault: "kill", victims: 2, early: true},                                                 // two of three are listed, but never were there
	{name: "zone", fault: "kill", victims: 2, early: true, zones: []string{"a", "a", "b", "b"}, zone: "a"}, // one's own zone
	{name: "vanish", fault: "vanish", victims: 1, early: true, timeout: time.Second},                       // a host that drops what it is sent
	{name: "stop", fault: "stop", victims: 1, timeout: time.Second},                                        // SIGSTOP: connections are accepted, and nothing comes
	{name: "reset", fault: "reset", victims: 1},                                                            // accepts, and resets
	{name: "stall", fault: "stall", victims: 1, timeout: time.Second},                                      // headers, and half a body
	{name: "busy", fault: "busy", victims: 1},                                                              // 503 with Retry-After
	{name: "round-robin", fault: "slow", victims: 1, early: true, strategy: loadbalancer.RoundRobin},       // ten times slower
	{name: "least-request", fault: "slow", victims: 1, early: true, strategy: loadbalancer.LeastRequest},
	{name: "overload", fault: "unavailable", victims: 3, early: true},                     // everyone answers 503
	{name: "half", fault: "unavailable", victims: 3, zones: []string{"a", "a", "a", "a"}}, // three of four answer 503
	{name: "poison", fault: "poison", victims: 3, early: true},                            // a request that everyone answers with 500
}

func (s scenario) run(l load) (Report, error) {
	if s.zones == nil {
		s.zones = []string{"a", "a", "a"}
	}
	e, err := startEstate(s.zones)
	if err != nil {
		return Report{}, err
	}
	defer e.stop()
	w := &watch{out: map[string]bool{}}
	var faults error
	fault := func() {
		for _, p := range e[:s.victims] {
			faults = errors.Join(faults, p.fault(s.fault))
		}
		w.faulty()
	}
	if s.early {
		fault()
	}
	client, err := s.client(e, w)
	if err != nil {
		return Report{}, err
	}
	began := time.Now()
	results, lag := l.run(client, cmp.Or(s.timeout, 5*time.Second), l.lasts/4, func() {
		if !s.early {
			fault()
		}
	})
	report := w.report(reportOf(s.name, results, l.lasts/4, w.fault.Sub(began)))
	report.Lag = ms(lag)
	for _, p := range e {
		report.Requests = append(report.Requests, -1)
		if s.fault != "stop" || !slices.Contains(e[:s.victims], p) {
			report.Requests[len(report.Requests)-1] = p.requests()
		}
	}
	return report, faults
}
