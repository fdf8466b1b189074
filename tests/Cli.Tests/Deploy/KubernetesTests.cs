using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using DistTrain.Cli.Options;
using DistTrain.Cli.Verbs;
using DistTrain.Transport;
using DistTrain.Worker;
using k8s;
using k8s.Models;

namespace DistTrain.Cli.Tests.Deploy;

/// <summary>
/// The Kubernetes files: every overlay, as kubectl makes it, is read strictly into the API's types, and what it says to the program is what the program
/// understands: verbs, options, variables, port, exit times.
/// </summary>
/// <remarks>Broken on purpose, and it failed: an option misspelt, another port, a grace period of 15 s, a field of the API misspelt, a probe in clear.</remarks>
public sealed partial class KubernetesTests
{
    private static readonly string Root = FindRoot();
    private static readonly string Directory = Path.Combine(Root, "deploy", "kubernetes");

    public static TheoryData<string> Overlays =>
        [.. System.IO.Directory.EnumerateFiles(Directory, "kustomization.yaml", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(Directory, Path.GetDirectoryName(file)!)).Order()];

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Containers_OfAnOverlay_AreToldWhatTheProgramUnderstands(string overlay)
    {
        var objects = Load(overlay);
        var pods = Pods(objects).ToList();
        Assert.Contains(pods, pod => pod.Role == "coordinator");
        Assert.Contains(pods, pod => pod.Role == "worker");
        var services = objects.OfType<V1Service>().Select(service => service.Metadata.Name).ToHashSet();
        foreach (var (role, spec) in pods)
        {
            var container = Assert.Single(spec.Containers);
            Assert.Equal(role, container.Args[0]);
            var verb = Understands(container.Args);
            foreach (var name in (container.Env ?? []).Select(variable => variable.Name).Concat(FromMaps(container, objects)).Where(name => name.StartsWith("DISTTRAIN_", StringComparison.Ordinal)))
            {
                Assert.Contains(verb.Settings, setting => setting.Variable == name);
            }

            var address = Value(container.Args, role == "coordinator" ? CommonOptions.Listen : CommonOptions.Coordinator);
            Assert.Equal(Protocol.DefaultPort.ToString(CultureInfo.InvariantCulture), address.Split(':')[1]);
            if (role == "worker")
            {
                Assert.Contains(address.Split(':')[0], services);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Pods_OfAnOverlay_MayDoNothingThatTheyNeedNot(string overlay)
    {
        foreach (var (_, spec) in Pods(Load(overlay)))
        {
            var container = spec.Containers[0];
            Assert.True(spec.SecurityContext.RunAsNonRoot);
            Assert.Equal(User(), spec.SecurityContext.RunAsUser);
            Assert.Equal("RuntimeDefault", spec.SecurityContext.SeccompProfile.Type);
            Assert.False(spec.AutomountServiceAccountToken);
            Assert.True(container.SecurityContext.ReadOnlyRootFilesystem);
            Assert.False(container.SecurityContext.AllowPrivilegeEscalation);
            Assert.Equal(["ALL"], container.SecurityContext.Capabilities.Drop);
            Assert.True(container.Resources.Requests.ContainsKey("cpu") && container.Resources.Limits.ContainsKey("memory"));
            // What the program writes to must be there: its root file system is read-only.
            Assert.All((string[])["/tmp", "/cache"], path => Assert.Contains(container.VolumeMounts, mount => mount.MountPath == path));
            Assert.Equal([.. container.VolumeMounts.Select(mount => mount.Name).Except(["runs"]).Order()], spec.Volumes.Select(volume => volume.Name).Order());
        }
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Pods_OfAnOverlay_AreGivenTheTimeThatTheProgramTakes(string overlay)
    {
        var worker = new WorkerOptions { Coordinator = "x" };
        foreach (var (role, spec) in Pods(Load(overlay)))
        {
            var needed = role == "worker" ? worker.FinishTimeout + WorkerCommand.GoodbyeTime : TimeSpan.FromSeconds(25);
            Assert.True(TimeSpan.FromSeconds(spec.TerminationGracePeriodSeconds!.Value) > needed, $"{role}: {spec.TerminationGracePeriodSeconds} s");
        }
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Probes_OfTheCoordinator_AskAsTheRunIsServed(string overlay)
    {
        var container = Pods(Load(overlay)).Single(pod => pod.Role == "coordinator").Spec.Containers[0];
        var isInsecure = container.Args.Contains(CommonOptions.Insecure.Name);
        foreach (var probe in new[] { container.StartupProbe, container.ReadinessProbe, container.LivenessProbe })
        {
            var command = probe.Exec.Command;
            Assert.Equal(EntryPoint(), command.Take(EntryPoint().Count));
            var arguments = command.Skip(EntryPoint().Count).ToList();
            Assert.Equal("health", arguments[0]);
            Understands(arguments);
            Assert.Equal(isInsecure, !arguments.Contains(CommonOptions.OperatorTls.Name));
            Assert.True(TimeSpan.FromSeconds(probe.TimeoutSeconds!.Value) > CommonOptions.DefaultFindTimeout, "it is cut off before it has looked");
        }
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Policies_OfAnOverlay_LetWorkersReachTheCoordinatorOnItsPort(string overlay)
    {
        var objects = Load(overlay);
        var policies = objects.OfType<V1NetworkPolicy>().ToDictionary(policy => policy.Spec.PodSelector.MatchLabels["app.kubernetes.io/component"]);
        var port = Protocol.DefaultPort.ToString(CultureInfo.InvariantCulture);
        Assert.Equal([port], policies["coordinator"].Spec.Ingress.Single().Ports.Select(rule => rule.Port.Value));
        Assert.Contains(policies["worker"].Spec.Egress, rule => rule.Ports.Any(allowed => allowed.Port.Value == port));
        Assert.Empty(policies["worker"].Spec.Ingress ?? []);
        Assert.All(objects.OfType<V1Service>().SelectMany(service => service.Spec.Ports ?? []), served => Assert.Equal(Protocol.DefaultPort, served.Port));
    }

    /// <summary>The verb of a command line, all of whose options it has.</summary>
    private static Verb Understands(IList<string> arguments)
    {
        var verb = Assert.Single(DistTrainCommand.Verbs, verb => verb.Name == arguments[0]);
        for (var i = 1; i < arguments.Count; i++)
        {
            var setting = Assert.Single(verb.Settings, setting => setting.Name == arguments[i]);
            if (!setting.IsFlag && !arguments[++i].Contains("$(", StringComparison.Ordinal))
            {
                setting.Check(arguments[i], arguments[i - 1]);
            }
        }

        return verb;
    }

    private static string Value(IList<string> arguments, Setting setting) => arguments[arguments.IndexOf(setting.Name) + 1];

    private static IEnumerable<string> FromMaps(V1Container container, List<object> objects) => (container.EnvFrom ?? []).SelectMany(source =>
        objects.OfType<V1ConfigMap>().Single(map => map.Metadata.Name == source.ConfigMapRef.Name).Data.Keys);

    private static IEnumerable<(string Role, V1PodSpec Spec)> Pods(List<object> objects) => objects
        .Select(item => item switch
        {
            V1StatefulSet set => set.Spec.Template,
            JobSet set => set.Spec.ReplicatedJobs.Single().Template.Spec.Template,
            _ => null,
        })
        .OfType<V1PodTemplateSpec>()
        .Select(template => (template.Metadata.Labels["app.kubernetes.io/component"], template.Spec));

    private static List<object> Load(string overlay)
    {
        var text = Kustomize(Path.Combine(Directory, overlay));
        var types = new Dictionary<string, Type> { ["jobset.x-k8s.io/v1alpha2/JobSet"] = typeof(JobSet) };
        return KubernetesYaml.LoadAllFromString(text, types, strict: true);
    }

    private static string Kustomize(string directory)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo("kubectl", ["kustomize", directory]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var errors = process.StandardError.ReadToEndAsync();
            var text = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.True(process.ExitCode == 0, errors.GetAwaiter().GetResult());
            return text;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("There is no kubectl here.");
            throw;
        }
    }

    /// <summary>What the image runs, from its Dockerfile.</summary>
    private static List<string> EntryPoint() => JsonSerializer.Deserialize<List<string>>(DockerfileLine(EntryPointLine()))!;

    private static long User() => long.Parse(DockerfileLine(UserLine()), CultureInfo.InvariantCulture);

    private static string DockerfileLine(Regex line) => line.Match(File.ReadAllText(Path.Combine(Root, "deploy", "Dockerfile"))).Groups[1].Value;

    private static string FindRoot()
    {
        var directory = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(directory, "DistTrain.sln")))
        {
            directory = Path.GetDirectoryName(directory) ?? throw new InvalidOperationException("The tests run outside of the repository.");
        }

        return directory;
    }

    [GeneratedRegex(@"^ENTRYPOINT (\[.*\])$", RegexOptions.Multiline)]
    private static partial Regex EntryPointLine();

    [GeneratedRegex(@"^USER (\d+):", RegexOptions.Multiline)]
    private static partial Regex UserLine();

    /// <summary>Of jobset.x-k8s.io/v1alpha2, the fields that are used; the client library does not have it.</summary>
    public sealed class JobSet
    {
        public string ApiVersion { get; set; } = "";

        public string Kind { get; set; } = "";

        public V1ObjectMeta Metadata { get; set; } = new();

        public JobSetSpec Spec { get; set; } = new();
    }

    public sealed class JobSetSpec
    {
        public JobSetFailurePolicy FailurePolicy { get; set; } = new();

        public List<ReplicatedJob> ReplicatedJobs { get; set; } = [];
    }

    public sealed class JobSetFailurePolicy
    {
        public int MaxRestarts { get; set; }
    }

    public sealed class ReplicatedJob
    {
        public string Name { get; set; } = "";

        public int Replicas { get; set; }

        public V1JobTemplateSpec Template { get; set; } = new();
    }
}
