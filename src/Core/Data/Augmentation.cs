using DistTrain.Core.Kernels;
using DistTrain.Core.Training;

namespace DistTrain.Core.Data;

/// <summary>
/// One image's share of an <see cref="AugmentationSpec"/>: it is mirrored, then turned about its centre, then shifted, in one pass from the
/// output's pixels to the input's. A pure function of (seed, step, position of the sample in the step's batch): no bit depends on who computes it.
/// </summary>
/// <param name="ShiftX">Pixels to the right.</param>
/// <param name="ShiftY">Pixels down.</param>
/// <param name="Sine">Of the angle; 0 without a rotation.</param>
/// <param name="Cosine">Of the angle; 1 without a rotation.</param>
/// <param name="Flip">Whether it is mirrored left to right.</param>
public readonly record struct Augmentation(int ShiftX, int ShiftY, float Sine, float Cosine, bool Flip)
{
    private const float RadiansPerDegree = (float)(Math.PI / 180);

    // The elements of the stream; together one Philox block.
    private const int ShiftXElement = 0;
    private const int ShiftYElement = 1;
    private const int RotationElement = 2;
    private const int FlipElement = 3;

    /// <summary>
    /// The amounts for one sample, from 32-bit elements of the stream (seed, <see cref="RandomPurpose.Augmentation"/>, step, position): the shifts
    /// are <c>⌊bits · (2·Shift + 1) / 2³²⌋ − Shift</c>; the angle is <c>(2u − 1) · (RotationDegrees · (π / 180))</c> in binary32 with u in
    /// (0, 1]; the image is mirrored if the highest bit is set.
    /// </summary>
    /// <param name="spec">What is allowed.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="step">The step, from 0.</param>
    /// <param name="position">The sample's position in the step's batch, from 0.</param>
    public static Augmentation Draw(AugmentationSpec spec, ulong seed, long step, long position)
    {
        var random = new RandomStream(seed, RandomPurpose.Augmentation, layer: 0, step, position);
        var (sine, cosine) = (0f, 1f);
        if (spec.RotationDegrees > 0)
        {
            var angle = (2 * random.Unit(RotationElement) - 1) * (spec.RotationDegrees * RadiansPerDegree);
            (sine, cosine) = (Elementary.Sin(angle), Elementary.Cos(angle));
        }

        return new Augmentation(
            DrawShift(random.Bits32(ShiftXElement), spec.Shift),
            DrawShift(random.Bits32(ShiftYElement), spec.Shift),
            sine,
            cosine,
            spec.HorizontalFlip && random.Bits32(FlipElement) >> 31 == 1);
    }

    /// <summary>
    /// Output pixel (x, y) is the input at <c>(x', y')</c>: with <c>dx = x − ShiftX − cx</c>, <c>dy = y − ShiftY − cy</c> about the centre
    /// <c>cx = (width − 1) / 2</c>, <c>cy = (height − 1) / 2</c>, it is <c>x' = (cos·dx + sin·dy) + cx</c>, <c>y' = (cos·dy − sin·dx) + cy</c>, and
    /// mirrored <c>x' ← (width − 1) − x'</c>. Between pixels it is bilinear: with the fractions f of x' and g of y' and the four neighbours,
    /// <c>a = p₀₀ + f·(p₀₁ − p₀₀)</c>, <c>b = p₁₀ + f·(p₁₁ − p₁₀)</c>, the value is <c>a + g·(b − a)</c>; neighbours outside the image are +0. Every
    /// operation is rounded to binary32, nothing is fused. Without a rotation pixels are copied.
    /// </summary>
    /// <param name="input">(channels, height, width), before normalisation.</param>
    /// <param name="output">The same shape; other memory.</param>
    /// <param name="channels">Planes.</param>
    /// <param name="height">Rows.</param>
    /// <param name="width">Columns.</param>
    public void Apply(ReadOnlySpan<float> input, Span<float> output, int channels, int height, int width)
    {
        var plane = height * width;
        for (var channel = 0; channel < channels; channel++)
        {
            var from = input.Slice(channel * plane, plane);
            var to = output.Slice(channel * plane, plane);
            if (Sine == 0 && Cosine == 1)
            {
                Copy(from, to, height, width);
            }
            else
            {
                Rotate(from, to, height, width);
            }
        }
    }

    private static int DrawShift(uint bits, int shift) => (int)(((ulong)bits * (uint)((2 * shift) + 1)) >> 32) - shift;

    private static float At(ReadOnlySpan<float> plane, int height, int width, int y, int x) =>
        (uint)y < (uint)height && (uint)x < (uint)width ? plane[(y * width) + x] : 0;

    private void Copy(ReadOnlySpan<float> from, Span<float> to, int height, int width)
    {
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                var fromX = x - ShiftX;
                to[(y * width) + x] = At(from, height, width, y - ShiftY, Flip ? width - 1 - fromX : fromX);
            }
        }
    }

    private void Rotate(ReadOnlySpan<float> from, Span<float> to, int height, int width)
    {
        var (centerX, centerY) = ((width - 1) / 2f, (height - 1) / 2f);
        for (var y = 0; y < height; y++)
        {
            var dy = y - ShiftY - centerY;
            for (var x = 0; x < width; x++)
            {
                var dx = x - ShiftX - centerX;
                var fromX = ((Cosine * dx) + (Sine * dy)) + centerX;
                var fromY = ((Cosine * dy) - (Sine * dx)) + centerY;
                fromX = Flip ? width - 1 - fromX : fromX;
                var (floorX, floorY) = (MathF.Floor(fromX), MathF.Floor(fromY));
                var (f, g) = (fromX - floorX, fromY - floorY);
                var (left, top) = ((int)floorX, (int)floorY);
                var upper = Between(At(from, height, width, top, left), At(from, height, width, top, left + 1), f);
                var lower = Between(At(from, height, width, top + 1, left), At(from, height, width, top + 1, left + 1), f);
                to[(y * width) + x] = Between(upper, lower, g);
            }
        }
    }

    private static float Between(float a, float b, float fraction) => a + (fraction * (b - a));
}
