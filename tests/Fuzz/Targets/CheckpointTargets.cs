using System.Security.Cryptography;
using System.Text;
using DistTrain.Core;
using DistTrain.Core.Checkpoints;
using DistTrain.Core.Formats;
using DistTrain.Core.Training;

namespace DistTrain.Fuzz.Targets;

/// <summary>
/// Checkpoints and what lies beside them. Their checksums would turn away every mutation at the door, so each input is read twice: as it is, and with
/// its checksums set right, as somebody could who damages files on purpose.
/// </summary>
internal static class CheckpointTargets
{
    private const string Source = "input";
    private static readonly string Place = Path.GetFullPath(Path.Combine(Path.GetTempPath(), CheckpointFormat.DirectoryName(3)));

    public static FuzzTarget Manifest { get; } = new(
        "manifest", "a checkpoint's manifest.json", [typeof(InvalidInputException)],
        input =>
        {
            Attempt(() => CheckpointManifest.Read(Reseal(input), Source));
            _ = CheckpointManifest.Read(input, Source);
            return null;
        },
        ManifestSeeds, "null", "[null]", "\"name\":", "\"bytes\":", "\"sha256\":", "\"formatVersion\":", "\"checksum\":", "9223372036854775807", "-1", "\"\\ud800\"", "1e999");

    public static FuzzTarget State { get; } = new(
        "state", "a checkpoint's state.json", [typeof(InvalidInputException)],
        input =>
        {
            Attempt(() => Look(CheckpointState.Read(Rewrite(input), Source)));
            Look(CheckpointState.Read(input, Source));
            return null;
        },
        StateSeeds, [.. SpecTargets.Words, "\"bits\":", "\"value\":", "7ff0000000000000", "\"stepsDone\":", "\"optimizerScalars\":", "\"lastTestLoss\":", "\"progress\":"]);

    public static FuzzTarget Checkpoint { get; } = new(
        "checkpoint", "a checkpoint's directory", [typeof(InvalidInputException)], TakeCheckpoint, CheckpointSeeds,
        [.. SpecTargets.Words, "exp_avg.0.weight", "exp_avg_sq.3.bias", "\"dtype\":\"F32\"", "\"data_offsets\":"]);

    public static FuzzTarget Records { get; } = new(
        "records", "a run's hash chain, ledger and incarnation.json", [typeof(InvalidInputException)], TakeRecords, RecordsSeeds,
        "\"incarnation\":", "\"host\":", "\"processId\":", "\"startedUtc\":", "\"address\":", "18446744073709551615", "2026-01-02T03:04:05.0000000Z", "null");

    /// <summary>A first reading of two: the second follows, whether or not it is refused.</summary>
    public static void Attempt(Action first)
    {
        try
        {
            first();
        }
        catch (InvalidInputException)
        {
            // As documented.
        }
    }

    private static void Look(CheckpointState state)
    {
        using var snapshot = new TrainingSnapshot(SmallRun.Spec);
        if (state.OptimizerScalars.Count == snapshot.OptimizerScalars.Length)
        {
            state.CopyTo(snapshot);
        }

        BrokenPromiseException.Unless(RunSpecRules.CanContinue(state.Run, state.Run, state.StepsDone, out _), "a checkpoint's run cannot go on as itself");
    }

    private static string? TakeCheckpoint(byte[] input)
    {
        var sections = Sections.Split(input);
        var files = CheckpointFormat.Files.Zip(sections).ToDictionary(pair => pair.First, pair => pair.Second, StringComparer.Ordinal);
        if (files.TryGetValue(CheckpointFormat.StateName, out var state))
        {
            files[CheckpointFormat.StateName] = Rewrite(state);
        }

        files[CheckpointFormat.ManifestName] = sections.Count > CheckpointFormat.Files.Count
            ? sections[CheckpointFormat.Files.Count]
            : CheckpointManifest.Write([.. CheckpointFormat.Files.Where(files.ContainsKey).Select(name => Entry(name, files[name]))]);
        using var loaded = new CheckpointReader(new MemoryDirectory(Place, files), Place).Load();
        BrokenPromiseException.Unless(loaded.Snapshot.StepsDone <= loaded.Snapshot.Spec.TotalSteps, "a checkpoint is behind the end of its run");
        return null;
    }

    private static ManifestFile Entry(string name, byte[] content) => new(name, content.Length, Convert.ToHexStringLower(SHA256.HashData(content)));

    /// <summary>The one text that a manifest has, if it is one at all.</summary>
    private static byte[] Reseal(byte[] content)
    {
        try
        {
            var files = SpecJson.Read<CheckpointManifest>(Encoding.UTF8.GetString(content), Source).Files;
            return CheckpointManifest.Write(files);
        }
        catch (InvalidInputException)
        {
            return content;
        }
    }

    /// <summary>The one text that a state has, if it is one at all that can be written.</summary>
    private static byte[] Rewrite(byte[] content)
    {
        try
        {
            return SpecJson.Read<CheckpointState>(Encoding.UTF8.GetString(content), Source).Write();
        }
        catch (Exception e) when (e is InvalidInputException or ArgumentException)
        {
            return content;
        }
    }

