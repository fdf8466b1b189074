using System.Globalization;
using System.Net;
using DistTrain.Cli.Runs;
using DistTrain.Coordinator.Identity;
using DistTrain.Core.Data;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;
using DistTrain.Transport.SharedMemory;

namespace DistTrain.Cli.Options;

/// <summary>Every option of the command, once: name, range, default and help.</summary>
public static class CommonOptions
{
    /// <summary>Passes over the training set when nothing says how long.</summary>
    public const int DefaultEpochs = 5;

    /// <summary>Samples per step.</summary>
    public const int DefaultBatchSize = 100;

    /// <summary>Shards per step: a constant, never derived from workers, threads or hardware.</summary>
    public const int DefaultShards = 8;

    /// <summary>Seed of a run that names none.</summary>
    public const ulong DefaultSeed = 1;

    /// <summary>Checkpoints that stay.</summary>
    public const int DefaultKeepCheckpoints = 3;

    /// <summary>Port of a coordinator started by hand.</summary>
    public const int DefaultPort = 29500;

    /// <summary>The network of a run that names none.</summary>
    public const string DefaultModel = "two-layer";

    /// <summary>The optimizer of a run that names none.</summary>
    public const string DefaultOptimizer = "momentum";

    /// <summary>The model that takes the options <see cref="OfMultiLayer"/>.</summary>
    public const string MultiLayer = "multi-layer";

    /// <summary>Workers that one run can have.</summary>
    public const int MostWorkers = 1024;

    private const int MostThreads = 1024;
    private const int MostUnits = 1 << 20;

    /// <summary>How long to wait for workers, or for the coordinator.</summary>
    public static readonly TimeSpan DefaultStartTimeout = TimeSpan.FromSeconds(60);

    /// <summary>How long a worker looks for a coordinator that it was attached to.</summary>
    public static readonly TimeSpan DefaultReconnectTimeout = TimeSpan.FromMinutes(5);

    /// <summary>How long an operator's command looks for the run.</summary>
    public static readonly TimeSpan DefaultFindTimeout = TimeSpan.FromSeconds(3);

    /// <summary>--model</summary>
    public static readonly Setting<string> Model = new(
        "--model", "NAME|FILE.json", $"Network: {string.Join(", ", ModelCatalog.Names)}, or a ModelSpec file. Default {DefaultModel}.", ReadModel)
    { Choices = ModelCatalog.Names };

    /// <summary>--hidden</summary>
    public static readonly Setting<IReadOnlyList<int>> Hidden = Settings.Counts(
        "--hidden", $"Units of each hidden layer of {MultiLayer}. Default 100,100,100.", 1, MostUnits);

    /// <summary>--activation</summary>
    public static readonly Setting<string> Activation = Settings.Name(
        "--activation", $"Activation between the layers of {MultiLayer}: relu, sigmoid, tanh. Default relu.", ["relu", "sigmoid", "tanh"]);

    /// <summary>--initializer</summary>
    public static readonly Setting<string> Initializer = Settings.Name(
        "--initializer", $"Initial weights of {MultiLayer}: he, xavier, gaussian, zero (a mistake to look at). Default he.", ["he", "xavier", "gaussian", "zero"]);

    /// <summary>--batch-norm</summary>
    public static readonly Setting<bool> BatchNorm = Settings.Flag(
        "--batch-norm", $"Batch normalisation before each activation of {MultiLayer}. Default none.");

    /// <summary>--dropout</summary>
    public static readonly Setting<double> Dropout = Decay(
        "--dropout", $"Probability of dropout after each activation of {MultiLayer}, in [0, 1). Default no such layers.");

    /// <summary>The options that only <see cref="MultiLayer"/> has.</summary>
    public static readonly IReadOnlyList<Setting> OfMultiLayer = [Hidden, Activation, Initializer, BatchNorm, Dropout];

    /// <summary>What says which network.</summary>
    public static readonly IReadOnlyList<Setting> OfModel = [Model, .. OfMultiLayer];

    /// <summary>--weights</summary>
    public static readonly Setting<string> Weights = Settings.Text(
        "--weights", "FILE", "Parameters made elsewhere, for --model: safetensors or NumPy's npz, with the names that docs/formats.md lists.");

    /// <summary>--health</summary>
    public static readonly Setting<string> Health = Settings.Text(
        "--health", "RUN", "Run directory, finished or going on: name the mistakes that keep its network from learning.");

    /// <summary>--spec</summary>
    public static readonly Setting<bool> Spec = Settings.Flag("--spec", "Print the ModelSpec: a JSON file that --model takes, to be changed.");

