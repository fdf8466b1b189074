using DistTrain.Core.Kernels;

namespace DistTrain.Core.Training;

/// <summary>
/// What is done to each element of a long buffer by itself, shared out among the threads of a team: no bit depends on it. One call at a time.
/// </summary>
/// <param name="kernels">To compute with.</param>
/// <param name="team">The threads; null for the caller's alone.</param>
internal sealed unsafe class LongBuffers(Kernels<float> kernels, ThreadTeam? team)
{
    /// <summary>Shares are multiples of it, so that no two threads write to one line of a cache, and a buffer of one slice is not worth a second thread.</summary>
    private const int SliceLength = 1 << 14;

    private readonly bool[] _isFinite = new bool[team?.Count ?? 1];
    private Action<int>? _addShare;
    private Action<int>? _checkShare;
    private float* _left;
    private float* _right;
    private int _count;

    /// <summary><c>left ← left + right</c></summary>
    /// <returns>Whether all sums are finite.</returns>
    public bool AddInPlace(float* left, float* right, int count)
    {
        _left = left;
        _right = right;
        _count = count;
        _isFinite.AsSpan().Fill(true);
        Run(_addShare ??= AddShare);
        return !_isFinite.AsSpan().Contains(false);
    }

    /// <summary>Whether all of them are finite.</summary>
    public bool AllFinite(float* values, int count)
    {
        _left = values;
        _count = count;
        _isFinite.AsSpan().Fill(true);
        Run(_checkShare ??= CheckShare);
        return !_isFinite.AsSpan().Contains(false);
    }

    private void Run(Action<int> share)
    {
        if (team is null || _count <= SliceLength)
        {
            share(0);
        }
        else
        {
            team.Run(share);
        }
    }

    private void AddShare(int index)
    {
        var (first, count) = Share(index);
        _isFinite[index] = kernels.AddFinite(_left + first, _right + first, count);
    }

    private void CheckShare(int index)
    {
        var (first, count) = Share(index);
        _isFinite[index] = kernels.AllFinite(_left + first, count);
    }

    private (int First, int Count) Share(int index)
    {
        var shares = team is null || _count <= SliceLength ? 1 : team.Count;
        var slices = (int)(((long)_count + SliceLength - 1) / SliceLength);
        var first = ShardPlan.Start(index, shares, slices) * SliceLength;
        var end = (int)Math.Min(_count, (long)ShardPlan.Start(index + 1, shares, slices) * SliceLength);
        return (first, end - first);
    }
}
