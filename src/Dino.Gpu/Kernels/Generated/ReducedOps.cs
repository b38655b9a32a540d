using Dino.Gpu.Kernels.Simd;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Kernels.Generated;

/// <summary>
/// The operations of the SIMD family with the products in a reduced precision. Residual stream, queries, keys, values and
/// everything that is kept are the float32 buffers of <see cref="SimdOps{TVector}"/>, which does all that is no product.
/// What a product reads is converted once, where it is written.
/// </summary>
internal unsafe struct ReducedOps : IVitOps, IImageOps<ReducedOps>
{
    private readonly ReducedPass* _pass;
    private readonly int _owner;
    private readonly int _thread;
    private SimdOps<Float16> _simd;

    private ReducedOps(SimdOps<Float16> simd, in SimdBuffers buffers, int owner, int thread)
    {
        _simd = simd;
        _pass = (ReducedPass*)buffers.Reduced;
        _owner = owner;
        _thread = thread;
    }

    public static ReducedOps ForImage(in SimdPlan plan, in SimdBuffers buffers, Team team, int image, int owner, int thread) =>
        new(SimdOps<Float16>.ForImage(plan, buffers, team, image, owner, thread), buffers, owner, thread);

    public static ReducedOps ForTail(in SimdPlan plan, in SimdBuffers buffers, Team team, int thread) =>
        new(SimdOps<Float16>.ForTail(plan, buffers, team, thread), buffers, 0, thread);

    public void UnfoldPatches()
    {
        if (!_pass->HasBFloat16)
        {
            _simd.UnfoldPatches();
            return;
        }

        ReducedRows patches = Reduced(Activation.Patches);
        float* line = Line;
        (int start, int end) = _simd.RowRange(Rows.Patches);
        for (int row = start; row < end; row++)
        {
            _simd.UnfoldPatch(row - _simd.Shape.PrefixTokenCount, line, Gemm.BlockSize);
            WriteRow(patches, row, line, Gemm.BlockSize, _simd.Shape.PatchLength);
        }
    }

    public readonly void AssembleTokens() => _simd.AssembleTokens();

    public void LayerNorm(Activation input, Norm norm, int layer, Activation output, Rows rows)
    {
        _simd.StartPhase();
        (int start, int end) = _simd.PhaseRows(rows);
        float* source = _simd.Buffer(input);
        float* line = Line;
        ReducedRows reduced = Reduced(output);
        for (int row = start; row < end; row++)
        {
            _simd.NormRow(norm, layer, source + (nint)row * Gemm.BlockSize, line, Gemm.BlockSize);
            WriteRow(reduced, row, line, Gemm.BlockSize, _simd.Shape.HiddenSize);
        }
    }

    public void Linear(Activation input, Linear linear, int layer, Activation output, Rows rows)
    {
        _simd.StartPhase();
        float* c = _simd.Buffer(output);
        nint part = _simd.Part * _simd.BlockStride;
        if (linear is Vit.Linear.Qkv or Vit.Linear.Query)
            Multiply(input, Vit.Linear.Query, 0, layer, c, rows, accumulate: false);
        if (linear is Vit.Linear.Qkv or Vit.Linear.KeyValue)
        {
            Multiply(input, Vit.Linear.KeyValue, 0, layer, c + part, rows, accumulate: false);
            Multiply(input, Vit.Linear.KeyValue, 1, layer, c + 2 * part, rows, accumulate: false);
        }
    }

    public void LinearGelu(Activation input, Linear linear, int layer, Activation output, Rows rows) =>
        Hidden(input, linear, layer, output, rows, gated: false);

    public void LinearGated(Activation input, Linear linear, int layer, Activation output, Rows rows) =>
        Hidden(input, linear, layer, output, rows, gated: true);

    private void Hidden(Activation input, Linear linear, int layer, Activation output, Rows rows, bool gated)
    {
        _simd.StartPhase();
        if (_simd.IsTail)
            TailHidden(input, linear, layer, output, gated);
        else
            ImageHidden(input, linear, layer, output, rows, gated);
    }

    public void LinearAdd(Activation input, Linear linear, int layer, Activation output, Rows rows)
    {
        if (linear == Vit.Linear.PatchEmbedding && !_pass->HasBFloat16)
        {
            _simd.LinearAdd(input, linear, layer, output, rows);
            return;
        }

        _simd.StartPhase();
        Multiply(input, linear, 0, layer, _simd.Buffer(output), rows, accumulate: true);
    }

