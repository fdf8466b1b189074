using DistTrain.Cli.Options;

namespace DistTrain.Cli.Verbs;

/// <summary>One call of a verb.</summary>
/// <param name="Values">Its options.</param>
/// <param name="Arguments">The values of <see cref="Verb.ArgumentNames"/>.</param>
/// <param name="Surroundings">The world around.</param>
/// <param name="Stop">Somebody's wish to end it.</param>
public sealed record VerbCall(SettingValues Values, IReadOnlyList<string> Arguments, Surroundings Surroundings, StopRequest Stop)
{
    /// <summary>The value of <see cref="Verb.ArgumentName"/>; empty if the verb has none, or none was given.</summary>
    public string Argument => Arguments.Count > 0 ? Arguments[0] : "";

    /// <summary>Where the details of a failure are; null while there is no log.</summary>
    public string? LogPath { get; set; }
}

/// <summary>A command line to copy.</summary>
/// <param name="Arguments">Behind the program's name.</param>
/// <param name="What">What it does, in a few words.</param>
public sealed record Example(string Arguments, string What);

/// <summary>Something the command can do.</summary>
public abstract class Verb
{
    /// <summary>The word for it; <c>data fetch</c> is two.</summary>
    public abstract string Name { get; }

    /// <summary>One sentence.</summary>
    public abstract string Help { get; }

    /// <summary>Command lines to copy, the most usual first.</summary>
    public virtual IReadOnlyList<Example> Examples => [];

    /// <summary>Whether help leaves it out: this program alone uses it.</summary>
    public virtual bool IsHidden => false;

    /// <summary>Whether Slurm or Kubernetes may start it as one of many tasks: what they say about the task is then an option's value.</summary>
    public virtual bool IsTask => false;

    /// <summary>Whether options that cannot be read are what it tells of, rather than a reason to end.</summary>
    public virtual bool TellsProblems => false;

    /// <summary>The options it takes.</summary>
    public abstract IReadOnlyList<Setting> Settings { get; }

    /// <summary>The one argument that is no option; null if there is none.</summary>
    public virtual string? ArgumentName => null;

    /// <summary>Whether the verb can do without its arguments.</summary>
    public virtual bool ArgumentIsOptional => false;

    /// <summary>Whether the verb takes any number of its argument, at least one.</summary>
    public virtual bool ArgumentMayRepeat => false;

    /// <summary>The arguments that are no options, where there may be several.</summary>
    public virtual IReadOnlyList<string> ArgumentNames => ArgumentName is { } name ? [name] : [];

    /// <summary>One line for each of <see cref="ArgumentNames"/>, or one for all.</summary>
    public virtual string ArgumentHelp => "";

    /// <summary>Does it.</summary>
    /// <returns>The exit code.</returns>
    public abstract Task<int> RunAsync(VerbCall call);
}
