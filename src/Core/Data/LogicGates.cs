namespace DistTrain.Core.Data;

/// <summary>
/// The truth tables of the book's perceptrons (chapter 2) as datasets: inputs (0, 0), (0, 1), (1, 0), (1, 1) as pixels of 0 and 255, label 0 or
/// 1. Everything there is to know is in four samples, so training and test set are the same.
/// </summary>
public static class LogicGates
{
    private const byte On = byte.MaxValue;

    private static readonly Dictionary<string, byte[]> Tables = new(StringComparer.Ordinal)
    {
        ["gate-and"] = [0, 0, 0, 1],
        ["gate-nand"] = [1, 1, 1, 0],
        ["gate-or"] = [0, 1, 1, 1],
        ["gate-xor"] = [0, 1, 1, 0],
    };

    /// <summary>Their names.</summary>
    public static IReadOnlyCollection<string> Names => Tables.Keys;

    /// <summary>The dataset of that name: samples of shape (1, 1, 2), two classes.</summary>
    /// <exception cref="InvalidInputException">There is no such gate.</exception>
    public static Dataset Create(string name)
    {
        if (!Tables.TryGetValue(name, out var outputs))
            throw new InvalidInputException($"There is no gate '{name}'. Known: {string.Join(", ", Names)}.");
        var samples = new LabeledImages([0, 0, 0, On, On, 0, On, On], outputs, height: 1, width: 2, channels: 1, classCount: 2);
        return new Dataset(name, samples, samples);
    }
}
