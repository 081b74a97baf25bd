package rest

import (
	"net/http"
	"sync/atomic"
)

// Operation is what a request is for.
type Operation uint8

// The operations.
const (
	Other Operation = iota // also what is no operation
	Register
	Renew
	Cancel
	Status
	Metadata
	Fetch
	Delta
	Application
	Instance
	VIP
	Replicate
	operations
)

var operationNames = [operations]string{"other", "register", "renew", "cancel", "status", "metadata", "fetch", "delta", "application", "instance", "vip", "replicate"}

// String returns a word for it, such as "renew".
func (o Operation) String() string { return operationNames[o] }

// Outcome is how a request was answered.
type Outcome uint8

// The outcomes.
const (
	Success Outcome = iota // 2xx
	Unknown                // 404
	Refused                // any other 4xx, and 503 of the rate limiter
	outcomes
)

var outcomeNames = [outcomes]string{"success", "unknown", "refused"}

// String returns a word for it, such as "success".
func (o Outcome) String() string { return outcomeNames[o] }

// Counts is how many requests of each kind were answered.
type Counts [operations][outcomes]int64

// Counts returns the numbers so far.
func (h *Handler) Counts() (all Counts) {
	for o := range all {
		for c := range all[o] {
			all[o][c] = h.counters[o][c].Load()
		}
	}
	return all
}

type counters [operations][outcomes]atomic.Int64

func (c *counters) count(o Operation, status int) {
	outcome := Refused
	switch {
	case status < http.StatusBadRequest:
		outcome = Success
	case status == http.StatusNotFound:
		outcome = Unknown
	}
	c[o][outcome].Add(1)
}

// answered notes the status of an answer.
type answered struct {
	http.ResponseWriter
	status int
}

func (a *answered) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap is for [http.ResponseController].
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }
