using System.Diagnostics;

namespace DistTrain.Fuzz;

/// <summary>What a loop found.</summary>
/// <param name="Inputs">How many were tried.</param>
/// <param name="Kept">How many of them took a new way.</param>
/// <param name="Findings">What went wrong, each with the file that shows it.</param>
internal sealed record FuzzResult(long Inputs, int Kept, IReadOnlyList<(string What, string Path)> Findings);

/// <summary>
/// Mutations of a target's corpus, in this process: on any machine, and, where the assemblies are instrumented, led by what they reach. A hang is left
/// to the watch, since nothing else could end it.
/// </summary>
/// <param name="target">What is tried.</param>
/// <param name="seed">Of chance.</param>
/// <param name="findings">Where inputs go that show something.</param>
internal sealed class FuzzLoop(FuzzTarget target, int seed, string findings)
{
    /// <summary>By the clock: a busy machine makes a second longer, an endless loop makes it endless.</summary>
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(20);

    private const int MostSmaller = 2000;

    private readonly List<byte[]> _inputs = [];
    private readonly Dictionary<string, string> _found = new(StringComparer.Ordinal);
    private byte[] _current = [];
    private long _began;

    /// <summary>Tries for a time.</summary>
    public FuzzResult Run(IReadOnlyList<Seed> corpus, TimeSpan time)
    {
        var clock = Stopwatch.StartNew();
        Coverage.Forget();
        using var watch = new Timer(_ => EndIfHanging(), null, Hang, TimeSpan.FromSeconds(1));
        foreach (var input in corpus)
        {
            Try(input.Content);
        }

        // Also what took no new way: without instrumentation none does.
        _inputs.Clear();
        _inputs.AddRange(corpus.Select(input => input.Content));
        var first = _inputs.Count;
        var mutator = new Mutator(new Random(seed), target.Words);
        var count = 0L;
        for (; clock.Elapsed < time; count++)
        {
            var input = mutator.Next(_inputs);
            if (Try(input))
            {
                _inputs.Add(input);
            }
        }

        Volatile.Write(ref _began, 0);
        return new FuzzResult(count, _inputs.Count - first, [.. _found.Select(pair => (pair.Key, pair.Value))]);
    }

    private bool Try(byte[] input)
    {
        _current = input;
        Volatile.Write(ref _began, Stopwatch.GetTimestamp());
        Coverage.Clear();
        var wrong = target.Judge(input);
        var isNew = Coverage.IsNew();
        if (wrong is not null && !_found.ContainsKey(Kind(wrong)))
        {
            _found.Add(Kind(wrong), Corpus.Keep(findings, target, Smaller(input, Kind(wrong))));
        }

        return isNew;
    }

    /// <summary>The same fault in a smaller input: pieces are left out for as long as it stays the same.</summary>
    private byte[] Smaller(byte[] input, string kind)
    {
        var tries = 0;
        for (var piece = input.Length / 2; piece > 0; piece /= 2)
        {
            for (var at = 0; at + piece <= input.Length && tries < MostSmaller; tries++)
            {
                byte[] shorter = [.. input[..at], .. input[(at + piece)..]];
                if (target.Judge(shorter) is { } wrong && Kind(wrong) == kind)
                {
                    input = shorter;
                }
                else
                {
                    at += piece;
                }
            }
        }

        return input;
    }

    /// <summary>Faults are one if they come from one place, whatever numbers the message holds.</summary>
    private static string Kind(string wrong) => wrong.Split(':')[0] is var place && place.StartsWith(nameof(BrokenPromiseException), StringComparison.Ordinal)
        ? wrong
        : wrong.StartsWith("took ", StringComparison.Ordinal) ? "took too long"
        : wrong.StartsWith("allocated ", StringComparison.Ordinal) ? "allocated too much"
        : place;

    private void EndIfHanging()
    {
        var began = Volatile.Read(ref _began);
        if (began != 0 && Stopwatch.GetElapsedTime(began) > Hang)
        {
            Console.WriteLine($"FAIL  {target.Name}: hangs: {Corpus.Keep(findings, target, _current)}");
            Console.Out.Flush();
            Environment.Exit(1);
        }
    }
}
