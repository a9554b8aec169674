import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.http.SdkHttpRequest;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.CompletedPart;
import software.amazon.awssdk.services.s3.model.SdkPartType;
import software.amazon.awssdk.services.s3.model.Tag;
import software.amazon.awssdk.services.s3.model.Tagging;
import software.amazon.encryption.s3.CommitmentPolicy;
import software.amazon.encryption.s3.S3EncryptionClient;
import software.amazon.encryption.s3.algorithms.AlgorithmSuite;

/**
 * Puts and gets objects as Esop for Java does, with the key of the first argument: one job a line on standard input,
 * its words separated by tabs, and one line of answer each, "ok" or what went wrong.
 *
 * <pre>put FORMAT whole|parts BUCKET KEY FILE, get BUCKET KEY FILE</pre>
 */
public final class Client {
  private static final int PART_BYTES = 5 * 1024 * 1024;

  private Client() {}

  public static void main(String[] args) throws Exception {
    Tagging tagging = Tagging.builder().tagSet(Tag.builder().key("kmsKey").value(args[0]).build()).build();
    S3Client format3 =
        client(
            args[0],
            CommitmentPolicy.REQUIRE_ENCRYPT_ALLOW_DECRYPT,
            AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY);
    S3Client format2 =
        client(
            args[0], CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT, AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_NO_KDF);
    BufferedReader jobs = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = jobs.readLine(); line != null; line = jobs.readLine()) {
      String[] job = line.split("\t");
      try {
        if (job[0].equals("get")) get(format3, job[1], job[2], Path.of(job[3]));
        else {
          S3Client writer = job[1].equals("3") ? format3 : format2;
          byte[] content = Files.readAllBytes(Path.of(job[5]));
          if (job[2].equals("parts")) putInParts(writer, tagging, job[3], job[4], content);
          else {
            writer.putObject(
                (put) -> put.bucket(job[3]).key(job[4]).tagging(tagging), RequestBody.fromBytes(content));
          }
        }
        System.out.println("ok");
      } catch (Exception failure) {
        System.out.println(failure.toString().replaceAll("\\s+", " "));
      }
    }
    System.exit(0);
  }

  private static S3Client client(String keyId, CommitmentPolicy policy, AlgorithmSuite suite) {
    return S3EncryptionClient.builderV4()
        .wrappedAsyncClient(
            S3AsyncClient.builder().overrideConfiguration((all) -> all.addExecutionInterceptor(new Unasked())).build())
        .kmsKeyId(keyId)
        .commitmentPolicy(policy)
        .encryptionAlgorithm(suite)
        .enableDelayedAuthenticationMode(true)
        .build();
  }

  private static void get(S3Client client, String bucket, String key, Path file) throws Exception {
    Files.write(file, client.getObjectAsBytes((get) -> get.bucket(bucket).key(key)).asByteArray());
  }

  private static void putInParts(S3Client client, Tagging tagging, String bucket, String key, byte[] content) {
    String upload =
        client.createMultipartUpload((begin) -> begin.bucket(bucket).key(key).tagging(tagging)).uploadId();
    List<CompletedPart> parts = new ArrayList<>();
    int start = 0;
    do {
      int end = Math.min(content.length, start + PART_BYTES);
      byte[] slice = Arrays.copyOfRange(content, start, end);
      SdkPartType type = end == content.length ? SdkPartType.LAST : SdkPartType.DEFAULT;
      int number = parts.size() + 1;
      String etag =
          client
              .uploadPart(
                  (part) -> part.bucket(bucket).key(key).uploadId(upload).partNumber(number).sdkPartType(type),
                  RequestBody.fromBytes(slice))
              .eTag();
      parts.add(CompletedPart.builder().partNumber(number).eTag(etag).build());
      start = end;
    } while (start < content.length);
    client.completeMultipartUpload(
        (end) -> end.bucket(bucket).key(key).uploadId(upload).multipartUpload((all) -> all.parts(parts)));
  }

  /** The SDK takes the answer "100 Continue" of some servers for the last one: it must not ask. */
  private static final class Unasked implements ExecutionInterceptor {
    @Override
    public SdkHttpRequest modifyHttpRequest(Context.ModifyHttpRequest context, ExecutionAttributes attributes) {
      return context.httpRequest().toBuilder().removeHeader("Expect").build();
    }
  }
}
