namespace Dino.Gpu.Tests.Cuda;

/// <summary>How an instruction moves a warp on.</summary>
internal enum PtxFlow
{
    /// <summary>Each lane by itself.</summary>
    Plain,

    /// <summary>A branch.</summary>
    Branch,

    /// <summary>The end of a thread.</summary>
    Exit,

    /// <summary>Lanes of a warp do it together.</summary>
    Warp,

    /// <summary>Warps of a group wait for each other.</summary>
    Barrier,
}

/// <summary>A register of a warp: 32 values side by side.</summary>
/// <param name="Index">Its number.</param>
/// <param name="Offset">Bytes from the start of the warp's registers.</param>
internal readonly record struct Reg(int Index, int Offset);

/// <summary>A decoded instruction. It is shared by all warps; what changes is theirs.</summary>
/// <param name="flow">How it moves a warp on.</param>
internal abstract class PtxOp(PtxFlow flow = PtxFlow.Plain)
{
    public string Text { get; set; } = "";

    public PtxFlow Flow { get; } = flow;

    /// <summary>Number of the predicate register; -1 without one.</summary>
    public int Predicate { get; set; } = -1;

    public bool Negated { get; set; }

    /// <summary>Numbers of the registers that wgmma sums in and this instruction reads or writes.</summary>
    public int[] Sums { get; set; } = [];

    /// <summary>Does it for the lanes of a mask.</summary>
    public abstract void Run(Warp warp, uint lanes);
}

/// <summary>A branch to a place in the code.</summary>
internal sealed class BranchOp(int target, bool uniform) : PtxOp(PtxFlow.Branch)
{
    public int Target => target;

    /// <summary>Whether the code promises that all lanes agree.</summary>
    public bool Uniform => uniform;

    public override void Run(Warp warp, uint lanes) => throw new InvalidOperationException();
}

/// <summary>The end of a thread.</summary>
internal sealed class ExitOp() : PtxOp(PtxFlow.Exit)
{
    public override void Run(Warp warp, uint lanes) => throw new InvalidOperationException();
}

/// <summary>The barrier of a group.</summary>
internal sealed class BarrierOp() : PtxOp(PtxFlow.Barrier)
{
    public override void Run(Warp warp, uint lanes) => throw new InvalidOperationException();
}

/// <summary>The barrier of a warp: what its lanes wrote before is seen by its lanes after.</summary>
internal sealed class WarpBarrierOp() : PtxOp(PtxFlow.Warp)
{
    public override void Run(Warp warp, uint lanes) => warp.Clock++;
}
