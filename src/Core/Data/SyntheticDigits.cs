using DistTrain.Core.Training;

namespace DistTrain.Core.Data;

/// <summary>
/// The built-in dataset: digits drawn by the program, for first tries and tests without files or network. Sized and laid out like MNIST,
/// and about as hard for a small network. Bit-identical on every platform: image i of a part depends on the part and on i alone.
/// </summary>
public static class SyntheticDigits
{
    /// <summary>Rows and columns of an image.</summary>
    public const int ImageSide = 28;

    /// <summary>Images to train on in the full dataset.</summary>
    public const int TrainCount = 60_000;

    /// <summary>Images to test on in the full dataset.</summary>
    public const int TestCount = 10_000;

    // The dataset is one fixed thing, whatever the run's seed: this number was chosen once and never changes.
    private const ulong Seed = 20_260_101;
    private const int CurveLinesPerSpan = 4;

    // How far a digit strays from its glyph: chosen so that a linear classifier errs often, and a two-layer network about as often as on
    // MNIST. Any change changes the dataset's digest.
    private const double MaximumJitter = 0.1;
    private const double MaximumHalfTurnTangent = 0.18;
    private const double MaximumShear = 0.3;
    private const double MaximumShift = 2.25;

    /// <summary>Draws the dataset. Smaller counts give the first images of larger ones.</summary>
    /// <param name="trainCount">Images to train on, at least 1.</param>
    /// <param name="testCount">Images to test on, at least 1.</param>
    public static Dataset Create(int trainCount = TrainCount, int testCount = TestCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(trainCount);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(testCount);
        return new Dataset(DatasetCatalog.Synthetic.Name, DrawPart(part: 0, trainCount), DrawPart(part: 1, testCount));
    }

    private static LabeledImages DrawPart(int part, int count)
    {
        const int imageSize = ImageSide * ImageSide;
        var pixels = new byte[checked(count * imageSize)];
        var labels = new byte[count];
        var canvas = new StrokeCanvas(ImageSide);
        for (var i = 0; i < count; i++)
        {
            var draws = new Draws(new RandomStream(Seed, RandomPurpose.SyntheticDigits, layer: part, stepOrEpoch: 0, position: i));
            labels[i] = Draw(ref draws, canvas, pixels.AsSpan(i * imageSize, imageSize));
        }
        return new LabeledImages(pixels, labels, ImageSide, ImageSide, channels: 1, DigitGlyph.ByDigit.Length);
    }

    private static byte Draw(ref Draws draws, StrokeCanvas canvas, Span<byte> pixels)
    {
        var digit = draws.Below(DigitGlyph.ByDigit.Length);
        var glyphs = DigitGlyph.ByDigit[digit];
        var glyph = glyphs[draws.Below(glyphs.Length)];
        var distortion = Distortion.Draw(ref draws);
        canvas.Clear(radius: draws.Between(0.8, 1.9));
        Span<double> points = stackalloc double[2 * DigitGlyph.MaximumPoints];
        foreach (var stroke in glyph.Strokes)
        {
            var placed = points[..stroke.Points.Length];
            for (var i = 0; i < placed.Length; i += 2)
            {
                var x = stroke.Points[i] + draws.Between(-MaximumJitter, MaximumJitter);
                var y = stroke.Points[i + 1] + draws.Between(-MaximumJitter, MaximumJitter);
                (placed[i], placed[i + 1]) = distortion.Apply(x, y);
            }
            if (stroke.IsSmooth) Curve(canvas, placed);
            else Lines(canvas, placed);
        }
        canvas.Render(pixels, intensity: draws.Between(0.75, 1));
        return (byte)digit;
    }

    private static void Lines(StrokeCanvas canvas, ReadOnlySpan<double> points)
    {
        for (var i = 2; i < points.Length; i += 2) canvas.Line(points[i - 2], points[i - 1], points[i], points[i + 1]);
    }

    // A uniform Catmull-Rom spline: it passes through its points, and its tangent at each is half the way between the two neighbours.
    private static void Curve(StrokeCanvas canvas, ReadOnlySpan<double> points)
    {
        for (var i = 2; i < points.Length; i += 2)
        {
            var before = Math.Max(0, i - 4);
            var after = Math.Min(points.Length - 2, i + 2);
            double lastX = points[i - 2], lastY = points[i - 1];
            for (var line = 1; line <= CurveLinesPerSpan; line++)
            {
                var u = (double)line / CurveLinesPerSpan;
                var x = CatmullRom(points[before], points[i - 2], points[i], points[after], u);
                var y = CatmullRom(points[before + 1], points[i - 1], points[i + 1], points[after + 1], u);
                canvas.Line(lastX, lastY, x, y);
                (lastX, lastY) = (x, y);
            }
        }
    }

    private static double CatmullRom(double before, double from, double to, double after, double u) =>
        0.5 * (2 * from + u * (to - before + u * (2 * before - 5 * from + 4 * to - after + u * (3 * (from - to) + after - before))));

    /// <summary>The values of one image's stream, in turn.</summary>
    private struct Draws(RandomStream random)
    {
        private long _next;

        public int Below(int bound) => (int)(((ulong)random.Bits32(_next++) * (uint)bound) >> 32);

        public double Between(double low, double high) => low + (high - low) * (random.Bits32(_next++) * (1.0 / (1L << 32)));
    }

    /// <summary>Scale, shear, rotation and shift, from the unit square to pixels: <c>x' = xx·x + xy·y + x₀</c>.</summary>
    private readonly record struct Distortion(double XX, double XY, double YX, double YY, double ShiftX, double ShiftY)
    {
        public static Distortion Draw(ref Draws draws)
        {
            var height = draws.Between(15, 21);
            var width = height * draws.Between(0.55, 0.95);
            var shear = draws.Between(-MaximumShear, MaximumShear);
            // With t the tangent of half the angle, cosine and sine are rational: no trigonometry, which differs between platforms.
            var t = draws.Between(-MaximumHalfTurnTangent, MaximumHalfTurnTangent);
            var cosine = (1 - t * t) / (1 + t * t);
            var sine = 2 * t / (1 + t * t);
            const double center = (ImageSide - 1) / 2.0;
            var shiftX = center + draws.Between(-MaximumShift, MaximumShift);
            var shiftY = center + draws.Between(-MaximumShift, MaximumShift);
            return new Distortion(
                cosine * width, (cosine * shear - sine) * height,
                sine * width, (sine * shear + cosine) * height,
                shiftX, shiftY);
        }

        public (double X, double Y) Apply(double x, double y)
        {
            // Around the glyph's middle.
            x -= 0.5;
            y -= 0.5;
            return (XX * x + XY * y + ShiftX, YX * x + YY * y + ShiftY);
        }
    }
}
