package archimedes.service;

import io.micrometer.tracing.Span;
import io.micrometer.tracing.Tracer;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.web.client.RestTemplateBuilder;
import org.springframework.cloud.client.loadbalancer.LoadBalanced;
import org.springframework.cloud.netflix.eureka.EurekaInstanceConfigBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.http.HttpMethod;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.http.client.ClientHttpResponse;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.ResponseErrorHandler;
import org.springframework.web.client.RestTemplate;

/** Greets, and calls other services by name: the Java twin of examples/greeter. */
@SpringBootApplication
@RestController
public class Service {

  private final EurekaInstanceConfigBean self;
  private final RestTemplate rest;
  private final Tracer tracer;

  Service(EurekaInstanceConfigBean self, Rest rest, Tracer tracer) {
    this.self = self;
    this.rest = rest.template();
    this.tracer = tracer;
  }

  /** The template in a class of its own, so that the controller can ask for it while it is built. */
  @Configuration
  static class Templates {

    // The builder brings the tracing; a template made with `new` would not pass the trace on.
    @Bean
    @LoadBalanced
    RestTemplate balanced(RestTemplateBuilder builder) {
      return builder.connectTimeout(Duration.ofSeconds(2)).readTimeout(Duration.ofSeconds(10)).errorHandler(new Relay()).build();
    }

    @Bean
    Rest rest(@LoadBalanced RestTemplate template) {
      return new Rest(template);
    }
  }

  record Rest(RestTemplate template) {}

  /** Hands every answer on, whatever its status. */
  static class Relay implements ResponseErrorHandler {

    @Override
    public boolean hasError(ClientHttpResponse response) throws IOException {
      return false;
    }
  }

  @RequestMapping("/hello")
  Map<String, Object> hello(HttpServletRequest request) {
    return Map.of("service", self.getAppname(), "instance", self.getInstanceId(), "port", request.getLocalPort());
  }

  @GetMapping("/call")
  ResponseEntity<?> call(@RequestParam String service, @RequestParam String path, @RequestParam(defaultValue = "GET") String method) {
    try {
      ResponseEntity<byte[]> answer = rest.exchange(URI.create("http://" + service + path), HttpMethod.valueOf(method), null, byte[].class);
      return ResponseEntity.status(answer.getStatusCode()).contentType(Objects.requireNonNullElse(answer.getHeaders().getContentType(), MediaType.APPLICATION_OCTET_STREAM)).body(answer.getBody());
    } catch (IllegalStateException unknown) { // no instance
      return ResponseEntity.status(HttpStatus.SERVICE_UNAVAILABLE).body(Map.of("error", String.valueOf(unknown.getMessage())));
    } catch (RuntimeException failed) {
      return ResponseEntity.status(HttpStatus.BAD_GATEWAY).body(Map.of("error", String.valueOf(failed.getMessage())));
    }
  }

  @GetMapping("/trace")
  Map<String, String> trace(@RequestHeader(name = "traceparent", defaultValue = "") String traceparent) {
    Span span = tracer.currentSpan();
    return Map.of("traceId", span.context().traceId(), "spanId", span.context().spanId(), "traceparent", traceparent);
  }

  public static void main(String[] args) {
    SpringApplication.run(Service.class, args);
  }
}