    public readonly void Rotate(Linear made) => _simd.Rotate(made);

    public void Attention(Rows queryRows)
    {
        if (!_pass->HasBFloat16)
        {
            _simd.Attention(queryRows);
        }
        else
        {
            VitShape shape = _simd.Shape;
            _simd.BeginAttention();
            (int start, int end) = _simd.RowRange(queryRows);
            for (int head = 0; head < shape.HeadCount && start < end; head++)
            {
                AttentionHead place = _simd.Head(head, queryRows);
                ReducedAttention.Head(
                    _pass->BFloat16Tiles, _pass->Zeros, Sums, place.Query, place.Key, place.Value, place.Context, Gemm.BlockSize, start,
                    end, shape.TokenCount, shape.HeadSize, _pass->Workspace + _pass->Layout.Scratch(_thread));
            }

            _simd.EndAttention(queryRows);
        }

        // The class token's rows are gathered and converted together: BeginClassTail.
        if (queryRows == Rows.All)
            WriteRows(Activation.Context, _simd.RowRange(queryRows));
    }

    public readonly void KeepQkv(OutputPart part, int layer)
    {
        _simd.KeepQkv(part, layer);
        if (part != OutputPart.Values || _pass->ValueFactors == null)
            return;
        int hidden = _simd.Shape.HiddenSize;
        float* factors = _pass->ValueFactors + (nint)layer * hidden;
        float* values = _simd.Output(part, layer);
        (int start, int end) = _simd.RowRange(Rows.All);
        for (nint row = start; row < end; row++)
        {
            for (nint channel = 0; channel < hidden; channel++)
                values[row * hidden + channel] *= factors[channel];
        }
    }

    public readonly void KeepAttention(int layer, Rows queryRows) => _simd.KeepAttention(layer, queryRows);

    public readonly void StoreQueriesAndKeys(int layer) => _simd.StoreQueriesAndKeys(layer);

    public void RollOut(int layer, Rows queryRows) => _simd.RollOut(layer, queryRows);

    public readonly void KeepRollout() => _simd.KeepRollout();

    public readonly void KeepHiddenState(int index) => _simd.KeepHiddenState(index);

    public void BeginClassTail()
    {
        _simd.BeginClassTail();
        WriteRows(Activation.Context, _simd.PhaseRows(Rows.ClassToken));
    }

    public void FinalNorm(OutputPart part, int layer, Rows rows) => _simd.FinalNorm(part, layer, rows);

    public readonly void Synchronize()
    {
    }

    /// <summary>(blocks, 384): this thread's row in float32.</summary>
    private readonly float* Line => (float*)(_pass->Workspace + _pass->Layout.Line(_thread));

    private readonly byte* Sums => _pass->Workspace + _pass->Layout.Sums(_thread);

    private readonly ReducedRows Reduced(Activation activation) => _simd.IsTail
        ? _pass->Layout.ClassRows(_pass->Workspace, activation)
        : _pass->Layout.Image(_pass->Workspace, activation, _owner);

    /// <summary>One product into float32; in the tail of all rows, by this thread's columns.</summary>
    private readonly void Multiply(Activation input, Linear linear, int part, int layer, float* c, Rows rows, bool accumulate)
    {
        int index = ReducedPass.Index(linear, layer) + part;
        ReducedMatrix matrix = _pass->Matrices[index];
        (int startRow, int endRow, int startPanel, int endPanel) = _simd.Work(rows, matrix.PanelCount);
        if (startPanel >= endPanel)
            return;
        int block = startPanel / ReducedMatrix.PanelsPerBlock;
        ReducedGemm.Multiply(
            Tiles(matrix.Kind), Reduced(input), matrix, _simd.Bias(linear, part, layer), _pass->Zeros, Sums,
            c + block * _simd.BlockStride, _simd.BlockStride, startRow, endRow, startPanel, endPanel, accumulate);
    }

