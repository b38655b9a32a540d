using System.Runtime.InteropServices;

namespace Dino.Gpu.Kernels.Generated;

/// <summary>
/// The tiles of one kind, ready to be called: <see cref="EmittedTiles"/> where the runtime can, else machine code of ours.
/// Owns that code and the table of places.
/// </summary>
internal sealed unsafe class TileSet : IDisposable
{
    /// <summary>Rows of the largest tile of any processor.</summary>
    public const int MostRows = AmxGenerator.MaxRows;

    private const int ShapesSize = 64;

    private readonly ExecutableMemory? _memory; // null where the runtime compiled the tiles
    private readonly nint _peak;
    private readonly byte* _table; // the tiles' shapes, then the entries
    private Tiles _tiles;

    /// <summary>Generates all tiles.</summary>
    /// <param name="kind">The arithmetic.</param>
    /// <param name="amx">Whether they use the tiles of AMX, which the process must be allowed to.</param>
    /// <param name="ways">See <see cref="ExecutableMemory.Create"/>; machine code of ours if they are given.</param>
    /// <param name="emitted">Whether the runtime compiles them; null where it can, and nobody gave <paramref name="ways"/>.</param>
    /// <exception cref="DinoException">The system refuses executable memory.</exception>
    public TileSet(TileKind kind, bool amx, ExecutableMemory.Way[]? ways = null, bool? emitted = null)
    {
        Kind = kind;
        if (emitted ?? (ways == null && !amx && kind == TileKind.Int8 && EmittedTiles.AreThere))
        {
            _tiles.MaxRows = TileGenerator.MaxRows;
            _tiles.StepUnit = TileGenerator.Unroll;
            nint[] entries = EmittedTiles.Entries;
            _table = MakeTable(entries[..^1], 0);
            _peak = entries[^1];
            return;
        }

        _tiles.MaxRows = amx ? AmxGenerator.MaxRows : TileGenerator.MaxRows;
        _tiles.StepUnit = amx ? AmxGenerator.StepUnit : TileGenerator.Unroll;
        var code = new X64Code();
        var places = new int[2 * (_tiles.MaxRows + 1)];
        int begin = code.Position;
        AmxGenerator.Begin(code);
        int end = code.Position;
        AmxGenerator.End(code);
        if (amx)
            WriteAmx(code, places);
        else
            WriteVectors(code, places);
        int peak = code.Position;
        if (amx)
            AmxGenerator.Peak(code, kind);
        else
            TileGenerator.Peak(code, kind, OperatingSystem.IsWindows());

        _memory = ExecutableMemory.Create(code.Bytes, ways);
        _peak = _memory.Address + peak;
        _table = MakeTable([.. places.Select(place => (nint)place)], _memory.Address);
        if (!amx)
            return;
        _tiles.Begin = _memory.Address + begin;
        _tiles.End = _memory.Address + end;
    }

    public TileKind Kind { get; }

    /// <summary>Whether the runtime compiled the tiles, and no executable memory is ours.</summary>
    public bool IsEmitted => _memory == null;

    /// <summary>What a kernel calls; valid until this is disposed.</summary>
    public Tiles Tiles => _tiles;

    /// <summary>Operations that a round of <see cref="RunPeak"/> does.</summary>
    public long PeakOperations => _tiles.IsAmx ? AmxGenerator.PeakOperations(Kind) : TileGenerator.PeakOperations(Kind);

    /// <summary>Before calls on a thread.</summary>
    public static void Begin(in Tiles tiles)
    {
        if (tiles.IsAmx)
            ((delegate* unmanaged[Cdecl]<byte*, void>)tiles.Begin)(tiles.Shapes);
    }

    /// <summary>After calls on a thread.</summary>
    public static void End(in Tiles tiles)
    {
        if (tiles.IsAmx)
            ((delegate* unmanaged[Cdecl]<void>)tiles.End)();
    }

    /// <summary>Calls a tile. A normal transition: the garbage collector may run meanwhile.</summary>
    public static void Call(nint entry, TileArguments* arguments) =>
        ((delegate* unmanaged[Cdecl]<TileArguments*, void>)entry)(arguments);

    /// <summary>Runs the loop of nothing but products.</summary>
    public void RunPeak(long rounds)
    {
        byte* sums = stackalloc byte[EmittedTiles.SumsSize];
        var arguments = new TileArguments { A = null, Steps = rounds, Sums = sums };
        Begin(_tiles);
        Call(_peak, &arguments);
        End(_tiles);
    }

    public void Dispose()
    {
        if (_tiles.Entries == null)
            return;
        _tiles = default;
        NativeMemory.AlignedFree(_table);
        _memory?.Dispose();
    }

    /// <summary>The shapes of AMX, and the entries behind them.</summary>
    private byte* MakeTable(nint[] places, nint start)
    {
        byte* table = (byte*)NativeMemory.AlignedAlloc((nuint)(ShapesSize + places.Length * sizeof(nint)), ShapesSize);
        AmxGenerator.Shapes().CopyTo(new Span<byte>(table, ShapesSize));
        _tiles.Shapes = table;
        _tiles.Entries = (nint*)(table + ShapesSize);
        for (int i = 0; i < places.Length; i++)
            _tiles.Entries[i] = start + places[i];
        return table;
    }

    private void WriteVectors(X64Code code, int[] places)
    {
        for (int rows = 1; rows <= TileGenerator.MaxRows; rows++)
        {
            for (int accumulate = 0; accumulate < 2; accumulate++)
            {
                places[2 * rows + accumulate] = code.Position;
                TileGenerator.Tile(code, Kind, rows, accumulate != 0, OperatingSystem.IsWindows());
            }
        }
    }

    private void WriteAmx(X64Code code, int[] places)
    {
        for (int half = 0; half < 2; half++)
        {
            for (int accumulate = 0; accumulate < 2; accumulate++)
            {
                for (int rows = 1 + 16 * half; rows <= 16 + 16 * half; rows++)
                    places[2 * rows + accumulate] = code.Position;
                AmxGenerator.Tile(code, Kind, twoHalves: half > 0, accumulate != 0);
            }
        }
    }
}
