using System.Globalization;
using DistTrain.Fuzz;
using SharpFuzz;

Coverage.Begin();
return args switch
{
    ["list"] => List(),
    ["seed", var directory] => WriteSeeds(directory),
    ["run", var name, .. var options] => Run(name, options),
    ["replay", var name, .. var files] => Replay(name, files),
    ["words", var name] => Words(name),
    ["afl", var name] => UnderAfl(name),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("""
        list                                        the targets
        run TARGET|all [--seconds N] [--seed N] [--findings DIR] [--instrumented]
                                                    mutate the corpus for so long (default 120 s each); 1 if anything is found, no input
                                                    was tried, or, with --instrumented, nothing counts what inputs reach
        replay TARGET FILE…                         take these inputs and say what is wrong
        seed DIR                                    write the inputs to begin with, below DIR
        words TARGET                                the dictionary for afl-fuzz
        afl TARGET                                  be driven by afl-fuzz: see fuzz.sh
        """);
    return 2;
}

static int List()
{
    foreach (var target in FuzzTargets.All)
    {
        Console.WriteLine($"{target.Name,-20} {target.Reads}; may throw {(target.Documented.Length == 0 ? "nothing" : string.Join(", ", target.Documented.Select(type => type.Name)))}");
    }

    return 0;
}

static IReadOnlyList<FuzzTarget> Find(string name) =>
    name == "all" ? FuzzTargets.All : FuzzTargets.Find(name) is { } target ? [target] : throw new ArgumentException($"There is no target {name}; 'list' names them.");

static int WriteSeeds(string directory)
{
    foreach (var target in FuzzTargets.All)
    {
        Console.WriteLine($"{target.Name,-20} {Corpus.WriteSeeds(directory, target)}");
    }

    return 0;
}

static int Run(string name, string[] options)
{
    string Option(string option, string otherwise) => Array.IndexOf(options, option) is >= 0 and var at ? options[at + 1] : otherwise;
    var time = TimeSpan.FromSeconds(int.Parse(Option("--seconds", "120"), CultureInfo.InvariantCulture));
    var seed = int.Parse(Option("--seed", "1"), CultureInfo.InvariantCulture);
    var failures = 0;
    foreach (var target in Find(name))
    {
        var result = new FuzzLoop(target, seed, Option("--findings", "findings")).Run(Corpus.Read(Corpus.Directory, target), time);
        var ways = Coverage.Count == 0 ? "not instrumented" : $"{result.Kept} new ways";
        // What was not tried, or not as it was meant to be, is not ok.
        var isTried = result.Inputs > 0 && (Coverage.Count > 0 || !options.Contains("--instrumented"));
        Console.WriteLine($"{(result.Findings.Count == 0 && isTried ? "ok  " : "FAIL")}  {target.Name,-20} {result.Inputs,9} inputs, {ways}");
        foreach (var (what, path) in result.Findings)
        {
            Console.WriteLine($"      {what}: {path}");
        }

        failures += result.Findings.Count + (isTried ? 0 : 1);
    }

    return failures == 0 ? 0 : 1;
}

static int Replay(string name, string[] files)
{
    var failures = 0;
    foreach (var target in Find(name))
    {
        foreach (var file in files)
        {
            var wrong = target.Judge(File.ReadAllBytes(file), out var refusal);
            Console.WriteLine($"{(wrong is null ? "ok  " : "FAIL")}  {file}: {wrong ?? (refusal is null ? "taken" : $"refused: {refusal}")}");
            failures += wrong is null ? 0 : 1;
        }
    }

    return failures == 0 ? 0 : 1;
}

static int Words(string name)
{
    foreach (var word in Find(name).Single().Words)
    {
        Console.WriteLine($"\"{string.Concat(System.Text.Encoding.UTF8.GetBytes(word).Select(value => $"\\x{value:x2}"))}\"");
    }

    return 0;
}

static int UnderAfl(string name)
{
    var target = Find(name).Single();
    Fuzzer.OutOfProcess.Run(stream =>
    {
        using var input = new MemoryStream();
        stream.CopyTo(input);
        if (target.Judge(input.ToArray()) is { } wrong)
        {
            throw new BrokenPromiseException(wrong);
        }
    });
    return 0;
}
