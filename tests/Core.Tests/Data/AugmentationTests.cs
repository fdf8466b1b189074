using DistTrain.Core.Data;

namespace DistTrain.Core.Tests.Data;

/// <summary>Expected bits come from the documented formulas, carried out by NumPy in binary32 over another implementation of Philox.</summary>
public sealed class AugmentationTests
{
    // (1, 3, 4)
    private static readonly float[] Image = [1 / 128f, 2 / 128f, 4 / 128f, 8 / 128f, 16 / 128f, 32 / 128f, 64 / 128f, 1, 3 / 128f, 9 / 128f, 27 / 128f, 81 / 128f];

    [Theory]
    [InlineData(0, -1, -1, 0xbe6194b9, 0x3f79b603, true)]
    [InlineData(1, 1, 2, 0x3d48f30c, 0x3f7fb116, false)]
    [InlineData(2, -2, 1, 0x3e1420fd, 0x3f7d4eaf, true)]
    [InlineData(3, 2, -2, 0xbc70fbb9, 0x3f7ff8e9, true)]
    public void Draw_KnownKey_GivesTheSpecifiedAmounts(int position, int shiftX, int shiftY, uint sine, uint cosine, bool flip) => Assert.Equal(
        new Augmentation(shiftX, shiftY, BitConverter.UInt32BitsToSingle(sine), BitConverter.UInt32BitsToSingle(cosine), flip),
        Augmentation.Draw(new AugmentationSpec(Shift: 2, RotationDegrees: 15, HorizontalFlip: true), seed: 7, step: 3, position));

    [Theory]
    [InlineData(false, new uint[] { 1002438656, 1028443336, 1046415934, 1051643084, 0, 1017202604, 1041990944, 1058406400, 0, 0, 1024081256, 1053564603 })]
    [InlineData(true, new uint[] { 1042415616, 1057646182, 1053326050, 1045063271, 0, 1033602332, 1036999722, 1039138816, 0, 0, 1001935328, 1014098824 })]
    public void Apply_RotationAndShift_GivesTheSpecifiedBits(bool flip, uint[] expected) =>
        Assert.Equal(expected, Apply(new Augmentation(1, -1, 0.6f, 0.8f, flip), Image, 1, 3, 4).Select(BitConverter.SingleToUInt32Bits));

    [Fact]
    public void Apply_ShiftAlone_MovesWholePixelsRightAndDown()
    {
        float[] planes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        Assert.Equal([0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 7, 8], Apply(new Augmentation(1, 1, 0, 1, Flip: false), planes, 2, 2, 3));
        Assert.Equal([5, 6, 0, 0, 0, 0, 11, 12, 0, 0, 0, 0], Apply(new Augmentation(-1, -1, 0, 1, Flip: false), planes, 2, 2, 3));
        Assert.Equal([3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10], Apply(new Augmentation(0, 0, 0, 1, Flip: true), planes, 2, 2, 3));
        // Mirrored first, shifted then.
        Assert.Equal([0, 3, 2, 0, 6, 5, 0, 9, 8, 0, 12, 11], Apply(new Augmentation(1, 0, 0, 1, Flip: true), planes, 2, 2, 3));
    }

    /// <summary>A turn by a quarter or a half falls on whole pixels.</summary>
    [Fact]
    public void Apply_QuarterAndHalfTurn_PermutePixels()
    {
        float[] square = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        Assert.Equal([7, 4, 1, 8, 5, 2, 9, 6, 3], Apply(new Augmentation(0, 0, 1, 0, Flip: false), square, 1, 3, 3));
        Assert.Equal([9, 8, 7, 6, 5, 4, 3, 2, 1], Apply(new Augmentation(0, 0, 0, -1, Flip: false), square, 1, 3, 3));
    }

    [Fact]
    public void Draw_NothingAllowed_ChangesNothing()
    {
        for (var position = 0; position < 100; position++)
        {
            Assert.Equal(new Augmentation(0, 0, 0, 1, Flip: false), Augmentation.Draw(new AugmentationSpec(), 1, 2, position));
        }
    }

    [Fact]
    public void Draw_ManySamples_AreUniform()
    {
        var spec = new AugmentationSpec(Shift: 1, RotationDegrees: 90, HorizontalFlip: true);
        var draws = Enumerable.Range(0, 9_000).Select(position => Augmentation.Draw(spec, seed: 5, step: 11, position)).ToArray();
        // Binomial(9000, 1/9): the standard deviation is 30.
        Assert.All(draws.CountBy(draw => (draw.ShiftX, draw.ShiftY)), pair => Assert.InRange(pair.Value, 850, 1150));
        Assert.InRange(draws.Count(draw => draw.Flip), 4_250, 4_750);
        // Half of the angles are within 45 degrees.
        Assert.InRange(draws.Count(draw => draw.Cosine > 0.70710678f), 4_250, 4_750);
        Assert.InRange(draws.Count(draw => draw.Sine > 0), 4_250, 4_750);
        Assert.All(draws, draw => Assert.InRange(draw.Cosine, -1e-6f, 1));
    }

    [Theory]
    [InlineData(-1, 0f, 28, "shift is -1")]
    [InlineData(28, 0f, 28, "shift is 28; it must be from 0 to 27")]
    [InlineData(0, -1f, 28, "rotation is -1")]
    [InlineData(0, 181f, 28, "from 0 to 180 degrees")]
    [InlineData(0, float.NaN, 28, "rotation is NaN")]
    [InlineData(1, 0f, 1, "(1, 1, 28)")]
    public void Validate_OutOfRange_SaysWhatIsAllowed(int shift, float rotation, int height, string expected) => Assert.Contains(
        expected, Assert.Throws<InvalidInputException>(() => new AugmentationSpec(shift, rotation).Validate([1, height, 28])).Message, StringComparison.Ordinal);

    private static float[] Apply(Augmentation augmentation, float[] image, int channels, int height, int width)
    {
        var output = new float[image.Length];
        Array.Fill(output, float.NaN);
        augmentation.Apply(image, output, channels, height, width);
        return output;
    }
}
