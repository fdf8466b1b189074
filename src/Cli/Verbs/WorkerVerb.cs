using System.Net;
using DistTrain.Cli.Data;
using DistTrain.Cli.Options;
using DistTrain.Cli.Runs;
using DistTrain.Core;
using DistTrain.Transport;
using DistTrain.Transport.Identity;
using DistTrain.Worker;

namespace DistTrain.Cli.Verbs;

/// <summary><c>worker</c>: computes for a coordinator until its run ends.</summary>
public sealed class WorkerVerb : Verb
{
    /// <inheritdoc/>
    public override string Name => "worker";

    /// <inheritdoc/>
    public override string Help => "Compute for a coordinator until its run ends; needs nothing but its address.";

    /// <inheritdoc/>
    public override IReadOnlyList<Example> Examples =>
    [
        new("worker", "for a coordinator on this machine"),
        new("worker --coordinator node1:29500 --threads 4 --token-file token --ca-hash sha256:…", "for one elsewhere: it prints this line"),
    ];

    /// <inheritdoc/>
    public override bool IsTask => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Setting> Settings { get; } =
    [
        CommonOptions.Coordinator, .. CommonOptions.OfJoining, CommonOptions.Threads, CommonOptions.Data, CommonOptions.StartTimeout, CommonOptions.ReconnectTimeout, CommonOptions.Transport, CommonOptions.Config,
        CommonOptions.WorkerName, CommonOptions.EndWithInput,
    ];

    /// <inheritdoc/>
    public override async Task<int> RunAsync(VerbCall call)
    {
        var (values, surroundings) = (call.Values, call.Surroundings);
        var coordinator = values.Get(CommonOptions.Coordinator, new DnsEndPoint("127.0.0.1", CommonOptions.DefaultPort));
        using var log = RunLog.Open(path: null, surroundings.Error.WriteLine, Serilog.Events.LogEventLevel.Information);
        var datasets = new LocalDatasets(surroundings.Variable, surroundings.Error.WriteLine);
        var options = new WorkerOptions
        {
            Coordinator = CoordinatorAddress.Text(coordinator),
            Token = FindToken(values, surroundings),
            AuthorityHash = values.FindText(CommonOptions.AuthorityHash),
            CertificateFile = values.FindText(CommonOptions.Certificate) is { } certificate ? surroundings.Resolve(certificate) : null,
            Name = values.FindText(CommonOptions.WorkerName) ?? "",
            Threads = values.Get(CommonOptions.Threads, surroundings.Cores),
            SharesMemory = CommonOptions.SharesMemory(values),
            StartTimeout = values.Get(CommonOptions.StartTimeout, CommonOptions.DefaultStartTimeout),
            ReconnectTimeout = values.Get(CommonOptions.ReconnectTimeout, CommonOptions.DefaultReconnectTimeout),
            ExitWithStandardInput = values.Get(CommonOptions.EndWithInput, false),
            FindDataset = wanted => datasets.Find(wanted, values.FindText(CommonOptions.Data)),
        };
        using var loggers = log.CreateFactory();
        var outcome = await WorkerRole.RunAsync(options, loggers, surroundings.Time, call.Stop.Token).ConfigureAwait(false);
        // The log has told the reason already.
        return outcome.ExitCode;
    }

    private static JoinToken? FindToken(SettingValues values, Surroundings surroundings)
    {
        if (values.FindText(CommonOptions.TokenFile) is not { } file)
        {
            return values.FindText(CommonOptions.Token) is { } text ? JoinToken.Parse(text, values.Place(CommonOptions.Token)) : null;
        }

        return values.Has(CommonOptions.Token)
            ? throw new InvalidInputException($"{values.Place(CommonOptions.Token)} and {values.Place(CommonOptions.TokenFile)} both give a token; give one of the two.")
            : JoinToken.Parse(PrivateFile.Read(surroundings.Resolve(file), isSecret: true), $"What {file} holds");
    }
}
