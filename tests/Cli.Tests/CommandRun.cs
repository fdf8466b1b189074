using System.Text.Json;
using DistTrain.Cli.Data;
using DistTrain.Core.Data;

namespace DistTrain.Cli.Tests;

/// <summary>The command in this process, in a directory of its own, on a few synthetic digits.</summary>
internal sealed class CommandRun : IDisposable
{
    private static readonly Dataset Digits = SyntheticDigits.Create(trainCount: 120, testCount: 40);
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();

    public CommandRun() => Surroundings = new Surroundings
    {
        Output = _output,
        Error = _error,
        Variable = name => Variables.GetValueOrDefault(name),
        WorkingDirectory = Directory,
        Cores = 1,
        LoadDataset = (name, _, _) => Task.FromResult(new ResolvedDataset(Digits, $"asked for {name ?? "nothing"}")),
    };

    public string Directory { get; } = System.IO.Directory.CreateTempSubdirectory("disttrain-test-").FullName;

    public Dictionary<string, string> Variables { get; } = [];

    public Surroundings Surroundings { get; set; }

    public StopRequest Stop { get; } = new();

    public string Output => _output.ToString();

    public string Error => _error.ToString();

    /// <summary>Every line of standard output, each of which must be JSON.</summary>
    public IReadOnlyList<JsonElement> Lines => [.. Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];

    public JsonElement Last => Lines[^1];

    public Task<int> RunAsync(params string[] arguments)
    {
        _output.GetStringBuilder().Clear();
        _error.GetStringBuilder().Clear();
        return DistTrainCommand.RunAsync(arguments, Surroundings, Stop);
    }

    /// <summary>Two steps of a small network, unless the arguments say otherwise.</summary>
    public Task<int> TrainAsync(params string[] arguments) =>
        RunAsync(["train", "--out", "run", "--json", .. arguments.Intersect(["--epochs", "--steps", "--config"]).Any() ? [] : new[] { "--steps", "2" }, .. arguments]);

    public string File(string name) => Path.Combine(Directory, name);

    public string Write(string name, string content)
    {
        System.IO.File.WriteAllText(File(name), content);
        return name;
    }

    /// <summary>A member of the run's run.json, by path: <c>optimizer.name</c>.</summary>
    public string Spec(string path) => path.Split('.')
        .Aggregate(JsonDocument.Parse(System.IO.File.ReadAllText(File("run/run.json"))).RootElement, (element, name) => element.GetProperty(name))
        .ToString();

    public void Dispose()
    {
        Stop.Dispose();
        _output.Dispose();
        _error.Dispose();
        System.IO.Directory.Delete(Directory, recursive: true);
    }
}
