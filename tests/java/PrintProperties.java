import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import java.util.TreeSet;

/**
 * Prints what java.util.Properties reads from each file, as the model server reads
 * serving.properties: from a stream of bytes, so in ISO-8859-1.
 *
 * One JSON object a line, {"file": position among the arguments, "key": ..., "value": ...}, sorted
 * by key within a file and in ASCII. Run it with: java PrintProperties.java FILE...
 */
public final class PrintProperties {
    private PrintProperties() {}

    public static void main(String[] paths) throws IOException {
        StringBuilder lines = new StringBuilder();
        for (int file = 0; file < paths.length; file++) {
            Properties properties = new Properties();
            try (InputStream bytes = Files.newInputStream(Path.of(paths[file]))) {
                properties.load(bytes);
            }
            for (String key : new TreeSet<>(properties.stringPropertyNames())) {
                lines.append("{\"file\": ").append(file);
                lines.append(", \"key\": ").append(quoted(key));
                lines.append(", \"value\": ").append(quoted(properties.getProperty(key)));
                lines.append("}\n");
            }
        }
        System.out.print(lines);
    }

    private static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            boolean isPlain = c >= ' ' && c <= '~' && c != '"' && c != '\\';
            quoted.append(isPlain ? String.valueOf(c) : String.format("\\u%04x", (int) c));
        }
        return quoted.append('"').toString();
    }
}
