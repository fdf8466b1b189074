using System.Diagnostics;
using System.Globalization;
using DistTrain.Cli.Options;
using DistTrain.Transport;
using k8s;
using k8s.Models;

namespace DistTrain.Cli.Tests.Deploy;

/// <summary>
/// The Kubernetes files: every overlay, as kubectl makes it, is read strictly into the API's types, and what it says to the program is what the program
/// understands: verbs, options, variables, port, exit times; and what its parts say of each other is there.
/// </summary>
/// <remarks>
/// Broken on purpose, and it failed: an option misspelt, another port, a grace period of 15 s, a field of the API misspelt, a probe in clear; the JobSet's restart
/// policies, success policy and claim; a probe's port, a target port, a service's name, a label, a policy's type.
/// </remarks>
public sealed class KubernetesTests
{
    private const string Component = "app.kubernetes.io/component";
    private static readonly string Directory = Path.Combine(DeployedProgram.Directory, "kubernetes");

    public static TheoryData<string> Overlays =>
        [.. System.IO.Directory.EnumerateFiles(Directory, "kustomization.yaml", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(Directory, Path.GetDirectoryName(file)!)).Order()];

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Containers_OfAnOverlay_AreToldWhatTheProgramUnderstands(string overlay)
    {
        var objects = Load(overlay);
        var pods = Pods(objects).ToList();
        Assert.Equal(["coordinator", "worker"], pods.Select(pod => pod.Role).Order());
        var services = objects.OfType<V1Service>().Select(service => service.Metadata.Name).ToHashSet();
        foreach (var pod in pods)
        {
            var container = Assert.Single(pod.Spec.Containers);
            Assert.Equal(pod.Role, container.Args[0]);
            var verb = DeployedProgram.Understands(container.Args);
            foreach (var name in (container.Env ?? []).Select(variable => variable.Name).Concat(FromMaps(container, objects)).Where(name => name.StartsWith("DISTTRAIN_", StringComparison.Ordinal)))
            {
                Assert.Contains(verb.Settings, setting => setting.Variable == name);
            }

            var address = DeployedProgram.Address(container.Args, pod.Role == "coordinator" ? CommonOptions.Listen : CommonOptions.Coordinator);
            Assert.Equal(Protocol.DefaultPort, address.Port);
            if (pod.Role == "worker")
            {
                Assert.Contains(address.Host, services);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Pods_OfAnOverlay_MayDoNothingThatTheyNeedNot(string overlay)
    {
        var objects = Load(overlay);
        foreach (var pod in Pods(objects))
        {
            var (spec, container) = (pod.Spec, pod.Spec.Containers[0]);
            Assert.True(spec.SecurityContext.RunAsNonRoot);
            Assert.Equal(DeployedProgram.User, spec.SecurityContext.RunAsUser);
            Assert.Equal("RuntimeDefault", spec.SecurityContext.SeccompProfile.Type);
            Assert.False(spec.AutomountServiceAccountToken);
            Assert.True(container.SecurityContext.ReadOnlyRootFilesystem);
            Assert.False(container.SecurityContext.AllowPrivilegeEscalation);
            Assert.Equal(["ALL"], container.SecurityContext.Capabilities.Drop);
            Assert.True(container.Resources.Requests.ContainsKey("cpu") && container.Resources.Limits.ContainsKey("memory"));
            // What the program writes to must be there: its root file system is read-only.
            Assert.All((string[])["/tmp", "/cache"], path => Assert.Contains(container.VolumeMounts, mount => mount.MountPath == path));
            var claims = (pod.Set?.Spec.VolumeClaimTemplates ?? []).Select(claim => claim.Metadata.Name);
            Assert.Equal(container.VolumeMounts.Select(mount => mount.Name).Order(), spec.Volumes.Select(volume => volume.Name).Concat(claims).Order());
            Assert.All(
                spec.Volumes.Where(volume => volume.PersistentVolumeClaim is not null),
                volume => Assert.Contains(objects.OfType<V1PersistentVolumeClaim>(), claim => claim.Metadata.Name == volume.PersistentVolumeClaim.ClaimName));
        }
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Pods_OfAnOverlay_AreGivenTheTimeThatTheProgramTakes(string overlay) => Assert.All(
        Pods(Load(overlay)),
        pod => Assert.True(
            TimeSpan.FromSeconds(pod.Spec.TerminationGracePeriodSeconds!.Value) > DeployedProgram.StopTime(pod.Role), $"{pod.Role}: {pod.Spec.TerminationGracePeriodSeconds} s"));

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Probes_OfTheCoordinator_AskAsTheRunIsServed(string overlay)
    {
        var container = Pods(Load(overlay)).Single(pod => pod.Role == "coordinator").Spec.Containers[0];
        var isInsecure = container.Args.Contains(CommonOptions.Insecure.Name);
        foreach (var probe in new[] { container.StartupProbe, container.ReadinessProbe, container.LivenessProbe })
        {
            var arguments = DeployedProgram.UnderstandsHealth(probe.Exec.Command, TimeSpan.FromSeconds(probe.TimeoutSeconds!.Value));
            Assert.Equal(isInsecure, !arguments.Contains(CommonOptions.OperatorTls.Name));
            Assert.Equal(DeployedProgram.Address(container.Args, CommonOptions.Listen).Port, DeployedProgram.Address(arguments, CommonOptions.Coordinator).Port);
        }
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public void Policies_OfAnOverlay_LetWorkersReachTheCoordinatorOnItsPort(string overlay)
    {
        var policies = Load(overlay).OfType<V1NetworkPolicy>().ToDictionary(policy => policy.Spec.PodSelector.MatchLabels[Component], policy => policy.Spec);
        var port = Protocol.DefaultPort.ToString(CultureInfo.InvariantCulture);
        // What a policy does not name it does not restrict.
        Assert.Equal(["Ingress"], policies["coordinator"].PolicyTypes);
        Assert.Equal(["Egress", "Ingress"], policies["worker"].PolicyTypes.Order());
        var ingress = policies["coordinator"].Ingress.Single();
        Assert.Equal([port], ingress.Ports.Select(rule => rule.Port.Value));
        Assert.Equal(["worker"], ingress.FromProperty.Select(peer => peer.PodSelector.MatchLabels[Component]));
        Assert.Contains(policies["worker"].Egress, rule => rule.Ports.Any(allowed => allowed.Port.Value == port) && rule.To.Any(peer => peer.PodSelector.MatchLabels[Component] == "coordinator"));
        Assert.Empty(policies["worker"].Ingress ?? []);
    }

    /// <summary>A label misspelt selects nothing, and nobody says so.</summary>
    [Theory]
    [MemberData(nameof(Overlays))]
    public void Selectors_OfAnOverlay_SelectAPod(string overlay)
    {
        var objects = Load(overlay);
        var pods = Pods(objects).ToList();
        var policies = objects.OfType<V1NetworkPolicy>().Select(policy => policy.Spec).ToList();
        var peers = policies.SelectMany(policy => (policy.Ingress ?? []).SelectMany(rule => rule.FromProperty).Concat((policy.Egress ?? []).SelectMany(rule => rule.To ?? [])));
        IEnumerable<IDictionary<string, string>> selectors =
        [
            .. objects.OfType<V1Service>().Select(service => service.Spec.Selector),
            .. policies.Select(policy => policy.PodSelector.MatchLabels),
            .. peers.Select(peer => peer.PodSelector.MatchLabels),
        ];
        Assert.All(selectors, selector => Assert.Single(pods, pod => pod.IsSelectedBy(selector)));
        foreach (var pod in pods.Where(pod => pod.Set is not null))
        {
            Assert.True(pod.IsSelectedBy(pod.Set!.Spec.Selector.MatchLabels));
            Assert.True(pod.IsSelectedBy(Assert.Single(objects.OfType<V1Service>(), service => service.Metadata.Name == pod.Set.Spec.ServiceName).Spec.Selector));
        }

        foreach (var service in objects.OfType<V1Service>())
        {
            var container = pods.Single(pod => pod.IsSelectedBy(service.Spec.Selector)).Spec.Containers[0];
            foreach (var served in service.Spec.Ports ?? [])
            {
                var target = Assert.Single(container.Ports, port => port.Name == served.TargetPort.Value);
                Assert.Equal((Protocol.DefaultPort, Protocol.DefaultPort), (served.Port, target.ContainerPort));
            }
        }
    }

    /// <summary>What the API refuses, or would never see the end of.</summary>
    [Theory]
    [MemberData(nameof(Overlays))]
    public void Jobs_OfAnOverlay_AreTakenAndEndWithTheRun(string overlay)
    {
        var objects = Load(overlay);
        foreach (var pod in Pods(objects))
        {
            if (pod.Job is not { } job)
            {
                Assert.Null(pod.Spec.RestartPolicy);
                continue;
            }

            Assert.Contains(pod.Spec.RestartPolicy, (string[])["Never", "OnFailure"]);
            if (job.BackoffLimitPerIndex is not null)
            {
                Assert.Equal(("Never", "Indexed"), (pod.Spec.RestartPolicy, job.CompletionMode));
            }
        }

        foreach (var set in objects.OfType<JobSet>())
        {
            var coordinator = set.Spec.ReplicatedJobs.Single(job => job.Template.Spec.Template.Metadata.Labels[Component] == "coordinator");
            Assert.Equal(("All", coordinator.Name), (set.Spec.SuccessPolicy.Operator, Assert.Single(set.Spec.SuccessPolicy.TargetReplicatedJobs)));
        }
    }

    private static IEnumerable<string> FromMaps(V1Container container, List<object> objects) => (container.EnvFrom ?? []).SelectMany(source =>
        objects.OfType<V1ConfigMap>().Single(map => map.Metadata.Name == source.ConfigMapRef.Name).Data.Keys);

    private static IEnumerable<Pod> Pods(List<object> objects) => objects.SelectMany(item => item switch
    {
        V1StatefulSet set => [new Pod(set.Spec.Template, set, Job: null)],
        JobSet set => set.Spec.ReplicatedJobs.Select(job => new Pod(job.Template.Spec.Template, Set: null, job.Template.Spec)),
        _ => (IEnumerable<Pod>)[],
    });

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

    /// <summary>What is started, and by what.</summary>
    private sealed record Pod(V1PodTemplateSpec Template, V1StatefulSet? Set, V1JobSpec? Job)
    {
        public string Role => Template.Metadata.Labels[Component];

        public V1PodSpec Spec => Template.Spec;

        public bool IsSelectedBy(IDictionary<string, string> selector) => selector.Count > 0 && selector.All(label => Template.Metadata.Labels.Contains(label));
    }

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
        public JobSetSuccessPolicy SuccessPolicy { get; set; } = new();

        public JobSetFailurePolicy FailurePolicy { get; set; } = new();

        public List<ReplicatedJob> ReplicatedJobs { get; set; } = [];
    }

    public sealed class JobSetSuccessPolicy
    {
        public string Operator { get; set; } = "";

        public List<string> TargetReplicatedJobs { get; set; } = [];
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
