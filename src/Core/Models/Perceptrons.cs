namespace DistTrain.Core.Models;

/// <summary>
/// The book's perceptrons (chapter 2): gates with given weights, not learnt ones. The book's single output is here two scores, one per class: the second
/// is 1 where <c>w·x + b &gt; 0</c>, the first where it is not.
/// </summary>
public static class Perceptrons
{
    /// <summary>w = (0.5, 0.5), b = −0.7</summary>
    public static ModelSpec And => Gate("perceptron-and", 0.5f, 0.5f, -0.7f);

    /// <summary>w = (−0.5, −0.5), b = 0.7</summary>
    public static ModelSpec Nand => Gate("perceptron-nand", -0.5f, -0.5f, 0.7f);

    /// <summary>w = (0.5, 0.5), b = −0.2</summary>
    public static ModelSpec Or => Gate("perceptron-or", 0.5f, 0.5f, -0.2f);

    /// <summary>What no single perceptron can: AND of NAND and OR (section 2.5).</summary>
    public static ModelSpec Xor => new(
        "perceptron-xor",
        [2],
        [
            new AffineSpec(2, Weight: [-0.5f, -0.5f, 0.5f, 0.5f], Bias: [0.7f, -0.2f]),
            new StepSpec(),
            .. Output(0.5f, 0.5f, -0.7f),
        ]);

    private static ModelSpec Gate(string name, float w1, float w2, float bias) => new(name, [2], Output(w1, w2, bias));

    private static IReadOnlyList<LayerSpec> Output(float w1, float w2, float bias) =>
        [new AffineSpec(2, Weight: [-w1, -w2, w1, w2], Bias: [-bias, bias]), new StepSpec()];
}
