namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>
/// The PTX of the epilogues, on result0 to result3: four neighboring columns of a row. GELU is the exact, erf form: with
/// E = erfc(|x| / sqrt 2) it is max(x, 0) - |x| E / 2, and E = (a1 t + ... + a5 t^5) e^(-x^2 / 2), t = 1 / (1 + p |x| / sqrt 2), is
/// formula 7.1.26 of Abramowitz and Stegun, whose error is below 1.5e-7, far below what 16 bits or tf32 hold.
/// </summary>
internal static class EpilogueText
{
    /// <summary>The four results, and what they are rounded to.</summary>
    public const string Registers = ".reg .f32 result<4>; .reg .b32 packed<4>;";

    /// <summary>result = %0 to %3</summary>
    public const string TakeResults = "mov.f32 result0, %0; mov.f32 result1, %1; mov.f32 result2, %2; mov.f32 result3, %3;";

    /// <summary>bias0 to bias3 from the global address %0.</summary>
    public const string LoadBias = "ld.global.v4.f32 {bias0, bias1, bias2, bias3}, [%0];";

    /// <summary>result = staged at byte %0 of the tiles + bias.</summary>
    public const string LoadResults =
        "add.u32 address, tilesBase, %0;\n\t"
        + "ld.shared.v4.f32 {result0, result1, result2, result3}, [address];\n\t"
        + "add.f32 result0, result0, bias0; add.f32 result1, result1, bias1; add.f32 result2, result2, bias2; add.f32 result3, result3, bias3;";

    /// <summary>result = gelu(result)</summary>
    public const string Gelu =
        "abs.f32 gelu0, result0; fma.rn.f32 gelu1, gelu0, 0f3E6D3388, 0f3F800000; rcp.approx.f32 gelu1, gelu1; mul.f32 gelu2, result0, result0;\n\t"
        + "mul.f32 gelu2, gelu2, 0fBF38AA3B; ex2.approx.f32 gelu2, gelu2; mov.f32 gelu3, 0f3F87DC22; fma.rn.f32 gelu3, gelu3, gelu1, 0fBFBA00E3;\n\t"
        + "fma.rn.f32 gelu3, gelu3, gelu1, 0f3FB5F0E3; fma.rn.f32 gelu3, gelu3, gelu1, 0fBE91A98E; fma.rn.f32 gelu3, gelu3, gelu1, 0f3E827906; mul.f32 gelu3, gelu3, gelu1;\n\t"
        + "mul.f32 gelu3, gelu3, gelu2; mul.f32 gelu0, gelu0, 0fBF000000; max.f32 result0, result0, 0f00000000; fma.rn.f32 result0, gelu0, gelu3, result0;\n\t"
        + "abs.f32 gelu0, result1; fma.rn.f32 gelu1, gelu0, 0f3E6D3388, 0f3F800000; rcp.approx.f32 gelu1, gelu1; mul.f32 gelu2, result1, result1;\n\t"
        + "mul.f32 gelu2, gelu2, 0fBF38AA3B; ex2.approx.f32 gelu2, gelu2; mov.f32 gelu3, 0f3F87DC22; fma.rn.f32 gelu3, gelu3, gelu1, 0fBFBA00E3;\n\t"
        + "fma.rn.f32 gelu3, gelu3, gelu1, 0f3FB5F0E3; fma.rn.f32 gelu3, gelu3, gelu1, 0fBE91A98E; fma.rn.f32 gelu3, gelu3, gelu1, 0f3E827906; mul.f32 gelu3, gelu3, gelu1;\n\t"
        + "mul.f32 gelu3, gelu3, gelu2; mul.f32 gelu0, gelu0, 0fBF000000; max.f32 result1, result1, 0f00000000; fma.rn.f32 result1, gelu0, gelu3, result1;\n\t"
        + "abs.f32 gelu0, result2; fma.rn.f32 gelu1, gelu0, 0f3E6D3388, 0f3F800000; rcp.approx.f32 gelu1, gelu1; mul.f32 gelu2, result2, result2;\n\t"
        + "mul.f32 gelu2, gelu2, 0fBF38AA3B; ex2.approx.f32 gelu2, gelu2; mov.f32 gelu3, 0f3F87DC22; fma.rn.f32 gelu3, gelu3, gelu1, 0fBFBA00E3;\n\t"
        + "fma.rn.f32 gelu3, gelu3, gelu1, 0f3FB5F0E3; fma.rn.f32 gelu3, gelu3, gelu1, 0fBE91A98E; fma.rn.f32 gelu3, gelu3, gelu1, 0f3E827906; mul.f32 gelu3, gelu3, gelu1;\n\t"
        + "mul.f32 gelu3, gelu3, gelu2; mul.f32 gelu0, gelu0, 0fBF000000; max.f32 result2, result2, 0f00000000; fma.rn.f32 result2, gelu0, gelu3, result2;\n\t"
        + "abs.f32 gelu0, result3; fma.rn.f32 gelu1, gelu0, 0f3E6D3388, 0f3F800000; rcp.approx.f32 gelu1, gelu1; mul.f32 gelu2, result3, result3;\n\t"
        + "mul.f32 gelu2, gelu2, 0fBF38AA3B; ex2.approx.f32 gelu2, gelu2; mov.f32 gelu3, 0f3F87DC22; fma.rn.f32 gelu3, gelu3, gelu1, 0fBFBA00E3;\n\t"
        + "fma.rn.f32 gelu3, gelu3, gelu1, 0f3FB5F0E3; fma.rn.f32 gelu3, gelu3, gelu1, 0fBE91A98E; fma.rn.f32 gelu3, gelu3, gelu1, 0f3E827906; mul.f32 gelu3, gelu3, gelu1;\n\t"
        + "mul.f32 gelu3, gelu3, gelu2; mul.f32 gelu0, gelu0, 0fBF000000; max.f32 result3, result3, 0f00000000; fma.rn.f32 result3, gelu0, gelu3, result3;";

    /// <summary>result += four floats at the global address %0.</summary>
    public const string AddOutput =
        "ld.global.v4.f32 {gelu0, gelu1, gelu2, gelu3}, [%0];\n\t"
        + "add.f32 result0, result0, gelu0; add.f32 result1, result1, gelu1; add.f32 result2, result2, gelu2; add.f32 result3, result3, gelu3;";

    /// <summary>Four floats to the global address %0.</summary>
    public const string StoreFloat32 = "st.global.v4.f32 [%0], {result0, result1, result2, result3};";

    /// <summary>Four floats, rounded to tf32, to the global address %0.</summary>
    public const string StoreTensorFloat32 =
        "cvt.rna.tf32.f32 packed0, result0; cvt.rna.tf32.f32 packed1, result1;\n\t"
        + "cvt.rna.tf32.f32 packed2, result2; cvt.rna.tf32.f32 packed3, result3;\n\t"
        + "st.global.v4.b32 [%0], {packed0, packed1, packed2, packed3};";

    /// <summary>Four bfloat16 to the global address %0; the first operand of a conversion becomes the upper half.</summary>
    public const string StoreBFloat16 =
        "cvt.rn.bf16x2.f32 packed0, result1, result0; cvt.rn.bf16x2.f32 packed1, result3, result2;\n\t"
        + "st.global.v2.b32 [%0], {packed0, packed1};";

    /// <summary>Four float16 to the global address %0.</summary>
    public const string StoreFloat16 =
        "cvt.rn.f16x2.f32 packed0, result1, result0; cvt.rn.f16x2.f32 packed1, result3, result2;\n\t"
        + "st.global.v2.b32 [%0], {packed0, packed1};";
}
