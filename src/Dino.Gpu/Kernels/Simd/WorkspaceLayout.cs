using Dino.Gpu.Vit;

namespace Dino.Gpu.Kernels.Simd;

/// <summary>
/// Where the activations are, in floats. Every thread has the buffers of one image and its own attention scratch. After
/// those come the buffers of the batch's class-token rows. A buffer is (column blocks, rows, 384). For attention
/// rollout every thread also has the queries and keys of all layers of its image.
/// </summary>
internal readonly struct WorkspaceLayout
{
    private readonly int _hiddenBlocks;
    private readonly int _mlpBlocks; // of the MLP's first product, which a gate halves in place
    private readonly int _patchBlocks;
    private readonly int _tokens;
    private readonly int _batch;
    private readonly int _threads;
    private readonly long _scratch;
    private readonly long _stored;
    private readonly long _mixtures;

    public WorkspaceLayout(in VitShape shape, in ForwardRequest request, in WeightLayout weights, int threads, int tileRows)
    {
        _hiddenBlocks = Gemm.Blocks(shape.HiddenSize);
        _mlpBlocks = Gemm.Blocks(weights.Fc1Rows);
        _patchBlocks = Gemm.Blocks(shape.PatchLength);
        _tokens = shape.TokenCount;
        _batch = request.Batch;
        _threads = threads;
        _scratch = Attention.ScratchSize(shape.TokenCount, shape.HeadSize, weights.Width, tileRows);
        if (request.Rollout == 0)
            return;
        _stored = shape.LayerCount * 2L * _hiddenBlocks * _tokens * Gemm.BlockSize;
        _mixtures = (long)shape.HeadCount * RolloutParts * Attention.MixtureSize(shape.TokenCount);
    }

    /// <summary>
    /// Pieces into which a rollout divides a head's rows. The number is fixed, so that sums do not depend on the number
    /// of threads.
    /// </summary>
    public static int RolloutParts => 8;

    /// <summary>Floats of the whole workspace.</summary>
    public long Length => ClassStart + ClassBlock * (2L * _hiddenBlocks + _mlpBlocks);

    /// <summary>Floats from one column block of an image's activation to the next.</summary>
    public nint ImageBlock => (nint)_tokens * Gemm.BlockSize;

    /// <summary>Floats from one column block of the batch's class-token rows to the next.</summary>
    public nint ClassBlock => (nint)_batch * Gemm.BlockSize;

    private long ThreadSize => ActivationSize + _stored + _mixtures;

    private long ActivationSize =>
        _scratch + ImageBlock * (2L * _hiddenBlocks + 2L * 3 * _hiddenBlocks + Math.Max(_mlpBlocks, _patchBlocks));

    private long ClassStart => _threads * ThreadSize;

    /// <summary>The attention scratch of a thread.</summary>
    public long Scratch(int thread) => thread * ThreadSize;

    /// <summary>A layer's stored queries, with its keys after them: each (column blocks, rows, 384).</summary>
    public long Stored(int thread, int layer) => Scratch(thread) + ActivationSize + layer * 2L * _hiddenBlocks * ImageBlock;

    /// <summary>
    /// (heads, <see cref="RolloutParts"/>, tokens rounded up to whole registers): the sum of each piece of a head's
    /// rows.
    /// </summary>
    public long Mixtures(int thread) => Scratch(thread) + ActivationSize + _stored;

    /// <summary>
    /// An activation of the image in a thread's workspace. Normed and Context share a buffer: the projection that makes
    /// q, k and v reads the LayerNorm before the attention writes. Patches and Mlp share one too.
    /// </summary>
    /// <param name="activation">The activation.</param>
    /// <param name="thread">The workspace's owner.</param>
    /// <param name="parity">
    /// Which of the two Qkv buffers: 0 or 1. Layers alternate, so that a thread may write the next layer's buffer while
    /// another still reads this one.
    /// </param>
    public long Image(Activation activation, int thread, int parity)
    {
        long start = Scratch(thread) + _scratch;
        return activation switch
        {
            Activation.Residual => start,
            Activation.Normed or Activation.Context => start + ImageBlock * _hiddenBlocks,
            Activation.Qkv => start + ImageBlock * ((2L + 3 * parity) * _hiddenBlocks),
            _ => start + ImageBlock * (8L * _hiddenBlocks), // Patches, Mlp
        };
    }

    /// <summary>An activation of the batch's class-token rows, (column blocks, batch, 384).</summary>
    public long ClassRows(Activation activation) => activation switch
    {
        Activation.Residual => ClassStart,
        Activation.Normed or Activation.Context => ClassStart + ClassBlock * _hiddenBlocks,
        _ => ClassStart + ClassBlock * (2L * _hiddenBlocks), // Mlp
    };
}
