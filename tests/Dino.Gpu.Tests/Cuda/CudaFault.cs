namespace Dino.Gpu.Tests.Cuda;

/// <summary>What a card would punish, or would do wrong without a word.</summary>
internal enum FaultKind
{
    /// <summary>An access outside every live allocation.</summary>
    OutOfBounds,

    /// <summary>An address that is not a multiple of the access's size.</summary>
    Misaligned,

    /// <summary>Two threads touch the same address without a barrier between, and one of them writes.</summary>
    Race,

    /// <summary>
    /// Arithmetic, an address or a branch depends on a register or on memory that nothing has written.
    /// </summary>
    Uninitialized,

    /// <summary>Lanes disagree at a branch that is marked <c>.uni</c>.</summary>
    DivergentUniform,

    /// <summary>Threads wait at different barriers, or some have left before one.</summary>
    DivergentBarrier,

    /// <summary>Shared memory is touched between a cp.async and the wait for it.</summary>
    CopyInFlight,

    /// <summary>wgmma reads shared memory that was written without a fence of the writer's between both proxies.</summary>
    ProxyFence,

    /// <summary>A warpgroup multiplies into registers that were touched, and no wgmma.fence stands between.</summary>
    ProductFence,

    /// <summary>
    /// A sum is touched, or an operand in shared memory is written, between a wgmma and the wait for it.
    /// </summary>
    ProductInFlight,

    /// <summary>A matrix descriptor that contradicts itself, or that lanes or warps disagree on.</summary>
    Descriptor,

    /// <summary>Rows that ldmatrix reads at once lie on the same banks: slow, not wrong.</summary>
    BankConflict,

    /// <summary>The host launches or copies what the driver would refuse.</summary>
    Host,
}

/// <summary>A fault of device code, or of the host code that drives the emulated device.</summary>
internal sealed class CudaFault(FaultKind kind, string message) : Exception($"{kind}: {message}")
{
    public FaultKind Kind => kind;
}
