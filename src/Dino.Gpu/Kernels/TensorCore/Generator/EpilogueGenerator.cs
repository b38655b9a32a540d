namespace Dino.Gpu.Kernels.TensorCore.Generator;

/// <summary>Writes the PTX of the epilogues, on result0 to result3: four neighboring columns of a row.</summary>
internal static class EpilogueGenerator
{
    public static string Write()
    {
        var text = new SourceText();
        text.Summary(
            0,
            "The PTX of the epilogues, on result0 to result3: four neighboring columns of a row. GELU is the exact, erf form: with "
            + "E = erfc(|x| / sqrt 2) it is max(x, 0) - |x| E / 2, and E = (a1 t + ... + a5 t^5) e^(-x^2 / 2), "
            + "t = 1 / (1 + p |x| / sqrt 2), is formula 7.1.26 of Abramowitz and Stegun, whose error is below 1.5e-7, far below "
            + "what 16 bits or tf32 hold. The half is in the coefficients.");
        text.Line(0, "internal static class EpilogueText");
        text.Line(0, "{");
        text.Constant("Registers", "The four results, and what they are rounded to.", [".reg .f32 result<4>", ".reg .b32 packed<4>"]);
        text.Constant("TakeResults", "result = %0 to %3", Four(i => $"mov.f32 result{i}, %{i}"));
        text.Constant("Gelu", "result = gelu(result)", Enumerable.Range(0, 4).SelectMany(Gelu));
        text.Constant(
            "Gated", "result0 = silu(result0) * result1, result1 = silu(result2) * result3, with silu(x) = x / (1 + e^-x)",
            Enumerable.Range(0, 2).SelectMany(Gated));
        text.Constant(
            "StageFloat32", "Two results of a row at byte %0 of the tiles, two of another at byte %1.",
            [
                "add.u32 address, tilesBase, %0", "st.shared.v2.f32 [address], {result0, result1}",
                "add.u32 address, tilesBase, %1", "st.shared.v2.f32 [address], {result2, result3}",
            ]);
        text.Constant("StageTensorFloat32", "The same, rounded to tf32.",
            [
                .. Four(i => $"cvt.rna.tf32.f32 packed{i}, result{i}"),
                "add.u32 address, tilesBase, %0", "st.shared.v2.b32 [address], {packed0, packed1}",
                "add.u32 address, tilesBase, %1", "st.shared.v2.b32 [address], {packed2, packed3}",
            ]);
        text.Constant(
            "StageBFloat16", "The same, rounded to bfloat16; the first operand of a conversion becomes the upper half.", Stage("bf16x2"));
        text.Constant("StageFloat16", "The same, rounded to float16.", Stage("f16x2"));
        text.Constant(
            "StageGatedTensorFloat32", "The one result of a row at byte %0 of the tiles, that of another at byte %1; rounded to tf32.",
            [
                "cvt.rna.tf32.f32 packed0, result0", "cvt.rna.tf32.f32 packed1, result1",
                "add.u32 address, tilesBase, %0", "st.shared.b32 [address], packed0",
                "add.u32 address, tilesBase, %1", "st.shared.b32 [address], packed1",
            ]);
        text.Constant("StageGatedBFloat16", "The same, rounded to bfloat16.", StageGated("bf16x2"));
        text.Constant("StageGatedFloat16", "The same, rounded to float16.", StageGated("f16x2"));
        text.Constant(
            "SetOutput",
            "Where a lane stores: %0 the global address of its first row, %1 that row's number, %2 the rows from it to the last, "
            + "%3 and %4 the reciprocal of the rows of an image and its shift, %5 the bytes between two images' rows that are left out, "
            + "%6 the bytes from one row to the next.",
            [
                "mov.b64 outAt, %0", "mov.b32 outRow, %1", "mov.b32 outLeft, %2", "mov.b32 outReciprocal, %3", "mov.b32 outShift, %4",
                "mov.b32 outGap, %5", "mov.b32 outStride, %6",
            ]);
        text.Constant(
            "StoreStaged", "16 bytes from byte %0 of the tiles to the row that is %1 behind the lane's first, where there is one.",
            Store(MappedRow));
        text.Constant("StoreStagedDense", "The same, where no rows of the output are left out.", Store(NextRow));
        text.Constant("AddStaged", "Four floats from byte %0 of the tiles, added to those of that row.", Add(MappedRow));
        text.Constant(
            "LoadGains", "The gains of the lane's four columns, from the global address %0; none where no column is left (%1).",
            [
                .. Four(i => $"mov.f32 gain{i}, 0f00000000"), "setp.gt.s32 inside, %1, 0",
                "@inside ld.global.v4.f32 {gain0, gain1, gain2, gain3}, [%0]",
            ]);
        text.Constant("AddScaledStaged", "Four floats from byte %0 of the tiles times their gains, added to those of that row.",
            Add(MappedRow, scaled: true));
        text.Constant(
            "StoreTensorFloat32", "Four floats, rounded to tf32, to the global address %0.",
            [.. Four(i => $"cvt.rna.tf32.f32 packed{i}, result{i}"), "st.global.v4.b32 [%0], {packed0, packed1, packed2, packed3}"]);
        text.Constant(
            "StoreBFloat16", "Four bfloat16 to the global address %0; the first operand of a conversion becomes the upper half.",
            Pack("bf16x2"));
        text.Constant("StoreFloat16", "Four float16 to the global address %0.", Pack("f16x2"));
        text.Line(0, "}");
        return text.ToString();
    }

