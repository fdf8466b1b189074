using DistTrain.Transport.Wire;

namespace DistTrain.Transport.Tests;

public sealed class ChecksumTests
{
    private static readonly byte[] Gradient = [.. Enumerable.Range(0, 100).Select(i => (byte)i)];

    public static TheoryData<string> HeaderFields => ["lease_id", "kind", "version", "first_shard", "end_shard", "sample_count"];

    public static TheoryData<string> EndFields => ["loss_sum", "correct_count"];

    /// <summary>Two builds must agree on it: the value is part of the protocol.</summary>
    [Fact]
    public void Of_Nothing_IsXxHash128OfNothing() => Assert.Equal("99aa06d3014798d86001c324468d497f", Convert.ToHexStringLower(Checksum.Of([]).Span));

    [Fact]
    public void Of_EachFlippedByte_Differs()
    {
        var right = Checksum.Of(Gradient);
        for (var i = 0; i < Gradient.Length; i++)
        {
            var flipped = Gradient.ToArray();
            flipped[i] ^= 0x10;
            Assert.NotEqual(right, Checksum.Of(flipped));
        }

        Assert.NotEqual(right, Checksum.Of(Gradient.AsSpan(1)));
        Assert.NotEqual(right, Checksum.Of(Gradient.AsSpan(0, 99)));
    }

    [Theory]
    [MemberData(nameof(HeaderFields))]
    public void Of_EachFieldOfAHeader_Counts(string field)
    {
        var header = new PartialHeader();
        var right = Checksum.Of(header, new PartialEnd(), Gradient);
        Change(header, field);

        Assert.NotEqual(right, Checksum.Of(header, new PartialEnd(), Gradient));
    }

    [Theory]
    [MemberData(nameof(EndFields))]
    public void Of_EachFieldOfAnEnd_Counts(string field)
    {
        var end = new PartialEnd();
        var right = Checksum.Of(new PartialHeader(), end, Gradient);
        Change(end, field);

        Assert.NotEqual(right, Checksum.Of(new PartialHeader(), end, Gradient));
    }

    private static void Change(Google.Protobuf.IMessage message, string field)
    {
        var descriptor = message.Descriptor.FindFieldByName(field);
        object changed = descriptor.FieldType switch
        {
            Google.Protobuf.Reflection.FieldType.UInt64 => 1UL,
            Google.Protobuf.Reflection.FieldType.UInt32 => 1U,
            Google.Protobuf.Reflection.FieldType.Double => -0.0,
            _ => RoundKind.Training,
        };
        descriptor.Accessor.SetValue(message, changed);
    }
}
