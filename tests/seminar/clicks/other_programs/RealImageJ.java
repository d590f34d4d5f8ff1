import ij.IJ;
import ij.ImageJ;
import ij.ImagePlus;
import ij.gui.PointRoi;
import ij.gui.Roi;
import ij.io.RoiDecoder;
import ij.io.RoiEncoder;
import ij.measure.ResultsTable;
import ij.process.FloatProcessor;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/** What the real ImageJ makes of selections; every pixel's value is row * width + column. */
public class RealImageJ {
    /** Reads a file with a command a line, its words separated by tabs. */
    public static void main(String[] arguments) throws Exception {
        new ImageJ(); // without its window Measure takes the last point of a selection alone
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            String[] words = line.split("\t");
            System.out.println("= " + words[0]);
            int width = Integer.parseInt(words[1]), height = Integer.parseInt(words[2]);
            switch (words[0]) {
                case "measure" -> measure(Path.of(words[3]), width, height);
                case "fill" -> fill(Path.of(words[3]), width, height);
                case "write" -> write(Path.of(words[3]), Path.of(words[4]), width, height);
                case "stack" -> stack(Path.of(words[3]), width, height);
            }
        }
        System.exit(0);
    }

    static ImagePlus ramp(int width, int height) {
        float[] values = new float[width * height];
        for (int place = 0; place < values.length; place++) values[place] = place;
        ImagePlus image = new ImagePlus("ramp", new FloatProcessor(width, height, values));
        image.show();
        return image;
    }

    /** Prints name and the value that Measure gives for every point. */
    static void measure(Path zip, int width, int height) throws Exception {
        ImagePlus image = ramp(width, height);
        IJ.run("Set Measurements...", "mean centroid redirect=None decimal=9");
        try (ZipFile archive = new ZipFile(zip.toFile())) {
            for (ZipEntry entry : archive.stream().toList()) {
                Roi roi = read(archive, entry);
                ResultsTable.getResultsTable().reset();
                image.setRoi(roi);
                IJ.run(image, "Measure", "");
                ResultsTable table = ResultsTable.getResultsTable();
                for (int row = 0; row < table.size(); row++)
                    System.out.println(roi.getName() + "\t" + (long) table.getValue("Mean", row));
            }
        }
    }

    /** Prints name and the values of all pixels in every area. */
    static void fill(Path zip, int width, int height) throws Exception {
        try (ZipFile archive = new ZipFile(zip.toFile())) {
            for (ZipEntry entry : archive.stream().toList()) {
                Roi roi = read(archive, entry);
                StringBuilder line = new StringBuilder(roi.getName());
                for (java.awt.Point pixel : roi.getContainedPoints())
                    line.append("\t").append((long) pixel.y * width + pixel.x);
                System.out.println(line);
            }
        }
    }

    /** Lines of "counter x y" become one multi-point in a .roi, and the table of Measure. */
    static void write(Path text, Path roiFile, int width, int height) throws Exception {
        ImagePlus image = ramp(width, height);
        List<String> lines = Files.readAllLines(text);
        float[] x = new float[lines.size()], y = new float[lines.size()];
        int[] counters = new int[lines.size()];
        for (int place = 0; place < lines.size(); place++) {
            String[] words = lines.get(place).split(" ");
            counters[place] = Integer.parseInt(words[0]);
            x[place] = Float.parseFloat(words[1]);
            y[place] = Float.parseFloat(words[2]);
        }
        PointRoi roi = new PointRoi(x, y, lines.size());
        roi.setCounters(counters);
        image.setRoi(roi);
        new RoiEncoder(roiFile.toString()).write(roi);
        IJ.run("Set Measurements...", "mean centroid redirect=None decimal=9");
        ResultsTable.getResultsTable().reset();
        IJ.run(image, "Measure", "");
        ResultsTable.getResultsTable().save(roiFile.toString().replace(".roi", ".csv"));
    }

    /** One point on each slice of a stack of 2 channels, 3 slices, 2 frames. */
    static void stack(Path roiFile, int width, int height) throws Exception {
        ImagePlus image = IJ.createHyperStack("stack", width, height, 2, 3, 2, 8);
        image.show();
        PointRoi roi = new PointRoi();
        for (int frame = 1; frame <= 2; frame++)
            for (int slice = 1; slice <= 3; slice++) {
                image.setPosition(2, slice, frame);
                roi.addPoint(image, slice, frame);
            }
        image.setRoi(roi);
        new RoiEncoder(roiFile.toString()).write(roi);
        IJ.run("Set Measurements...", "mean centroid redirect=None decimal=9");
        ResultsTable.getResultsTable().reset();
        IJ.run(image, "Measure", "");
        ResultsTable.getResultsTable().save(roiFile.toString().replace(".roi", ".csv"));
    }

    static Roi read(ZipFile archive, ZipEntry entry) throws Exception {
        try (InputStream stream = archive.getInputStream(entry)) {
            return new RoiDecoder(stream.readAllBytes(), entry.getName()).getRoi();
        }
    }
}
