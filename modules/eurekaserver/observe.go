package eurekaserver

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/rest"
	"github.com/archimedes-go/archimedes/modules/health"
)

// observe makes the registry and its callers visible as metrics. They are read when somebody collects them: a heartbeat costs
// no more than the addition of one number. Labels are statuses, operations and outcomes, never names of instances.
func observe(meters metric.MeterProvider, r *registry.Registry, h *rest.Handler) error {
	m := meters.Meter("github.com/archimedes-go/archimedes/modules/eurekaserver")
	var faults []error
	gauge := func(name, meaning, unit string) metric.Int64ObservableGauge {
		g, err := m.Int64ObservableGauge(name, metric.WithDescription(meaning), metric.WithUnit(unit))
		faults = append(faults, err)
		return g
	}
	counter := func(name, meaning, unit string) metric.Int64ObservableCounter {
		c, err := m.Int64ObservableCounter(name, metric.WithDescription(meaning), metric.WithUnit(unit))
		faults = append(faults, err)
		return c
	}
	applications := gauge("eureka.server.applications", "Applications listed", "{application}")
	instances := gauge("eureka.server.instances", "Instances listed, by status", "{instance}")
	restored := gauge("eureka.server.instances.restored", "Instances of the last run that were not heard of yet", "{instance}")
	expected := gauge("eureka.server.renewals.expected", "Renewals that the leases ask for in a minute", "{renewal}")
	minute := gauge("eureka.server.renewals.minute", "Renewals of the last minute", "{renewal}")
	preserving := gauge("eureka.server.self.preservation", "1 while leases do not end because too few renewals come", "1")
	evicted := counter("eureka.server.evictions", "Leases that ended without a cancel", "{lease}")
	requests := counter("eureka.server.requests", "Requests answered, by operation and outcome", "{request}")

	_, err := m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		s := r.Stats()
		o.ObserveInt64(applications, int64(s.Applications))
		for status, n := range s.Instances {
			o.ObserveInt64(instances, int64(n), metric.WithAttributes(attribute.String("status", status.String())))
		}
		o.ObserveInt64(restored, int64(s.Restored))
		o.ObserveInt64(expected, int64(s.ExpectedRenewals))
		o.ObserveInt64(minute, int64(s.LastMinute))
		on := int64(0)
		if s.Preserving {
			on = 1
		}
		o.ObserveInt64(preserving, on)
		o.ObserveInt64(evicted, s.Evicted)
		for operation, byOutcome := range h.Counts() {
			for outcome, n := range byOutcome {
				if n > 0 {
					o.ObserveInt64(requests, n, metric.WithAttributes(attribute.String("operation", rest.Operation(operation).String()),
						attribute.String("outcome", rest.Outcome(outcome).String())))
				}
			}
		}
		return nil
	}, applications, instances, restored, expected, minute, preserving, evicted, requests)
	return errors.Join(append(faults, err)...)
}

// indicator is the server in the program's health. It is UP as long as it answers: self-preservation is a detail.
func indicator(r *registry.Registry) health.Indicator {
	return health.NewIndicator("eurekaServer", func(context.Context) health.Result {
		s := r.Stats()
		details := map[string]any{
			"applications": s.Applications, "expectedRenewals": s.ExpectedRenewals, "renewalsLastMinute": s.LastMinute,
			"selfPreservation": map[bool]string{false: "off", true: "on"}[s.SelfPreservation],
		}
		if s.Preserving {
			details["selfPreservation"] = "active"
		}
		for status, n := range s.Instances {
			if n > 0 {
				details[status.String()] = n
			}
		}
		if s.Restored > 0 {
			details["restored"] = s.Restored
		}
		return health.Result{Status: health.Up, Details: details}
	})
}
