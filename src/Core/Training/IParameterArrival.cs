namespace DistTrain.Core.Training;

/// <summary>Parameters that are still on their way, from the first layer to the last: a forward pass may begin before all have come. For several threads at once.</summary>
public interface IParameterArrival
{
    /// <summary>Returns when elements <c>[0, end)</c> of the flat buffer are there.</summary>
    /// <param name="end">At most the length counts.</param>
    /// <exception cref="ParametersLostException">They will never come: what is being computed is to be dropped.</exception>
    void Await(int end);
}
