using Dino.Gpu.Kernels.Simd;
using Dino.Gpu.Model;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Kernels.Generated;

/// <summary>
/// Where the activations in a reduced precision stand, in bytes. Every thread has those of one image, behind its attention
/// scratch, the sums of a tile, a row and a tile in float32; the class-token rows of the whole batch have buffers of
/// their own behind those.
/// </summary>
internal readonly struct ReducedWorkspace
{
    private readonly TileKind _kind;
    private readonly int _hiddenBlocks;
    private readonly int _mlpBlocks;
    private readonly int _patchBlocks;
    private readonly int _tiles;
    private readonly int _tokens;
    private readonly int _batch;
    private readonly int _threads;
    private readonly long _scratch;

    public ReducedWorkspace(in VitShape shape, in ForwardRequest request, int threads, TileKind kind, int stepUnit)
    {
        _kind = kind;
        _hiddenBlocks = Gemm.Blocks(shape.HiddenSize);
        _mlpBlocks = Gemm.Blocks(shape.MlpSize);
        _patchBlocks = Gemm.Blocks(shape.PatchLength);
        _tiles = shape.MlpKind == MlpKind.GatedSilu ? 2 : 1;
        _tokens = shape.TokenCount;
        _batch = request.Batch;
        _threads = threads;
        _scratch = Round(ReducedAttention.ScratchSize(shape.TokenCount, shape.HeadSize, stepUnit));
    }

    /// <summary>Bytes of the whole workspace.</summary>
    public long Length =>
        ClassStart + ReducedRows.Size(_kind, _hiddenBlocks, _batch) + ReducedRows.Size(_kind, _mlpBlocks, _batch) + Overrun;

    private long ThreadSize => _scratch + SumsSize + LineSize + TileSize + NormedSize + Math.Max(
        ReducedRows.Size(_kind, _mlpBlocks, _tokens), ReducedRows.Size(TileKind.BFloat16, _patchBlocks, _tokens));

    private long LineSize => (long)Math.Max(_hiddenBlocks, _patchBlocks) * Gemm.BlockSize * sizeof(float);

    private long TileSize => _tiles * TileSet.MostRows * Gemm.BlockSize * sizeof(float);

    private static long SumsSize => TileSet.MostRows * TileGenerator.StepBytes;

    /// <summary>AMX reads whole tiles of rows, those after the last too.</summary>
    private static long Overrun => TileSet.MostRows * Gemm.BlockSize * 2;

    private long NormedSize => ReducedRows.Size(_kind, _hiddenBlocks, _tokens);

    private long ClassStart => _threads * ThreadSize;

    /// <summary>Attention scratch of a thread.</summary>
    public long Scratch(int thread) => thread * ThreadSize;

    /// <summary>(32, 32) sums of a thread, for <see cref="TileArguments.Sums"/>.</summary>
    public long Sums(int thread) => Scratch(thread) + _scratch;

    /// <summary>(blocks, 384) floats of a thread: a row on its way to the format of a product.</summary>
    public long Line(int thread) => Sums(thread) + SumsSize;

    /// <summary>
    /// (32, 384) floats of a thread: a tile of the MLP's hidden layer. Where it has a gate, a second one follows: what
    /// the gate makes of two tiles.
    /// </summary>
    public long Tile(int thread) => Line(thread) + LineSize;

    /// <summary>
    /// An activation of the image that lives in a thread's workspace. Normed and Context share a buffer, and so do Patches
    /// and Mlp, as in <see cref="WorkspaceLayout"/>.
    /// </summary>
    public unsafe ReducedRows Image(byte* start, Activation activation, int thread)
    {
        byte* normed = start + Tile(thread) + TileSize;
        return activation switch
        {
            Activation.Normed or Activation.Context => new ReducedRows(_kind, normed, _hiddenBlocks, _tokens),
            Activation.Mlp => new ReducedRows(_kind, normed + NormedSize, _mlpBlocks, _tokens),
            _ => new ReducedRows(TileKind.BFloat16, normed + NormedSize, _patchBlocks, _tokens),
        };
    }

    /// <summary>An activation of the batch's class-token rows.</summary>
    public unsafe ReducedRows ClassRows(byte* start, Activation activation)
    {
        byte* normed = start + ClassStart;
        return activation is Activation.Normed or Activation.Context
            ? new ReducedRows(_kind, normed, _hiddenBlocks, _batch)
            : new ReducedRows(_kind, normed + ReducedRows.Size(_kind, _hiddenBlocks, _batch), _mlpBlocks, _batch);
    }

    private static long Round(long bytes) => (bytes + 63) / 64 * 64;
}
