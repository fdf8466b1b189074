using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using DistTrain.Cli.Data;
using DistTrain.Cli.Options;
using DistTrain.Cli.Platforms;
using DistTrain.Cli.Runs;
using DistTrain.Cli.Verbs;
using DistTrain.Coordinator;
using DistTrain.Core;
using DistTrain.Core.Data;
using DistTrain.Core.Kernels;
using DistTrain.Transport;
using DistTrain.Transport.SharedMemory;

namespace DistTrain.Cli.Doctor;

/// <summary>Looks at what a run on this machine would find. Nothing is downloaded, and nothing stays.</summary>
/// <param name="values">The options, as a training would take them.</param>
/// <param name="surroundings">The machine.</param>
internal sealed class Examination(SettingValues values, Surroundings surroundings)
{
    private const long Mebibyte = 1 << 20;

    private const string Prefix = "DISTTRAIN_";

    /// <summary>Variables that no option reads, but the files of deploy/, the shows of bench/ and the tests do.</summary>
    private static readonly string[] OfOthers =
    [
        "ARGUMENTS", "BUILT", "CHAOS", "CHAOS_INSIDE", "COORDINATOR_NODE", "ENV_FILE", "HOSTS", "IDENTITY_VOLUME", "IMAGE", "KEEP", "PROGRAM", "SECRETS",
        "SLOW_TESTS", "SLURM_PATIENCE", "TOKEN_ID", "WORKER_THREADS",
    ];

    /// <summary>Everything, in the order in which one would ask.</summary>
    public IEnumerable<Finding> All() =>
    [
        Finding.Ok("version", $"disttrain {ProductVersion.Text}, {RuntimeInformation.FrameworkDescription}, {RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}"),
        Processor(),
        Bits(),
        Memory(),
        SharedMemory(),
        OrProblem("data", Data),
        Port(),
        OrProblem("platform", Platform),
        .. Variables(),
    ];

    /// <summary>What a training would refuse of its options before it loads data: those that cannot be read, and those that contradict each other.</summary>
    /// <param name="settings">Its options.</param>
    public IEnumerable<Finding> Refused(IEnumerable<Setting> settings)
    {
        var found = values.Problems.ToList();
        foreach (var setting in settings)
        {
            if (values.Text(setting) is { } text)
            {
                Try(() => setting.Check(text, values.Place(setting)));
            }
        }

        var run = values;
        Try(() =>
        {
            if (RunOrigin.From(values, surroundings) is { GoesOn: true, Path: { } path } && RunDirectory.Open(path).RunPath is var file && File.Exists(file))
            {
                run = values.Over(ConfigFile.Read(file));
            }
        });
        Try(() => RunRequest.From(run, surroundings).ToRecordedSpec());
        Try(() => Membership.OfTraining(values));
        if (values.Origin(CommonOptions.Workers) != SettingOrigin.Platform)
        {
            Try(() => TrainVerb.RequireNoAddress(values));
        }

        // The workers that it starts find these in their environment, and end by them.
        foreach (var setting in HasWorkers() ? new WorkerVerb().Settings.Except(settings) : [])
        {
            if (surroundings.Variable(setting.Variable) is { Length: > 0 } text && !setting.IsHidden)
            {
                Try(() => setting.Check(text, setting.Variable));
            }
        }

        // Whoever reads an option that cannot be read says the same of it.
        return found.Distinct().Select(message => Finding.Problem("option", message));

        bool HasWorkers()
        {
            var workers = 0;
            Try(() => workers = values.Get(CommonOptions.Workers, 0));
            return workers > 0;
        }

        void Try(Action check)
        {
            try
            {
                check();
            }
            catch (InvalidInputException e)
            {
                found.Add(e.Message);
            }
        }
    }

    /// <summary>Every option of a training with its origin.</summary>
    public IReadOnlyList<OptionOrigin> Options(IEnumerable<Setting> settings) =>
    [
        .. settings.Where(setting => !setting.IsHidden).Select(setting => values.Text(setting) is { } text
            ? new OptionOrigin(setting.Name, text, Word(values.Origin(setting)), values.Place(setting))
            : new OptionOrigin(setting.Name, setting.DefaultText, Word(SettingOrigin.Default), null)),
    ];

    private static Finding OrProblem(string topic, Func<Finding> look)
    {
        try
        {
            return look();
        }
        catch (InvalidInputException e)
        {
            return Finding.Problem(topic, e.Message);
        }
    }

    private static string Word(SettingOrigin origin) => origin switch
    {
        SettingOrigin.CommandLine => "command line",
        SettingOrigin.Environment => "environment",
        SettingOrigin.Platform => "platform",
        SettingOrigin.ConfigFile => "configuration file",
        _ => "default",
    };

    private Finding Processor()
    {
        var bits = VectorKernels.Best.VectorBits;
        var text = Invariant($"{ProcessorName()}, {surroundings.Cores} {(surroundings.Cores == 1 ? "core" : "cores")}, {bits}-bit vectors");
        return bits >= 256 || RuntimeInformation.ProcessArchitecture is Architecture.Arm64
            ? Finding.Ok("processor", text)
            : Finding.Note("processor", $"{text}: slow, where 256 and more are there. Look whether a DOTNET_Enable… variable turns them off.");
    }

