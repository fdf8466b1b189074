namespace DistTrain.Core.Training;

/// <summary>
/// Told, by the one thread that computes, which gradients nothing will be added to any more while the others are still being computed: the backward
/// pass goes from the last layer to the first, and each is done with its own. Where several threads share a range nothing is told, since the partials
/// only come about when all have ended.
/// </summary>
public interface IGradientProgress
{
    /// <summary>A backward pass begins.</summary>
    /// <param name="partials">What is being computed; node and sample count are known. They stay the computation's until it is done.</param>
    void Begun(IReadOnlyList<Partial> partials);

    /// <summary>Elements <c>[first, parameter length)</c> of each partial's gradient are final.</summary>
    /// <param name="first">Falls with each call; 0 in the last, if the first layer has parameters.</param>
    void Final(int first);
}