    private static string? TakeRecords(byte[] input)
    {
        var sections = Sections.Split(input);
        string[] names = ["chain.bin", "ledger.bin", RunLock.IncarnationName];
        var files = new MemoryDirectory(Place, names.Zip(sections).ToDictionary(pair => pair.First, pair => pair.Second, StringComparer.Ordinal));
        var (chain, ledger) = (Path.Combine(Place, names[0]), Path.Combine(Place, names[1]));
        Attempt(() => HashChainLog.ReadAll(files, chain));
        Attempt(() =>
        {
            var records = Ledger.ReadAll(files, ledger, warning => BrokenPromiseException.Unless(warning.Length > 0, "a warning says nothing"));
            _ = Ledger.Verify(records, SmallRun.Spec.ShardCount, SmallRun.Spec.TotalSteps);
            _ = Ledger.HighestIncarnation(files, ledger);
        });
        _ = RunLock.Read(files, Place)?.Holder;
        return null;
    }

    private static byte[] StateText(long steps = 3)
    {
        using var snapshot = Snapshot(steps);
        return CheckpointState.Of(snapshot, SmallRun.Incarnation).Write();
    }

    private static TrainingSnapshot Snapshot(long steps) => new(SmallRun.Spec)
    {
        StepsDone = steps,
        Chain = (UInt128)0x0123456789abcdef,
        Progress = new TrainingProgress(12.5, 24, 4.25, 8, 0.7, 0.5, new Evaluation(0.6, 0.75), 2),
    };

    private static IEnumerable<Seed> ManifestSeeds()
    {
        var whole = CheckpointManifest.Write([.. CheckpointFormat.Files.Select(name => Entry(name, [1, 2]))]);
        yield return new Seed("whole.json", whole);
        yield return new Seed("cut-off.json", whole[..^20]);
        yield return new Seed("other-checksum.json", Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(whole).Replace("\"bytes\": 2", "\"bytes\": 3", StringComparison.Ordinal)));
        yield return new Seed("no-file.json", Encoding.UTF8.GetBytes("""{"formatVersion":1,"files":[null],"checksum":""}"""));
        yield return new Seed("newer.json", Encoding.UTF8.GetBytes("""{"formatVersion":2}"""));
        yield return new Seed("not-utf-8.json", [(byte)'{', 0xFF, (byte)'}']);
        yield return new Seed("no-characters.json", Encoding.UTF8.GetBytes("{\"\\ud800\":1}"));
    }

    private static IEnumerable<Seed> StateSeeds()
    {
        yield return new Seed("whole.json", StateText());
        yield return new Seed("first.json", StateText(0));
        yield return new Seed("last.json", StateText(5));
        yield return new Seed("cut-off.json", StateText()[..^30]);
        yield return new Seed("infinite.json", Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(StateText()).Replace("\"value\": 12.5", "\"value\": 1e999", StringComparison.Ordinal)));
        yield return new Seed("no-scalars.json", Encoding.UTF8.GetBytes(System.Text.RegularExpressions.Regex.Replace(
            Encoding.UTF8.GetString(StateText()), "\"optimizerScalars\": \\[.*\\]", "\"optimizerScalars\": [null]", System.Text.RegularExpressions.RegexOptions.Singleline)));
    }

    private static IEnumerable<Seed> CheckpointSeeds()
    {
        using var snapshot = Snapshot(3);
        using var parameters = new MemoryStream();
        using var optimizer = new MemoryStream();
        SafeTensors.Write(parameters, [("", snapshot.Parameters)]);
        SafeTensors.Write(optimizer, CheckpointReader.OptimizerSets(snapshot));
        var (first, second, state) = (parameters.ToArray(), optimizer.ToArray(), StateText());
        yield return new Seed("whole", Sections.Join(first, second, state));
        yield return new Seed("other-manifest", Sections.Join(
            first, second, state, CheckpointManifest.Write([Entry(CheckpointFormat.ParametersName, first), Entry(CheckpointFormat.OptimizerName, second), Entry(CheckpointFormat.StateName, first)])));
        yield return new Seed("swapped", Sections.Join(second, first, state));
        yield return new Seed("no-tensors", Sections.Join([], [], state));
        yield return new Seed("no-state", Sections.Join(first, second));
        // As small as the rest may be, the model asks for 8 GB and the optimizer for twice that.
        yield return new Seed("huge-model", Sections.Join(first, second, Encoding.UTF8.GetBytes(
            Encoding.UTF8.GetString(state).Replace("\"units\": 3", "\"units\": 100000000", StringComparison.Ordinal))));
    }

    private static IEnumerable<Seed> RecordsSeeds()
    {
        var ledger = new List<byte>();
        Span<byte> bytes = stackalloc byte[LedgerRecord.SizeBytes];
        for (var step = 0; step < 2; step++)
        {
            new LedgerRecord(step, SmallRun.Incarnation, 1, new ShardRange(0, SmallRun.Spec.ShardCount)).Write(bytes);
            ledger.AddRange(bytes);
        }

        var incarnation = Encoding.UTF8.GetBytes("""{"incarnation":7,"host":"h","processId":1,"startedUtc":"2026-01-02T03:04:05.0000000Z","address":"127.0.0.1:29500"}""");
        byte[] chain = [.. Enumerable.Range(0, 48).Select(i => (byte)i)];
        yield return new Seed("whole", Sections.Join(chain, [.. ledger], incarnation));
        yield return new Seed("torn", Sections.Join(chain[..^3], [.. ledger[..^5]], incarnation[..^5]));
        yield return new Seed("missing", []);
        ledger[3] ^= 1;
        yield return new Seed("damaged", Sections.Join(chain, [.. ledger], Encoding.UTF8.GetBytes("""{"incarnation":-1,"host":null,"processId":1,"startedUtc":"now"}""")));
    }
}
