package archimedes.configserver;

import static org.springframework.security.config.Customizer.withDefaults;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.config.server.EnableConfigServer;
import org.springframework.context.annotation.Bean;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.web.SecurityFilterChain;

/** A Spring Cloud Config server over files, with a password. */
@SpringBootApplication
@EnableConfigServer
public class ConfigServer {

  // Programs have no use for a log-in page.
  @Bean
  SecurityFilterChain security(HttpSecurity http) throws Exception {
    return http.authorizeHttpRequests(requests -> requests.anyRequest().authenticated()).httpBasic(withDefaults()).build();
  }

  public static void main(String[] args) {
    SpringApplication.run(ConfigServer.class, args);
  }
}
