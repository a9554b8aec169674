import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;

/** Runs several keytool commands in one JVM; "--" stands between them. */
public final class Keytool {
  private Keytool() {}

  public static void main(String[] args) throws Exception {
    Method keytool = Class.forName("sun.security.tools.keytool.Main").getMethod("main", String[].class);
    List<String> command = new ArrayList<>();
    for (String arg : args) {
      if (!arg.equals("--")) {
        command.add(arg);
        continue;
      }
      keytool.invoke(null, (Object) command.toArray(new String[0]));
      command.clear();
    }
  }
}
