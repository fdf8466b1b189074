using System.Security.Cryptography;
using DistTrain.Cli.Data;
using DistTrain.Core.Data;
using DistTrain.Core.Tests.Data;
using Microsoft.Extensions.Time.Testing;

namespace DistTrain.Core.Tests.Cli.Data;

public sealed class DatasetDownloaderTests : IDisposable
{
    private static readonly byte[] Images = IdxBytes.Images(20, 28, 28);
    private static readonly byte[] Labels = IdxBytes.Labels(1, 2, 3);

    private readonly TemporaryDirectory _directory = new();
    private readonly HttpClient _client = DatasetDownloader.CreateClient();
    private readonly List<string> _reports = [];
    private readonly FakeTimeProvider _time = new();

    public void Dispose()
    {
        _client.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task FetchAsync_GoodMirror_WritesTheFilesOnceAndNothingElse()
    {
        await using var mirror = Good();
        await FetchAsync(mirror.Address);
        Assert.Equal(["images.gz", "labels.gz"], FileNames());
        Assert.Equal(IdxBytes.Gzip(Images), File.ReadAllBytes(Path.Combine(_directory.Path, "images.gz")));
        await FetchAsync(mirror.Address);
        Assert.Equal(2, mirror.RequestCount);
    }

    public static TheoryData<string, string> BadMirrors => new()
    {
        { "wrong content", $"the SHA-256 of its unpacked content is {Hash([1, 2, 3])}, the published one {Hash(Images)}" },
        { "not what its first bytes say", "its gzip data cannot be unpacked" },
        { "bomb", "it unpacks to more than the published" },
        { "half a gzip", "its unpacked content is" },
        { "truncated", "prematurely" },
        { "not found", "the server answered 404 Not Found" },
        { "endless", "it sends more than the" },
        { "silent", "it sent nothing for 20 s" },
        { "silent in mid-body", "it sent nothing for 20 s" },
        { "nobody listens", "refused" },
    };

    [Theory]
    [MemberData(nameof(BadMirrors))]
    public async Task FetchAsync_BadMirrorThenGoodOne_SaysWhyAndUsesTheGood(string kind, string expected)
    {
        await using var bad = Bad(kind);
        await using var good = Good();
        if (kind == "nobody listens") await bad.DisposeAsync();
        await FetchAsync(bad.Address, good.Address);
        Assert.Equal(["images.gz", "labels.gz"], FileNames());
        Assert.Contains(_reports, report => report.StartsWith($"{bad.Address}images.gz: ", StringComparison.Ordinal)
            && report.Contains(expected, StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task FetchAsync_AllMirrorsFail_ListsEachReasonAndLeavesNothing()
    {
        await using var wrong = Bad("wrong content");
        await using var missing = Bad("not found");
        var error = await Assert.ThrowsAsync<InvalidInputException>(() => FetchAsync(wrong.Address, missing.Address));
        Assert.Contains($"{wrong.Address}images.gz: the SHA-256", error.Message);
        Assert.Contains($"{missing.Address}images.gz: the server answered 404", error.Message);
        Assert.Contains("--data DIR", error.Message);
        Assert.Empty(FileNames());
    }

    [Fact]
    public async Task FetchAsync_WrongContentInPlace_IsReplacedUnderBothNames()
    {
        await using var mirror = Good();
        _directory.Write("images", [1, 2, 3]);
        _directory.Write("labels.gz", [1, 2, 3]);
        await FetchAsync(mirror.Address);
        Assert.Equal(["images.gz", "labels.gz"], FileNames());
        Assert.Contains(_reports, report => report.Contains("is replaced by", StringComparison.Ordinal));
    }

    [Fact]
    public async Task FetchAsync_SlowButSteadyMirror_IsWaitedFor()
    {
        await FetchSlowlyAsync(pieceCount: 5, secondsPerPiece: 15);
        Assert.Equal(["images.gz", "labels.gz"], FileNames());
    }

    [Fact]
    public async Task FetchAsync_NeverSilentButTooSlow_GivesUpAtTheTotalLimit()
    {
        var error = await Assert.ThrowsAsync<InvalidInputException>(() => FetchSlowlyAsync(pieceCount: 100, secondsPerPiece: 15));
        Assert.Contains("images.gz: it took longer than 600 s", error.Message);
    }

    [Fact]
    public async Task FetchAsync_Cancelled_StopsAndLeavesNothing()
    {
        using var cancellation = new CancellationTokenSource();
        await using var mirror = new LoopbackMirror((_, _, _) => cancellation.CancelAsync());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => FetchAsync(cancellation.Token, mirror.Address));
        Assert.Empty(FileNames());
    }

    [Fact]
    public async Task FetchAsync_DirectoryIsAFile_IsTheUsersError()
    {
        await using var mirror = Good();
        var path = _directory.Write("taken", []);
        var error = await Assert.ThrowsAsync<InvalidInputException>(() => new DatasetDownloader(_client, _reports.Add)
            .FetchAsync(Entry(mirror.Address), path, TestContext.Current.CancellationToken));
        Assert.Contains(path, error.Message);
    }

    private static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private static DatasetEntry Entry(params Uri[] mirrors) => new("small", "for tests",
        [new("images", Images.Length, Hash(Images)), new("labels", Labels.Length, Hash(Labels))], mirrors);

    private static LoopbackMirror Good() => new(async (path, stream, cancellation) =>
        await stream.WriteAsync(LoopbackMirror.Response("200 OK", path switch
        {
            "/files/images.gz" => IdxBytes.Gzip(Images),
            "/files/labels.gz" => IdxBytes.Gzip(Labels),
            _ => throw new InvalidOperationException($"The test server has no {path}."),
        }), cancellation));

    private LoopbackMirror Bad(string kind)
    {
        var body = IdxBytes.Gzip(Images);
        return new(async (_, stream, cancellation) =>
        {
            await stream.WriteAsync(kind switch
            {
                "wrong content" => LoopbackMirror.Response("200 OK", IdxBytes.Gzip([1, 2, 3])),
                "not what its first bytes say" => LoopbackMirror.Response("200 OK", [0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]),
                "bomb" => LoopbackMirror.Response("200 OK", IdxBytes.Gzip(new byte[1_000_000])),
                "half a gzip" => LoopbackMirror.Response("200 OK", body[..(body.Length / 2)]),
                "truncated" => LoopbackMirror.Response("200 OK", body[..(body.Length / 2)], body.Length),
                "not found" => LoopbackMirror.Response("404 Not Found", []),
                "silent" => [],
                _ => LoopbackMirror.Response("200 OK", body[..10], long.MaxValue),
            }, cancellation);
            switch (kind)
            {
                case "silent" or "silent in mid-body":
                    _time.Advance(DownloadLimits.Default.Silence);
                    await Task.Delay(Timeout.Infinite, cancellation);
                    break;
                case "endless":
                    while (true) await stream.WriteAsync(new byte[1 << 16], cancellation);
                default:
                    break;
            }
        });
    }

    private Task FetchAsync(params Uri[] mirrors) => FetchAsync(TestContext.Current.CancellationToken, mirrors);

    private Task FetchAsync(CancellationToken cancellation, params Uri[] mirrors) =>
        new DatasetDownloader(_client, _reports.Add, timeProvider: _time).FetchAsync(Entry(mirrors), _directory.Path, cancellation);

    private async Task FetchSlowlyAsync(int pieceCount, int secondsPerPiece)
    {
        using var handler = new SlowHandler(pieceCount, () => _time.Advance(TimeSpan.FromSeconds(secondsPerPiece)));
        using var client = new HttpClient(handler);
        await new DatasetDownloader(client, _reports.Add, timeProvider: _time)
            .FetchAsync(Entry(new Uri("http://slow.test/")), _directory.Path, TestContext.Current.CancellationToken);
    }

    private string[] FileNames() =>
        [.. Directory.GetFiles(_directory.Path).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];

    /// <summary>Answers with the right files in pieces, and lets virtual time pass before each.</summary>
    private sealed class SlowHandler(int pieceCount, Action beforePiece) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var content = IdxBytes.Gzip(request.RequestUri!.AbsolutePath == "/images.gz" ? Images : Labels);
            return Task.FromResult(new HttpResponseMessage { Content = new StreamContent(new Pieces(content, pieceCount, beforePiece)) });
        }

        private sealed class Pieces(byte[] content, int pieceCount, Action beforePiece) : MemoryStream(content)
        {
            public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
            {
                if (Position < Length) beforePiece();
                cancellationToken.ThrowIfCancellationRequested();
                return await base.ReadAsync(buffer[..Math.Min(buffer.Length, (int)Length / pieceCount + 1)], cancellationToken);
            }
        }
    }
}
