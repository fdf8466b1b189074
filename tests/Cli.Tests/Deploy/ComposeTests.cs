using System.Globalization;
using System.Text.RegularExpressions;
using DistTrain.Cli.Options;
using DistTrain.Transport;
using YamlDotNet.Core;
using YamlDotNet.Serialization;

namespace DistTrain.Cli.Tests.Deploy;

/// <summary>The compose file and the stack: what they say to the program is what it understands, and they wait for it as long as it takes. Engines run them in deploy/test.</summary>
/// <remarks>Broken on purpose, and it failed: an option misspelt, another port of the health check, a grace period of 15 s.</remarks>
public sealed partial class ComposeTests
{
    public static TheoryData<string> Files => ["compose.yaml", "swarm/stack.yaml"];

    [Theory]
    [MemberData(nameof(Files))]
    public void Services_OfAFile_AreToldWhatTheProgramUnderstands(string file)
    {
        var services = Load(file);
        Assert.Equal(["coordinator", "worker"], services.Keys.Order());
        foreach (var (role, service) in services)
        {
            var arguments = Arguments(service);
            Assert.Equal(role, arguments[0]);
            var verb = DeployedProgram.Understands(arguments);
            foreach (var name in (service.Environment ?? []).Keys.Where(name => name.StartsWith("DISTTRAIN_", StringComparison.Ordinal)))
            {
                Assert.Contains(verb.Settings, setting => setting.Variable == name);
            }
        }

        var listens = DeployedProgram.Address(Arguments(services["coordinator"]), CommonOptions.Listen);
        Assert.Equal(Protocol.DefaultPort, listens.Port);
        Assert.Equal(("coordinator", listens.Port), DeployedProgram.Address(Arguments(services["worker"]), CommonOptions.Coordinator));
        var check = services["coordinator"].HealthCheck!;
        Assert.Equal("CMD", check.Test[0]);
        var health = DeployedProgram.UnderstandsHealth(check.Test.Skip(1), Seconds(check.Timeout));
        Assert.Equal(listens.Port, DeployedProgram.Address(health, CommonOptions.Coordinator).Port);
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Services_OfAFile_AreGivenTheTimeThatTheProgramTakes(string file) => Assert.All(
        Load(file), service => Assert.True(Seconds(service.Value.StopGracePeriod) > DeployedProgram.StopTime(service.Key), $"{service.Key}: {service.Value.StopGracePeriod}"));

    /// <summary>As the engine makes it with no variable set.</summary>
    private static List<string> Arguments(Service service) => [.. Variable().Replace(service.Command, "$1").Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)];

    private static TimeSpan Seconds(string text) => TimeSpan.FromSeconds(int.Parse(text.TrimEnd('s'), CultureInfo.InvariantCulture));

    private static Dictionary<string, Service> Load(string file)
    {
        using var reader = new StreamReader(Path.Combine(DeployedProgram.Directory, file));
        var yaml = new DeserializerBuilder().IgnoreUnmatchedProperties().Build();
        return yaml.Deserialize<ComposeFile>(new MergingParser(new Parser(reader))).Services;
    }

    [GeneratedRegex(@"\$\{\w+:-([^}]*)\}")]
    private static partial Regex Variable();

    public sealed class ComposeFile
    {
        [YamlMember(Alias = "services")]
        public Dictionary<string, Service> Services { get; set; } = [];
    }

    public sealed class Service
    {
        [YamlMember(Alias = "command")]
        public string Command { get; set; } = "";

        [YamlMember(Alias = "environment")]
        public Dictionary<string, string>? Environment { get; set; }

        [YamlMember(Alias = "healthcheck")]
        public HealthCheck? HealthCheck { get; set; }

        [YamlMember(Alias = "stop_grace_period")]
        public string StopGracePeriod { get; set; } = "";
    }

    public sealed class HealthCheck
    {
        [YamlMember(Alias = "test")]
        public List<string> Test { get; set; } = [];

        [YamlMember(Alias = "timeout")]
        public string Timeout { get; set; } = "";
    }
}
