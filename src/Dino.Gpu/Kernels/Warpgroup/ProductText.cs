using System.Numerics;
using Dino.Gpu.Kernels.TensorCore;
using static Dino.Gpu.Kernels.Warpgroup.WarpgroupLayout;

namespace Dino.Gpu.Kernels.Warpgroup;

/// <summary>
/// Writes the PTX of a product: output[m, n] = epilogue(bias[n] + sum over k of input[m, k] * weight[n, k]), with the
/// parameters of <see cref="Gemm"/>. ILGPU cannot write it: it emits <c>.target sm_80</c>, and wgmma is of sm_90a alone.
/// Slices of k are copied into a ring of slots in shared memory; slice s is multiplied while the next ones arrive. The
/// epilogues are those of the products with mma.sync, to the letter.
/// </summary>
internal sealed class ProductText
{
    private readonly ProductKernel _kernel;
    private readonly WarpgroupTile _tile;
    private readonly PtxWriter _text = new();

    private ProductText(ProductKernel kernel)
    {
        _kernel = kernel;
        _tile = kernel.Tile;
    }

    /// <summary>The text of a module with one kernel.</summary>
    public static string Of(ProductKernel kernel)
    {
        var product = new ProductText(kernel);
        product.Declare();
        product.SetPlaces();
        product.SetSources();
        product.StartCopies();
        product.SetSums();
        product.MultiplySlices();
        product.Stage();
        product.Store();
        product._text.Add("ret");
        product._text.Line("}");
        return product._text.ToString();
    }

    private void Declare()
    {
        _text.Line(".version 8.0");
        _text.Line(".target sm_90a");
        _text.Line(".address_size 64");
        _text.Add(".extern .shared .align 16 .b8 slices[]");
        _text.Line($".visible .entry {_kernel.Name}(.param .b64 input, .param .b64 weight, .param .b64 bias, "
            + ".param .align 4 .b8 shape[36], .param .b64 output)");
        _text.Line($".maxntid {_tile.Threads}, 1, 1");
        _text.Line($".minnctapersm {_tile.GroupsOfOne}");
        _text.Line("{");
        _text.Add(
            $".reg .f32 acc<{_tile.Sums}>", $".reg .b64 from<{_tile.Copies}>", ".reg .b64 a<4>", ".reg .b64 b<4>",
            ".reg .b64 inputAt", ".reg .b64 weightAt", ".reg .b64 biasAt", ".reg .b64 outputAt", ".reg .b64 wide");
        foreach (string name in new[]
        {
            "rows", "columns", "rowBytes", "stride", "rowsPerImage", "reciprocal", "shift", "imageStride", "firstOfMap", "gap",
            "thread", "lane", "warp", "warpgroup", "firstRow", "firstColumn", "ring", "copyRow", "chunk", "copyTo", "copyNow",
            "row", "column", "image", "ahead", "inRow", "size", "left", "slot", "free", "inputTile", "weightTile", "now", "staged",
        })
            _text.Add($".reg .b32 {name}");

        // Those that the texts of the epilogues name.
        _text.Add(
            ".reg .f32 result<4>", ".reg .b32 packed<4>", ".reg .f32 gelu<4>", ".reg .f32 gain<4>", ".reg .f32 bias<2>",
            ".reg .b32 tilesBase", ".reg .b32 address", ".reg .b64 outAt", ".reg .b64 outPlace", ".reg .b32 outStride", ".reg .b32 outRow",
            ".reg .b32 outLeft", ".reg .b32 outReciprocal", ".reg .b32 outShift", ".reg .b32 outGap", ".reg .b32 outNow",
            ".reg .pred inside", ".reg .pred more", ".reg .pred always", ".reg .pred wraps");
    }

