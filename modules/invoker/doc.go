// Package invoker calls services by name in the manner of Spring's RestTemplate.
//
//	stock, err := invoker.GetForObject[Stock](ctx, rest, "http://inventory/stock/{sku}", sku)
//	created, err := invoker.PostForEntity[Order](ctx, rest, "http://orders/orders", order)
//	err = invoker.Delete(ctx, rest.With(invoker.Timeout(time.Second)), "http://orders/orders/{id}", id)
//
// The host of the URL is the service name; lb:// means the same, and https:// demands an instance with a secure port. [Plain] has
// the same surface for absolute URLs, through the environment's proxy. RestClient's fluent form is [Client.Get] and its like:
//
//	err := rest.Get("http://inventory/stock/{sku}", sku).Header("X-Tenant", "blue").Into(ctx, &stock)
//
// Bodies and results are JSON, XML, text ([string]), bytes ([]byte), forms ([url.Values], [Multipart]), streams ([io.Reader],
// [io.ReadCloser]) and what a [Converter] adds. [Client.HTTPClient] is an *http.Client that any library can use to call by name.
// [Declare] makes clients of structs of functions. README.md shows each in five lines.
//
// Options, given to [Client.With], hold for the calls of a derived client, which costs next to nothing: [Timeout], [Strategy],
// [Header], [BaseURL], [OnStatus], [Intercept], [Converters], [NoRedirects], [MaxResponse], [TLS] and more.
//
// Errors: a [*StatusError] is an answer of 4xx or 5xx, a [*CallError] no answer, a [*ConversionError] another body than asked
// for, a [*RequestError] a call that cannot be made as it is written.
//
// When nothing could be sent to an instance, the next one is tried, whatever the method. When an answer is lost, or is 502, 503
// or 504, the next one is tried for idempotent methods whose body can be sent again, as long as the service's budget of retries
// lasts. With a deadline and another instance left, a dial gets a third of what remains, and an idempotent attempt half of it,
// as does a body that is converted and stalls. Every attempt is a span below the one of the context and a measurement by
// OpenTelemetry's conventions, Micrometer's or both (management.observations.conventions). An error names every attempt.
//
// Two guards are there for services that ask for them. An idempotent call that was not answered within hedge.delay goes to a
// second instance as well; the first answer counts, the other attempt is cancelled (its instance is known for slow, not for
// failed), and the budget bounds how many do. With
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
//	total-timeout: 0s     # ours: of a whole call; 0 is none
//	redirects: follow     # or dont-follow
//	max-response-size: 64MB            # ours: of a body that is converted
//	pass-headers: [X-Tenant]           # ours: of the request being served, passed on to calls by name
//	deadline-header: X-Time-Left       # ours: tells an instance how many milliseconds its caller waits
//
// under "spring.http.serviceclient.<name>" for named clients, see [Clients], and under "spring.cloud.loadbalancer": strategy,
// retry.*, each also for one service under clients.<service>.
package invoker
