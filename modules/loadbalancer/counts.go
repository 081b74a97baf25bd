package loadbalancer

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// counts are what the balancer does about failures; the package documentation lists them.
type counts struct {
	ejections, overruled, retries, refusals, hedges, rejections metric.Int64Counter
}

// WithMeterProvider counts ejections, retries and the like. Default: nothing is counted.
func WithMeterProvider(provider metric.MeterProvider) Option {
	return func(b *Balancer) { b.meters = provider }
}

func newCounts(provider metric.MeterProvider) counts {
	meter := provider.Meter(scope)
	counter := func(name, unit, what string) metric.Int64Counter {
		c, err := meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(what))
		if err != nil {
			return noop.Int64Counter{} // a name that is no name, which a test would show
		}
		return c
	}
	return counts{
		ejections:  counter("loadbalancer.ejections", "{ejection}", "Instances that were ejected since they failed several times in a row."),
		overruled:  counter("loadbalancer.ejections.overruled", "{event}", "Times that all instances of a service failed and were used all the same."),
		retries:    counter("loadbalancer.retries", "{retry}", "Attempts of calls after their first one."),
		refusals:   counter("loadbalancer.retries.refused", "{retry}", "Attempts that the budget of retries did not allow."),
		hedges:     counter("loadbalancer.hedges", "{attempt}", "Attempts at a second instance while the first one was late."),
		rejections: counter("loadbalancer.bulkhead.rejections", "{call}", "Calls that were not made since too many were under way."),
	}
}

func (c counts) ejected(s *service, why reason) {
	text := map[reason]string{ejectedForAnswers: "answers", ejectedForDials: "dials", asked: "retry-after"}[why]
	c.ejections.Add(context.Background(), 1, s.label, metric.WithAttributes(attribute.String("reason", text)))
}

func (c counts) usesAll(s *service)  { c.overruled.Add(context.Background(), 1, s.label) }
func (c counts) retried(s *service)  { c.retries.Add(context.Background(), 1, s.label) }
func (c counts) rejected(s *service) { c.rejections.Add(context.Background(), 1, s.label) }
func (c counts) hedged(s *service, won bool) {
	c.hedges.Add(context.Background(), 1, s.label, metric.WithAttributes(attribute.Bool("won", won)))
}
func (c counts) refused(s *service) { c.refusals.Add(context.Background(), 1, s.label) }

// labelOf is what tells the services apart. There are no more of them than the registry knows.
func labelOf(service string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("archimedes.service", service)))
}
