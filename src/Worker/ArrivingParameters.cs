using DistTrain.Core.Training;

namespace DistTrain.Worker;

/// <summary>How far one set of parameters has come (3.1), told by the thread that reads and waited for by those that compute.</summary>
/// <param name="length">Elements of all of them.</param>
internal sealed class ArrivingParameters(int length) : IParameterArrival
{
    private readonly object _gate = new();
    private int _there;
    private bool _isVerified;
    private bool _isLost;

    /// <summary>Whether they are damaged, or were given up.</summary>
    public bool IsLost
    {
        get
        {
            lock (_gate)
            {
                return _isLost;
            }
        }
    }

    /// <summary>Whether <see cref="Await"/> returns, or throws, at once.</summary>
    public bool IsDecided(int end)
    {
        lock (_gate)
        {
            return _isLost || _there >= Math.Min(end, length);
        }
    }

    /// <summary>So many elements have come from the beginning.</summary>
    public void Advance(int elements)
    {
        lock (_gate)
        {
            _there = elements;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>All have come, and their checksum fits.</summary>
    public void Verify()
    {
        lock (_gate)
        {
            (_there, _isVerified) = (length, true);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>They are damaged, or no more of them comes. Does nothing to those that are verified.</summary>
    public void Lose()
    {
        lock (_gate)
        {
            _isLost |= !_isVerified;
            Monitor.PulseAll(_gate);
        }
    }

    /// <inheritdoc/>
    public void Await(int end)
    {
        lock (_gate)
        {
            while (!_isLost && _there < Math.Min(end, length))
            {
                Monitor.Wait(_gate);
            }

            if (_isLost)
            {
                throw new ParametersLostException();
            }
        }
    }

    /// <summary>Returns when it is known whether they are undamaged.</summary>
    /// <exception cref="ParametersLostException">They are not.</exception>
    public void AwaitVerified()
    {
        lock (_gate)
        {
            while (!_isLost && !_isVerified)
            {
                Monitor.Wait(_gate);
            }

            if (_isLost)
            {
                throw new ParametersLostException();
            }
        }
    }
}
