package archimedes.configoracle;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.lang.annotation.Annotation;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import net.bytebuddy.ByteBuddy;
import org.springframework.boot.ApplicationRunner;
import org.springframework.boot.Banner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.convert.DurationUnit;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.ResolvableType;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.util.unit.DataSize;

/** Says what Spring Boot makes of the configuration of the working directory: the twin of scripts/effective. */
@Configuration(proxyBeanMethods = false)
public class ConfigOracle {

  record Asked(String key, String as) {}

  @DurationUnit(ChronoUnit.MILLIS)
  private Duration milliseconds;

  @DurationUnit(ChronoUnit.SECONDS)
  private Duration seconds;

  @Bean
  ApplicationRunner answer(ConfigurableEnvironment environment) {
    return arguments -> {
      ObjectMapper json = new ObjectMapper();
      Map<String, Object> values = new LinkedHashMap<>();
      String keys = System.getenv().getOrDefault("EFFECTIVE_KEYS", "[]");
      for (Asked asked : json.readValue(keys, Asked[].class)) {
        values.put(asked.key(), valueOf(environment, asked));
      }
      Map<String, Object> answer = new LinkedHashMap<>();
      answer.put("profiles", environment.getActiveProfiles());
      answer.put("values", values);
      new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8).println(json.writeValueAsString(answer));
    };
  }

  private static Object valueOf(ConfigurableEnvironment environment, Asked asked) throws ReflectiveOperationException {
    if (asked.as() == null || asked.as().isEmpty()) {
      return environment.getProperty(asked.key());
    }
    Object value = Binder.get(environment).bind(asked.key(), type(asked.as())).orElse(null);
    if (value instanceof Duration duration) {
      return duration.toNanos();
    } else if (value instanceof DataSize size) {
      return size.toBytes();
    } else if (value instanceof Enum<?> constant) {
      return constant.name();
    }
    return value;
  }

  private static Bindable<?> type(String as) throws ReflectiveOperationException {
    if (as.startsWith("enum:")) {
      return Bindable.of(new ByteBuddy().makeEnumeration(as.substring("enum:".length()).split(",")).make().load(ConfigOracle.class.getClassLoader()).getLoaded());
    }
    return switch (as) {
      case "string" -> Bindable.of(String.class);
      case "int" -> Bindable.of(Integer.class);
      case "long" -> Bindable.of(Long.class);
      case "double" -> Bindable.of(Double.class);
      case "bool" -> Bindable.of(Boolean.class);
      case "duration" -> Bindable.of(Duration.class).withAnnotations(annotationOf("milliseconds"));
      case "duration:s" -> Bindable.of(Duration.class).withAnnotations(annotationOf("seconds"));
      case "datasize" -> Bindable.of(DataSize.class);
      case "list" -> Bindable.listOf(String.class);
      case "ints" -> Bindable.listOf(Integer.class);
      case "set" -> Bindable.setOf(String.class);
      case "map" -> Bindable.mapOf(String.class, String.class);
      case "maps" -> Bindable.of(ResolvableType.forClassWithGenerics(List.class, ResolvableType.forClassWithGenerics(Map.class, String.class, String.class)));
      case "listmap" -> Bindable.of(ResolvableType.forClassWithGenerics(Map.class, ResolvableType.forClass(String.class), ResolvableType.forClassWithGenerics(List.class, String.class)));
      case "tree" -> Bindable.mapOf(String.class, Object.class);
      default -> throw new IllegalArgumentException("unknown kind of value: " + as);
    };
  }

  private static Annotation annotationOf(String field) throws NoSuchFieldException {
    return ConfigOracle.class.getDeclaredField(field).getAnnotation(DurationUnit.class);
  }

  public static void main(String[] args) {
    SpringApplication application = new SpringApplication(ConfigOracle.class);
    application.setWebApplicationType(WebApplicationType.NONE);
    application.setBannerMode(Banner.Mode.OFF);
    application.setLogStartupInfo(false);
    // A service without a config server need not say so.
    application.setDefaultProperties(Map.of("spring.cloud.config.import-check.enabled", "false"));
    application.run(args);
  }
}