    /// <summary>
    /// The hidden layer of the MLP, a tile of rows by a block of columns at a time: product, GELU or gate, and
    /// conversion while it is in the cache. A gate makes one block of two.
    /// </summary>
    private readonly void ImageHidden(Activation input, Linear linear, int layer, Activation output, Rows rows, bool gated)
    {
        ReducedMatrix matrix = _pass->Matrices[ReducedPass.Index(linear, layer)];
        ReducedRows a = Reduced(input);
        ReducedRows mlp = Reduced(output);
        float* bias = _simd.Bias(linear, 0, layer);
        float* tile = (float*)(_pass->Workspace + _pass->Layout.Tile(_thread));
        float* made = gated ? tile + TileSet.MostRows * Gemm.BlockSize : tile;
        int halves = gated ? 2 : 1;
        (int start, int end) = _simd.RowRange(rows);
        int count = end - start;
        ref readonly Tiles tiles = ref Tiles(matrix.Kind);
        int tileCount = tiles.Count(count);
        for (int block = 0; block * halves * ReducedMatrix.PanelsPerBlock < matrix.PanelCount; block++)
        {
            int columns = Math.Min(Gemm.BlockSize, _simd.Shape.MlpSize - block * Gemm.BlockSize);
            for (int i = 0; i < tileCount; i++)
            {
                int row = start + tiles.Start(count, i);
                int endRow = start + tiles.Start(count, i + 1);
                for (int half = 0; half < halves; half++)
                {
                    int panel = (block * halves + half) * ReducedMatrix.PanelsPerBlock;
                    int endPanel = Math.Min(matrix.PanelCount, panel + ReducedMatrix.PanelsPerBlock);
                    if (panel >= endPanel)
                        continue;
                    ReducedGemm.Multiply(
                        tiles, a, matrix, bias, _pass->Zeros, Sums, tile - (nint)row * Gemm.BlockSize, 0, row, endRow, panel, endPanel,
                        accumulate: false);
                    if (gated)
                        Silu.Apply<Float16>(tile, made + half * (Gemm.BlockSize / 2), endRow - row, endPanel - panel);
                    else
                        Gelu.Apply<Float16>(tile, endRow - row, (endPanel - panel) * TileGenerator.Width);
                }

                for (int r = row; r < endRow; r++)
                    mlp.Write(block, r, made + (nint)(r - row) * Gemm.BlockSize, columns);
            }
        }
    }

    /// <summary>The same for the class-token rows: columns are shared out for the product, rows for the conversion.</summary>
    private void TailHidden(Activation input, Linear linear, int layer, Activation output, bool gated)
    {
        ReducedMatrix matrix = _pass->Matrices[ReducedPass.Index(linear, layer)];
        float* mlp = _simd.Buffer(output);
        Multiply(input, linear, 0, layer, mlp, Rows.ClassToken, accumulate: false);
        (_, int rows, int startPanel, int endPanel) = _simd.Work(Rows.ClassToken, matrix.PanelCount);
        for (int panel = startPanel; panel < endPanel && !gated; panel++)
        {
            float* columns = mlp + panel / ReducedMatrix.PanelsPerBlock * _simd.BlockStride
                + panel % ReducedMatrix.PanelsPerBlock * TileGenerator.Width;
            Gelu.Apply<Float16>(columns, rows, TileGenerator.Width);
        }

        _simd.StartPhase();
        if (gated)
            _simd.GateTail(output);
        WriteRows(output, _simd.PhaseRows(Rows.ClassToken));
    }

    /// <summary>Converts rows of a float32 activation to what the next product reads.</summary>
    private readonly void WriteRows(Activation activation, (int Start, int End) rows)
    {
        float* source = _simd.Buffer(activation);
        ReducedRows reduced = Reduced(activation);
        int columns = activation == Activation.Mlp ? _simd.Shape.MlpSize : _simd.Shape.HiddenSize;
        for (int row = rows.Start; row < rows.End; row++)
            WriteRow(reduced, row, source + (nint)row * Gemm.BlockSize, _simd.BlockStride, columns);
    }

    private static void WriteRow(in ReducedRows reduced, int row, float* source, nint blockStride, int columns)
    {
        for (int first = 0; first < columns; first += Gemm.BlockSize)
        {
            int block = first / Gemm.BlockSize;
            reduced.Write(block, row, source + block * blockStride, Math.Min(Gemm.BlockSize, columns - first));
        }
    }

    private readonly ref readonly Tiles Tiles(TileKind kind) =>
        ref kind == TileKind.BFloat16 ? ref _pass->BFloat16Tiles : ref _pass->Tiles;
}
