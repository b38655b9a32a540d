using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.USearch;

/// <summary>
/// A graph of USearch. It is freed when it is disposed and no call uses it any more, and with it the memory that it lies
/// in, if it was read from a file.
/// </summary>
internal sealed class GraphHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    private readonly NativeBuffer? _memory;

    /// <param name="graph">What <c>usearch_init</c> returned.</param>
    /// <param name="memory">What the graph will lie in; null for memory of its own.</param>
    public GraphHandle(nint graph, NativeBuffer? memory)
        : base(ownsHandle: true)
    {
        SetHandle(graph);
        if (memory is null)
            return;
        bool isHeld = false;
        memory.DangerousAddRef(ref isHeld); // the collector may come to the memory first
        _memory = memory;
    }

    protected override bool ReleaseHandle()
    {
        NativeMethods.Free(handle, out _);
        _memory?.DangerousRelease();
        _memory?.Dispose();
        return true;
    }
}