    /// <summary>As the system names it; what it is made of where it does not.</summary>
    private static string ProcessorName()
    {
        const string path = "/proc/cpuinfo";
        var line = File.Exists(path) ? File.ReadLines(path).FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal)) : null;
        return line?[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString();
    }

    /// <summary>The small computation that a worker must get right before it may join.</summary>
    private Finding Bits()
    {
        var answers = VectorKernels.All.Select(kernels => Convert.ToHexStringLower(KnownAnswer.Compute(kernels, kernels == VectorKernels.Best ? surroundings.Cores : 1))).Distinct().ToList();
        return answers.Count == 1
            ? Finding.Ok("bits", $"vectors of 128, 256 and 512 bits, and all cores, give the known answer {answers[0]}; a coordinator asks every worker for it")
            : Finding.Problem("bits", $"Vectors of other widths give other bits ({string.Join(", ", answers)}). The processor, its emulation or the build is at fault: no coordinator will take this worker.");
    }

    private static Finding Memory()
    {
        var available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        return Finding.Ok("memory", Invariant($"{available / Mebibyte:N0} MiB for this process, by the machine or the container's limit"));
    }

    private static Finding SharedMemory()
    {
        if (!RunSegment.IsSupported)
        {
            return Finding.Note("shared memory", "not on this system: workers on the coordinator's host use gRPC");
        }

        try
        {
            var free = new DriveInfo(RunSegment.DefaultDirectory).AvailableFreeSpace;
            return Finding.Ok("shared memory", Invariant($"{free / Mebibyte:N0} MiB free in {RunSegment.DefaultDirectory}, for workers on the coordinator's host"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return Finding.Note("shared memory", $"{RunSegment.DefaultDirectory} cannot be used ({e.Message}): workers on the coordinator's host use gRPC");
        }
    }

    /// <summary>The run's dataset, where it would be looked for.</summary>
    private Finding Data()
    {
        var named = values.FindText(CommonOptions.Data);
        var root = named is not null ? surroundings.Resolve(named) : UserCache.Directory(surroundings.Variable, OperatingSystem.IsWindows());
        var wanted = values.FindText(CommonOptions.Dataset) ?? DatasetCatalog.Mnist.Name;
        if (DatasetPath.TryParse(wanted)?.Resolve(surroundings.Resolve) is { } path)
        {
            return Data(path);
        }

        var entry = DatasetCatalog.Find(wanted);
        var directory = Path.Combine(root, entry.Name);
        return entry.IsBuiltIn ? Finding.Ok("data", $"{entry.Name} is drawn by this program")
            : DatasetDirectory.IsComplete(directory, entry) ? Finding.Ok("data", $"{entry.Name} in {directory}")
            : named is not null ? Finding.Problem("data", $"{entry.Name} is {DataVerb.NotHere(entry, directory, named)}, where {values.Place(CommonOptions.Data)} says to look")
            : entry.Mirrors.Count == 0 ? Finding.Problem("data", $"{entry.Name} is {DataVerb.NotHere(entry, directory, named)}, or name the directory above with --data")
            : Finding.Note("data", $"{entry.Name} is not here: the first run downloads it into {directory}, or name a directory that has it with --data");
    }

    /// <summary>One that is named by where it lies.</summary>
    private Finding Data(DatasetPath path)
    {
        var isFile = path.Kind == DatasetPathKind.Csv;
        return path.Paths.FirstOrDefault(part => isFile ? !File.Exists(part) : !Directory.Exists(part)) is { } missing
            ? Finding.Problem("data", $"{values.Place(CommonOptions.Dataset)} is '{values.Text(CommonOptions.Dataset)}', but there is no {(isFile ? "file" : "directory")} {missing}. Name what is there: {DatasetPath.Forms}.")
            : Finding.Ok("data", $"{path.Name} is there, and read when the run begins");
    }

    /// <summary>Where a coordinator listens unless told otherwise.</summary>
    private static Finding Port()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, CommonOptions.DefaultPort));
            return Finding.Ok("port", Invariant($"{CommonOptions.DefaultPort} is free, where 'disttrain coordinator' listens"));
        }
        catch (SocketException e)
        {
            return Finding.Note("port", Invariant($"{CommonOptions.DefaultPort} cannot be listened on ({e.Message}): 'disttrain coordinator' needs --listen with another; 'disttrain train' takes any"));
        }
    }

    private Finding Platform() =>
        SlurmStep.Find(surroundings.Variable) is { } step ? Finding.Ok("platform", Invariant($"Slurm: task {step.Rank} of {step.TaskCount}"))
        : PlatformValues.Find(CommonOptions.WorkerName, surroundings.Variable) is var (name, place) ? Finding.Ok("platform", $"Kubernetes: a pod of an indexed job, by {place}; a worker in it is named {name}")
        : Finding.Ok("platform", "none: neither Slurm nor an indexed job of Kubernetes started this process");

    /// <summary>A variable that no option reads, but whose name is almost that of one that is read, is most likely a mistyped one.</summary>
    private IEnumerable<Finding> Variables()
    {
        // Without the prefix, which all have in common and which would make them all alike.
        var known = DistTrainCommand.Verbs.SelectMany(verb => verb.Settings).Where(setting => !setting.IsHidden).Select(setting => setting.Variable[Prefix.Length..]).Distinct().ToList();
        return
            from name in surroundings.VariableNames.Order(StringComparer.Ordinal)
            where name.StartsWith(Prefix, StringComparison.Ordinal) && !known.Concat(OfOthers).Contains(name[Prefix.Length..])
            let meant = NearestName.Find(name[Prefix.Length..], known)
            where meant is not null
            select Finding.Note("variable", $"{name} is set, and no option reads it. Did you mean '{Prefix}{meant}'?");
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
