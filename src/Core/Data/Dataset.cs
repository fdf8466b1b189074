using System.Buffers.Binary;
using System.Security.Cryptography;
using DistTrain.Core.Training;

namespace DistTrain.Core.Data;

/// <summary>What a run trains on and what it is tested on.</summary>
public sealed class Dataset
{
    /// <summary>The first value of the <see cref="Header"/> of binary32 elements.</summary>
    public const int Binary32Mark = -32;

    private readonly Lazy<string> _digest;

    /// <summary>A dataset of two parts of equal image size, element kind and class count.</summary>
    /// <param name="name">Its name in the <see cref="DatasetCatalog"/>, or any other.</param>
    /// <param name="train">Images to train on, at least one.</param>
    /// <param name="test">Images to test on, at least one.</param>
    /// <exception cref="ArgumentException">The parts do not fit together, or one is empty.</exception>
    public Dataset(string name, LabeledImages train, LabeledImages test)
        : this(name, train, test, digest: null)
    {
    }

    /// <summary>The same, its digest being known already because the content has been compared with one it is known of; null if it is not.</summary>
    internal Dataset(string name, LabeledImages train, LabeledImages test, string? digest)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(test);
        if (train.Count == 0 || test.Count == 0)
            throw new ArgumentException($"Dataset '{name}' has {train.Count} training and {test.Count} test images; each needs some.");
        if (Shape(train) != Shape(test))
            throw new ArgumentException($"Dataset '{name}' trains on {Shape(train)} but tests on {Shape(test)}.");
        (Name, Train, Test) = (name, train, test);
        _digest = digest is null ? new Lazy<string>(ComputeDigest) : new Lazy<string>(digest);
    }

    /// <summary>The name users say.</summary>
    public string Name { get; }

    /// <summary>Images to train on.</summary>
    public LabeledImages Train { get; }

    /// <summary>Images to test on.</summary>
    public LabeledImages Test { get; }

    /// <summary>
    /// SHA-256 of the content, lower-case hex, computed on first use; the name takes no part. It covers, for <see cref="Train"/> and then
    /// for <see cref="Test"/>: the <see cref="Header"/>, all elements, all labels.
    /// </summary>
    public string Digest => _digest.Value;

    /// <summary>
    /// A validation split: of the N training samples round(fraction · N), half to even, are held out and become the test set, the others stay to train on; this
    /// dataset's own test set takes no part. Held out are the first places of the permutation (<see cref="Sampler"/>) drawn from the stream
    /// (seed, <see cref="RandomPurpose.Holdout"/>); both parts keep the order of the whole.
    /// </summary>
    /// <param name="fraction">In (0, 1).</param>
    /// <param name="seed">Draws the samples.</param>
    /// <exception cref="InvalidInputException">One of the parts would be empty.</exception>
    public Dataset Split(double fraction, ulong seed)
    {
        if (!(fraction is > 0 and < 1))
            throw new InvalidInputException($"A fraction of {fraction:R} is to be held out; it must be above 0 and below 1.");
        var held = (int)Math.Round(fraction * Train.Count);
        if (held < 1 || held >= Train.Count)
        {
            throw new InvalidInputException(
                $"Of the {Train.Count} training samples of {Name} a fraction of {fraction:R} is {held}: there must be some to train on and some to hold out. "
                + "Hold out another fraction.");
        }
        var order = new int[Train.Count];
        Sampler.Permutation(new RandomStream(seed, RandomPurpose.Holdout), order);
        order.AsSpan(0, held).Sort();
        order.AsSpan(held).Sort();
        return new Dataset(Name, Train.Select(order.AsSpan(held)), Train.Select(order.AsSpan(0, held)));
    }

    /// <summary>
    /// What stands before a part's elements, in its digest and wherever it is kept as bytes, as little-endian 32-bit integers: −32 if the
    /// elements are binary32 (nothing if they are bytes; no count is negative), then count, channels, height, width and class count.
    /// </summary>
    public static byte[] Header(LabeledImages part)
    {
        ArgumentNullException.ThrowIfNull(part);
        ReadOnlySpan<int> sizes = [part.Count, part.Channels, part.Height, part.Width, part.ClassCount];
        ReadOnlySpan<int> kind = part.ElementKind == ElementKind.Binary32 ? [Binary32Mark] : [];
        var header = new byte[(kind.Length + sizes.Length) * sizeof(int)];
        var place = header.AsSpan();
        foreach (var value in (ReadOnlySpan<int>)[.. kind, .. sizes])
        {
            BinaryPrimitives.WriteInt32LittleEndian(place, value);
            place = place[sizeof(int)..];
        }
        return header;
    }

    private static (int Channels, int Height, int Width, int ClassCount, ElementKind Kind) Shape(LabeledImages images) =>
        (images.Channels, images.Height, images.Width, images.ClassCount, images.ElementKind);

    private string ComputeDigest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var part in (ReadOnlySpan<LabeledImages>)[Train, Test])
        {
            hash.AppendData(Header(part));
            hash.AppendData(part.Elements);
            hash.AppendData(part.Labels);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
