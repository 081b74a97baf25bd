// Package invoker calls services by name in the manner of Spring's RestTemplate.
//
//	stock, err := invoker.GetForObject[Stock](ctx, rest, "http://inventory/stock/{sku}", sku)
//	created, err := invoker.PostForEntity[Order](ctx, rest, "http://orders/orders", order)
//	err = invoker.Delete(ctx, rest.With(invoker.Timeout(time.Second)), "http://orders/orders/{id}", id)
//
// The host of the URL is the service name; lb:// means the same, and https:// demands an instance with a secure port. Bodies
// and results are JSON, text ([string]) or bytes ([]byte). Anything else goes through [Client.HTTPClient], an *http.Client that any library can
// use to call by name. [Plain] has the same surface for absolute URLs.
//
// When nothing could be sent to an instance, the next one is tried, whatever the method. When an answer is lost, or is 502, 503
// or 504, the next one is tried for idempotent methods whose body can be sent again, as long as the service's budget of retries
// lasts. With a deadline and another instance left, a dial gets a third of what remains, and an idempotent attempt half of it,
// as does a body that is converted and stalls. Every attempt is a span below the one of the
// context, and an error names every attempt.
//
// Two guards are there for services that ask for them. An idempotent call that was not answered within hedge.delay goes to a
// second instance as well; the first answer counts, the other attempt is cancelled, and the budget bounds how many do. With
// bulkhead.max-concurrent-calls a further call waits for bulkhead.max-wait-duration and then is a [*loadbalancer.BulkheadError], so
// that one slow service does not take all that its caller has:
//
//	spring.cloud.loadbalancer.clients.inventory:
//	  hedge.delay: 80ms
//	  bulkhead: {max-concurrent-calls: 50, max-wait-duration: 100ms}
//
// Settings live under "spring.http.clients" in application.yml (Spring Boot 3: "spring.http.client"):
//
//	connect-timeout: 1s   # of one dial; at most a third of what is left while another instance is
//	read-timeout: 10s     # of one attempt, to the headers of the answer
//
// and under "spring.cloud.loadbalancer": strategy, retry.*.
package invoker