    /// <summary>The place of a row: those of the images before it are further apart than its number says.</summary>
    private static readonly string[] MappedRow =
    [
        "setp.gt.s32 inside, outLeft, %1", "add.u32 outNow, outRow, %1", "mul.wide.u32 outPlace, outNow, outReciprocal",
        "shr.u64 outPlace, outPlace, outShift", "cvt.u32.u64 outNow, outPlace", "mad.wide.s32 outPlace, outNow, outGap, outAt",
        "mad.wide.s32 outPlace, outStride, %1, outPlace", "add.u32 address, tilesBase, %0",
    ];

    private static readonly string[] NextRow =
        ["setp.gt.s32 inside, outLeft, %1", "mad.wide.s32 outPlace, outStride, %1, outAt", "add.u32 address, tilesBase, %0"];

    private static string[] Store(string[] row) =>
    [
        .. row, "ld.shared.v4.b32 {packed0, packed1, packed2, packed3}, [address]",
        "@inside st.global.v4.b32 [outPlace], {packed0, packed1, packed2, packed3}",
    ];

    private static string[] Add(string[] row, bool scaled = false) =>
    [
        .. row, .. Four(i => $"mov.f32 gelu{i}, 0f00000000"),
        "@inside ld.global.v4.f32 {gelu0, gelu1, gelu2, gelu3}, [outPlace]",
        "ld.shared.v4.f32 {result0, result1, result2, result3}, [address]",
        .. Four(i => scaled ? $"fma.rn.f32 result{i}, result{i}, gain{i}, gelu{i}" : $"add.f32 result{i}, result{i}, gelu{i}"),
        "@inside st.global.v4.f32 [outPlace], {result0, result1, result2, result3}",
    ];

    private static IEnumerable<string> Four(Func<int, string> instruction) => Enumerable.Range(0, 4).Select(instruction);

    private static IEnumerable<string> Pack(string format) =>
    [
        $"cvt.rn.{format}.f32 packed0, result1, result0", $"cvt.rn.{format}.f32 packed1, result3, result2",
        "st.global.v2.b32 [%0], {packed0, packed1}",
    ];

    private static IEnumerable<string> Stage(string format) =>
    [
        $"cvt.rn.{format}.f32 packed0, result1, result0", $"cvt.rn.{format}.f32 packed1, result3, result2",
        "add.u32 address, tilesBase, %0", "st.shared.b32 [address], packed0",
        "add.u32 address, tilesBase, %1", "st.shared.b32 [address], packed1",
    ];

    /// <summary>The two values become the halves of a word; the second one goes down to be stored.</summary>
    private static IEnumerable<string> StageGated(string format) =>
    [
        $"cvt.rn.{format}.f32 packed0, result1, result0", "shr.u32 packed1, packed0, 16",
        "add.u32 address, tilesBase, %0", "st.shared.b16 [address], packed0",
        "add.u32 address, tilesBase, %1", "st.shared.b16 [address], packed1",
    ];

    private static IEnumerable<string> Gated(int i) =>
    [
        $"mul.f32 gelu0, result{2 * i}, 0fBFB8AA3B",
        "ex2.approx.ftz.f32 gelu0, gelu0",
        "add.f32 gelu0, gelu0, 0f3F800000",
        "rcp.approx.ftz.f32 gelu0, gelu0",
        $"mul.f32 gelu0, gelu0, result{2 * i}",
        $"mul.f32 result{i}, gelu0, result{2 * i + 1}",
    ];

    private static IEnumerable<string> Gelu(int i) =>
    [
        $"abs.f32 gelu0, result{i}",
        "fma.rn.f32 gelu1, gelu0, 0f3E6D3388, 0f3F800000",
        "rcp.approx.ftz.f32 gelu1, gelu1",
        $"mul.f32 gelu2, result{i}, result{i}",
        "mul.f32 gelu2, gelu2, 0fBF38AA3B",
        "ex2.approx.ftz.f32 gelu2, gelu2",
        "mov.f32 gelu3, 0f3F07DC22",
        "fma.rn.f32 gelu3, gelu3, gelu1, 0fBF3A00E3",
        "fma.rn.f32 gelu3, gelu3, gelu1, 0f3F35F0E3",
        "fma.rn.f32 gelu3, gelu3, gelu1, 0fBE11A98E",
        "fma.rn.f32 gelu3, gelu3, gelu1, 0f3E027906",
        "mul.f32 gelu3, gelu3, gelu1",
        "mul.f32 gelu3, gelu3, gelu2",
        "neg.f32 gelu0, gelu0",
        $"max.f32 result{i}, result{i}, 0f00000000",
        $"fma.rn.f32 result{i}, gelu0, gelu3, result{i}",
    ];
}
