namespace DistTrain.Core.Training;

/// <summary>A worker of the session.</summary>
internal sealed class Member(int id, string name)
{
    public int Id { get; } = id;

    /// <summary>The same when the worker comes again under another id.</summary>
    public string Name { get; } = name;

    /// <summary>Of the parameters that it was sent last; −1 for none to rely on.</summary>
    public long Version { get; set; } = -1;

    public WorkerSpeed Speed { get; set; }

    /// <summary>What its lease is of; null while it idles.</summary>
    public Piece? Piece { get; set; }

    public Lease Lease { get; set; }

    /// <summary>Its lease's deadline has passed.</summary>
    public bool IsLate { get; set; }

    /// <summary>The nodes of its lease that it has still to deliver.</summary>
    public List<BoardNode> Owed { get; } = [];
}

/// <summary>A contiguous range of the round's shards: what is leased out as one. Made once, and used again in the rounds that follow.</summary>
internal sealed class Piece
{
    public ShardRange Range { get; private set; }

    /// <summary>The worker that the range was cut for.</summary>
    public int Owner { get; private set; }

    public List<BoardNode> Nodes { get; } = [];

    /// <summary>The names of those who crashed with a lease of it.</summary>
    public List<string> Deaths { get; } = [];

    /// <summary>
    /// The first lease granted after the last of these deaths. Who had the piece before then may have died of the same cause as that one, such as
    /// a network that failed for all: their deaths together prove no more than one.
    /// </summary>
    public long ProvingFrom { get; set; }

    /// <summary>Begins a round, as if new.</summary>
    public void Begin(ShardRange range, int owner)
    {
        (Range, Owner, ProvingFrom) = (range, owner, 0);
        Nodes.Clear();
        Deaths.Clear();
    }

    /// <summary>Whether it asks for a node that a member's work would help with.</summary>
    public bool HasWorkFor(Member member, List<Member> members)
    {
        foreach (var node in Nodes)
        {
            if (node.Suits(member, members))
            {
                return true;
            }
        }

        return false;
    }
}

/// <summary>A node of the reduction tree that the round asks for. Made once, and used again in the rounds that follow.</summary>
internal sealed class BoardNode
{
    public ShardRange Range { get; private set; }

    /// <summary>Two workers must agree on it.</summary>
    public bool IsAudited { get; private set; }

    /// <summary>It is counted.</summary>
    public bool IsSettled { get; set; }

    /// <summary>What is known of it.</summary>
    public List<Opinion> Opinions { get; } = [];

    /// <summary>The lease by which the only worker left computes a second time what was not finite; 0 for none.</summary>
    public long RepeatLease { get; set; }

    /// <summary>How many work on it who are not late.</summary>
    public int Workers { get; set; }

    /// <summary>Whether more must work on it than do.</summary>
    public bool IsShort => !IsSettled && Workers < (IsAudited && Opinions.Count == 0 ? 2 : 1);

    /// <summary>Begins a round, as if new.</summary>
    public void Begin(ShardRange range, bool isAudited)
    {
        (Range, IsAudited, IsSettled, RepeatLease, Workers) = (range, isAudited, false, 0, 0);
        Opinions.Clear();
    }

    public bool HasOpinionOf(string name)
    {
        foreach (var opinion in Opinions)
        {
            if (opinion.Name == name)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Whether a member's work on it would help: nobody speaks twice about the same, unless all there are have spoken and what they say is not
    /// finite.
    /// </summary>
    public bool Suits(Member member, List<Member> members) =>
        IsShort && (!HasOpinionOf(member.Name) || (!IsAudited && HasOpinionOfAll(members)));

    private bool HasOpinionOfAll(List<Member> members)
    {
        foreach (var member in members)
        {
            if (!HasOpinionOf(member.Name))
            {
                return false;
            }
        }

        return true;
    }
}
