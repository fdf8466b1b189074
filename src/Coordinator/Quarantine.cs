using System.Diagnostics.CodeAnalysis;
using System.Net;
using DistTrain.Transport.Identity;

namespace DistTrain.Coordinator;

/// <summary>
/// Who may not come back yet, by the name that a worker keeps over its restarts. Who crashes before it has delivered anything, again and again,
/// waits 1, 2, 4 … up to 60 s; who sent what is not finite waits 60 s; who sent wrong bits stays out, whatever is delivered under its name, and where
/// workers show certificates so do its certificate and its address. Asked by any thread.
/// </summary>
/// <param name="time">Where time comes from.</param>
internal sealed class Quarantine(TimeProvider time)
{
    private const int FreeStrikes = 1;
    private static readonly TimeSpan First = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(60);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Sentence> _sentences = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _exiledCertificates = new(StringComparer.Ordinal);
    private readonly Dictionary<IPAddress, string> _exiledAddresses = [];

    /// <summary>It crashed with a lease, and has delivered nothing since it came.</summary>
    /// <returns>How long it must stay away; zero the first time, <see cref="TimeSpan.MaxValue"/> if it may not come back anyway.</returns>
    public TimeSpan Crashed(string name)
    {
        lock (_gate)
        {
            if (IsOutForGood(name))
            {
                return TimeSpan.MaxValue;
            }

            var strikes = _sentences.TryGetValue(name, out var earlier) ? earlier.Strikes + 1 : 1;
            var wait = strikes <= FreeStrikes ? TimeSpan.Zero : First * Math.Pow(2, strikes - FreeStrikes - 1);
            wait = wait < Longest ? wait : Longest;
            _sentences[name] = new Sentence(strikes, time.GetTimestamp(), wait, "it crashed with its first lease, again and again");
            return wait;
        }
    }

    /// <summary>It delivered something: what it did before is forgiven.</summary>
    public void Delivered(string name)
    {
        lock (_gate)
        {
            if (!IsOutForGood(name))
            {
                _sentences.Remove(name);
            }
        }
    }

    /// <summary>It sent what is not finite where another's computation was.</summary>
    public void NotFinite(string name, string reason) => Condemn(name, Longest, reason);

    /// <summary>It sent wrong bits.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="identity">Of its certificate, if it showed one: it has no certificate, and gets no other at its address.</param>
    /// <param name="address">Where it is; null with no <paramref name="identity"/>.</param>
    /// <param name="reason">What it did.</param>
    public void Lied(string name, PeerIdentity? identity, IPAddress? address, string reason)
    {
        Condemn(name, TimeSpan.MaxValue, reason);
        lock (_gate)
        {
            if (identity is not null)
            {
                _exiledCertificates[identity.Name] = reason;
            }

            if (identity is not null && address is not null)
            {
                _exiledAddresses[address] = reason;
            }
        }
    }

    /// <summary>Why an address gets no certificate; null if it does.</summary>
    public string? Exiles(IPAddress address)
    {
        lock (_gate)
        {
            return _exiledAddresses.GetValueOrDefault(address);
        }
    }

    /// <summary>Whether a worker must stay away.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="identity">Of its certificate, if it showed one.</param>
    /// <param name="reason">Why.</param>
    /// <param name="left">How long still; <see cref="TimeSpan.MaxValue"/> for as long as this coordinator lives.</param>
    public bool Holds(string name, PeerIdentity? identity, [NotNullWhen(true)] out string? reason, out TimeSpan left)
    {
        lock (_gate)
        {
            if (identity is not null && _exiledCertificates.TryGetValue(identity.Name, out reason))
            {
                left = TimeSpan.MaxValue;
                return true;
            }

            (reason, left) = (null, TimeSpan.Zero);
            if (!_sentences.TryGetValue(name, out var sentence))
            {
                return false;
            }

            left = sentence.Wait == TimeSpan.MaxValue ? sentence.Wait : sentence.Wait - time.GetElapsedTime(sentence.Since);
            reason = sentence.Reason;
            return left > TimeSpan.Zero;
        }
    }

    private void Condemn(string name, TimeSpan wait, string reason)
    {
        lock (_gate)
        {
            if (!IsOutForGood(name))
            {
                _sentences[name] = new Sentence(0, time.GetTimestamp(), wait, reason);
            }
        }
    }

    private bool IsOutForGood(string name) => _sentences.TryGetValue(name, out var sentence) && sentence.Wait == TimeSpan.MaxValue;

    private sealed record Sentence(int Strikes, long Since, TimeSpan Wait, string Reason);
}