    /// <summary>--dataset</summary>
    public static readonly Setting<string> Dataset = new(
        "--dataset",
        "NAME|PLACE",
        $"Dataset: {string.Join(", ", DatasetNames)}; or {DatasetPath.Forms}. Default mnist, or synthetic digits if it cannot be had.",
        ReadDataset)
    { Choices = [.. DatasetNames] };

    /// <summary>--data</summary>
    public static readonly Setting<string> Data = Settings.Text(
        "--data", "DIR", "Directory of the datasets (DIR/mnist/…). Default: the user's cache, filled by download.");

    /// <summary>--epochs</summary>
    public static readonly Setting<int> Epochs = Settings.Count("--epochs", $"Passes over the training set, at least 1. Default {DefaultEpochs}.", 1);

    /// <summary>--steps</summary>
    public static readonly Setting<long> Steps = Settings.Integer("--steps", "Optimizer updates, at least 1, instead of --epochs.", 1);

    /// <summary>--evaluate-every; the value of a <see cref="RunSpec.EvaluateEvery"/></summary>
    public static readonly Setting<long?> EvaluateEvery = new(
        "--evaluate-every", "N|epoch|end", "Evaluate on the test set after every N steps, after each epoch, or only at the end (0 is end too). Default epoch.", text =>
        text == "epoch" ? null
        : text == "end" ? 0
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var steps) ? steps
        : throw new FormatException("a number of steps, epoch, or end."));

    /// <summary>--holdout</summary>
    public static readonly Setting<double> Holdout = Settings.Number(
        "--holdout", "Hold this fraction of the training set out, drawn by --holdout-seed, and evaluate on it in place of the test set, which is not touched. In (0, 1).",
        x => x is > 0 and < 1, "above 0 and below 1");

    /// <summary>--holdout-seed</summary>
    public static readonly Setting<ulong> HoldoutSeed = SeedOption("--holdout-seed", "Draws the samples that --holdout takes out. Default the value of --seed.");

    /// <summary>--batch-size</summary>
    public static readonly Setting<int> BatchSize = Settings.Count(
        "--batch-size", $"Samples per step over all workers, at least 1. Default {DefaultBatchSize}.", 1);

    /// <summary>--optimizer</summary>
    public static readonly Setting<string> Optimizer = Settings.Name(
        "--optimizer", $"Update rule: {string.Join(", ", OptimizerSpec.Names)}. Default {DefaultOptimizer}.", OptimizerSpec.Names);

    /// <summary>--lr</summary>
    public static readonly Setting<double> LearningRate = Settings.Number(
        "--lr", $"Learning rate, above 0. Default {LearningRates()}.", x => x > 0, "above 0");

    /// <summary>--momentum</summary>
    public static readonly Setting<double> Momentum = Decay("--momentum", "Share of the last update that goes on, in momentum and nesterov, in [0, 1). Default 0.9.");

    /// <summary>--alpha</summary>
    public static readonly Setting<double> Alpha = Decay("--alpha", "Smoothing of rmsprop, in [0, 1). Default 0.99.");

    /// <summary>--beta1</summary>
    public static readonly Setting<double> Beta1 = Decay("--beta1", "First moment's decay of adam, adamw and lamb, in [0, 1). Default 0.9.");

    /// <summary>--beta2</summary>
    public static readonly Setting<double> Beta2 = Decay("--beta2", "Second moment's decay of adam, adamw and lamb, in [0, 1). Default 0.999.");

    /// <summary>--epsilon</summary>
    public static readonly Setting<double> Epsilon = Settings.Number(
        "--epsilon", "Added to the root in adagrad, rmsprop, adam, adamw and lamb, at least 0. Default 1e-8, adagrad 1e-10, lamb 1e-6.", x => x >= 0, "of at least 0");

    /// <summary>--seed</summary>
    public static readonly Setting<ulong> Seed = SeedOption("--seed", $"Seed of every random number in the run. Default {DefaultSeed}.");

    /// <summary>--shards</summary>
    public static readonly Setting<int> Shards = Settings.Count(
        "--shards", $"Shards per step, 1 to {RunSpec.MaximumShardCount}; as many workers can share a step. Default {DefaultShards}.", 1, RunSpec.MaximumShardCount);

    /// <summary>--workers</summary>
    public static readonly Setting<int> Workers = Settings.Count(
        "--workers", "Worker processes to start; 0 trains in this process. Default 0; as a task of Slurm the number of tasks, each of which is one.", 0, MostWorkers);

    /// <summary>--workers of a coordinator</summary>
    public static readonly Setting<int> WorkersToStart = Settings.Count(
        "--workers", "Workers to wait for before the first step, at least 1. Default 1.", 1, MostWorkers);

    /// <summary>--workers of a comparison</summary>
    public static readonly Setting<IReadOnlyList<int>> WorkerCounts = Settings.Counts(
        "--workers", "Worker counts to compare. Default 0,1,2.", 0, MostWorkers);

    /// <summary>--threads</summary>
    public static readonly Setting<int> Threads = Settings.Count(
        "--threads", "Compute threads of each process, at least 1. Default all cores without workers, max(1, cores ÷ N) for each of N.", 1, MostThreads);

    /// <summary>--out</summary>
    public static readonly Setting<string> Out = Settings.Text(
        "--out", "DIR", "Run directory, new or empty. Default ./runs/<UTC time>-<spec hash>.");

    /// <summary>--resume</summary>
    public static readonly Setting<string> Resume = Settings.Text(
        "--resume", "auto|PATH", "Go on: auto with the newest checkpoint in --out, or begin there; PATH is a run directory or one of its checkpoints.");

    /// <summary>--checkpoint-every</summary>
    public static readonly Setting<CheckpointRule> CheckpointEvery = new(
        "--checkpoint-every", "N|Ss|off", "Save after every N steps, or every S seconds; at the end in any case. Default 30s.", CheckpointRule.Parse);

    /// <summary>--keep-checkpoints</summary>
    public static readonly Setting<int> KeepCheckpoints = Settings.Count(
        "--keep-checkpoints", $"Newest checkpoints to keep, at least 1. Default {DefaultKeepCheckpoints}.", 1);

    /// <summary>How a run is kept and gone on with.</summary>
    public static readonly IReadOnlyList<Setting> OfCheckpoints = [Resume, CheckpointEvery, KeepCheckpoints];

    /// <summary>--config</summary>
    public static readonly Setting<string> Config = Settings.Text(
        "--config", "FILE", "JSON file with values for options that are not given; a run's run.json repeats it.");

    /// <summary>--start-timeout</summary>
    public static readonly Setting<TimeSpan> StartTimeout = Settings.Seconds(
        "--start-timeout", $"Seconds to wait for workers, or for the coordinator. Default {DefaultStartTimeout.TotalSeconds}.");

    /// <summary>--reconnect-timeout</summary>
    public static readonly Setting<TimeSpan> ReconnectTimeout = Settings.Seconds(
        "--reconnect-timeout", $"Seconds to look for a coordinator that was lost. Default {DefaultReconnectTimeout.TotalSeconds}.");

    /// <summary>--json</summary>
    public static readonly Setting<bool> Json = Settings.Flag("--json", "One JSON object per line on standard output, nothing else there.");

    /// <summary>--progress-interval, for programs that act on the steps of a run</summary>
    public static readonly Setting<TimeSpan> ProgressInterval = Settings.Seconds(
        "--progress-interval", "Seconds between two progress events of --json at least. Default 2.", hidden: true);

    /// <summary>--listen</summary>
    public static readonly Setting<EndPoint> Listen = Settings.Address(
        "--listen", $"Address to serve workers on; port 0 takes a free one; unix:PATH is a socket for this user alone. Default 127.0.0.1:{DefaultPort}; among tasks of Slurm it follows from the job.");

    /// <summary>--insecure</summary>
    public static readonly Setting<bool> Insecure = Settings.Flag(
        "--insecure", "Serve beyond this machine without credentials: anybody who reaches the port can join.");

    /// <summary>--identity</summary>
    public static readonly Setting<string> Identity = Settings.Text(
        "--identity", "DIR", "Where the coordinator keeps its authority, the operator's certificate and the tokens. Default disttrain/identity in the user's configuration.");

    /// <summary>--tls</summary>
    public static readonly Setting<bool> Tls = Settings.Flag("--tls", "Use TLS and certificates on this machine too; beyond it they are used in any case.");

    /// <summary>--tls of an operator</summary>
    public static readonly Setting<bool> OperatorTls = Settings.Flag("--tls", "The run on this machine uses TLS and certificates; beyond it that goes without saying.");

    /// <summary>--token</summary>
    public static readonly Setting<string> Token = Settings.Text(
        "--token", "TOKEN", "Join by this token, as the coordinator or 'disttrain token create' prints it. Others see a command line: DISTTRAIN_TOKEN and --token-file hide it.");

    /// <summary>--token-file</summary>
    public static readonly Setting<string> TokenFile = Settings.Text("--token-file", "FILE", "File with the token, in place of --token.");

    /// <summary>--ca-hash</summary>
    public static readonly Setting<string> AuthorityHash = Settings.Text(
        "--ca-hash", "sha256:…", "Join no coordinator but that of this authority; printed with the token.");

    /// <summary>--certificate</summary>
    public static readonly Setting<string> Certificate = Settings.Text(
        "--certificate", "FILE", "Keep the worker's certificate there, so that it starts again without a token. Default: nowhere.");

    /// <summary>--valid</summary>
    public static readonly Setting<TimeSpan> TokenLifetime = new("--valid", "Nh|Nd", "How long the token gets workers in, in hours or days, at most 365d. Default 24h.", ReadLifetime);

    /// <summary>--uses</summary>
    public static readonly Setting<int> TokenUses = Settings.Count("--uses", $"How many workers the token gets in, 1 to {TokenStore.MostUses}. Default any number.", 1, TokenStore.MostUses);

    /// <summary>--coordinator of a token</summary>
    public static readonly Setting<EndPoint> TokenAddress = Settings.Address(
        "--coordinator", $"Where workers will find the coordinator; for the line to paste. Default this host's name and port {DefaultPort}.");

    /// <summary>How a worker shows who it is.</summary>
    public static readonly IReadOnlyList<Setting> OfJoining = [Token, TokenFile, AuthorityHash, Certificate];

    /// <summary>--coordinator</summary>
    public static readonly Setting<EndPoint> Coordinator = Settings.Address(
        "--coordinator", $"Address of the coordinator. Default 127.0.0.1:{DefaultPort}.");

    /// <summary>--name</summary>
    public static readonly Setting<string> WorkerName = Settings.Text(
        "--name", "NAME", "Name that the worker keeps when it starts again: one that crashes again and again must stay away for a time. Default its host and process id.");

    /// <summary>--min-workers</summary>
    public static readonly Setting<int> MinimumWorkers = Settings.Count(
        "--min-workers", "A step begins only with so many workers; with fewer the run pauses and says so. At least 1, default 1.", 1, MostWorkers);

    /// <summary>--max-workers</summary>
    public static readonly Setting<int> MaximumWorkers = Settings.Count(
        "--max-workers", $"More workers are refused for the time being. At least 1, default {MostWorkers}.", 1, MostWorkers);

    /// <summary>--transport</summary>
    public static readonly Setting<string> Transport = Settings.Name(
        "--transport", "How tensors travel: auto (workers on the coordinator's host share its memory, others use gRPC) or grpc (all use gRPC). Default auto.", ["auto", "grpc"]);

    /// <summary>Whether workers on the coordinator's host may share its memory.</summary>
    public static bool SharesMemory(SettingValues values) => RunSegment.IsSupported && values.Get(Transport, "auto") == "auto";

    /// <summary>--audit</summary>
    public static readonly Setting<double> Audit = Settings.Number(
        "--audit", "Share of the work that a second worker does again: other bits are found, a third worker decides. 0 to 1, default 0.", x => x is >= 0 and <= 1, "from 0 to 1");

    /// <summary>--coordinator of an operator</summary>
    public static readonly Setting<EndPoint> RunAddress = Settings.Address(
        "--coordinator", $"Address of the run. Default 127.0.0.1:{DefaultPort}.");

    /// <summary>--run</summary>
    public static readonly Setting<string> Run = Settings.Text("--run", "DIR", "Run directory, instead of --coordinator: the address is found there.");

    /// <summary>--start-timeout of an operator</summary>
    public static readonly Setting<TimeSpan> FindTimeout = Settings.Seconds(
        "--start-timeout", $"Seconds to look for the run. Default {DefaultFindTimeout.TotalSeconds}.");

    /// <summary>How an operator finds a run and shows who it is.</summary>
    public static readonly IReadOnlyList<Setting> OfOperator = [RunAddress, Run, Identity, OperatorTls, FindTimeout];

    /// <summary>--run of a replay</summary>
    public static readonly Setting<string> RunToReplay = Settings.Text("--run", "DIR", "Run directory, also of a run that is going on; nothing is written there.");

    /// <summary>--step</summary>
    public static readonly Setting<long> Step = Settings.Integer("--step", "Compute up to the parameters after step T, from 1 to the run's recorded steps.", 1, valueName: "T");

    /// <summary>--shard</summary>
    public static readonly Setting<int> Shard = Settings.Count(
        "--shard", "Compute shard N, from 0, of the update that led to the parameters after step T, and print what stands for its partial.", 0, RunSpec.MaximumShardCount - 1);

    /// <summary>--end-with-input, which <c>train</c> passes to the workers it starts</summary>
    public static readonly Setting<bool> EndWithInput = Settings.Flag("--end-with-input", "End when standard input is closed.", hidden: true);

    /// <summary>Where the dashboard is, unless that port is taken.</summary>
    public const int DefaultDashboardPort = DefaultPort + 80;

    /// <summary>--dashboard; null is off</summary>
    public static readonly Setting<IPEndPoint?> Dashboard = new(
        "--dashboard", "HOST:PORT|off", $"Where a browser on this machine sees a run with workers, or off. Default 127.0.0.1:{DefaultDashboardPort}, or a free port if that is taken.", ReadDashboard);

    /// <summary>--report</summary>
    public static readonly Setting<bool> Report = new(
        "--report", "on|off", "Whether a run that ends writes report.html into its directory. Default on.",
        text => text switch { "on" => true, "off" => false, _ => throw new FormatException("on or off.") });

    /// <summary>--file, of a report</summary>
    public static readonly Setting<string> ReportFile = Settings.Text("--file", "FILE", "Where the report goes. Default report.html, of one run in its directory, of several here.");

    /// <summary>How many workers a run has and how far it trusts them.</summary>
    public static readonly IReadOnlyList<Setting> OfMembership = [MinimumWorkers, MaximumWorkers, Audit, Transport];

    /// <summary>What makes up a RunSpec, and where its data is.</summary>
    public static readonly IReadOnlyList<Setting> OfRun =
    [
        .. OfModel, Dataset, Data, Holdout, HoldoutSeed, Epochs, Steps, EvaluateEvery, BatchSize, Optimizer, LearningRate, Momentum, Alpha, Beta1, Beta2,
        Epsilon, .. LearningOptions.All, Seed, Shards, .. SampleOptions.All,
    ];

    private static TimeSpan ReadLifetime(string text)
    {
        const int MostDays = 365;
        const int HoursOfDay = 24;
        if (text.Length > 1 && int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var count) && text[^1] is 'h' or 'd')
        {
            var hours = text[^1] == 'd' ? (long)count * HoursOfDay : count;
            if (hours is > 0 and <= MostDays * HoursOfDay)
            {
                return TimeSpan.FromHours(hours);
            }
        }

        throw new FormatException("a number of hours or days, for example 12h or 30d, at most 365d.");
    }

    private static Setting<ulong> SeedOption(string name, string help) => new(name, "N", help, text =>
        ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seed)
            ? seed
            : throw new FormatException($"a whole number from 0 to {ulong.MaxValue}."));

    private static Setting<double> Decay(string name, string help) => Settings.Number(name, help, x => x is >= 0 and < 1, "of at least 0 and below 1");

    private static string LearningRates() => string.Join(", ", OptimizerSpec.Names
        .GroupBy(OptimizerSpec.DefaultLearningRate)
        .Select(group => FormattableString.Invariant($"{group.Key} for {string.Join("/", group)}")));

    private static IPEndPoint? ReadDashboard(string text)
    {
        if (text == "off")
        {
            return null;
        }

        var at = text.StartsWith("localhost:", StringComparison.Ordinal) ? "127.0.0.1:" + text["localhost:".Length..] : text;
        // Without a port, 127.0.0.1 and ::1 would be read with port 0.
        var hasPort = at.StartsWith('[') ? at.Contains("]:", StringComparison.Ordinal) : at.Count(letter => letter == ':') == 1;
        return hasPort && IPEndPoint.TryParse(at, out var where)
            ? where
            : throw new FormatException($"off, or a numeric address and a port, for example 127.0.0.1:{DefaultDashboardPort}.");
    }

    private static IEnumerable<string> DatasetNames => DatasetCatalog.All.Select(entry => entry.Name);

    private static string ReadDataset(string text) =>
        DatasetNames.Contains(text) || DatasetPath.TryParse(text) is not null
            ? text
            : throw new FormatException($"one of: {string.Join(", ", DatasetNames)}; or {DatasetPath.Forms}.{NearestName.Suggestion(text, [.. DatasetNames])}");

    private static string ReadModel(string text) =>
        text.EndsWith(".json", StringComparison.OrdinalIgnoreCase) || ModelCatalog.Names.Contains(text)
            ? text
            : throw new FormatException(
                $"one of: {string.Join(", ", ModelCatalog.Names)}; or the path of a ModelSpec file (*.json).{NearestName.Suggestion(text, ModelCatalog.Names)}");
}
