using System.Runtime.InteropServices;

namespace Dino.Gpu.Kernels.Generated;

/// <summary>
/// The tiles of one kind, ready to be called. <see cref="Entries"/> is a table in unmanaged memory, so that a kernel can
/// hold a pointer to it. Owns the code and the table.
/// </summary>
internal sealed unsafe class TileSet : IDisposable
{
    private readonly ExecutableMemory _memory;
    private readonly nint _peak;
    private nint* _entries;

    /// <summary>Generates all tiles.</summary>
    /// <exception cref="DinoException">The system refuses executable memory.</exception>
    public TileSet(TileKind kind)
    {
        var code = new X64Code();
        bool windows = OperatingSystem.IsWindows();
        var places = new int[2 * (TileGenerator.MaxRows + 1)];
        for (int rows = 1; rows <= TileGenerator.MaxRows; rows++)
        {
            for (int accumulate = 0; accumulate < 2; accumulate++)
            {
                places[2 * rows + accumulate] = code.Position;
                TileGenerator.Tile(code, kind, rows, accumulate != 0, windows);
            }
        }

        int peak = code.Position;
        TileGenerator.Peak(code, kind, windows);
        Kind = kind;
        _memory = ExecutableMemory.Create(code.Bytes);
        _peak = _memory.Address + peak;
        _entries = (nint*)NativeMemory.Alloc((nuint)places.Length, (nuint)sizeof(nint));
        for (int i = 0; i < places.Length; i++)
            _entries[i] = _memory.Address + places[i];
    }

    public TileKind Kind { get; }

    /// <summary>The address of the tile with some rows at 2 * rows, of the one that adds to C behind it.</summary>
    public nint* Entries => _entries;

    /// <summary>How the code became executable, for tests and <c>dino devices --verbose</c>.</summary>
    public string Way => _memory.Way;

    /// <summary>Calls a tile. A normal transition: the garbage collector may run meanwhile.</summary>
    public static void Call(nint entry, TileArguments* arguments) =>
        ((delegate* unmanaged[Cdecl]<TileArguments*, void>)entry)(arguments);

    /// <summary>Runs the loop of <see cref="TileGenerator.Peak"/>.</summary>
    public void RunPeak(long rounds)
    {
        var arguments = new TileArguments { A = null, Steps = rounds };
        Call(_peak, &arguments);
    }

    public void Dispose()
    {
        NativeMemory.Free(_entries);
        _entries = null;
        _memory.Dispose();
    }
}
