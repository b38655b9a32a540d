using Dino.Gpu.Vit;

namespace Dino.Gpu.Kernels.Simd;

/// <summary>
/// The operations inside the one launch of the SIMD family: direct calls by one thread. The thread works in one of
/// three ways. It has all rows of an image; or it belongs to a team that shares the rows of one image; or it shares the
/// class-token rows of the whole batch with all threads (the tail). In the tail the columns of each product are divided
/// instead, because there are few rows.
/// </summary>
internal unsafe partial struct SimdOps<TVector> : IImageOps<SimdOps<TVector>>
    where TVector : unmanaged, IFloatVector<TVector>
{
    private readonly SimdPlan _plan;
    private readonly SimdBuffers _buffers;
    private readonly int _image;
    private readonly int _owner;
    private readonly float* _scratch;
    private Team _team;
    private int _parity;

    private SimdOps(in SimdPlan plan, in SimdBuffers buffers, Team team, int image, int owner, int thread, bool tail)
    {
        _plan = plan;
        _buffers = buffers;
        _team = team;
        _image = image;
        _owner = owner;
        _scratch = buffers.Workspace + plan.Workspace.Scratch(thread);
        IsTail = tail;
    }

    public static SimdOps<TVector> ForImage(in SimdPlan plan, in SimdBuffers buffers, Team team, int image, int owner, int thread) =>
        new(plan, buffers, team, image, owner, thread, tail: false);

    public static SimdOps<TVector> ForTail(in SimdPlan plan, in SimdBuffers buffers, Team team, int thread) =>
        new(plan, buffers, team, 0, 0, thread, tail: true);

    /// <summary>Whether this works on the class-token rows of the batch.</summary>
    internal bool IsTail { get; }

    /// <summary>The sizes of the pass.</summary>
    internal readonly VitShape Shape => _plan.Shape;

    public readonly void UnfoldPatches()
    {
        float* patches = Buffer(Activation.Patches);
        (int start, int end) = RowRange(Rows.Patches);
        for (int row = start; row < end; row++)
            UnfoldPatch(row - _plan.Shape.PrefixTokenCount, patches + (nint)row * Gemm.BlockSize, BlockStride);
    }

    /// <summary>Unfolds one patch of the image; see <see cref="Patches.Unfold"/>.</summary>
    internal readonly void UnfoldPatch(int patch, float* output, nint blockStride)
    {
        VitShape shape = _plan.Shape;
        nint image = (nint)_image * shape.PictureWidth * shape.PictureHeight * 3;
        if (_plan.HasFractions == 0)
            Patches.Unfold(_buffers.Pixels + image, _buffers.PixelTable, shape, patch, output, blockStride);
        else
            Patches.UnfoldFractions((float*)_buffers.Pixels + image, shape, patch, output, blockStride);
    }

    public readonly void AssembleTokens()
    {
        int hidden = _plan.Shape.HiddenSize;
        (int start, int end) = RowRange(Rows.All);
        for (int row = start; row < end; row++)
        {
            for (int column = 0; column < hidden; column += Gemm.BlockSize)
            {
                int count = Math.Min(Gemm.BlockSize, hidden - column);
                float* x = Buffer(Activation.Residual) + column / Gemm.BlockSize * BlockStride + (nint)row * Gemm.BlockSize;
                new ReadOnlySpan<float>(_buffers.Start + (nint)row * hidden + column, count).CopyTo(new Span<float>(x, count));
            }
        }
    }

    public void LayerNorm(Activation input, Norm norm, int layer, Activation output, Rows rows)
    {
        StartPhase();
        (int start, int end) = PhaseRows(rows);
        float* source = Buffer(input);
        float* destination = Buffer(output);
        for (int row = start; row < end; row++)
            NormRow(norm, layer, source + (nint)row * Gemm.BlockSize, destination + (nint)row * Gemm.BlockSize, BlockStride);
    }

    public readonly void Rotate(Linear made)
    {
        VitShape shape = _plan.Shape;
        (int start, int end) = RowRange(Rows.Patches);
        for (int head = 0; head < shape.HeadCount; head++)
        {
            (nint block, nint column) = HeadPlace(head);
            float* query = Buffer(Activation.Qkv) + block * BlockStride + column;
            for (int row = start; row < end; row++)
            {
                float* table = _buffers.Rotation + (nint)(row - shape.PrefixTokenCount) * shape.HeadSize;
                float* rowQuery = query + (nint)row * Gemm.BlockSize;
                if (made == Vit.Linear.Qkv)
                    Rotation.Apply<TVector>(rowQuery, table, shape.HeadSize);
                Rotation.Apply<TVector>(rowQuery + Part * BlockStride, table, shape.HeadSize);
            }
        }
    }

    public void Attention(Rows queryRows)
    {
        BeginAttention();
        (int start, int end) = RowRange(queryRows);
        for (int head = 0; head < _plan.Shape.HeadCount && start < end; head++)
        {
            AttentionHead place = Head(head, queryRows);
            Kernels.Simd.Attention.Head<TVector>(
                place.Query, place.Key, place.Value, place.Context, Gemm.BlockSize, start, end, _plan.Shape.TokenCount,
                _plan.Shape.HeadSize, _scratch);
        }

        EndAttention(queryRows);
    }

    /// <summary>Waits for the keys and values of every row.</summary>
    internal void BeginAttention() => _team.Wait();

    /// <summary>Where attention finds a head, and where its output goes.</summary>
    internal readonly AttentionHead Head(int head, Rows queryRows)
    {
        (nint block, nint column) = HeadPlace(head);
        float* query = Buffer(Activation.Qkv) + block * BlockStride + column;
        float* key = query + Part * BlockStride;
        float* value = key + Part * BlockStride;
        // From here on the class token is a row of the batch, not of its image.
        float* context = queryRows == Rows.ClassToken
            ? _buffers.Workspace + _plan.Workspace.ClassRows(Activation.Context)
                + block * _plan.Workspace.ClassBlock + (nint)_image * Gemm.BlockSize + column
            : Buffer(Activation.Context) + block * BlockStride + column;
        return new AttentionHead(query, key, value, context);
    }

    /// <summary>Copies the class token's residual stream to the batch's rows, if only that is needed, and swaps the Qkv buffers.</summary>
    internal void EndAttention(Rows queryRows)
    {
        (int start, int end) = RowRange(queryRows);
        if (queryRows == Rows.ClassToken && start < end)
        {
            float* residual = _buffers.Workspace + _plan.Workspace.ClassRows(Activation.Residual) + (nint)_image * Gemm.BlockSize;
            for (nint block = 0; block < Part; block++)
                new ReadOnlySpan<float>(Buffer(Activation.Residual) + block * BlockStride, Gemm.BlockSize).CopyTo(
                    new Span<float>(residual + block * _plan.Workspace.ClassBlock, Gemm.BlockSize));
        }

        // Use the other Qkv buffer from here on: a thread that runs ahead may write it while another still reads this
        // one.
        _parity ^= 1;
    }

    public readonly void KeepQkv(OutputPart part, int layer) =>
        KeepRows(Buffer(Activation.Qkv) + OutputLayout.QkvPart(part) * Part * BlockStride, Output(part, layer));

    public readonly void KeepAttention(int layer, Rows queryRows)
    {
        VitShape shape = _plan.Shape;
        (int start, int end) = RowRange(queryRows);
        int rows = shape.RowCount(queryRows);
        for (int head = 0; head < shape.HeadCount && start < end; head++)
        {
            (nint block, nint column) = HeadPlace(head);
            float* query = _buffers.Workspace + _plan.Workspace.Image(Activation.Qkv, _owner, _parity ^ 1) + block * BlockStride + column;
            float* output = Output(OutputPart.Attentions, layer) + (nint)head * rows * shape.TokenCount;
            Kernels.Simd.Attention.Probabilities<TVector>(
                query, query + Part * BlockStride, output, start, end, shape.TokenCount, shape.HeadSize, _scratch);
        }
    }

    public readonly void StoreQueriesAndKeys(int layer)
    {
        (int start, int end) = RowRange(Rows.All);
        nint first = (nint)start * Gemm.BlockSize;
        int length = (end - start) * Gemm.BlockSize;
        float* stored = _buffers.Workspace + _plan.Workspace.Stored(_owner, layer);
        for (nint block = 0; block < 2 * Part; block++)
            new ReadOnlySpan<float>(Buffer(Activation.Qkv) + block * BlockStride + first, length).CopyTo(
                new Span<float>(stored + block * BlockStride + first, length));
    }

    public void RollOut(int layer, Rows queryRows)
    {
        VitShape shape = _plan.Shape;
        bool begins = queryRows == Rows.ClassToken;
        int rows = shape.RowCount(queryRows);
        int parts = begins ? 1 : WorkspaceLayout.RolloutParts;
        int mixtureSize = Kernels.Simd.Attention.MixtureSize(shape.TokenCount);
        float* stored = _buffers.Workspace + _plan.Workspace.Stored(_owner, layer);
        float* mixtures = _buffers.Workspace + _plan.Workspace.Mixtures(_owner);
        float* row = Output(OutputPart.Rollout, 0);

        // Mix the rows, piece by piece.
        _team.Wait(); // until the queries and keys of every token and the row so far are there
        (int start, int end) = _team.Share(shape.HeadCount * parts);
        for (int piece = start; piece < end; piece++)
        {
            (nint block, nint column) = HeadPlace(piece / parts);
            float* query = stored + block * BlockStride + column;
            int part = piece % parts;
            Kernels.Simd.Attention.MixRows<TVector>(
                query,
                query + Part * BlockStride,
                begins ? null : row,
                mixtures + (nint)piece * mixtureSize,
                rows * part / parts,
                rows * (part + 1) / parts,
                shape.TokenCount,
                shape.HeadSize,
                _scratch);
        }

        // Compute the next row. This thread takes some of its tokens.
        _team.Wait();
        (start, end) = _team.Share(shape.TokenCount);
        for (int token = start; token < end; token++)
        {
            float sum = 0f;
            for (int piece = 0; piece < shape.HeadCount * parts; piece++)
                sum += mixtures[(nint)piece * mixtureSize + token];
            float before = begins ? token == 0 ? 1f : 0f : row[token];
            row[token] = 0.5f * (before + sum / shape.HeadCount);
        }
    }

    /// <summary>Does nothing: <see cref="RollOut"/> writes the row to its output.</summary>
    public readonly void KeepRollout()
    {
    }

    public readonly void KeepHiddenState(int index) => KeepRows(Buffer(Activation.Residual), Output(OutputPart.HiddenStates, index));

    public void BeginClassTail() => StartPhase();

    public void FinalNorm(OutputPart part, int layer, Rows rows)
    {
        StartPhase();
        (int start, int end) = PhaseRows(rows);
        float* x = Buffer(Activation.Residual);
        float* output = Output(part, layer);
        for (int row = start; row < end; row++)
            NormRow(Norm.Final, 0, x + (nint)row * Gemm.BlockSize, output + (nint)row * _plan.Shape.HiddenSize, Gemm.BlockSize);
    }

    /// <summary>Does nothing: a call is done when it returns.</summary>
    public readonly void Synchronize()
    {
    }

    /// <summary>Column blocks of query, and as many of key and of value.</summary>
    internal readonly nint Part => Gemm.Blocks(_plan.Shape.HiddenSize);

    /// <summary>Floats from one column block of the activations in use to the next.</summary>
    internal readonly nint BlockStride => IsTail ? _plan.Workspace.ClassBlock : _plan.Workspace.ImageBlock;

    /// <summary>Where a layer's part of this image goes; in the tail, of the first image.</summary>
    internal readonly float* Output(OutputPart part, int layer)
    {
        var layout = new OutputLayout(_plan.Shape, _plan.Request);
        return _buffers.Outputs + layout.Start(part) + layout.Slot(part, layer) * layout.SlotLength(part)
            + (IsTail ? 0 : _image) * layout.ImageLength(part);
    }

    /// <summary>Copies this thread's rows of an activation with hidden columns to (tokens, hidden).</summary>
    private readonly void KeepRows(float* activation, float* output)
    {
        int hidden = _plan.Shape.HiddenSize;
        (int start, int end) = RowRange(Rows.All);
        for (int row = start; row < end; row++)
        {
            for (int column = 0; column < hidden; column += Gemm.BlockSize)
            {
                int count = Math.Min(Gemm.BlockSize, hidden - column);
                float* x = activation + column / Gemm.BlockSize * BlockStride + (nint)row * Gemm.BlockSize;
                new ReadOnlySpan<float>(x, count).CopyTo(new Span<float>(output + (nint)row * hidden + column, count));
            }
        }
    }

    /// <summary>
    /// Waits in the tail, where every phase needs the results of all threads from the phase before. On an image only
    /// the attention does.
    /// </summary>
    internal void StartPhase()
    {
        if (IsTail)
            _team.Wait();
    }

    /// <summary>Row 0 of an activation, (blocks, rows, 384).</summary>
    internal readonly float* Buffer(Activation activation) => _buffers.Workspace + (IsTail
        ? _plan.Workspace.ClassRows(activation)
        : _plan.Workspace.Image(activation, _owner, _parity));

    /// <summary>The rows of the image that this thread takes and that belong to <paramref name="rows"/>.</summary>
    internal readonly (int Start, int End) RowRange(Rows rows)
    {
        (int start, int end) = _team.Share(_plan.Shape.TokenCount);
        return rows switch
        {
            Rows.ClassToken => (start, Math.Min(end, 1)),
            Rows.Patches => (Math.Max(start, _plan.Shape.PrefixTokenCount), end),
            _ => (start, end),
        };
    }

    /// <summary>The rows of a phase that are this thread's: of the batch in the tail, else of the image.</summary>
    internal readonly (int Start, int End) PhaseRows(Rows rows) => IsTail ? _team.Share(_plan.Request.Batch) : RowRange(rows);

    /// <summary>
    /// The rows and panels of a product that are this thread's: in the tail columns are shared out, because there are few
    /// rows.
    /// </summary>
    internal readonly (int StartRow, int EndRow, int StartPanel, int EndPanel) Work(Rows rows, int panels)
    {
        (int startRow, int endRow) = IsTail ? (0, _plan.Request.Batch) : RowRange(rows);
        (int startPanel, int endPanel) = IsTail ? _team.Share(panels) : (0, panels);
        return (startRow, endRow, startPanel, endPanel);
    }

    /// <summary>The bias of a linear layer, padded to whole blocks; of KeyValue part 0 is the key's and part 1 the value's.</summary>
    internal readonly float* Bias(Linear linear, int part, int layer) =>
        _buffers.Weights + _plan.Weights.LinearStart(linear, layer)
        + part * _plan.Weights.MatrixSize(_plan.Shape.HiddenSize, _plan.Shape.HiddenSize);

    private readonly (nint Block, nint Column) HeadPlace(int head)
    {
        int column = head * _plan.Shape.HeadSize;
        return (column / Gemm.BlockSize, column % Gemm.BlockSize);
    }

    internal readonly void NormRow(Norm norm, int layer, float* input, float* output, nint outputBlock)
    {
        float* weight = _buffers.Weights + _plan.Weights.NormWeight(norm, layer);
        float* bias = weight + WeightLayout.PaddedToBlocks(_plan.Shape.HiddenSize);
        Kernels.Simd.LayerNorm.Row<TVector>(
            input, BlockStride, weight, bias, output, outputBlock, _plan.Shape.HiddenSize, _plan.Shape.LayerNormEpsilon);
    }
}
