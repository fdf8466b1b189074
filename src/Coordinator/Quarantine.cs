using System.Diagnostics.CodeAnalysis;

namespace DistTrain.Coordinator;

/// <summary>
/// Who may not come back yet, by the name that a worker keeps over its restarts. Who crashes before it has delivered anything, again and again,
/// waits 1, 2, 4 … up to 60 s; who sent what is not finite waits 60 s; who sent wrong bits stays out. Asked by any thread.
/// </summary>
/// <param name="time">Where time comes from.</param>
internal sealed class Quarantine(TimeProvider time)
{
    private const int FreeStrikes = 1;
    private static readonly TimeSpan First = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(60);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Sentence> _sentences = new(StringComparer.Ordinal);

    /// <summary>It crashed with a lease, and has delivered nothing since it came.</summary>
    /// <returns>How long it must stay away; zero the first time.</returns>
    public TimeSpan Crashed(string name)
    {
        lock (_gate)
        {
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
            _sentences.Remove(name);
        }
    }

    /// <summary>The name under which an address is kept away from new certificates.</summary>
    public static string OfAddress(System.Net.IPAddress address) => $"address {address}";

    /// <summary>The name under which the holder of a certificate is kept away.</summary>
    public static string OfIdentity(Transport.Identity.PeerIdentity identity) => $"certificate {identity.Name}";

    /// <summary>It sent what is not finite where another's computation was.</summary>
    public void NotFinite(string name, string reason) => Condemn(name, Longest, reason);

    /// <summary>It sent wrong bits.</summary>
    public void Lied(string name, string reason) => Condemn(name, TimeSpan.MaxValue, reason);

    /// <summary>Whether a worker must stay away.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="reason">Why.</param>
    /// <param name="left">How long still; <see cref="TimeSpan.MaxValue"/> for as long as this coordinator lives.</param>
    public bool Holds(string name, [NotNullWhen(true)] out string? reason, out TimeSpan left)
    {
        lock (_gate)
        {
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
            _sentences[name] = new Sentence(0, time.GetTimestamp(), wait, reason);
        }
    }

    private sealed record Sentence(int Strikes, long Since, TimeSpan Wait, string Reason);
}
