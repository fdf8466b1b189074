namespace DistTrain.Coordinator;

/// <summary>Wishes that are answered later: by a durable checkpoint, or by the end of the run.</summary>
internal sealed class PendingReplies
{
    private readonly List<(long Steps, TaskCompletionSource<ControlReply> Reply)> _saves = [];
    private readonly List<TaskCompletionSource<ControlReply>> _stops = [];

    /// <summary>To be answered by a checkpoint of at least so many steps.</summary>
    public void AwaitSave(long steps, TaskCompletionSource<ControlReply> reply) => _saves.Add((steps, reply));

    /// <summary>To be answered by the end of the run.</summary>
    public void AwaitStop(TaskCompletionSource<ControlReply> reply) => _stops.Add(reply);

    /// <summary>A save has ended.</summary>
    public void Saved(long steps, string? failure, string? path)
    {
        foreach (var (wanted, reply) in _saves)
        {
            if (wanted <= steps)
            {
                reply.TrySetResult(new ControlReply(steps, failure, path));
            }
        }

        _saves.RemoveAll(pending => pending.Steps <= steps);
    }

    /// <summary>The run has ended.</summary>
    /// <param name="steps">Steps done.</param>
    /// <param name="isStopped">As asked.</param>
    /// <param name="isSaved">With a checkpoint of all of them.</param>
    public void Ended(long steps, bool isStopped, bool isSaved)
    {
        _stops.ForEach(reply => reply.TrySetResult(new ControlReply(steps, isStopped ? null : "the run ended by itself before")));
        _saves.ForEach(pending => pending.Reply.TrySetResult(new ControlReply(steps, isSaved ? null : "the run ended before")));
    }
}
