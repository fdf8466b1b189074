using DistTrain.Cli.Options;
using DistTrain.Cli.Platforms;
using DistTrain.Core;
using DistTrain.Transport;

namespace DistTrain.Cli.Tests.Platforms;

public sealed class SlurmMeetingTests
{
    private const string Token = "--token dt1.x --ca-hash sha256:0";

    [Theory]
    [InlineData("vm", "", "127.0.0.1:20077", "127.0.0.1:20077", false)]
    [InlineData("vm", Token, "127.0.0.1:20077", "127.0.0.1:20077", false)]
    [InlineData("vm", "--tls true " + Token, "127.0.0.1:20077", "127.0.0.1:20077", true)]
    [InlineData("vm", "--listen unix:/tmp/x.sock", "unix:/tmp/x.sock", "unix:/tmp/x.sock", false)]
    [InlineData("vm", "--listen 0.0.0.0:30000 --insecure true", "0.0.0.0:30000", "127.0.0.1:30000", false)]
    [InlineData("n[1-2]", Token, "0.0.0.0:20077", "n1:20077", true)]
    [InlineData("n[1-2]", "--token-file t --ca-hash sha256:0", "0.0.0.0:20077", "n1:20077", true)]
    [InlineData("n[1-2]", "--insecure true", "0.0.0.0:20077", "n1:20077", false)]
    [InlineData("n[1-2]", "--listen [::]:30000 " + Token, "[::]:30000", "n1:30000", true)]
    [InlineData("n[1-2]", "--listen n1-ib:30000 " + Token, "n1-ib:30000", "n1-ib:30000", true)]
    public void Of_AStep_IsWhereAllTasksFindIt(string nodes, string options, string listen, string coordinator, bool isSecure)
    {
        var meeting = SlurmMeeting.Of(Step(nodes), Values(options));

        Assert.Equal(
            (listen, coordinator, isSecure),
            (CoordinatorAddress.Text(meeting.Listen), CoordinatorAddress.Text(meeting.Coordinator), meeting.IsSecure));
    }

    [Theory]
    [InlineData("n[1-2]", "", "DISTTRAIN_TOKEN and DISTTRAIN_CA_HASH are not set", "--insecure")]
    [InlineData("n[1-2]", "--token dt1.x", "DISTTRAIN_CA_HASH is not set", "disttrain token create --json")]
    [InlineData("n[1-2]", "--ca-hash sha256:0", "DISTTRAIN_TOKEN is not set", "disttrain token create --json")]
    [InlineData("vm", "--tls true", "--tls asks for certificates", "DISTTRAIN_TOKEN and DISTTRAIN_CA_HASH are not set")]
    [InlineData("n[1-2]", "--listen 127.0.0.1:30000", "which no other node reaches", "n1")]
    [InlineData("n[1-2]", "--listen localhost:30000", "which no other node reaches", "n1")]
    [InlineData("n[1-2]", "--listen unix:/tmp/x.sock", "which no other node reaches", "n1")]
    [InlineData("vm", "--listen 127.0.0.1:0", "port 0", "Name a port")]
    [InlineData("n[1-2", "", "SLURM_JOB_NODELIST is 'n[1-2'", "not closed")]
    public void Of_TasksCouldNotMeet_SaysWhyAndWhatToDo(string nodes, string options, string reason, string cure)
    {
        var message = Assert.Throws<InvalidInputException>(() => SlurmMeeting.Of(Step(nodes), Values(options))).Message;

        Assert.Contains(reason, message, StringComparison.Ordinal);
        Assert.Contains(cure, message, StringComparison.Ordinal);
    }

    /// <summary>A file for all jobs may name an address: the step's own is stronger, and a variable stronger still.</summary>
    [Fact]
    public void Of_AnAddressInAFile_IsWeakerThanTheStep()
    {
        var file = SettingValues.Empty.Over(new Dictionary<string, string> { ["listen"] = "127.0.0.1:1" }, [CommonOptions.Listen], "job.json");

        Assert.Equal("127.0.0.1:20077", CoordinatorAddress.Text(SlurmMeeting.Of(Step("vm"), file).Listen));
        Assert.Equal("127.0.0.1:2", CoordinatorAddress.Text(SlurmMeeting.Of(Step("vm"), file.With([(CommonOptions.Listen, "127.0.0.1:2")])).Listen));
    }

    private static SlurmStep Step(string nodes) =>
        SlurmStep.Find(SlurmStepTests.Of($"SLURM_STEP_ID=0 SLURM_PROCID=1 SLURM_NTASKS=2 SLURM_JOB_ID=77 SLURM_JOB_NODELIST={nodes}"))!;

    private static SettingValues Values(string options)
    {
        Setting[] known = [CommonOptions.Listen, CommonOptions.Tls, CommonOptions.Insecure, .. CommonOptions.OfJoining];
        return SettingValues.Empty.With(options.Split(' ', StringSplitOptions.RemoveEmptyEntries).Chunk(2)
            .Select(pair => (known.Single(setting => setting.Name == pair[0]), pair[1])));
    }
}
