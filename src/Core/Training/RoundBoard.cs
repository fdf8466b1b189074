namespace DistTrain.Core.Training;

/// <summary>
/// The work of one round: which nodes are asked for, who works on what, and what is known of each. Pieces are cut once, when the round begins, so
/// every partial of the round is one of a fixed set of nodes and counting each once counts every sample once. A round needs no memory but what
/// earlier ones left.
/// </summary>
internal sealed class RoundBoard
{
    private readonly List<Piece> _pieces = [];
    private readonly Stack<Piece> _freePieces = [];
    private readonly Stack<BoardNode> _freeNodes = [];
    private readonly List<ShardRange> _cover = [];
    private int _shortNodes;

    /// <summary>Nodes not yet counted.</summary>
    public int OpenNodes { get; private set; }

    /// <summary>Begins a round; no member has work of an earlier one.</summary>
    /// <param name="round">Which.</param>
    /// <param name="ranges">Of the members, in order; empty ones are nobody's. At least one is not empty, and together they are all shards.</param>
    /// <param name="owners">The members.</param>
    /// <param name="seed">The run's, for the choice of what is audited.</param>
    /// <param name="auditShare">The share of the nodes on which two workers must agree.</param>
    public void Begin(Round round, ReadOnlySpan<ShardRange> ranges, List<Member> owners, ulong seed, double auditShare)
    {
        FreeAll();
        OpenNodes = 0;
        for (var i = 0; i < ranges.Length; i++)
        {
            if (ranges[i].Count == 0)
            {
                continue;
            }

            var piece = _freePieces.TryPop(out var free) ? free : new Piece();
            piece.Begin(ranges[i], owners[i].Id);
            _cover.Clear();
            ReductionTree.AddCover(round.ShardCount, ranges[i], _cover);
            foreach (var range in _cover)
            {
                var node = _freeNodes.TryPop(out var freeNode) ? freeNode : new BoardNode();
                node.Begin(range, auditShare > 0 && AuditRules.IsChosen(seed, round, range, auditShare));
                piece.Nodes.Add(node);
            }

            _pieces.Add(piece);
            OpenNodes += piece.Nodes.Count;
        }

        _shortNodes = OpenNodes;
    }

    /// <summary>The node of exactly this range; null if the round does not ask for it.</summary>
    public BoardNode? Find(ShardRange range)
    {
        foreach (var piece in _pieces)
        {
            if (!piece.Range.Contains(range))
            {
                continue;
            }

            foreach (var node in piece.Nodes)
            {
                if (node.Range == range)
                {
                    return node;
                }
            }

            return null;
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
            if ((onlyItsOwn && piece.Owner != member.Id) || !piece.HasWorkFor(member, members))
            {
                continue;
            }

            if (!IsWorkedOn(piece, members))
            {
                return piece;
            }

            late ??= piece;
        }

        return late;
    }

    /// <summary>Puts a member to work on what is short in a piece, in which there is something for it.</summary>
    /// <returns>The range to lease: nodes in between that are known already are computed again and answered as duplicates.</returns>
    public ShardRange Give(Piece piece, Member member, List<Member> members, long leaseId)
    {
        var (start, end) = (int.MaxValue, 0);
        foreach (var node in piece.Nodes)
        {
            if (node.Suits(member, members))
            {
                (start, end) = (Math.Min(start, node.Range.Start), node.Range.End);
                node.RepeatLease = node.HasOpinionOf(member.Name) ? leaseId : node.RepeatLease;
            }
        }

        var range = new ShardRange(start, end);
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
            foreach (var node in member.Owed)
            {
                Change(node, workers: -1);
            }

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

    private static bool IsWorkedOn(Piece piece, List<Member> members)
    {
        foreach (var member in members)
        {
            if (member.Piece == piece)
            {
                return true;
            }
        }

        return false;
    }

    private void FreeAll()
    {
        foreach (var piece in _pieces)
        {
            foreach (var node in piece.Nodes)
            {
                _freeNodes.Push(node);
            }

            _freePieces.Push(piece);
        }

        _pieces.Clear();
    }

    private void Change(BoardNode node, int workers)
    {
        var wasShort = node.IsShort;
        node.Workers += workers;
        Count(node, wasShort);
    }

    private void Count(BoardNode node, bool wasShort) => _shortNodes += (node.IsShort ? 1 : 0) - (wasShort ? 1 : 0);
}
