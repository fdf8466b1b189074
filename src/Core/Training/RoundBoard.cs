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

/// <summary>A contiguous range of the round's shards: what is leased out as one.</summary>
internal sealed class Piece(ShardRange range, int owner, List<BoardNode> nodes)
{
    public ShardRange Range { get; } = range;

    /// <summary>The worker that the range was cut for.</summary>
    public int Owner { get; } = owner;

    public List<BoardNode> Nodes { get; } = nodes;

    /// <summary>The names of those who crashed with a lease of it.</summary>
    public List<string> Deaths { get; } = [];

    /// <summary>
    /// The first lease granted after the last of these deaths. Who had the piece before then may have died of the same cause as that one, such as
    /// a network that failed for all: their deaths together prove no more than one.
    /// </summary>
    public long ProvingFrom { get; set; }
}

/// <summary>A node of the reduction tree that the round asks for.</summary>
internal sealed class BoardNode(ShardRange range, bool isAudited)
{
    public ShardRange Range { get; } = range;

    /// <summary>Two workers must agree on it.</summary>
    public bool IsAudited { get; } = isAudited;

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

    public bool HasOpinionOf(string name) => Opinions.Exists(opinion => opinion.Name == name);
}

/// <summary>
/// The work of one round: which nodes are asked for, who works on what, and what is known of each. Pieces are cut once, when the round begins, so
/// every partial of the round is one of a fixed set of nodes and counting each once counts every sample once.
/// </summary>
internal sealed class RoundBoard
{
    private readonly List<Piece> _pieces = [];
    private int _shortNodes;

    /// <summary>Nodes not yet counted.</summary>
    public int OpenNodes { get; private set; }

    /// <summary>Begins a round.</summary>
    /// <param name="round">Which.</param>
    /// <param name="ranges">Of the members, in order; empty ones are nobody's. At least one is not empty, and together they are all shards.</param>
    /// <param name="owners">The members.</param>
    /// <param name="isAudited">Whether two workers must agree on a node.</param>
    public void Begin(Round round, ReadOnlySpan<ShardRange> ranges, IReadOnlyList<Member> owners, Func<ShardRange, bool> isAudited)
    {
        _pieces.Clear();
        for (var i = 0; i < ranges.Length; i++)
        {
            if (ranges[i].Count > 0)
            {
                var nodes = ReductionTree.Cover(round.ShardCount, ranges[i]).Select(node => new BoardNode(node, isAudited(node))).ToList();
                _pieces.Add(new Piece(ranges[i], owners[i].Id, nodes));
            }
        }

        OpenNodes = _shortNodes = _pieces.Sum(piece => piece.Nodes.Count);
    }

    /// <summary>The node of exactly this range; null if the round does not ask for it.</summary>
    public BoardNode? Find(ShardRange range)
    {
        foreach (var piece in _pieces)
        {
            if (piece.Range.Contains(range))
            {
                return piece.Nodes.Find(node => node.Range == range);
            }
        }

        return null;
    }

    /// <summary>What an idle member may work on: what was cut for it first, then what nobody works on, then what those who do are late with.</summary>
    /// <param name="member">Who.</param>
    /// <param name="members">All of them.</param>
    /// <param name="onlyItsOwn">Leave alone what was cut for others.</param>
    public Piece? WorkFor(Member member, List<Member> members, bool onlyItsOwn)
    {
        if (_shortNodes == 0)
        {
            return null;
        }

        Piece? late = null;
        foreach (var piece in _pieces)
        {
            if ((onlyItsOwn && piece.Owner != member.Id) || !piece.Nodes.Exists(node => Suits(node, member, members)))
            {
                continue;
            }

            if (!members.Exists(other => other.Piece == piece))
            {
                return piece;
            }

            late ??= piece;
        }

        return late;
    }

    /// <summary>Puts a member to work on what is short in a piece.</summary>
    /// <returns>The range to lease: nodes in between that are known already are computed again and answered as duplicates.</returns>
    public ShardRange Give(Piece piece, Member member, List<Member> members, long leaseId)
    {
        var suitable = piece.Nodes.FindAll(node => Suits(node, member, members));
        var range = new ShardRange(suitable[0].Range.Start, suitable[^1].Range.End);
        foreach (var node in suitable)
        {
            node.RepeatLease = node.HasOpinionOf(member.Name) ? leaseId : node.RepeatLease;
        }

        member.Piece = piece;
        member.IsLate = false;
        foreach (var node in piece.Nodes)
        {
            if (range.Contains(node.Range))
            {
                member.Owed.Add(node);
                Change(node, workers: +1);
            }
        }

        return range;
    }

    /// <summary>A member's deadline has passed: others may do the same work.</summary>
    public void BeLate(Member member)
    {
        if (!member.IsLate)
        {
            member.Owed.ForEach(node => Change(node, workers: -1));
            member.IsLate = true;
        }
    }

    /// <summary>A member has delivered a node, or does not owe it any more.</summary>
    public void Deliver(Member member, BoardNode node)
    {
        if (member.Owed.Remove(node) && !member.IsLate)
        {
            Change(node, workers: -1);
        }

        if (member.Owed.Count == 0)
        {
            member.Piece = null;
        }
    }

    /// <summary>A member works on nothing any more.</summary>
    public void Free(Member member)
    {
        BeLate(member);
        member.Owed.Clear();
        member.Piece = null;
    }

    /// <summary>Adds what somebody says about a node.</summary>
    public void Hear(BoardNode node, Opinion opinion)
    {
        var wasShort = node.IsShort;
        node.Opinions.Add(opinion);
        Count(node, wasShort);
    }

    /// <summary>A node is counted.</summary>
    public void Settle(BoardNode node)
    {
        var wasShort = node.IsShort;
        node.IsSettled = true;
        OpenNodes--;
        Count(node, wasShort);
    }

    /// <summary>
    /// Whether a member's work on a node would help: nobody speaks twice about the same, unless all there are have spoken and what they say
    /// is not finite.
    /// </summary>
    private static bool Suits(BoardNode node, Member member, List<Member> members) =>
        node.IsShort
        && (!node.HasOpinionOf(member.Name) || (!node.IsAudited && members.TrueForAll(other => node.HasOpinionOf(other.Name))));

    private void Change(BoardNode node, int workers)
    {
        var wasShort = node.IsShort;
        node.Workers += workers;
        Count(node, wasShort);
    }

    private void Count(BoardNode node, bool wasShort) => _shortNodes += (node.IsShort ? 1 : 0) - (wasShort ? 1 : 0);
}
