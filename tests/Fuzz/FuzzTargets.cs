using DistTrain.Fuzz.Targets;

namespace DistTrain.Fuzz;

/// <summary>The targets: what fuzzers are started on, and what the tests replay the corpus with.</summary>
public static class FuzzTargets
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        DatasetTargets.Idx,
        DatasetTargets.Cifar10,
        DatasetTargets.Csv,
        DatasetTargets.DatasetBytes,
        ImageTargets.Png,
        ImageTargets.PngFolder,
        WeightTargets.SafeTensors,
        WeightTargets.Npz,
        SpecTargets.Model,
        SpecTargets.Run,
        CheckpointTargets.Manifest,
        CheckpointTargets.State,
        CheckpointTargets.Checkpoint,
        CheckpointTargets.Records,
        MessageTargets.WorkerMessage,
        MessageTargets.CoordinatorMessage,
        MessageTargets.Unary,
        ConversationTargets.Hello,
        ConversationTargets.Welcome,
        ConversationTargets.FromWorker,
        ConversationTargets.FromCoordinator,
        IdentityTargets.Request,
        IdentityTargets.Certificate,
        IdentityTargets.Credentials,
        IdentityTargets.JoiningToken,
    ];

    /// <summary>A target by its name; null if there is none.</summary>
    public static FuzzTarget? Find(string name) => All.FirstOrDefault(target => target.Name == name);
}