    /// <summary>Arguments, the part of the output, and where the thread copies to.</summary>
    private void SetPlaces()
    {
        _text.Add(
            "ld.param.b64 inputAt, [input]", "ld.param.b64 weightAt, [weight]", "ld.param.b64 biasAt, [bias]",
            "ld.param.b64 outputAt, [output]");
        string[] shape =
            ["rows", "columns", "rowBytes", "stride", "rowsPerImage", "reciprocal", "shift", "imageStride", "firstOfMap"];
        for (int i = 0; i < shape.Length; i++)
            _text.Add($"ld.param.b32 {shape[i]}, [shape+{4 * i}]");
        _text.Add(
            "sub.s32 gap, imageStride, rowsPerImage", "mov.u32 thread, %tid.x", "and.b32 lane, thread, 31", "shr.u32 warp, thread, 5",
            "mov.u32 firstRow, %ctaid.z", "mov.u32 row, %nctaid.y", "mov.u32 now, %ctaid.y", "mad.lo.s32 firstRow, firstRow, row, now",
            $"mul.lo.s32 firstRow, firstRow, {_tile.Rows}", "mov.u32 firstColumn, %ctaid.x",
            $"mul.lo.s32 firstColumn, firstColumn, {_tile.Columns}");

        // The ring begins where the swizzle's pattern does.
        _text.Add("mov.u32 ring, slices", $"add.u32 ring, ring, {PatternBytes - 1}", $"and.b32 ring, ring, -{PatternBytes}");

        // Eight neighboring threads copy the 128 bytes of a row. Passes are multiples of eight rows apart, so that the
        // exchange of chunks is the same in each.
        _text.Add(
            "shr.u32 copyRow, thread, 3", "and.b32 chunk, thread, 7", "and.b32 copyTo, copyRow, 7", "xor.b32 copyTo, copyTo, chunk",
            "shl.b32 copyTo, copyTo, 4", "shl.b32 now, copyRow, 7", "add.u32 copyTo, copyTo, now", "add.u32 copyTo, copyTo, ring",
            "shl.b32 now, chunk, 4", "cvt.u64.u32 wide, now", "add.s64 inputAt, inputAt, wide", "add.s64 weightAt, weightAt, wide");

        // Bytes of k that are not copied yet, from the next slice's first byte and from the thread's chunk of it.
        _text.Add("mov.b32 ahead, rowBytes", "sub.s32 inRow, rowBytes, now");

        // The tiles of the first slot as descriptors name them. The shuffle tells the assembler that a warp agrees.
        _text.Add(
            "shr.u32 warpgroup, warp, 2", "shfl.sync.idx.b32 warpgroup, warpgroup, 0, 31, 0xffffffff",
            $"mad.lo.s32 inputTile, warpgroup, {Rows * RowBytes}, ring", $"add.u32 weightTile, ring, {_tile.InputBytes}");
        foreach (string name in new[] { "inputTile", "weightTile" })
            _text.Add($"and.b32 {name}, {name}, {AddressMask}", $"shr.u32 {name}, {name}, 4");
    }

    /// <summary>
    /// The addresses that the thread copies from. A row past an edge is replaced by the first row, whose memory exists
    /// and was written; its sums are not stored.
    /// </summary>
    private void SetSources()
    {
        for (int i = 0; i < _tile.Copies; i++)
        {
            bool isInput = i < _tile.InputCopies;
            int pass = (isInput ? i : i - _tile.InputCopies) * _tile.PassRows;
            _text.Add(
                $"add.s32 row, {(isInput ? "firstRow" : "firstColumn")}, copyRow", $"add.s32 row, row, {pass}",
                $"setp.lt.s32 inside, row, {(isInput ? "rows" : "columns")}", "selp.b32 row, row, 0, inside");
            if (isInput)
                _text.Add(
                    "mul.wide.u32 wide, row, reciprocal", "shr.u64 wide, wide, shift", "cvt.u32.u64 image, wide",
                    "mad.lo.s32 row, image, gap, row", "add.s32 row, row, firstOfMap");
            _text.Add($"mad.wide.s32 from{i}, row, rowBytes, {(isInput ? "inputAt" : "weightAt")}");
        }
    }

    private void StartCopies()
    {
        _text.Add("mov.b32 copyNow, copyTo");
        for (int slot = 0; slot + 1 < _tile.Stages; slot++)
        {
            Copy();
            _text.Add($"add.u32 copyNow, copyNow, {_tile.StageBytes}");
        }
    }

