using DistTrain.Core.Formats;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;
using DistTrain.Transport;
using DistTrain.Transport.Wire;
using Google.Protobuf;

namespace DistTrain.Worker.Tests;

public sealed class WelcomeRulesTests
{
    private static readonly RunSpec Spec = new(
        ModelCatalog.Get("two-layer"), new DatasetSpec("any", "", 100, 10, 784, 10), new OptimizerSpec("sgd", 0.1), BatchSize: 10, ShardCount: 8, Seed: 1, Epochs: 1);

    [Fact]
    public void Judge_Whole_IsWelcome()
    {
        Assert.Null(WelcomeRules.Judge(new CoordinatorMessage { Welcome = Welcome() }, out var spec));
        Assert.Equal(SpecJson.Write(Spec), SpecJson.Write(spec!));
    }

    /// <summary>Row N8b: the seed 1 read as 3 is another run, and every partial of it would carry a valid checksum.</summary>
    [Fact]
    public void Judge_AnyBitFlipped_IsRefusedOrNoMessage()
    {
        var bytes = Welcome().ToByteArray();
        var read = 0;
        for (var bit = 0; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            if (TryParse(bytes) is { } damaged)
            {
                read++;
                var end = WelcomeRules.Judge(new CoordinatorMessage { Welcome = damaged }, out _);
                Assert.True(end is { Outcome: null } || damaged.Equals(Welcome()), $"Bit {bit} was not noticed.");
            }

            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        Assert.InRange(read, bytes.Length, bytes.Length * 8);
    }

    private static Welcome? TryParse(byte[] bytes)
    {
        try
        {
            return Transport.Wire.Welcome.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    private static Welcome Welcome()
    {
        var welcome = new Welcome
        {
            WorkerId = 3,
            Incarnation = 7,
            RunSpecJson = SpecJson.Write(Spec, indented: false),
            HeartbeatIntervalMilliseconds = 500,
            DeadTimeMilliseconds = 3000,
        };
        welcome.Checksum = Checksum.Of(welcome);
        return welcome;
    }
}
