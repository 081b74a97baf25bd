package archimedes.decode;

import com.netflix.discovery.converters.EurekaJacksonCodec;
import com.netflix.discovery.shared.Applications;
import java.io.ByteArrayInputStream;
import java.io.FileInputStream;
import java.util.Arrays;
import java.util.zip.GZIPInputStream;

/** Prints how many nanoseconds Netflix's client takes to decode a registry: the first time, and once it is warm. */
public class Decode {
  private static final int WARM_UP = 150;
  private static final int MEASURED = 21;

  public static void main(String[] args) throws Exception {
    byte[] registry;
    try (GZIPInputStream file = new GZIPInputStream(new FileInputStream(args[0]))) {
      registry = file.readAllBytes();
    }
    long cold = decode(registry);
    for (int i = 0; i < WARM_UP; i++) {
      decode(registry);
    }
    long[] took = new long[MEASURED];
    for (int i = 0; i < MEASURED; i++) {
      took[i] = decode(registry);
    }
    Arrays.sort(took);
    System.out.println(cold + " " + took[MEASURED / 2]);
  }

  private static long decode(byte[] registry) throws Exception {
    long began = System.nanoTime();
    Applications all = EurekaJacksonCodec.getInstance().readValue(Applications.class, new ByteArrayInputStream(registry));
    long took = System.nanoTime() - began;
    if (all.size() != 10_000) {
      throw new IllegalStateException(all.size() + " instances");
    }
    return took;
  }
}
