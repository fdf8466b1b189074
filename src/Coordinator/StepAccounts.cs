using DistTrain.Core.Training;

namespace DistTrain.Coordinator;

/// <summary>
/// Splits the time of each training step, purely: told timestamps of one clock, in ticks. Allocates nothing once its lists have grown. The critical path of a step, from the end of the one before:
/// what belongs to that one still, messages made, parameters and lease on their way, gradients computed by the worker whose partial comes last, its
/// partial on its way, verified, added, the step committed. docs/scaling.md defines the parts.
/// </summary>
/// <param name="frequency">Ticks in a second.</param>
/// <param name="now">When the first step may begin.</param>
internal sealed class StepAccounts(long frequency, long now)
{
    private readonly List<(long Begin, long End)> _sums = [];
    private readonly List<(int Worker, long Compute)> _workers = [];
    private long _ended = now;
    private long _began = -1;
    private long _made;
    private PartialReceipt _last;
    private long _lastCompute;

    /// <summary>Something else than a step is over, an evaluation or a pause: the next step begins now.</summary>
    public void Restart(long now)
    {
        _ended = now;
        Clear();
    }

    /// <summary>The step's first message is about to be made; later calls for the same step change nothing.</summary>
    public void Begin(long now) => _began = _began < 0 ? now : _began;

    /// <summary>Messages with parameters were made.</summary>
    /// <param name="ticks">How long it took.</param>
    public void MessagesMade(long ticks) => _made += ticks;

    /// <summary>A partial of the step was received.</summary>
    /// <param name="worker">From whom.</param>
    /// <param name="receipt">When it was whole, and how long its verification took.</param>
    /// <param name="compute">What its worker has computed on its lease up to it; 0 if it does not say.</param>
    public void Received(int worker, PartialReceipt receipt, long compute)
    {
        var known = 0;
        while (known < _workers.Count && _workers[known].Worker != worker)
        {
            known++;
        }

        if (known == _workers.Count)
        {
            _workers.Add((worker, compute));
        }
        else
        {
            // It may have computed more since, for the next of its nodes: the latest says it all.
            _workers[known] = (worker, Math.Max(compute, _workers[known].Compute));
        }

        if (receipt.At >= _last.At)
        {
            (_last, _lastCompute) = (receipt, compute);
        }
    }

    /// <summary>A partial was added to others.</summary>
    public void Summed(long begin, long end) => _sums.Add((begin, end));

    /// <summary>The step is done.</summary>
    /// <param name="complete">When its sum was complete.</param>
    /// <param name="now">When its parameters were updated.</param>
    /// <returns>Its split; the parts add up to the time since the step before, or since <see cref="Restart"/>.</returns>
    public StepSplit Committed(long complete, long now)
    {
        // Clocks of several threads feed this; whatever they say, no part is negative and the sum is exact.
        var left = now - _ended;
        var update = Take(ref left, now - complete + (_began < 0 ? 0 : _began - _ended));
        var reduce = Take(ref left, SummedAfter(_last.At + _last.Verification));
        var serialise = Take(ref left, _made + _last.Verification);
        var computed = Take(ref left, _lastCompute);
        var compute = Math.Min(computed, MeanCompute());
        var split = new StepSplit(compute, serialise, left, computed - compute, reduce, update) * (1d / frequency);
        Restart(now);
        return split;
    }

    private static long Take(ref long left, long ticks)
    {
        var taken = Math.Clamp(ticks, 0, left);
        left -= taken;
        return taken;
    }

    /// <summary>Sums that ran while the last partial was still on its way delayed nobody.</summary>
    private long SummedAfter(long moment)
    {
        var ticks = 0L;
        foreach (var (begin, end) in _sums)
        {
            ticks += Math.Max(0, end - Math.Max(begin, moment));
        }

        return ticks;
    }

    private long MeanCompute()
    {
        var (sum, count) = (0L, 0);
        foreach (var (_, compute) in _workers)
        {
            sum += compute;
            count += compute > 0 ? 1 : 0;
        }

        return count == 0 ? 0 : sum / count;
    }

    private void Clear()
    {
        _sums.Clear();
        _workers.Clear();
        (_began, _made, _last, _lastCompute) = (-1, 0, default, 0);
    }
}

/// <summary>When a partial came.</summary>
/// <param name="At">The timestamp at which its last byte was here.</param>
/// <param name="Verification">Ticks that verifying it took after that.</param>
internal readonly record struct PartialReceipt(long At, long Verification);
