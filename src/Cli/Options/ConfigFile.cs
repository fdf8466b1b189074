using System.Globalization;
using System.Text;
using System.Text.Json;
using DistTrain.Cli.Runs;
using DistTrain.Core;
using DistTrain.Core.Data;
using DistTrain.Core.Formats;
using DistTrain.Core.Models;
using DistTrain.Core.Optimizers;
using DistTrain.Core.Training;

namespace DistTrain.Cli.Options;

/// <summary>
/// A configuration file: a JSON object whose members are options without dashes (<c>batchSize</c>, <c>lr</c>, <c>workers</c> …).
/// <c>model</c>, <c>dataset</c> and <c>optimizer</c> may be a name or a whole specification, so a run's <c>run.json</c> is one.
/// Comments and trailing commas are allowed; an unknown member is an error.
/// </summary>
public sealed class ConfigFile
{
    private const string ShardCountInSpec = "shardCount";
    private const string NumericsRevisionInSpec = "numericsRevision";
    private const int MaximumBytes = 1 << 20;

    private static readonly Setting[] Allowed =
    [
        .. CommonOptions.OfRun, CommonOptions.Workers, CommonOptions.Threads, CommonOptions.Out, CommonOptions.StartTimeout, CommonOptions.Json,
        CommonOptions.Listen, CommonOptions.Insecure, CommonOptions.Coordinator, CommonOptions.ReconnectTimeout,
        CommonOptions.WorkerName, CommonOptions.MinimumWorkers, CommonOptions.MaximumWorkers, CommonOptions.Audit, CommonOptions.CheckpointEvery, CommonOptions.KeepCheckpoints,
    ];

    private readonly Dictionary<string, (string Text, int Line)> _values = new(StringComparer.Ordinal);

    private ConfigFile(string path) => Path = path;

    /// <summary>Where it lies.</summary>
    public string Path { get; }

    /// <summary>Texts by option key, with the line each stands in.</summary>
    public IReadOnlyDictionary<string, (string Text, int Line)> Values => _values;

    /// <summary>A model written out; null if the file names one, or none.</summary>
    public ModelSpec? Model { get; private set; }

    /// <summary>A dataset with its digest; null if the file names one, or none.</summary>
    public DatasetSpec? Dataset { get; private set; }

    /// <summary>The contract of bits that the run was made under; null if the file does not say.</summary>
    public int? NumericsRevision { get; private set; }

