using DistTrain.Transport.Wire;

namespace DistTrain.Chaos.Faults;

/// <summary>N8b: one bit of the run's description is another when it comes: the seed 1 is read as 3.</summary>
internal sealed class FlipsWelcome : MessageFault
{
    private const char One = '1';
    private bool _isDone;

    protected override int Receive(CoordinatorMessage message)
    {
        if (message.Welcome is { } welcome && !_isDone)
        {
            var json = welcome.RunSpecJson.ToCharArray();
            var at = welcome.RunSpecJson.IndexOf(One, welcome.RunSpecJson.IndexOf("\"seed\"", StringComparison.Ordinal));
            json[at] = (char)(One ^ 2);
            welcome.RunSpecJson = new string(json);
            _isDone = true;
            FaultyWorker.Fired("flipped a bit of the seed");
        }

        return 1;
    }
}
