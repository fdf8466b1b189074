using System.CommandLine;
using System.Globalization;
using System.Net;
using DistTrain.Core;
using DistTrain.Transport;

namespace DistTrain.Cli.Options;

/// <summary>
/// One option, described once: <c>--batch-size</c> on the command line is <c>DISTTRAIN_BATCH_SIZE</c> in the environment and <c>batchSize</c>
/// in a configuration file. All three hand in a text, which is read and checked in one place.
/// </summary>
public abstract class Setting
{
    private protected Setting(string name, string valueName, string help)
    {
        Name = name;
        ValueName = valueName;
        Help = help;
        var words = name.TrimStart('-').Split('-');
        Variable = "DISTTRAIN_" + string.Join('_', words).ToUpperInvariant();
        Key = words[0] + string.Concat(words.Skip(1).Select(word => char.ToUpperInvariant(word[0]) + word[1..]));
    }

    /// <summary>On the command line.</summary>
    public string Name { get; }

    /// <summary>In the environment.</summary>
    public string Variable { get; }

    /// <summary>In a configuration file.</summary>
    public string Key { get; }

    /// <summary>What the help calls the value; empty for a flag.</summary>
    public string ValueName { get; }

    /// <summary>One line, with range and default.</summary>
    public string Help { get; }

    /// <summary>What <see cref="Help"/> says of the default, for example "5" or "this host's name and port 29500"; "-" if it says nothing.</summary>
    public string DefaultText
    {
        get
        {
            const string word = "default";
            var begin = Help.LastIndexOf(word, StringComparison.OrdinalIgnoreCase);
            return begin < 0 ? "-" : Help[(begin + word.Length)..].TrimStart(':', ' ').TrimEnd('.');
        }
    }

    /// <summary>Whether naming it says enough.</summary>
    public bool IsFlag { get; private protected init; }

    /// <summary>Whether help and environment leave it out: this program alone uses it.</summary>
    public bool IsHidden { get; init; }

    /// <summary>The values there are, for the shell to complete; empty where they cannot be listed.</summary>
    public IReadOnlyCollection<string> Choices { get; init; } = [];

    /// <summary>Reads a text only to find out whether it can be.</summary>
    /// <param name="text">What was given.</param>
    /// <param name="place">Where: the option, the variable, or the line of a file.</param>
    /// <exception cref="InvalidInputException">It stands for no value.</exception>
    public abstract void Check(string text, string place);

    /// <summary>Its description for the command line's parser.</summary>
    public Option<string?> CreateOption()
    {
        var option = new Option<string?>(Name)
        {
            Description = Help,
            HelpName = ValueName,
            Hidden = IsHidden,
            Arity = IsFlag ? ArgumentArity.Zero : ArgumentArity.ExactlyOne,
        };
        if (Choices.Count > 0)
        {
            option.CompletionSources.Add([.. Choices]);
        }

        return option;
    }
}

/// <summary>An option with a type.</summary>
/// <typeparam name="T">Of its value.</typeparam>
public sealed class Setting<T> : Setting
{
    private readonly Func<string, T> _read;

    /// <summary>Describes an option.</summary>
    /// <param name="name">On the command line, with its dashes.</param>
    /// <param name="valueName">What the help calls the value; empty for a flag.</param>
    /// <param name="help">One line.</param>
    /// <param name="read">From text to value; throws <see cref="FormatException"/> with what is expected ("a whole number of at least 1.").</param>
    public Setting(string name, string valueName, string help, Func<string, T> read)
        : base(name, valueName, help)
    {
        _read = read;
        IsFlag = valueName.Length == 0;
    }

    /// <inheritdoc/>
    public override void Check(string text, string place) => Read(text, place);

