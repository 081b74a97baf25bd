package loadbalancer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/config/configtest"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

func TestSettingsThatCannotWorkAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"retry.max-retries-on-next-service-instance: -1":     "retry.max-retries-on-next-service-instance",
		"retry.retryable-status-codes: 99":                   "retry.retryable-status-codes",
		"retry.budget.ratio: -0.1":                           "retry.budget.ratio",
		"retry.budget.min-retries-per-second: -1":            "retry.budget.min-retries-per-second",
		"retry.backoff.min-backoff: -5ms":                    "retry.backoff.min-backoff",
		"retry.backoff.jitter: 1.5":                          "retry.backoff.jitter",
		"hedge.delay: -1s":                                   "hedge.delay",
		"bulkhead.max-concurrent-calls: -1":                  "bulkhead.max-concurrent-calls",
		"clients.stock.bulkhead.max-wait-duration: -1s":      "clients.stock.bulkhead.max-wait-duration",
		"clients.stock.retry.budget.ratio: lots":             "clients.stock.retry.budget.ratio",
		"clients.stock.hedge.delay: -1ms":                    "clients.stock.hedge.delay",
		"clients.stock.retry.backoff.max-backoff: -1":        "clients.stock.retry.backoff.max-backoff",
		"retry.max-retries-on-same-service-instance: -3":     "retry.max-retries-on-same-service-instance",
		"clients.stock.retry.retryable-status-codes: 200,-1": "clients.stock.retry.retryable-status-codes",
	} {
		_, err := config.Bind(configtest.FromYAML(t, "spring.cloud.loadbalancer."+text), "spring.cloud.loadbalancer", loadbalancer.DefaultConfig())
		require.ErrorContains(t, err, "spring.cloud.loadbalancer."+want, text)
	}
}
