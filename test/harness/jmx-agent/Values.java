import java.io.File;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.net.InetAddress;
import java.net.URI;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import javax.management.ObjectName;
import javax.management.openmbean.*;

/** One value of each class a management interface is likely to return, by name. */
final class Values {
  private Values() {}

  interface Maker {
    Object make() throws Exception;
  }

  enum Colour {
    RED,
    GREEN {
      @Override
      public String toString() {
        return "with a body";
      }
    }
  }

  static final class Custom implements java.io.Serializable {
    private static final long serialVersionUID = 1;
    final int size = 7;
    final String title = "custom";
    Custom self = this;
  }

  /** Externalizable content has no bounds in RMI's streams. */
  public static final class Opaque implements java.io.Externalizable {
    public void writeExternal(java.io.ObjectOutput out) throws java.io.IOException {
      out.writeInt(5);
    }

    public void readExternal(java.io.ObjectInput in) {}
  }

  private static final Map<String, Maker> makers = new HashMap<>();

  static Object of(String name) {
    try {
      return makers.get(name).make();
    } catch (Exception e) {
      throw new IllegalStateException(name, e);
    }
  }

  private static <T extends Collection<String>> T ab(T collection) {
    collection.add("a");
    collection.add("b");
    return collection;
  }

  private static <T extends Map<String, Integer>> T a1(T map) {
    map.put("a", 1);
    map.put("b", 2);
    return map;
  }

