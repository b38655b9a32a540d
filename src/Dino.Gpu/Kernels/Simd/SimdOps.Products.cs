using Dino.Gpu.Vit;

namespace Dino.Gpu.Kernels.Simd;

/// <content>The matrix products and what is done to their results on the way.</content>
internal unsafe partial struct SimdOps<TVector>
{
    public void Linear(Activation input, Linear linear, int layer, Activation output, Rows rows) =>
        Multiply(input, linear, layer, output, rows, accumulate: false, gelu: false);

    public void LinearGelu(Activation input, Linear linear, int layer, Activation output, Rows rows) =>
        Multiply(input, linear, layer, output, rows, accumulate: false, gelu: true);

    public void LinearGated(Activation input, Linear linear, int layer, Activation output, Rows rows)
    {
        if (!IsTail)
        {
            Multiply(input, linear, layer, output, rows, accumulate: false, gelu: false, gated: true);
            return;
        }

        // In the tail other threads have the columns that the gate would write to, so it waits and takes rows.
        Multiply(input, linear, layer, output, rows, accumulate: false, gelu: false);
        StartPhase();
        GateTail(output);
    }

    public void LinearAdd(Activation input, Linear linear, int layer, Activation output, Rows rows) =>
        Multiply(input, linear, layer, output, rows, accumulate: true, gelu: false);

    /// <summary>
    /// Turns the products of gate and up into their gated values, for this thread's class-token rows.
    /// </summary>
    internal readonly void GateTail(Activation activation)
    {
        (int start, int end) = PhaseRows(Rows.ClassToken);
        int panelsPerBlock = Gemm.BlockSize / _plan.Weights.Width;
        int panels = _plan.Weights.Fc1Rows / _plan.Weights.Width;
        float* x = Buffer(activation) + (nint)start * Gemm.BlockSize;
        for (int block = 0; block * panelsPerBlock < panels; block++)
        {
            Silu.Apply<TVector>(
                x + block * BlockStride, x + GatedPlace(block), end - start, Math.Min(panelsPerBlock, panels - block * panelsPerBlock));
        }
    }

    private void Multiply(
        Activation input, Linear linear, int layer, Activation output, Rows rows, bool accumulate, bool gelu, bool gated = false)
    {
        StartPhase();
        VitShape shape = _plan.Shape;
        float* a = Buffer(input);
        float* c = Buffer(output);
        if (linear is Vit.Linear.Qkv or Vit.Linear.Query)
            MultiplyMatrix(
                a, _plan.Weights.LinearStart(Vit.Linear.Query, layer), c, shape.HiddenSize, shape.HiddenSize, rows, accumulate, gelu);
        if (linear is Vit.Linear.Qkv or Vit.Linear.KeyValue)
        {
            long key = _plan.Weights.LinearStart(Vit.Linear.KeyValue, layer);
            long value = key + _plan.Weights.MatrixSize(shape.HiddenSize, shape.HiddenSize);
            MultiplyMatrix(a, key, c + Part * BlockStride, shape.HiddenSize, shape.HiddenSize, rows, accumulate, gelu);
            MultiplyMatrix(a, value, c + 2 * Part * BlockStride, shape.HiddenSize, shape.HiddenSize, rows, accumulate, gelu);
        }
        else if (linear is not (Vit.Linear.Qkv or Vit.Linear.Query))
        {
            int outputs = linear == Vit.Linear.Fc1 ? _plan.Weights.Fc1Rows : shape.HiddenSize;
            int inputs = linear switch
            {
                Vit.Linear.PatchEmbedding => shape.PatchLength,
                Vit.Linear.Fc2 => shape.MlpSize,
                _ => shape.HiddenSize,
            };
            MultiplyMatrix(a, _plan.Weights.LinearStart(linear, layer), c, outputs, inputs, rows, accumulate, gelu, gated);
        }
    }

    /// <summary>
    /// Where the gate of a block of columns goes, of an activation's row 0: two blocks become one. Products before it
    /// in the row were read.
    /// </summary>
    private readonly nint GatedPlace(int block) => block / 2 * BlockStride + block % 2 * (Gemm.BlockSize / 2);

    /// <summary>
    /// Multiplies with one matrix, section by section. Inputs are innermost, so that a block of outputs is finished
    /// before the next.
    /// </summary>
    private readonly void MultiplyMatrix(
        float* a, long start, float* c, int outputs, int inputs, Rows rows, bool accumulate, bool gelu, bool gated = false)
    {
        int width = _plan.Weights.Width;
        int allPanels = (outputs + width - 1) / width;
        int panelsPerBlock = Gemm.BlockSize / width;
        (int startRow, int endRow, int startPanel, int endPanel) = Work(rows, allPanels);
        if (startRow >= endRow)
            return;

        float* bias = _buffers.Weights + start;
        float* sections = bias + WeightLayout.PaddedToBlocks(outputs);
        nint firstRow = (nint)startRow * Gemm.BlockSize;
        for (int blockPanel = 0; blockPanel < allPanels; blockPanel += panelsPerBlock)
        {
            int first = Math.Max(startPanel, blockPanel);
            int last = Math.Min(Math.Min(endPanel, allPanels), blockPanel + panelsPerBlock);
            if (first >= last)
                continue;
            int blockPanels = Math.Min(panelsPerBlock, allPanels - blockPanel);
            float* section = sections + (nint)blockPanel * width * inputs;
            float* cBlock = c + blockPanel / panelsPerBlock * BlockStride + firstRow + (first - blockPanel) * width;
            for (int input = 0; input < inputs; input += Gemm.BlockSize)
            {
                int count = Math.Min(Gemm.BlockSize, inputs - input);
                float* aBlock = a + input / Gemm.BlockSize * BlockStride + firstRow;
                float* panels = section + (nint)input * blockPanels * width + (nint)(first - blockPanel) * count * width;
                bool ends = input + count == inputs;
                Gemm.Multiply<TVector>(
                    aBlock, panels, input == 0 ? bias + (nint)first * width : null, cBlock, endRow - startRow, count, last - first,
                    accumulate || input > 0, gelu && ends, halfPanel: false,
                    gated && ends ? c + GatedPlace(blockPanel / panelsPerBlock) + firstRow : null);
            }
        }
    }
}