    /// <summary>The value that a text stands for.</summary>
    /// <param name="text">What was given.</param>
    /// <param name="place">Where: the option, the variable, or the line of a file.</param>
    /// <exception cref="InvalidInputException">It stands for none.</exception>
    public T Read(string text, string place)
    {
        try
        {
            return _read(text);
        }
        catch (FormatException e)
        {
            throw new InvalidInputException($"{place} is '{text}'; it must be {e.Message}", e);
        }
    }
}

/// <summary>The kinds of options.</summary>
public static class Settings
{
    private const long ExactInteger = 1L << 53;

    /// <summary>Any text but the empty one.</summary>
    public static Setting<string> Text(string name, string valueName, string help) =>
        new(name, valueName, help, text => text.Length > 0 ? text : throw new FormatException("a text that is not empty."));

    /// <summary>Present or not; in environment and files true or false.</summary>
    public static Setting<bool> Flag(string name, string help, bool hidden = false) => new(name, "", help, text => text.ToUpperInvariant() switch
    {
        "" or "TRUE" or "1" or "YES" => true,
        "FALSE" or "0" or "NO" => false,
        _ => throw new FormatException("true or false."),
    })
    { IsHidden = hidden };

    /// <summary>A whole number.</summary>
    public static Setting<long> Integer(string name, string help, long minimum, long maximum = ExactInteger, string valueName = "N") =>
        new(name, valueName, help, text => ReadInteger(text, minimum, maximum));

    /// <summary>A whole number that fits 32 bits.</summary>
    public static Setting<int> Count(string name, string help, int minimum, int maximum = int.MaxValue) =>
        new(name, "N", help, text => (int)ReadInteger(text, minimum, maximum));

    /// <summary>A finite number.</summary>
    /// <param name="name">The option.</param>
    /// <param name="help">One line.</param>
    /// <param name="isAllowed">Its range.</param>
    /// <param name="range">The range in words.</param>
    public static Setting<double> Number(string name, string help, Func<double, bool> isAllowed, string range) => new(name, "X", help, text =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value) && isAllowed(value)
            ? value
            : throw new FormatException($"a number {range}."));

    /// <summary>Seconds, fractions allowed.</summary>
    public static Setting<TimeSpan> Seconds(string name, string help, bool hidden = false) => new(name, "S", help, text =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value is > 0 and <= 1e6
            ? TimeSpan.FromSeconds(value)
            : throw new FormatException("a number of seconds above 0 and at most 1000000."))
    { IsHidden = hidden };

    /// <summary>One of some names.</summary>
    public static Setting<string> Name(string name, string help, IReadOnlyCollection<string> known) => new(name, "NAME", help, text =>
        known.Contains(text)
            ? text
            : throw new FormatException($"one of: {string.Join(", ", known)}.{NearestName.Suggestion(text, known)}"))
    { Choices = known };

    /// <summary>Whole numbers with commas between them.</summary>
    public static Setting<IReadOnlyList<int>> Counts(string name, string help, int minimum, int maximum) => new(name, "N,N,…", help, text =>
        [.. text.Split(',', StringSplitOptions.TrimEntries).Select(part => (int)ReadInteger(part, minimum, maximum, "whole numbers with commas between, each"))]);

    /// <summary>A host and a port, or the file of a socket.</summary>
    public static Setting<EndPoint> Address(string name, string help) => new(name, "HOST:PORT|unix:PATH", help, text =>
    {
        if (CoordinatorAddress.FindSocket(text) is { } socket)
        {
            return socket;
        }

        var colon = text.LastIndexOf(':');
        var host = text[..Math.Max(0, colon)].Trim('[', ']');
        return host.Length > 0 && ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            ? new DnsEndPoint(host, port)
            : throw new FormatException("HOST:PORT, for example 127.0.0.1:29500 or [::1]:29500, or unix:PATH.");
    });

    private static long ReadInteger(string text, long minimum, long maximum, string what = "a whole number") =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= minimum && value <= maximum
            ? value
            : throw new FormatException(maximum is int.MaxValue or ExactInteger ? $"{what} of at least {minimum}." : $"{what} from {minimum} to {maximum}.");
}
