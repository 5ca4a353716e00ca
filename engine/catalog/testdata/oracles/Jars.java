import java.io.File;
import java.io.InputStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.Arrays;

/** Says of each file of a folder whether Java takes the class Main from it, as from a class path. */
public class Jars {
    public static void main(String[] args) {
        File[] files = new File(args[0]).listFiles();
        Arrays.sort(files);
        for (File f : files) {
            boolean path;
            try (URLClassLoader loader = new URLClassLoader(new URL[] {new URL("jar:" + f.toURI() + "!/")}, null);
                    InputStream in = loader.getResourceAsStream("Main.class")) {
                path = in != null && new String(in.readAllBytes(), "ISO-8859-1").startsWith("\u00ca\u00fe\u00ba\u00be");
            } catch (Throwable e) {
                path = false;
            }
            System.out.println(f.getName() + "\t" + path);
        }
    }
}