    /// <summary>Reads a file.</summary>
    /// <exception cref="InvalidInputException">It is missing or malformed; the message names file, line and reason.</exception>
    public static ConfigFile Read(string path)
    {
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > MaximumBytes } file)
            {
                throw new InvalidInputException($"{path} has {file.Length} bytes; a configuration has at most {MaximumBytes}.");
            }

            return Parse(File.ReadAllBytes(path), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"The configuration file {path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Reads the bytes of a file.</summary>
    /// <inheritdoc cref="Read"/>
    public static ConfigFile Parse(ReadOnlySpan<byte> json, string path)
    {
        if (json.StartsWith(Encoding.UTF8.Preamble))
        {
            json = json[Encoding.UTF8.Preamble.Length..];
        }

        var file = new ConfigFile(path);
        var options = new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = SpecJson.Options.MaxDepth };
        var reader = new Utf8JsonReader(json, options);
        var line = 1;
        try
        {
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                throw new JsonException("it must be an object: { … }.");
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                line = LineOf(json, reader.TokenStartIndex);
                var member = reader.GetString()!;
                reader.Read();
                line = LineOf(json, reader.TokenStartIndex);
                file.ReadMember(member, ref reader, json, line);
            }

            while (reader.Read())
            {
            }
        }
        // InvalidOperationException: bytes that are no UTF-8, and escapes that are no characters.
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException)
        {
            if (IsCutOff(json))
            {
                throw new InvalidInputException($"{path} (line {LineOf(json, json.Length)}): {CutOff(json, path)}", e);
            }

            // A nested reader counts its lines from the member's value on; the outer one from the file's start.
            var at = e is JsonException { LineNumber: { } inner } ? e.Data.Contains(Nested) ? line + (int)inner : (int)inner + 1 : line;
            throw new InvalidInputException($"{path} (line {at}): {Reason(e)}", e);
        }

        return file;
    }

    private const string Nested = "nested";

    /// <summary>Whether the text ends in the middle: it is a beginning of something that could be read.</summary>
    private static bool IsCutOff(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, isFinalBlock: false, new JsonReaderState(new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true }));
        try
        {
            while (reader.Read())
            {
            }

            return reader.TokenType == JsonTokenType.None || reader.CurrentDepth > 0 || reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static string CutOff(ReadOnlySpan<byte> json, string path)
    {
        var what = json.TrimStart(" \t\r\n"u8).IsEmpty ? "the file is empty." : "the file ends too early; it has been cut off.";
        // Only a run's own file has another place where the same is written.
        return System.IO.Path.GetFileName(path) == RunDirectory.RunFileName
            ? $"{what} Bring it back from a copy; or move it away, and 'disttrain train --resume auto --out {System.IO.Path.GetDirectoryName(path)}' makes it anew from the newest checkpoint."
            : what;
    }

    private void ReadMember(string member, ref Utf8JsonReader reader, ReadOnlySpan<byte> json, int line)
    {
        if (reader.TokenType == JsonTokenType.Null)
        {
            return;
        }

        if (_values.ContainsKey(KeyOf(member)) || (member == NumericsRevisionInSpec && NumericsRevision is not null))
        {
            throw new JsonException($"'{member}' stands there twice.");
        }

        if (reader.TokenType == JsonTokenType.StartObject)
        {
            ReadSpecification(member, ref reader, line);
            return;
        }

        if (member == NumericsRevisionInSpec)
        {
            NumericsRevision = reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var revision)
                ? revision
                : throw new JsonException($"{member} must be a whole number.");
            return;
        }

        var setting = Array.Find(Allowed, candidate => candidate.Key == KeyOf(member))
            ?? throw new JsonException($"unknown member '{member}'.{NearestName.Suggestion(member, Allowed.Select(candidate => candidate.Key))} "
                + $"Known members: {string.Join(", ", Allowed.Select(candidate => candidate.Key))}.");
        _values.Add(setting.Key, (ReadText(member, ref reader, json), line));
    }

    /// <summary>A run.json says <c>shardCount</c> for what the command line calls <c>--shards</c>.</summary>
    private static string KeyOf(string member) => member == ShardCountInSpec ? CommonOptions.Shards.Key : member;

    private static string ReadText(string member, ref Utf8JsonReader reader, ReadOnlySpan<byte> json)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.String:
                return reader.GetString()!;
            case JsonTokenType.Number:
                return Encoding.UTF8.GetString(reader.ValueSpan);
            case JsonTokenType.True or JsonTokenType.False:
                return reader.GetBoolean() ? "true" : "false";
            default:
                var parts = new List<string>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    parts.Add(reader.TokenType is JsonTokenType.String or JsonTokenType.Number
                        ? ReadText(member, ref reader, json)
                        : throw new JsonException($"{member} must be a list of plain values."));
                }

                return string.Join(',', parts);
        }
    }

    private void ReadSpecification(string member, ref Utf8JsonReader reader, int line)
    {
        switch (member)
        {
            case "model":
                Model = Deserialize<ModelSpec>(ref reader);
                _values.Add(member, (Model.Name, line));
                break;
            case "dataset":
                Dataset = Deserialize<DatasetSpec>(ref reader);
                _values.Add(member, (Dataset.Name, line));
                AddText(member, CommonOptions.Holdout, Dataset.Holdout?.Fraction.ToString("R", CultureInfo.InvariantCulture), line);
                AddText(member, CommonOptions.HoldoutSeed, Dataset.Holdout?.Seed.ToString(CultureInfo.InvariantCulture), line);
                break;
            case "optimizer":
                AddOptimizer(Deserialize<OptimizerSpec>(ref reader), line);
                break;
            case "augmentation":
                AddAugmentation(Deserialize<AugmentationSpec>(ref reader), line);
                break;
            default:
                throw new JsonException($"'{member}' cannot be an object.");
        }
    }

    private void AddAugmentation(AugmentationSpec augmentation, int line)
    {
        Add(SampleOptions.AugmentShift, augmentation.Shift.ToString(CultureInfo.InvariantCulture));
        Add(SampleOptions.AugmentRotation, augmentation.RotationDegrees.ToString("R", CultureInfo.InvariantCulture));
        Add(SampleOptions.AugmentFlip, augmentation.HorizontalFlip ? "true" : "false");

        void Add(Setting setting, string text)
        {
            if (!_values.TryAdd(setting.Key, (text, line)))
            {
                throw new JsonException($"'{setting.Key}' stands beside an augmentation that says it too.");
            }
        }
    }

    private void AddOptimizer(OptimizerSpec optimizer, int line)
    {
        _values.Add(CommonOptions.Optimizer.Key, (optimizer.Name, line));
        Add(CommonOptions.LearningRate, optimizer.LearningRate);
        Add(CommonOptions.Momentum, optimizer.Momentum);
        Add(CommonOptions.Alpha, optimizer.Alpha);
        Add(CommonOptions.Beta1, optimizer.Beta1);
        Add(CommonOptions.Beta2, optimizer.Beta2);
        Add(CommonOptions.Epsilon, optimizer.Epsilon);
        Add(LearningOptions.WeightDecay, optimizer.WeightDecay);
        Add(LearningOptions.L1, optimizer.L1);
        Add(LearningOptions.ClipNorm, optimizer.ClipNorm);
        if (optimizer.Schedule is { } schedule)
        {
            Say(LearningOptions.Schedule, ScheduleSpec.Kinds[(int)schedule.Kind]);
            Say(LearningOptions.WarmupSteps, schedule.WarmupSteps?.ToString(CultureInfo.InvariantCulture));
            Say(LearningOptions.DecaySteps, schedule.DecaySteps?.ToString(CultureInfo.InvariantCulture));
            Add(LearningOptions.Gamma, schedule.Gamma);
            Add(LearningOptions.MinimumLearningRate, schedule.MinimumLearningRate);
        }

        void Add(Setting setting, double? value) => Say(setting, value?.ToString("R", CultureInfo.InvariantCulture));

        void Say(Setting setting, string? text) => AddText(CommonOptions.Optimizer.Key, setting, text, line);
    }

    private void AddText(string member, Setting setting, string? text, int line)
    {
        if (text is not null && !_values.TryAdd(setting.Key, (text, line)))
        {
            throw new JsonException($"'{setting.Key}' stands beside the {member} that says it too.");
        }
    }

    private static T Deserialize<T>(ref Utf8JsonReader reader)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(ref reader, SpecJson.Options)!;
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            e.Data[Nested] = true;
            throw;
        }
    }

    private static int LineOf(ReadOnlySpan<byte> json, long index) => json[..(int)index].Count((byte)'\n') + 1;

    /// <summary>The reason without the serializer's own "Path … LineNumber …" and the names of our types.</summary>
    private static string Reason(Exception e)
    {
        var message = SpecJson.WithoutTypes(e.Message);
        var end = message.IndexOf(" Path: ", StringComparison.Ordinal);
        end = end < 0 ? message.IndexOf(" LineNumber: ", StringComparison.Ordinal) : end;
        return end < 0 ? message : message[..end];
    }
}