    /// <summary>
    /// Copies the next slice, if there is one. What lies behind the end of a row is cleared: K is a multiple of 32 values
    /// and a slice has 64.
    /// </summary>
    private void Copy()
    {
        _text.Add("setp.gt.s32 more, ahead, 0", "setp.gt.s32 inside, inRow, 0", "selp.b32 size, 16, 0, inside");
        for (int i = 0; i < _tile.Copies; i++)
            _text.Add($"@more cp.async.cg.shared.global [copyNow+{i * _tile.PassRows * RowBytes}], [from{i}], 16, size");
        _text.Add("cp.async.commit_group");
        for (int i = 0; i < _tile.Copies; i++)
            _text.Add($"add.s64 from{i}, from{i}, {RowBytes}");
        _text.Add($"sub.s32 ahead, ahead, {RowBytes}", $"sub.s32 inRow, inRow, {RowBytes}");
    }

    /// <summary>Sets the sums to the bias of their columns.</summary>
    private void SetSums()
    {
        _text.Add(
            "and.b32 column, lane, 3", "shl.b32 column, column, 1", "add.s32 column, column, firstColumn",
            "mad.wide.s32 biasAt, column, 4, biasAt", "sub.s32 now, columns, firstColumn");
        for (int j = 0; j < _tile.Columns / 8; j++)
        {
            _text.Add(
                $"setp.gt.s32 inside, now, {8 * j}", "mov.f32 bias0, 0f00000000", "mov.f32 bias1, 0f00000000",
                $"@inside ld.global.v2.f32 {{bias0, bias1}}, [biasAt+{32 * j}]");
            for (int k = 0; k < 4; k++)
                _text.Add($"mov.f32 acc{4 * j + k}, bias{k % 2}");
        }
    }

    /// <summary>
    /// sums += a b over all slices. A turn waits for its slice's copies, shows them to the tensor cores' proxy, and waits
    /// for the products of the turn before; behind the barrier that holds for all threads, so the slot of the slice
    /// before is free for the next copies.
    /// </summary>
    private void MultiplySlices()
    {
        _text.Add(
            $"add.s32 left, rowBytes, {RowBytes - 1}", "shr.u32 left, left, 7", "mov.b32 slot, 0",
            $"mov.b32 free, {(_tile.Stages - 1) * _tile.StageBytes}", "setp.gt.s32 always, rowBytes, 0");
        _text.Line("next_slice:");
        _text.Add(
            $"cp.async.wait_group {_tile.Stages - 2}", "fence.proxy.async.shared::cta", "wgmma.wait_group.sync.aligned 0", "bar.sync 0",
            "add.u32 now, inputTile, slot", "cvt.u64.u32 a0, now", $"add.s64 a0, a0, {Descriptor}",
            "add.u32 now, weightTile, slot", "cvt.u64.u32 b0, now", $"add.s64 b0, b0, {Descriptor}");
        const int Steps = RowBytes / StepBytes;
        for (int step = 1; step < Steps; step++)
            _text.Add(
                $"add.s64 a{step}, a0, {step * StepBytes / DescriptorUnit}", $"add.s64 b{step}, b0, {step * StepBytes / DescriptorUnit}");
        _text.Add("wgmma.fence.sync.aligned");
        string operation = $"wgmma.mma_async.sync.aligned.m64n{_tile.Columns}k16.f32.{_kernel.Format}.{_kernel.Format}";
        for (int step = 0; step < Steps; step++)
            _text.Add($"{operation} {PtxWriter.List("acc", _tile.Sums)}, a{step}, b{step}, always, 1, 1, 0, 0");
        _text.Add("wgmma.commit_group.sync.aligned", "add.u32 copyNow, copyTo, free");
        Copy();
        Advance("slot", _tile.StageBytes / DescriptorUnit);
        Advance("free", _tile.StageBytes);
        _text.Add("sub.s32 left, left, 1", "setp.gt.s32 more, left, 0", "@more bra next_slice");

        // The slots are free for staging once every warpgroup has read its last operands.
        _text.Add("wgmma.wait_group.sync.aligned 0", "cp.async.wait_group 0", "bar.sync 0");
    }

