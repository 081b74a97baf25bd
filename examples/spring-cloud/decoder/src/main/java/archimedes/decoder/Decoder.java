package archimedes.decoder;

import com.netflix.discovery.converters.wrappers.CodecWrappers;
import com.netflix.discovery.converters.wrappers.DecoderWrapper;
import com.netflix.discovery.shared.Applications;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * Prints how many nanoseconds the decoder of the Java client took for a document at first, and once warmed up, and how many
 * instances it found.
 */
public class Decoder {
  private static final int ROUNDS = 80;
  private static final int WARM = 20;

  public static void main(String[] args) throws IOException {
    byte[] document = Files.readAllBytes(Path.of(args[0]));
    long[] took = new long[ROUNDS];
    int found = 0;
    for (int round = 0; round < ROUNDS; round++) {
      long began = System.nanoTime();
      DecoderWrapper decoder = CodecWrappers.getDecoder(CodecWrappers.LegacyJacksonJson.class);
      Applications applications = decoder.decode(new ByteArrayInputStream(document), Applications.class);
      took[round] = System.nanoTime() - began;
      found = applications.size();
    }
    long[] warm = Arrays.copyOfRange(took, ROUNDS - WARM, ROUNDS);
    Arrays.sort(warm);
    System.out.println(took[0] + " " + warm[WARM / 2] + " " + found);
  }
}
