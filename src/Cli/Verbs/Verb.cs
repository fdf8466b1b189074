using DistTrain.Cli.Options;

namespace DistTrain.Cli.Verbs;

/// <summary>One call of a verb.</summary>
/// <param name="Values">Its options.</param>
/// <param name="Argument">The value of <see cref="Verb.ArgumentName"/>; empty if the verb has none.</param>
/// <param name="Surroundings">The world around.</param>
/// <param name="Stop">Somebody's wish to end it.</param>
public sealed record VerbCall(SettingValues Values, string Argument, Surroundings Surroundings, StopRequest Stop)
{
    /// <summary>Where the details of a failure are; null while there is no log.</summary>
    public string? LogPath { get; set; }
}

/// <summary>Something the command can do.</summary>
public abstract class Verb
{
    /// <summary>The word for it; <c>data fetch</c> is two.</summary>
    public abstract string Name { get; }

    /// <summary>One sentence.</summary>
    public abstract string Help { get; }

    /// <summary>The options it takes.</summary>
    public abstract IReadOnlyList<Setting> Settings { get; }

    /// <summary>The one argument that is no option; null if there is none.</summary>
    public virtual string? ArgumentName => null;

    /// <summary>Does it.</summary>
    /// <returns>The exit code.</returns>
    public abstract Task<int> RunAsync(VerbCall call);
}
