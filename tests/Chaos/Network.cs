using System.Globalization;
using System.Text.RegularExpressions;

namespace DistTrain.Chaos;

/// <summary>A cable from here to each of some workers, each in a network namespace of its own: 10.9.i.1 here, 10.9.i.2 there.</summary>
internal sealed partial class Network : IAsyncDisposable
{
    private readonly int _workers;

    private Network(int workers) => _workers = workers;

    /// <summary>Lays the cables.</summary>
    /// <exception cref="RowNotRunException">This machine does not let us.</exception>
    public static async Task<Network> CreateAsync(int workers)
    {
        Tools.RequireNamespaces();
        var network = new Network(workers);
        for (var i = 1; i <= workers; i++)
        {
            await Tools.RequireAsync("ip", "netns", "add", $"w{i}");
            await Tools.RequireAsync("ip", "link", "add", $"c{i}", "type", "veth", "peer", "name", $"v{i}", "netns", $"w{i}");
            await Tools.RequireAsync("ip", "addr", "add", $"10.9.{i}.1/24", "dev", $"c{i}");
            await Tools.RequireAsync("ip", "link", "set", $"c{i}", "up");
            await ThereAsync(i, "ip", "addr", "add", $"10.9.{i}.2/24", "dev", $"v{i}");
            await ThereAsync(i, "ip", "link", "set", $"v{i}", "up");
            await ThereAsync(i, "ip", "link", "set", "lo", "up");
        }

        return network;
    }

    /// <summary>What is put before a command to run it at the far end.</summary>
    public static IReadOnlyList<string> There(int worker) => ["ip", "netns", "exec", FormattableString.Invariant($"w{worker}")];

    /// <summary>Runs a command at the far end.</summary>
    public static Task<string> ThereAsync(int worker, params string[] command) => Tools.RequireAsync([.. There(worker), .. command]);

    /// <summary>Cuts a direction; <c>INPUT</c> is towards the worker.</summary>
    public static Task DropAsync(int worker, string direction) => ThereAsync(worker, "iptables", "-A", direction, "-j", "DROP");

    /// <summary>Loses each packet with a probability, in both directions.</summary>
    public static async Task LoseAsync(int worker, double probability)
    {
        foreach (var direction in (string[])["INPUT", "OUTPUT"])
        {
            await ThereAsync(
                worker, "iptables", "-A", direction, "-m", "statistic", "--mode", "random", "--probability", probability.ToString(CultureInfo.InvariantCulture), "-j", "DROP");
        }
    }

    /// <summary>How many packets the rules at the far end have dropped.</summary>
    public static async Task<int> DroppedAsync(int worker)
    {
        var text = await ThereAsync(worker, "iptables", "-nvx", "-L");
        return DropRule().Matches(text).Sum(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));
    }

    /// <summary>Lets everything pass again.</summary>
    public static Task HealAsync(int worker) => ThereAsync(worker, "iptables", "-F");

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        for (var i = 1; i <= _workers; i++)
        {
            await Tools.RequireAsync("ip", "link", "del", $"c{i}");
            await Tools.RequireAsync("ip", "netns", "del", $"w{i}");
        }
    }

    [GeneratedRegex(@"^\s*(\d+)\s+\d+\s+DROP", RegexOptions.Multiline)]
    private static partial Regex DropRule();
}
