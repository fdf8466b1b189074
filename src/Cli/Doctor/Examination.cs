using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using DistTrain.Cli.Data;
using DistTrain.Cli.Options;
using DistTrain.Cli.Platforms;
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

    /// <summary>Everything, in the order in which one would ask.</summary>
    public IEnumerable<Finding> All() =>
    [
        Finding.Ok("version", $"disttrain {ProductVersion.Text}, {RuntimeInformation.FrameworkDescription}, {RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}"),
        Processor(),
        Bits(),
        Memory(),
        SharedMemory(),
        Data(),
        Port(),
        Platform(),
        .. Variables(),
    ];

    /// <summary>Every option of a training with its origin; one that cannot be read is a problem.</summary>
    public (IReadOnlyList<OptionOrigin> Options, IReadOnlyList<Finding> Problems) Options(IEnumerable<Setting> settings)
    {
        var options = new List<OptionOrigin>();
        var problems = new List<Finding>();
        foreach (var setting in settings.Where(setting => !setting.IsHidden))
        {
            var text = values.Text(setting);
            options.Add(new OptionOrigin(setting.Name, text ?? setting.DefaultText, Word(values.Origin(setting)), text is null ? null : values.Place(setting)));
            try
            {
                if (text is not null)
                {
                    setting.Check(text, values.Place(setting));
                }
            }
            catch (InvalidInputException e)
            {
                problems.Add(Finding.Problem("option", e.Message));
            }
        }

        return (options, problems);
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
        var wanted = values.Text(CommonOptions.Dataset) ?? DatasetCatalog.Mnist.Name;
        if (DatasetCatalog.All.FirstOrDefault(entry => entry.Name == wanted) is not { } entry)
        {
            return Finding.Note("data", $"'{wanted}' is read where it lies when the run begins");
        }

        var directory = Path.Combine(root, entry.Name);
        return entry.IsBuiltIn ? Finding.Ok("data", $"{entry.Name} is drawn by this program")
            : DatasetDirectory.IsComplete(directory, entry) ? Finding.Ok("data", $"{entry.Name} in {directory}")
            : named is not null ? Finding.Problem("data", $"{entry.Name} is not in {directory}, which {values.Place(CommonOptions.Data)} names; 'disttrain data fetch --data {named}' puts it there")
            : Finding.Note("data", $"{entry.Name} is not in {directory}: the first run downloads it, or name a directory that has it with --data");
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

    private Finding Platform()
    {
        try
        {
            return SlurmStep.Find(surroundings.Variable) is { } step
                ? Finding.Ok("platform", Invariant($"Slurm: task {step.Rank} of {step.TaskCount}"))
                : Finding.Ok("platform", "none: neither Slurm nor a Kubernetes job started this process");
        }
        catch (InvalidInputException e)
        {
            return Finding.Problem("platform", e.Message);
        }
    }

    /// <summary>A variable that no option reads is most likely a mistyped one.</summary>
    private IEnumerable<Finding> Variables()
    {
        var known = DistTrainCommand.Verbs.SelectMany(verb => verb.Settings).Where(setting => !setting.IsHidden).Select(setting => setting.Variable).Distinct().ToList();
        return surroundings.VariableNames
            .Where(name => name.StartsWith("DISTTRAIN_", StringComparison.Ordinal) && !known.Contains(name))
            .Order(StringComparer.Ordinal)
            .Select(name => Finding.Note("variable", $"{name} is set, and no option reads it.{NearestName.Suggestion(name, known)}"));
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
