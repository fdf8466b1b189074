using System.Globalization;

namespace DistTrain.Chaos;

/// <summary>The command line.</summary>
internal sealed record ChaosOptions
{
    /// <summary>Which rows: those of the fast tier, or all.</summary>
    public bool IsFull { get; init; }

    /// <summary>Rows named one by one; empty for all of the tier.</summary>
    public IReadOnlyList<string> Rows { get; init; } = [];

    /// <summary>Of every random choice.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Each row so often, with seeds that count up.</summary>
    public int Repeat { get; init; } = 1;

    /// <summary>Only name the rows.</summary>
    public bool List { get; init; }

    /// <summary>Keep the run directories, and say where they are.</summary>
    public bool Keep { get; init; }

    /// <summary>Random schedules of workers' faults instead of rows; 0 for none.</summary>
    public int Schedules { get; init; }

    /// <summary>Seconds of random kills instead of rows; 0 for none.</summary>
    public double SoakSeconds { get; init; }

    /// <summary>Between two kills of the soak, on average.</summary>
    public double MeanKillSeconds { get; init; } = 15;

    /// <summary>Of the soak's kills that hit the coordinator.</summary>
    public double CoordinatorShare { get; init; } = 0.05;

    /// <summary>The least share of calm speed that the soak must keep.</summary>
    public double Goodput { get; init; } = 0.95;

    /// <summary>How to call it.</summary>
    public const string Usage = """
        dotnet run -c Release --project tests/Chaos -- [--tier fast|full] [--rows P1,P5,…] [--seed N] [--repeat N] [--keep] [--list]
        dotnet run -c Release --project tests/Chaos -- --schedules N [--seed N]
        dotnet run -c Release --project tests/Chaos -- --soak SECONDS [--mean-kill SECONDS] [--coordinator-share X] [--goodput X] [--seed N]
          --tier fast|full   the rows of every change, or all; default fast
          --rows ID,ID,…     these rows, whatever their tier
          --seed N           of every random choice; default 1
          --repeat N         each row N times, with seeds from --seed on
          --keep             leave the run directories and say where they are
          --schedules N      N random schedules of kills, stops, joins and departures of workers
          --soak SECONDS     kill at random for so long; a kill every --mean-kill seconds (15), --coordinator-share of them (0.05) the coordinator;
                             fails below --goodput (0.95) of the calm speed
          --list             name the rows and end
        """;

    /// <summary>Reads arguments.</summary>
    /// <exception cref="FormatException">The message says what is wrong.</exception>
    public static ChaosOptions Parse(IReadOnlyList<string> arguments)
    {
        var options = new ChaosOptions();
        for (var i = 0; i < arguments.Count; i++)
        {
            var name = arguments[i];
            options = name switch
            {
                "--list" => options with { List = true },
                "--keep" => options with { Keep = true },
                "--tier" => options with { IsFull = Value() switch { "full" => true, "fast" => false, var other => throw new FormatException($"--tier is fast or full, not {other}.") } },
                "--rows" => options with { Rows = Value().Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) },
                "--seed" => options with { Seed = Number() },
                "--schedules" => options with { Schedules = Number() },
                "--soak" => options with { SoakSeconds = Real() },
                "--mean-kill" => options with { MeanKillSeconds = Real() },
                "--coordinator-share" => options with { CoordinatorShare = Real() },
                "--goodput" => options with { Goodput = Real() },
                "--repeat" => options with { Repeat = Number() },
                _ => throw new FormatException($"There is no option {name}."),
            };

            string Value() => ++i < arguments.Count ? arguments[i] : throw new FormatException($"{name} needs a value.");

            double Real() => double.TryParse(Value(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number >= 0
                ? number
                : throw new FormatException($"{name} needs a number, not '{arguments[i]}'.");

            int Number() => int.TryParse(Value(), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                ? number
                : throw new FormatException($"{name} needs a whole number, not '{arguments[i]}'.");
        }

        return options;
    }
}
