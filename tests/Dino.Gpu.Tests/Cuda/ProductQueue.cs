namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// The products of a warpgroup as one of its warps sees them (wgmma.mma_async). They are begun, committed in groups and
/// waited for. Until then nobody may touch their sums, and their operands may be read at any time. PTX ISA,
/// "wgmma.fence": it has to stand before the first product, and between another access to a sum and the next product into
/// it; products of one shape into the same sums follow each other without one.
/// </summary>
/// <param name="registers">Registers of the kernel; 0 where it has no products.</param>
internal sealed class ProductQueue(int registers)
{
    private readonly bool[] _isTouched = new bool[registers];
    private readonly int[] _inFlight = new int[registers];
    private readonly int[] _columns = new int[registers];
    private readonly Queue<Entry> _entries = new();
    private int _committed;
    private bool _isFenced;

    public void Clear()
    {
        Array.Clear(_isTouched);
        Array.Clear(_inFlight);
        Array.Clear(_columns);
        _entries.Clear();
        _committed = 0;
        _isFenced = false;
    }

    /// <summary>An instruction that is no product reads or writes sums.</summary>
    public void Touch(Warp warp, uint lanes, int[] sums)
    {
        foreach (int sum in sums)
        {
            if (_inFlight[sum] > 0)
                warp.Fail(FaultKind.ProductInFlight, lanes, "a sum is touched while a product is on its way to it");
            _isTouched[sum] = true;
        }
    }

    public void Fence()
    {
        _isFenced = true;
        Array.Clear(_isTouched);
        Array.Clear(_columns);
    }

    /// <summary>A product begins. It reads these pieces of shared memory.</summary>
    public void Begin(Warp warp, int[] sums, int columns, long[] pieces)
    {
        if (!_isFenced)
            warp.Fail(FaultKind.ProductFence, 1, "no wgmma.fence before the first product");
        foreach (int sum in sums)
        {
            if (_isTouched[sum])
                warp.Fail(FaultKind.ProductFence, 1, "a sum was touched, and no wgmma.fence stands before the product");
            if (_columns[sum] != 0 && _columns[sum] != columns)
                warp.Fail(FaultKind.ProductFence, 1, "a product of another shape, and no wgmma.fence stands before this one");
            _columns[sum] = columns;
            _inFlight[sum]++;
        }

        _entries.Enqueue(new Entry(_committed, sums, pieces));
    }

    public void Commit() => _committed++;

    /// <summary>Ends all products but those of the latest commits and those that are not committed.</summary>
    public void Wait(Warp warp, int pending)
    {
        while (_entries.TryPeek(out Entry entry) && entry.Commit < _committed - pending)
        {
            _entries.Dequeue();
            foreach (int sum in entry.Sums)
                _inFlight[sum]--;
            foreach (long piece in entry.Pieces)
                warp.Group.Shared.EndProduct(warp, piece);
        }
    }

    public void CheckThatNoneIsLeft(Warp warp, uint lanes)
    {
        if (_entries.Count > 0 && lanes != 0)
            warp.Fail(FaultKind.ProductInFlight, lanes, "a thread leaves while a product is on its way");
    }

    private readonly record struct Entry(int Commit, int[] Sums, long[] Pieces);
}

/// <summary>Four warps that multiply together: each has to do the same, in the same order, with the same operands.</summary>
internal sealed class Warpgroup
{
    public const int Warps = 4;

    private readonly List<(PtxOp Op, long A, long B)> _done = [];
    private readonly int[] _counts = new int[Warps];

    public void Start()
    {
        _done.Clear();
        Array.Clear(_counts);
    }

    /// <summary>A warp does one of the warpgroup's instructions.</summary>
    public static void Do(Warp warp, uint lanes, PtxOp op, long a = 0, long b = 0)
    {
        WarpChecks.RequireAll(warp, lanes);
        if ((warp.Index | (Warps - 1)) >= warp.Group.WarpCount)
            warp.Fail(FaultKind.DivergentBarrier, 1, "a warpgroup of less than four warps");
        Warpgroup group = warp.Group.Warpgroups[warp.Index / Warps];
        int number = group._counts[warp.Index % Warps]++;
        if (number == group._done.Count)
            group._done.Add((op, a, b));
        else if (group._done[number].Op != op)
            warp.Fail(FaultKind.DivergentBarrier, 1, $"another warp of the warpgroup does '{group._done[number].Op.Text}' here");
        else if (group._done[number] != (op, a, b))
            warp.Fail(FaultKind.Descriptor, 1, "warps of the warpgroup disagree on a descriptor");
    }

    /// <summary>At a barrier of the group and at its end.</summary>
    public void CheckThatAllAgree(Warp first)
    {
        if (_counts.AsSpan().ContainsAnyExcept(_counts[0]))
            first.Fail(FaultKind.DivergentBarrier, 1, "warps of a warpgroup have not all done the same products");
    }
}
