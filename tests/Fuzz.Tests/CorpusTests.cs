using System.Formats.Asn1;
using System.IO.Compression;
using System.Reflection;
using System.Text;
using DistTrain.Fuzz.Targets;
using DistTrain.Transport;
using DistTrain.Transport.Wire;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace DistTrain.Fuzz.Tests;

/// <summary>Row H5 of docs/faults.md: every input that is kept does to its target what the target documents, in its time and memory.</summary>
public sealed class CorpusTests
{
    // Files are for people to look at, and the whole comes with every clone.
    private const int LargestFileBytes = 8 << 10;
    private const int LargestCorpusBytes = 500_000;

    public static TheoryData<string> Names => [.. FuzzTargets.All.Select(target => target.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Corpus_Replayed_DoesAsDocumented(string name)
    {
        var target = FuzzTargets.Find(name)!;
        var corpus = Corpus.Read(Corpus.Directory, target);
        Assert.NotEmpty(corpus);
        var (wrong, taken, refused) = (new List<string>(), 0, 0);
        foreach (var input in corpus)
        {
            if (target.Judge(input.Content, out var refusal) is { } what)
            {
                wrong.Add($"{name}/{input.Name}: {what}");
            }

            (taken, refused) = refusal is null ? (taken + 1, refused) : (taken, refused + 1);
        }

        Assert.Empty(wrong);
        // A target that takes nothing, or everything, has a corpus that reaches little.
        Assert.NotEqual(0, taken);
        Assert.NotEqual(0, refused);
    }

    public static TheoryData<string, string, byte[]> LargeInputs => new()
    {
        { "model", "names that look like a serializer's place", Encoding.UTF8.GetBytes($"{{\"{string.Concat(Enumerable.Repeat(" Path: ", 20_000))}\":1}}") },
        { "model", "names that look like types", Encoding.UTF8.GetBytes($"{{\"{string.Concat(Enumerable.Repeat(" to System.x on type", 20_000))}\":1}}") },
        { "welcome", "a run of the largest message", new CoordinatorMessage { Welcome = new Welcome { RunSpecJson = new string('[', Protocol.MaximumMessageBytes) } }.ToByteArray() },
        { "npz", "headers of 64 KiB, deflated", Npz(2_000, "'descr': '" + new string('a', 64_000) + "', 'fortran_order': False, 'shape': (2, 3)") },
        { "npz", "spaces, deflated", Npz(2_000, "'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)" + new string(' ', 9_900)) },
        { "certificate-request", "a subject of many parts, as large as a request may be", Request(parts: 500) },
        { "certificate-request", "a subject of more parts than fit a request", Request(parts: 5_000) },
        { "csv", "a million quotation marks", Encoding.UTF8.GetBytes("label,a\nx,1\n\"" + new string('"', 1_000_000) + "\",2\n") },
    };

    /// <summary>What grows faster than the input does not show in a small one.</summary>
    [Theory]
    [MemberData(nameof(LargeInputs))]
    public void LargeInput_Taken_DoesAsDocumented(string name, string what, byte[] input) =>
        Assert.True(FuzzTargets.Find(name)!.Judge(input) is null, $"{what}: {FuzzTargets.Find(name)!.Judge(input)}");

    [Fact]
    public void Corpus_IsSmallAndOfTargets()
    {
        var files = new DirectoryInfo(Corpus.Directory).GetFiles("*", SearchOption.AllDirectories);
        Assert.All(files, file => Assert.True(file.Length < LargestFileBytes, $"{file.Name} has {file.Length} bytes."));
        Assert.InRange(files.Sum(file => file.Length), 1, LargestCorpusBytes);
        Assert.Equal(
            FuzzTargets.All.Select(target => target.Name).Order(StringComparer.Ordinal),
            new DirectoryInfo(Corpus.Directory).GetDirectories().Select(directory => directory.Name).Order(StringComparer.Ordinal));
    }

    /// <summary>Whatever can come over the wire: of a service that is new, or a call that one has got, too.</summary>
    [Fact]
    public void Messages_OfAllServices_AreParsedByATarget()
    {
        var files = typeof(Hello).Assembly.GetTypes().Where(type => type.Namespace == typeof(Hello).Namespace)
            .Select(type => type.GetProperty("Descriptor", BindingFlags.Public | BindingFlags.Static)?.GetValue(null)).OfType<FileDescriptor>().ToList();
        Assert.Equal(["control.proto", "enrollment.proto", "training.proto"], files.Select(file => Path.GetFileName(file.Name)).Order(StringComparer.Ordinal));

        var sent = files.SelectMany(file => file.Services).SelectMany(service => service.Methods).SelectMany(method => new[] { method.InputType, method.OutputType });
        var parsed = Reachable(MessageTargets.Parsed);
        Assert.Empty(Reachable(sent).Except(parsed).Select(message => message.Name));

        static HashSet<MessageDescriptor> Reachable(IEnumerable<MessageDescriptor> from)
        {
            var found = new HashSet<MessageDescriptor>();
            for (var next = new Stack<MessageDescriptor>(from); next.TryPop(out var message);)
            {
                if (found.Add(message))
                {
                    foreach (var field in message.Fields.InDeclarationOrder().Where(field => field.FieldType == FieldType.Message))
                    {
                        next.Push(field.MessageType);
                    }
                }
            }

            return found;
        }
    }

    /// <summary>Which message it is, the first byte says: mutations of the others would take long to find it.</summary>
    [Fact]
    public void Corpus_OfUnary_HasEachMessage()
    {
        var firstBytes = Corpus.Read(Corpus.Directory, MessageTargets.Unary).Where(seed => seed.Content.Length > 0).Select(seed => (int)seed.Content[0]).ToHashSet();
        Assert.Empty(Enumerable.Range(0, MessageTargets.UnaryCount).Except(firstBytes));
    }

    [Fact]
    public void Judge_UndocumentedExceptionTimeOrMemory_IsFound()
    {
        Assert.Contains("InvalidOperationException", Judge(_ => throw new InvalidOperationException("what")), StringComparison.Ordinal);
        Assert.Contains("says nothing", Judge(_ => throw new FormatException(" ")), StringComparison.Ordinal);
        Assert.Contains("allocated", Judge(_ => GC.KeepAlive(GC.AllocateUninitializedArray<byte>((int)FuzzTarget.MaximumBytes + 1))), StringComparison.Ordinal);
        Assert.Contains("took", Judge(_ => Compute(FuzzTarget.MaximumTime * 1.1)), StringComparison.Ordinal);
        Assert.Null(Judge(_ => throw new FormatException("what")));
        Assert.Null(Judge(_ => { }));

        static string? Judge(Action<byte[]> take) => new FuzzTarget("", "", [typeof(FormatException)], Take(take), () => []).Judge([1]);

        static Func<byte[], string?> Take(Action<byte[]> take) => input =>
        {
            take(input);
            return null;
        };

        static void Compute(TimeSpan time)
        {
            for (var began = Environment.CpuUsage.TotalTime; Environment.CpuUsage.TotalTime - began < time;)
            {
            }
        }
    }

    /// <summary>A request whose signature the target sets right: what comes before it counts.</summary>
    private static byte[] Request(int parts)
    {
        var good = new AsnReader(Corpus.Read(Corpus.Directory, FuzzTargets.Find("certificate-request")!).Single(seed => seed.Name == "good").Content, AsnEncodingRules.DER).ReadSequence();
        var info = good.ReadSequence();
        var (version, subject, key, attributes) = (info.ReadEncodedValue(), info.ReadEncodedValue(), info.ReadEncodedValue(), info.ReadEncodedValue());
        var part = new AsnReader(subject, AsnEncodingRules.DER).ReadSequence().ReadEncodedValue();
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            using (writer.PushSequence())
            {
                writer.WriteEncodedValue(version.Span);
                using (writer.PushSequence())
                {
                    for (var i = 0; i < parts; i++)
                    {
                        writer.WriteEncodedValue(part.Span);
                    }
                }

                writer.WriteEncodedValue(key.Span);
                writer.WriteEncodedValue(attributes.Span);
            }

            writer.WriteEncodedValue(good.ReadEncodedValue().Span);
            writer.WriteEncodedValue(good.ReadEncodedValue().Span);
        }

        return writer.Encode();
    }

    private static byte[] Npz(int count, string header)
    {
        var text = Encoding.Latin1.GetBytes($"{{{header}}}");
        byte[] array = [0x93, .. "NUMPY"u8, 1, 0, (byte)text.Length, (byte)(text.Length >> 8), .. text];
        var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            for (var i = 0; i < count; i++)
            {
                using var entry = zip.CreateEntry($"{i}.npy", CompressionLevel.Fastest).Open();
                entry.Write(array);
            }
        }

        return stream.ToArray();
    }
}