  static {
    makers.put("null", () -> null);
    makers.put("String", () -> "ü€😀\0");
    makers.put("Integer", () -> -5);
    makers.put("Long", () -> Long.MIN_VALUE);
    makers.put("Short", () -> (short) -2);
    makers.put("Byte", () -> (byte) -1);
    makers.put("Double", () -> 1.5);
    makers.put("Float", () -> 0.5f);
    makers.put("Boolean", () -> true);
    makers.put("Character", () -> 'x');
    makers.put("byte[]", () -> new byte[] {1, -1});
    makers.put("int[]", () -> new int[] {1, -1});
    makers.put("char[]", () -> new char[] {'h', 'i'});
    makers.put("boolean[]", () -> new boolean[] {true, false});
    makers.put("double[]", () -> new double[] {0.25});
    makers.put("String[][]", () -> new String[][] {{"a"}, {}});
    makers.put("Object[]", () -> new Object[] {1, "x", null});
    makers.put("ArrayList", () -> ab(new ArrayList<>()));
    makers.put("LinkedList", () -> ab(new LinkedList<>()));
    makers.put("ArrayDeque", () -> ab(new ArrayDeque<>()));
    makers.put("Vector", () -> ab(new Vector<>()));
    makers.put("Stack", () -> ab(new Stack<>()));
    makers.put("CopyOnWriteArrayList", () -> ab(new CopyOnWriteArrayList<>()));
    makers.put("CopyOnWriteArraySet", () -> ab(new CopyOnWriteArraySet<>()));
    makers.put("LinkedHashSet", () -> ab(new LinkedHashSet<>()));
    makers.put("HashSet", () -> ab(new HashSet<>()));
    makers.put("TreeSet", () -> ab(new TreeSet<>()));
    makers.put("TreeSet reversed", () -> ab(new TreeSet<>(Comparator.<String>reverseOrder())));
    makers.put("ConcurrentHashMap.newKeySet", () -> ab(ConcurrentHashMap.newKeySet()));
    makers.put("newSetFromMap", () -> ab(Collections.newSetFromMap(new LinkedHashMap<>())));
    makers.put("Arrays.asList", () -> Arrays.asList("a", "b"));
    makers.put("List.of", () -> List.of("a", "b"));
    makers.put("Set.of", () -> Set.of("a"));
    makers.put("unmodifiableList", () -> Collections.unmodifiableList(ab(new ArrayList<>())));
    makers.put("unmodifiableSet", () -> Collections.unmodifiableSet(ab(new TreeSet<>())));
    makers.put("synchronizedList", () -> Collections.synchronizedList(ab(new ArrayList<>())));
    makers.put("checkedList", () -> Collections.checkedList(ab(new ArrayList<>()), String.class));
    makers.put("emptyList", () -> Collections.emptyList());
    makers.put("emptySet", () -> Collections.emptySet());
    makers.put("singletonList", () -> Collections.singletonList("a"));
    makers.put("singleton", () -> Collections.singleton("a"));
    makers.put("EnumSet", () -> EnumSet.allOf(Colour.class));
    makers.put("HashMap", () -> a1(new HashMap<>()));
    makers.put("LinkedHashMap", () -> a1(new LinkedHashMap<>()));
    makers.put("TreeMap", () -> a1(new TreeMap<>()));
    makers.put("Hashtable", () -> a1(new Hashtable<>()));
    makers.put("ConcurrentHashMap", () -> a1(new ConcurrentHashMap<>()));
    makers.put("ConcurrentSkipListMap", () -> a1(new ConcurrentSkipListMap<>()));
    makers.put("Map.of", () -> Map.of("a", 1, "b", 2));
    makers.put("unmodifiableMap", () -> Collections.unmodifiableMap(a1(new HashMap<>())));
    makers.put("synchronizedMap", () -> Collections.synchronizedMap(a1(new HashMap<>())));
    makers.put("emptyMap", () -> Collections.emptyMap());
    makers.put("singletonMap", () -> Collections.singletonMap("a", 1));
    makers.put("EnumMap", () -> new EnumMap<>(Map.of(Colour.RED, 1)));
    makers.put(
        "Properties",
        () -> {
          Properties properties = new Properties();
          properties.setProperty("a", "1");
          return properties;
        });
    makers.put("list keys", () -> Map.of(List.of("1", "2"), List.of("h")));
    makers.put("AtomicLong", () -> new AtomicLong(4));
    makers.put("AtomicInteger", () -> new AtomicInteger(3));
    makers.put("AtomicBoolean", () -> new AtomicBoolean(true));
    makers.put("Date", () -> new Date(1234567890123L));
    makers.put("Timestamp", () -> new java.sql.Timestamp(1234567890123L));
    makers.put("UUID", () -> UUID.fromString("00000000-0000-1000-8000-00805f9b34fb"));
    makers.put("BigInteger", () -> new BigInteger("-123456789012345678901234567890"));
    makers.put("BigInteger zero", () -> BigInteger.ZERO);
    makers.put("BigDecimal", () -> new BigDecimal("-0.050"));
    makers.put("BigDecimal large", () -> new BigDecimal("12E+5"));
    makers.put("File", () -> new File("/a/b"));
    makers.put("URI", () -> URI.create("http://a/b"));
    makers.put("Inet4Address", () -> InetAddress.getByName("10.1.2.200"));
    makers.put("Inet6Address", () -> InetAddress.getByName("fe80::1"));
    makers.put("ObjectName", () -> new ObjectName("a:b=c"));
    makers.put("enum", () -> Colour.RED);
    makers.put("enum with body", () -> Colour.GREEN);
    makers.put("Class", () -> String.class);
    makers.put("Custom", Custom::new);
    makers.put("Opaque", Opaque::new);
    makers.put("Duration", () -> java.time.Duration.ofSeconds(3));
    makers.put(
        "cycle",
        () -> {
          List<Object> list = new ArrayList<>();
          list.add(Collections.unmodifiableList(list));
          return list;
        });
    makers.put(
        "nested 200",
        () -> {
          List<Object> list = new ArrayList<>();
          for (int i = 0; i < 200; i++) list = new ArrayList<>(List.of(list));
          return list;
        });
    makers.put("CompositeData", () -> row("one", 1L));
    makers.put(
        "TabularData",
        () -> {
          TabularDataSupport table =
              new TabularDataSupport(new TabularType("t", "t", rowType(), new String[] {"name"}));
          table.put(row("one", 1L));
          table.put(row("two", 2L));
          return table;
        });
    makers.put("100000 strings", Values::manyStrings);
  }

  private static Object manyStrings() {
    List<String> strings = new ArrayList<>();
    for (int i = 0; i < 100000; i++) strings.add("string " + i);
    return strings;
  }

  private static CompositeType rowType() throws OpenDataException {
    return new CompositeType(
        "row",
        "row",
        new String[] {"name", "size"},
        new String[] {"name", "size"},
        new OpenType<?>[] {SimpleType.STRING, SimpleType.LONG});
  }

  private static CompositeData row(String name, long size) throws OpenDataException {
    return new CompositeDataSupport(rowType(), new String[] {"name", "size"}, new Object[] {name, size});
  }
}
