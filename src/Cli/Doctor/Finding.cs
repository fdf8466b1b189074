namespace DistTrain.Cli.Doctor;

/// <summary>One thing looked at.</summary>
/// <param name="Topic">What.</param>
/// <param name="State">ok, note (worth knowing, nothing is broken) or problem (a command would fail).</param>
/// <param name="Detail">What was found, and what to do if it is not ok.</param>
public sealed record Finding(string Topic, string State, string Detail)
{
    /// <summary>All is well.</summary>
    public static Finding Ok(string topic, string detail) => new(topic, "ok", detail);

    /// <summary>Worth knowing.</summary>
    public static Finding Note(string topic, string detail) => new(topic, "note", detail);

    /// <summary>A command would fail.</summary>
    public static Finding Problem(string topic, string detail) => new(topic, "problem", detail);
}

/// <summary>An option as it would be taken.</summary>
/// <param name="Option">Its name.</param>
/// <param name="Value">As it was given; what the help says of the default if nobody gave it.</param>
/// <param name="Origin">command line, environment, platform, configuration file or default.</param>
/// <param name="Place">Where exactly; null for a default.</param>
public sealed record OptionOrigin(string Option, string Value, string Origin, string? Place);
