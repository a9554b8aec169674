import java.io.Closeable;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.rmi.registry.LocateRegistry;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicInteger;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import javax.management.remote.JMXConnectorServer;
import javax.management.remote.JMXConnectorServerFactory;
import javax.management.remote.JMXServiceURL;

/** A JVM whose MBeans have arguments and results of every shape; it ends when its standard input does. */
public final class Agent {
  private static JMXConnectorServer impatient;

  private Agent() {}

  public interface TargetMBean {
    String getText();

    void setText(String text);

    int getNumber();

    void setNumber(int number);

    long getLarge();

    void setLarge(long large);

    boolean isFlag();

    void setFlag(boolean flag);

    String[] getTags();

    void setTags(String[] tags);

    String getBroken() throws IOException;

    void setWriteOnly(String text);

    int getCount();

    /** Counts its calls; slow enough to be interrupted. */
    int count(long sleepMs) throws InterruptedException;

    String snapshot(String tag, Map<String, String> options, String... entities);

    String load(Set<String> paths, boolean a, boolean b, boolean c, boolean d, boolean e, boolean f);

    String load(
        Set<String> paths, boolean a, boolean b, boolean c, boolean d, boolean e, boolean f, boolean g);

    String echo(int value);

    String echo(long value);

    String echo(double value);

    String echo(String value);

    String describe(Object value);

    /** Logins at the impatient server. */
    int logins();

    void nothing();

    void sleep(long ms) throws InterruptedException;

    /** Returns as soon as so many callers are in it at once. */
    void meet(int callers) throws Exception;

    void fail(String kind) throws Exception;

    Object value(String name);

    String text(int length);

    long[] numbers(int count);
  }

  public static final class Target implements TargetMBean {
    private final Map<Integer, CyclicBarrier> barriers = new ConcurrentHashMap<>();
    private final AtomicInteger count = new AtomicInteger();
    private String text = "initial";
    private int number;
    private long large = 9007199254740993L;
    private boolean flag;
    private String[] tags = {};

    public String getText() {
      return text;
    }

    public void setText(String text) {
      this.text = text;
    }

    public int getNumber() {
      return number;
    }

    public void setNumber(int number) {
      this.number = number;
    }

    public long getLarge() {
      return large;
    }

    public void setLarge(long large) {
      this.large = large;
    }

    public boolean isFlag() {
      return flag;
    }

    public void setFlag(boolean flag) {
      this.flag = flag;
    }

    public String[] getTags() {
      return tags;
    }

    public void setTags(String[] tags) {
      this.tags = tags;
    }

    public String getBroken() throws IOException {
      throw new IOException("cannot be read");
    }

    public void setWriteOnly(String text) {}

    public int getCount() {
      return count.get();
    }

    public int count(long sleepMs) throws InterruptedException {
      int now = count.incrementAndGet();
      Thread.sleep(sleepMs);
      return now;
    }

    public String snapshot(String tag, Map<String, String> options, String... entities) {
      return tag + " " + new TreeMap<>(options) + " " + String.join(",", entities);
    }

    public String load(Set<String> paths, boolean a, boolean b, boolean c, boolean d, boolean e, boolean f) {
      return new TreeSet<>(paths) + bits(a, b, c, d, e, f);
    }

    public String load(
        Set<String> paths, boolean a, boolean b, boolean c, boolean d, boolean e, boolean f, boolean g) {
      return new TreeSet<>(paths) + bits(a, b, c, d, e, f, g);
    }

    private static String bits(boolean... values) {
      StringBuilder text = new StringBuilder();
      for (boolean value : values) text.append(value ? '1' : '0');
      return text.toString();
    }

    public String echo(int value) {
      return "int " + value;
    }

    public String echo(long value) {
      return "long " + value;
    }

    public String echo(double value) {
      return "double " + value;
    }

    public String echo(String value) {
      return value;
    }

    public String describe(Object value) {
      return value == null ? "null" : value.getClass().getName() + " " + value;
    }

    public int logins() {
      return impatient.getConnectionIds().length;
    }

    public void nothing() {}

    public void sleep(long ms) throws InterruptedException {
      Thread.sleep(ms);
    }

    public void meet(int callers) throws Exception {
      barriers.computeIfAbsent(callers, CyclicBarrier::new).await();
    }

    public void fail(String kind) throws Exception {
      switch (kind) {
        case "checked":
          throw new IOException("outer words", new IllegalStateException("inner words"));
        case "runtime":
          throw new IllegalArgumentException("Keyspace x does not exist");
        case "error":
          throw new StackOverflowError("too deep");
        case "silent":
          throw new NullPointerException();
        case "security":
          throw new SecurityException("from the mbean");
        default:
          throw new IOException(kind);
      }
    }

    public Object value(String name) {
      return name.equals("closeable") ? (Closeable) () -> {} : Values.of(name);
    }

    public String text(int length) {
      return "é".repeat(length);
    }

    public long[] numbers(int count) {
      long[] numbers = new long[count];
      for (int i = 0; i < count; i++) numbers[i] = i * 3L;
      return numbers;
    }
  }

  /** A second JMX server, which ends a login that is idle for a second. */
  private static void startImpatient(MBeanServer server, int port) throws Exception {
    LocateRegistry.createRegistry(port);
    Map<String, String> settings = Map.of("jmx.remote.x.server.connection.timeout", "1000");
    String url = "service:jmx:rmi://127.0.0.1:" + port + "/jndi/rmi://127.0.0.1:" + port + "/jmxrmi";
    impatient = JMXConnectorServerFactory.newJMXConnectorServer(new JMXServiceURL(url), settings, server);
    impatient.start();
  }

  public static void main(String[] args) throws Exception {
    MBeanServer server = ManagementFactory.getPlatformMBeanServer();
    server.registerMBean(new Target(), new ObjectName("test:type=Target"));
    server.registerMBean(new Target(), new ObjectName("test:type=Target,name=\"qu,oted\""));
    String idlePort = System.getProperty("test.idle.port");
    if (idlePort != null) startImpatient(server, Integer.parseInt(idlePort));
    System.out.println("ready");
    while (System.in.read() >= 0) {}
    System.exit(0);
  }
}