    /// <summary>Moves a place on by one slot, in units that the place counts in.</summary>
    private void Advance(string place, int bytes) => _text.Add(
        $"add.u32 {place}, {place}, {bytes}", $"setp.eq.s32 wraps, {place}, {_tile.Stages * bytes}",
        $"selp.b32 {place}, 0, {place}, wraps");

    /// <summary>Takes the sums through the epilogue to the warp's own part of shared memory.</summary>
    private void Stage()
    {
        int size = _kernel.OutputSize;
        int pitch = TileLayout.StagedPitch(_tile.Columns, size);
        _text.Add(
            $"mad.lo.s32 staged, warp, {TileLayout.FragmentRows * pitch}, ring", "shr.u32 row, lane, 2",
            $"mad.lo.s32 tilesBase, row, {pitch}, staged", "and.b32 now, lane, 3", $"mad.lo.s32 tilesBase, now, {2 * size}, tilesBase");
        bool isBFloat16 = _kernel.Precision == Precision.BFloat16;
        string stage = size == sizeof(float) ? EpilogueText.StageFloat32
            : _kernel.Epilogue == ProductEpilogue.Gated
                ? isBFloat16 ? EpilogueText.StageGatedBFloat16 : EpilogueText.StageGatedFloat16
            : isBFloat16 ? EpilogueText.StageBFloat16 : EpilogueText.StageFloat16;
        for (int j = 0; j < _tile.Columns / 8; j++)
        {
            for (int k = 0; k < 4; k++)
                _text.Add($"mov.f32 result{k}, acc{4 * j + k}");
            if (_kernel.Epilogue == ProductEpilogue.Gelu)
                _text.AddText(EpilogueText.Gelu);
            else if (_kernel.Epilogue == ProductEpilogue.Gated)
                _text.AddText(EpilogueText.Gated);
            _text.AddText(stage, 8 * j * size, 8 * (j * size + pitch));
        }
    }

    /// <summary>Stores whole rows, 16 bytes a lane.</summary>
    private void Store()
    {
        int size = _kernel.OutputSize;
        int pitch = TileLayout.StagedPitch(_tile.Columns, size);
        int lanes = _tile.Columns * size / TileLayout.ChunkBytes;
        int passRows = TileLayout.WarpSize / lanes;
        _text.Add("bar.warp.sync 0xffffffff");
        _text.Add(
            $"and.b32 column, lane, {lanes - 1}", $"shr.u32 row, lane, {BitOperations.Log2((uint)lanes)}",
            $"mad.lo.s32 tilesBase, row, {pitch}, staged",
            $"mad.lo.s32 tilesBase, column, {TileLayout.ChunkBytes}, tilesBase",
            $"mad.lo.s32 column, column, {TileLayout.ChunkBytes / size}, firstColumn",
            $"mad.lo.s32 row, warp, {TileLayout.FragmentRows}, row", "add.s32 row, row, firstRow",
            $"mul.lo.s32 stride, stride, {size}", "mul.lo.s32 gap, gap, stride", "add.s32 now, row, firstOfMap",
            "mad.wide.s32 outputAt, now, stride, outputAt", $"mad.wide.s32 outputAt, column, {size}, outputAt",
            "sub.s32 left, rows, row", "setp.lt.s32 inside, column, columns", "selp.b32 left, left, 0, inside");
        _text.AddText(EpilogueText.SetOutput, "outputAt", "row", "left", "reciprocal", "shift", "gap", "stride");
        if (_kernel.Epilogue == ProductEpilogue.AddScaled)
        {
            // The gains lie behind the bias.
            _text.Add(
                "sub.s32 now, columns, column", "ld.param.b64 biasAt, [bias]", "mad.wide.s32 biasAt, columns, 4, biasAt",
                "mad.wide.s32 biasAt, column, 4, biasAt");
            _text.AddText(EpilogueText.LoadGains, "biasAt", "now");
        }

        string store = _kernel.Epilogue switch
        {
            ProductEpilogue.Add => EpilogueText.AddStaged,
            ProductEpilogue.AddScaled => EpilogueText.AddScaledStaged,
            _ => EpilogueText.StoreStaged,
        };
        for (int pass = 0; pass < TileLayout.FragmentRows / passRows; pass++)
            _text.AddText(store, pass * passRows * pitch, pass * passRows);
    }
}
