namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>
/// The PTX of a warp's attention: 16 queries, 64 keys at a time, heads of 64 values. A lane holds rows lane / 4 (the first of each pair below)
/// and lane / 4 + 8 (the second): scores s, of which fragment j is s[4 j] to s[4 j + 3] over keys 8 j to 8 j + 7, outputs o likewise over the head's
/// values, maxima m and sums l. Scores are kept times log2 e, for ex2.
/// </summary>
internal static class AttentionText
{
    /// <summary>Queries qf, weights of values pf, and what is above.</summary>
    public const string Registers =
        ".reg .f32 s<32>; .reg .f32 o<32>; .reg .b32 qf<16>; .reg .b32 pf<16>;\n\t"
        + ".reg .b32 kf<4>; .reg .f32 m<2>; .reg .f32 l<2>; .reg .f32 top<2>;\n\t"
        + ".reg .f32 other<2>; .reg .b32 tilesBase; .reg .b32 address; .reg .pred inside;\n\t"
        + "mov.u32 tilesBase, tiles;";

    /// <summary>o = 0, l = 0, m below every score.</summary>
    public const string Clear =
        "mov.f32 o0, 0f00000000; mov.f32 o1, 0f00000000; mov.f32 o2, 0f00000000; mov.f32 o3, 0f00000000;\n\t"
        + "mov.f32 o4, 0f00000000; mov.f32 o5, 0f00000000; mov.f32 o6, 0f00000000; mov.f32 o7, 0f00000000;\n\t"
        + "mov.f32 o8, 0f00000000; mov.f32 o9, 0f00000000; mov.f32 o10, 0f00000000; mov.f32 o11, 0f00000000;\n\t"
        + "mov.f32 o12, 0f00000000; mov.f32 o13, 0f00000000; mov.f32 o14, 0f00000000; mov.f32 o15, 0f00000000;\n\t"
        + "mov.f32 o16, 0f00000000; mov.f32 o17, 0f00000000; mov.f32 o18, 0f00000000; mov.f32 o19, 0f00000000;\n\t"
        + "mov.f32 o20, 0f00000000; mov.f32 o21, 0f00000000; mov.f32 o22, 0f00000000; mov.f32 o23, 0f00000000;\n\t"
        + "mov.f32 o24, 0f00000000; mov.f32 o25, 0f00000000; mov.f32 o26, 0f00000000; mov.f32 o27, 0f00000000;\n\t"
        + "mov.f32 o28, 0f00000000; mov.f32 o29, 0f00000000; mov.f32 o30, 0f00000000; mov.f32 o31, 0f00000000;\n\t"
        + "mov.f32 l0, 0f00000000; mov.f32 l1, 0f00000000; mov.f32 m0, 0fF149F2CA; mov.f32 m1, 0fF149F2CA;";

    /// <summary>The warp's queries, 16 values of the head at each of bytes %0 to %3 of the tiles.</summary>
    public const string LoadQueries =
        "add.u32 address, tilesBase, %0; ldmatrix.sync.aligned.m8n8.x4.shared.b16 {qf0, qf1, qf2, qf3}, [address];\n\t"
        + "add.u32 address, tilesBase, %1; ldmatrix.sync.aligned.m8n8.x4.shared.b16 {qf4, qf5, qf6, qf7}, [address];\n\t"
        + "add.u32 address, tilesBase, %2; ldmatrix.sync.aligned.m8n8.x4.shared.b16 {qf8, qf9, qf10, qf11}, [address];\n\t"
        + "add.u32 address, tilesBase, %3; ldmatrix.sync.aligned.m8n8.x4.shared.b16 {qf12, qf13, qf14, qf15}, [address];";

    /// <summary>s = 0</summary>
    public const string ClearScores =
        "mov.f32 s0, 0f00000000; mov.f32 s1, 0f00000000; mov.f32 s2, 0f00000000; mov.f32 s3, 0f00000000;\n\t"
        + "mov.f32 s4, 0f00000000; mov.f32 s5, 0f00000000; mov.f32 s6, 0f00000000; mov.f32 s7, 0f00000000;\n\t"
        + "mov.f32 s8, 0f00000000; mov.f32 s9, 0f00000000; mov.f32 s10, 0f00000000; mov.f32 s11, 0f00000000;\n\t"
        + "mov.f32 s12, 0f00000000; mov.f32 s13, 0f00000000; mov.f32 s14, 0f00000000; mov.f32 s15, 0f00000000;\n\t"
        + "mov.f32 s16, 0f00000000; mov.f32 s17, 0f00000000; mov.f32 s18, 0f00000000; mov.f32 s19, 0f00000000;\n\t"
        + "mov.f32 s20, 0f00000000; mov.f32 s21, 0f00000000; mov.f32 s22, 0f00000000; mov.f32 s23, 0f00000000;\n\t"
        + "mov.f32 s24, 0f00000000; mov.f32 s25, 0f00000000; mov.f32 s26, 0f00000000; mov.f32 s27, 0f00000000;\n\t"
        + "mov.f32 s28, 0f00000000; mov.f32 s29, 0f00000000; mov.f32 s30, 0f00000000; mov.f32 s31, 0f00000000;";

    /// <summary>s = s * %0</summary>
    public const string Scale =
        "mul.f32 s0, s0, %0; mul.f32 s1, s1, %0; mul.f32 s2, s2, %0; mul.f32 s3, s3, %0;\n\t"
        + "mul.f32 s4, s4, %0; mul.f32 s5, s5, %0; mul.f32 s6, s6, %0; mul.f32 s7, s7, %0;\n\t"
        + "mul.f32 s8, s8, %0; mul.f32 s9, s9, %0; mul.f32 s10, s10, %0; mul.f32 s11, s11, %0;\n\t"
        + "mul.f32 s12, s12, %0; mul.f32 s13, s13, %0; mul.f32 s14, s14, %0; mul.f32 s15, s15, %0;\n\t"
        + "mul.f32 s16, s16, %0; mul.f32 s17, s17, %0; mul.f32 s18, s18, %0; mul.f32 s19, s19, %0;\n\t"
        + "mul.f32 s20, s20, %0; mul.f32 s21, s21, %0; mul.f32 s22, s22, %0; mul.f32 s23, s23, %0;\n\t"
        + "mul.f32 s24, s24, %0; mul.f32 s25, s25, %0; mul.f32 s26, s26, %0; mul.f32 s27, s27, %0;\n\t"
        + "mul.f32 s28, s28, %0; mul.f32 s29, s29, %0; mul.f32 s30, s30, %0; mul.f32 s31, s31, %0;";

    /// <summary>Scores of keys past the last, %0 keys from this lane's first, below every other.</summary>
    public const string Mask =
        "setp.gt.s32 inside, %0, 0; selp.f32 s0, s0, 0fF149F2CA, inside; selp.f32 s2, s2, 0fF149F2CA, inside;\n\t"
        + "setp.gt.s32 inside, %0, 1; selp.f32 s1, s1, 0fF149F2CA, inside; selp.f32 s3, s3, 0fF149F2CA, inside;\n\t"
        + "setp.gt.s32 inside, %0, 8; selp.f32 s4, s4, 0fF149F2CA, inside; selp.f32 s6, s6, 0fF149F2CA, inside;\n\t"
        + "setp.gt.s32 inside, %0, 9; selp.f32 s5, s5, 0fF149F2CA, inside; selp.f32 s7, s7, 0fF149F2CA, inside;\n\t"
        + "setp.gt.s32 inside, %0, 16; selp.f32 s8, s8, 0fF149F2CA, inside; selp.f32 s10, s10, 0fF149F2CA, inside;\n\t"
        + "setp.gt.s32 inside, %0, 17; selp.f32 s9, s9, 0fF149F2CA, inside; selp.f32 s11, s11, 0fF149F2CA, inside;\n\t"
        + "setp.gt.s32 inside, %0, 24; selp.f32 s12, s12, 0fF149F2CA, inside; selp.f32 s14, s14, 0fF149F2CA, inside;\n\t"
        + "setp.gt.s32 inside, %0, 25; selp.f32 s13, s13, 0fF149F2CA, inside; selp.f32 s15, s15, 0fF149F2CA, inside;\n\t"
        + "setp.gt.s32 inside, %0, 32; selp.f32 s16, s16, 0fF149F2CA, inside; selp.f32 s18, s18, 0fF149F2CA, inside;\n\t"
        + "setp.gt.s32 inside, %0, 33; selp.f32 s17, s17, 0fF149F2CA, inside; selp.f32 s19, s19, 0fF149F2CA, inside;\n\t"
        + "setp.gt.s32 inside, %0, 40; selp.f32 s20, s20, 0fF149F2CA, inside; selp.f32 s22, s22, 0fF149F2CA, inside;\n\t"
        + "setp.gt.s32 inside, %0, 41; selp.f32 s21, s21, 0fF149F2CA, inside; selp.f32 s23, s23, 0fF149F2CA, inside;\n\t"
        + "setp.gt.s32 inside, %0, 48; selp.f32 s24, s24, 0fF149F2CA, inside; selp.f32 s26, s26, 0fF149F2CA, inside;\n\t"
        + "setp.gt.s32 inside, %0, 49; selp.f32 s25, s25, 0fF149F2CA, inside; selp.f32 s27, s27, 0fF149F2CA, inside;\n\t"
        + "setp.gt.s32 inside, %0, 56; selp.f32 s28, s28, 0fF149F2CA, inside; selp.f32 s30, s30, 0fF149F2CA, inside;\n\t"
        + "setp.gt.s32 inside, %0, 57; selp.f32 s29, s29, 0fF149F2CA, inside; selp.f32 s31, s31, 0fF149F2CA, inside;";

    /// <summary>m' = max(m, s), o and l times 2^(m - m'), s = 2^(s - m'), l += s; four lanes share a row.</summary>
    public const string Softmax =
        "mov.f32 top0, m0; max.f32 top0, top0, s0; max.f32 top0, top0, s1; max.f32 top0, top0, s4;\n\t"
        + "max.f32 top0, top0, s5; max.f32 top0, top0, s8; max.f32 top0, top0, s9; max.f32 top0, top0, s12;\n\t"
        + "max.f32 top0, top0, s13; max.f32 top0, top0, s16; max.f32 top0, top0, s17; max.f32 top0, top0, s20;\n\t"
        + "max.f32 top0, top0, s21; max.f32 top0, top0, s24; max.f32 top0, top0, s25; max.f32 top0, top0, s28;\n\t"
        + "max.f32 top0, top0, s29; shfl.sync.bfly.b32 other0, top0, 1, 31, 0xffffffff; max.f32 top0, top0, other0; shfl.sync.bfly.b32 other0, top0, 2, 31, 0xffffffff;\n\t"
        + "max.f32 top0, top0, other0; sub.f32 other0, m0, top0; ex2.approx.f32 other0, other0; mov.f32 m0, top0;\n\t"
        + "mul.f32 l0, l0, other0; mul.f32 o0, o0, other0; sub.f32 s0, s0, m0; ex2.approx.f32 s0, s0;\n\t"
        + "add.f32 l0, l0, s0; mul.f32 o1, o1, other0; sub.f32 s1, s1, m0; ex2.approx.f32 s1, s1;\n\t"
        + "add.f32 l0, l0, s1; mul.f32 o4, o4, other0; sub.f32 s4, s4, m0; ex2.approx.f32 s4, s4;\n\t"
        + "add.f32 l0, l0, s4; mul.f32 o5, o5, other0; sub.f32 s5, s5, m0; ex2.approx.f32 s5, s5;\n\t"
        + "add.f32 l0, l0, s5; mul.f32 o8, o8, other0; sub.f32 s8, s8, m0; ex2.approx.f32 s8, s8;\n\t"
        + "add.f32 l0, l0, s8; mul.f32 o9, o9, other0; sub.f32 s9, s9, m0; ex2.approx.f32 s9, s9;\n\t"
        + "add.f32 l0, l0, s9; mul.f32 o12, o12, other0; sub.f32 s12, s12, m0; ex2.approx.f32 s12, s12;\n\t"
        + "add.f32 l0, l0, s12; mul.f32 o13, o13, other0; sub.f32 s13, s13, m0; ex2.approx.f32 s13, s13;\n\t"
        + "add.f32 l0, l0, s13; mul.f32 o16, o16, other0; sub.f32 s16, s16, m0; ex2.approx.f32 s16, s16;\n\t"
        + "add.f32 l0, l0, s16; mul.f32 o17, o17, other0; sub.f32 s17, s17, m0; ex2.approx.f32 s17, s17;\n\t"
        + "add.f32 l0, l0, s17; mul.f32 o20, o20, other0; sub.f32 s20, s20, m0; ex2.approx.f32 s20, s20;\n\t"
        + "add.f32 l0, l0, s20; mul.f32 o21, o21, other0; sub.f32 s21, s21, m0; ex2.approx.f32 s21, s21;\n\t"
        + "add.f32 l0, l0, s21; mul.f32 o24, o24, other0; sub.f32 s24, s24, m0; ex2.approx.f32 s24, s24;\n\t"
        + "add.f32 l0, l0, s24; mul.f32 o25, o25, other0; sub.f32 s25, s25, m0; ex2.approx.f32 s25, s25;\n\t"
        + "add.f32 l0, l0, s25; mul.f32 o28, o28, other0; sub.f32 s28, s28, m0; ex2.approx.f32 s28, s28;\n\t"
        + "add.f32 l0, l0, s28; mul.f32 o29, o29, other0; sub.f32 s29, s29, m0; ex2.approx.f32 s29, s29;\n\t"
        + "add.f32 l0, l0, s29; mov.f32 top1, m1; max.f32 top1, top1, s2; max.f32 top1, top1, s3;\n\t"
        + "max.f32 top1, top1, s6; max.f32 top1, top1, s7; max.f32 top1, top1, s10; max.f32 top1, top1, s11;\n\t"
        + "max.f32 top1, top1, s14; max.f32 top1, top1, s15; max.f32 top1, top1, s18; max.f32 top1, top1, s19;\n\t"
        + "max.f32 top1, top1, s22; max.f32 top1, top1, s23; max.f32 top1, top1, s26; max.f32 top1, top1, s27;\n\t"
        + "max.f32 top1, top1, s30; max.f32 top1, top1, s31; shfl.sync.bfly.b32 other1, top1, 1, 31, 0xffffffff; max.f32 top1, top1, other1;\n\t"
        + "shfl.sync.bfly.b32 other1, top1, 2, 31, 0xffffffff; max.f32 top1, top1, other1; sub.f32 other1, m1, top1; ex2.approx.f32 other1, other1;\n\t"
        + "mov.f32 m1, top1; mul.f32 l1, l1, other1; mul.f32 o2, o2, other1; sub.f32 s2, s2, m1;\n\t"
        + "ex2.approx.f32 s2, s2; add.f32 l1, l1, s2; mul.f32 o3, o3, other1; sub.f32 s3, s3, m1;\n\t"
        + "ex2.approx.f32 s3, s3; add.f32 l1, l1, s3; mul.f32 o6, o6, other1; sub.f32 s6, s6, m1;\n\t"
        + "ex2.approx.f32 s6, s6; add.f32 l1, l1, s6; mul.f32 o7, o7, other1; sub.f32 s7, s7, m1;\n\t"
        + "ex2.approx.f32 s7, s7; add.f32 l1, l1, s7; mul.f32 o10, o10, other1; sub.f32 s10, s10, m1;\n\t"
        + "ex2.approx.f32 s10, s10; add.f32 l1, l1, s10; mul.f32 o11, o11, other1; sub.f32 s11, s11, m1;\n\t"
        + "ex2.approx.f32 s11, s11; add.f32 l1, l1, s11; mul.f32 o14, o14, other1; sub.f32 s14, s14, m1;\n\t"
        + "ex2.approx.f32 s14, s14; add.f32 l1, l1, s14; mul.f32 o15, o15, other1; sub.f32 s15, s15, m1;\n\t"
        + "ex2.approx.f32 s15, s15; add.f32 l1, l1, s15; mul.f32 o18, o18, other1; sub.f32 s18, s18, m1;\n\t"
        + "ex2.approx.f32 s18, s18; add.f32 l1, l1, s18; mul.f32 o19, o19, other1; sub.f32 s19, s19, m1;\n\t"
        + "ex2.approx.f32 s19, s19; add.f32 l1, l1, s19; mul.f32 o22, o22, other1; sub.f32 s22, s22, m1;\n\t"
        + "ex2.approx.f32 s22, s22; add.f32 l1, l1, s22; mul.f32 o23, o23, other1; sub.f32 s23, s23, m1;\n\t"
        + "ex2.approx.f32 s23, s23; add.f32 l1, l1, s23; mul.f32 o26, o26, other1; sub.f32 s26, s26, m1;\n\t"
        + "ex2.approx.f32 s26, s26; add.f32 l1, l1, s26; mul.f32 o27, o27, other1; sub.f32 s27, s27, m1;\n\t"
        + "ex2.approx.f32 s27, s27; add.f32 l1, l1, s27; mul.f32 o30, o30, other1; sub.f32 s30, s30, m1;\n\t"
        + "ex2.approx.f32 s30, s30; add.f32 l1, l1, s30; mul.f32 o31, o31, other1; sub.f32 s31, s31, m1;\n\t"
        + "ex2.approx.f32 s31, s31; add.f32 l1, l1, s31;";

    /// <summary>Fragments 2 i and 2 i + 1 of s are fragment i of the weights; the first source becomes the upper half.</summary>
    public const string PackBFloat16 =
        "cvt.rn.bf16x2.f32 pf0, s1, s0; cvt.rn.bf16x2.f32 pf1, s3, s2; cvt.rn.bf16x2.f32 pf2, s5, s4; cvt.rn.bf16x2.f32 pf3, s7, s6;\n\t"
        + "cvt.rn.bf16x2.f32 pf4, s9, s8; cvt.rn.bf16x2.f32 pf5, s11, s10; cvt.rn.bf16x2.f32 pf6, s13, s12; cvt.rn.bf16x2.f32 pf7, s15, s14;\n\t"
        + "cvt.rn.bf16x2.f32 pf8, s17, s16; cvt.rn.bf16x2.f32 pf9, s19, s18; cvt.rn.bf16x2.f32 pf10, s21, s20; cvt.rn.bf16x2.f32 pf11, s23, s22;\n\t"
        + "cvt.rn.bf16x2.f32 pf12, s25, s24; cvt.rn.bf16x2.f32 pf13, s27, s26; cvt.rn.bf16x2.f32 pf14, s29, s28; cvt.rn.bf16x2.f32 pf15, s31, s30;";

    /// <summary>Fragments 2 i and 2 i + 1 of s are fragment i of the weights; the first source becomes the upper half.</summary>
    public const string PackFloat16 =
        "cvt.rn.f16x2.f32 pf0, s1, s0; cvt.rn.f16x2.f32 pf1, s3, s2; cvt.rn.f16x2.f32 pf2, s5, s4; cvt.rn.f16x2.f32 pf3, s7, s6;\n\t"
        + "cvt.rn.f16x2.f32 pf4, s9, s8; cvt.rn.f16x2.f32 pf5, s11, s10; cvt.rn.f16x2.f32 pf6, s13, s12; cvt.rn.f16x2.f32 pf7, s15, s14;\n\t"
        + "cvt.rn.f16x2.f32 pf8, s17, s16; cvt.rn.f16x2.f32 pf9, s19, s18; cvt.rn.f16x2.f32 pf10, s21, s20; cvt.rn.f16x2.f32 pf11, s23, s22;\n\t"
        + "cvt.rn.f16x2.f32 pf12, s25, s24; cvt.rn.f16x2.f32 pf13, s27, s26; cvt.rn.f16x2.f32 pf14, s29, s28; cvt.rn.f16x2.f32 pf15, s31, s30;";

    /// <summary>o = o / l</summary>
    public const string Finish =
        "shfl.sync.bfly.b32 other0, l0, 1, 31, 0xffffffff; add.f32 l0, l0, other0; shfl.sync.bfly.b32 other0, l0, 2, 31, 0xffffffff; add.f32 l0, l0, other0;\n\t"
        + "rcp.approx.f32 l0, l0; mul.f32 o0, o0, l0; mul.f32 o1, o1, l0; mul.f32 o4, o4, l0;\n\t"
        + "mul.f32 o5, o5, l0; mul.f32 o8, o8, l0; mul.f32 o9, o9, l0; mul.f32 o12, o12, l0;\n\t"
        + "mul.f32 o13, o13, l0; mul.f32 o16, o16, l0; mul.f32 o17, o17, l0; mul.f32 o20, o20, l0;\n\t"
        + "mul.f32 o21, o21, l0; mul.f32 o24, o24, l0; mul.f32 o25, o25, l0; mul.f32 o28, o28, l0;\n\t"
        + "mul.f32 o29, o29, l0; shfl.sync.bfly.b32 other1, l1, 1, 31, 0xffffffff; add.f32 l1, l1, other1; shfl.sync.bfly.b32 other1, l1, 2, 31, 0xffffffff;\n\t"
        + "add.f32 l1, l1, other1; rcp.approx.f32 l1, l1; mul.f32 o2, o2, l1; mul.f32 o3, o3, l1;\n\t"
        + "mul.f32 o6, o6, l1; mul.f32 o7, o7, l1; mul.f32 o10, o10, l1; mul.f32 o11, o11, l1;\n\t"
        + "mul.f32 o14, o14, l1; mul.f32 o15, o15, l1; mul.f32 o18, o18, l1; mul.f32 o19, o19, l1;\n\t"
        + "mul.f32 o22, o22, l1; mul.f32 o23, o23, l1; mul.f32 o26, o26, l1; mul.f32 o27, o27, l1;\n\t"
        + "mul.f32 o30, o30, l1; mul.f32 o31, o31, l1;";

    /// <summary>The first row of o to the global address %0.</summary>
    public const string StoreFirstBFloat16 =
        "cvt.rn.bf16x2.f32 pf0, o1, o0; st.global.b32 [%0], pf0;\n\t"
        + "cvt.rn.bf16x2.f32 pf1, o5, o4; st.global.b32 [%0+16], pf1;\n\t"
        + "cvt.rn.bf16x2.f32 pf2, o9, o8; st.global.b32 [%0+32], pf2;\n\t"
        + "cvt.rn.bf16x2.f32 pf3, o13, o12; st.global.b32 [%0+48], pf3;\n\t"
        + "cvt.rn.bf16x2.f32 pf4, o17, o16; st.global.b32 [%0+64], pf4;\n\t"
        + "cvt.rn.bf16x2.f32 pf5, o21, o20; st.global.b32 [%0+80], pf5;\n\t"
        + "cvt.rn.bf16x2.f32 pf6, o25, o24; st.global.b32 [%0+96], pf6;\n\t"
        + "cvt.rn.bf16x2.f32 pf7, o29, o28; st.global.b32 [%0+112], pf7;";

    /// <summary>The second row of o to the global address %0.</summary>
    public const string StoreSecondBFloat16 =
        "cvt.rn.bf16x2.f32 pf0, o3, o2; st.global.b32 [%0], pf0;\n\t"
        + "cvt.rn.bf16x2.f32 pf1, o7, o6; st.global.b32 [%0+16], pf1;\n\t"
        + "cvt.rn.bf16x2.f32 pf2, o11, o10; st.global.b32 [%0+32], pf2;\n\t"
        + "cvt.rn.bf16x2.f32 pf3, o15, o14; st.global.b32 [%0+48], pf3;\n\t"
        + "cvt.rn.bf16x2.f32 pf4, o19, o18; st.global.b32 [%0+64], pf4;\n\t"
        + "cvt.rn.bf16x2.f32 pf5, o23, o22; st.global.b32 [%0+80], pf5;\n\t"
        + "cvt.rn.bf16x2.f32 pf6, o27, o26; st.global.b32 [%0+96], pf6;\n\t"
        + "cvt.rn.bf16x2.f32 pf7, o31, o30; st.global.b32 [%0+112], pf7;";

    /// <summary>The first row of o to the global address %0.</summary>
    public const string StoreFirstFloat16 =
        "cvt.rn.f16x2.f32 pf0, o1, o0; st.global.b32 [%0], pf0;\n\t"
        + "cvt.rn.f16x2.f32 pf1, o5, o4; st.global.b32 [%0+16], pf1;\n\t"
        + "cvt.rn.f16x2.f32 pf2, o9, o8; st.global.b32 [%0+32], pf2;\n\t"
        + "cvt.rn.f16x2.f32 pf3, o13, o12; st.global.b32 [%0+48], pf3;\n\t"
        + "cvt.rn.f16x2.f32 pf4, o17, o16; st.global.b32 [%0+64], pf4;\n\t"
        + "cvt.rn.f16x2.f32 pf5, o21, o20; st.global.b32 [%0+80], pf5;\n\t"
        + "cvt.rn.f16x2.f32 pf6, o25, o24; st.global.b32 [%0+96], pf6;\n\t"
        + "cvt.rn.f16x2.f32 pf7, o29, o28; st.global.b32 [%0+112], pf7;";

    /// <summary>The second row of o to the global address %0.</summary>
    public const string StoreSecondFloat16 =
        "cvt.rn.f16x2.f32 pf0, o3, o2; st.global.b32 [%0], pf0;\n\t"
        + "cvt.rn.f16x2.f32 pf1, o7, o6; st.global.b32 [%0+16], pf1;\n\t"
        + "cvt.rn.f16x2.f32 pf2, o11, o10; st.global.b32 [%0+32], pf2;\n\t"
        + "cvt.rn.f16x2.f32 pf3, o15, o14; st.global.b32 [%0+48], pf3;\n\t"
        + "cvt.rn.f16x2.f32 pf4, o19, o18; st.global.b32 [%0+64], pf4;\n\t"
        + "cvt.rn.f16x2.f32 pf5, o23, o22; st.global.b32 [%0+80], pf5;\n\t"
        + "cvt.rn.f16x2.f32 pf6, o27, o26; st.global.b32 [%0+96], pf6;\n\t"
        + "cvt.rn.f16x2.f32 pf7, o31, o30; st.global.b32 [%0+112], pf7;";

    /// <summary>s += q k^T, 16 values of the head from each of bytes %0 to %3 of the tiles.</summary>
    public const string ScoresBFloat16 =
        Key00 + BFloat16 + Score00 + BFloat16 + Score01
        + Key01 + BFloat16 + Score02 + BFloat16 + Score03
        + Key02 + BFloat16 + Score04 + BFloat16 + Score05
        + Key03 + BFloat16 + Score06 + BFloat16 + Score07
        + Key10 + BFloat16 + Score10 + BFloat16 + Score11
        + Key11 + BFloat16 + Score12 + BFloat16 + Score13
        + Key12 + BFloat16 + Score14 + BFloat16 + Score15
        + Key13 + BFloat16 + Score16 + BFloat16 + Score17
        + Key20 + BFloat16 + Score20 + BFloat16 + Score21
        + Key21 + BFloat16 + Score22 + BFloat16 + Score23
        + Key22 + BFloat16 + Score24 + BFloat16 + Score25
        + Key23 + BFloat16 + Score26 + BFloat16 + Score27
        + Key30 + BFloat16 + Score30 + BFloat16 + Score31
        + Key31 + BFloat16 + Score32 + BFloat16 + Score33
        + Key32 + BFloat16 + Score34 + BFloat16 + Score35
        + Key33 + BFloat16 + Score36 + BFloat16 + Score37;

    /// <summary>o += p v, 16 values of the head from each of bytes %0 to %3 of the tiles.</summary>
    public const string ValuesBFloat16 =
        Value00 + BFloat16 + Output00 + BFloat16 + Output01
        + Value01 + BFloat16 + Output10 + BFloat16 + Output11
        + Value02 + BFloat16 + Output20 + BFloat16 + Output21
        + Value03 + BFloat16 + Output30 + BFloat16 + Output31
        + Value10 + BFloat16 + Output02 + BFloat16 + Output03
        + Value11 + BFloat16 + Output12 + BFloat16 + Output13
        + Value12 + BFloat16 + Output22 + BFloat16 + Output23
        + Value13 + BFloat16 + Output32 + BFloat16 + Output33
        + Value20 + BFloat16 + Output04 + BFloat16 + Output05
        + Value21 + BFloat16 + Output14 + BFloat16 + Output15
        + Value22 + BFloat16 + Output24 + BFloat16 + Output25
        + Value23 + BFloat16 + Output34 + BFloat16 + Output35
        + Value30 + BFloat16 + Output06 + BFloat16 + Output07
        + Value31 + BFloat16 + Output16 + BFloat16 + Output17
        + Value32 + BFloat16 + Output26 + BFloat16 + Output27
        + Value33 + BFloat16 + Output36 + BFloat16 + Output37;

    /// <summary>s += q k^T, 16 values of the head from each of bytes %0 to %3 of the tiles.</summary>
    public const string ScoresFloat16 =
        Key00 + Float16 + Score00 + Float16 + Score01
        + Key01 + Float16 + Score02 + Float16 + Score03
        + Key02 + Float16 + Score04 + Float16 + Score05
        + Key03 + Float16 + Score06 + Float16 + Score07
        + Key10 + Float16 + Score10 + Float16 + Score11
        + Key11 + Float16 + Score12 + Float16 + Score13
        + Key12 + Float16 + Score14 + Float16 + Score15
        + Key13 + Float16 + Score16 + Float16 + Score17
        + Key20 + Float16 + Score20 + Float16 + Score21
        + Key21 + Float16 + Score22 + Float16 + Score23
        + Key22 + Float16 + Score24 + Float16 + Score25
        + Key23 + Float16 + Score26 + Float16 + Score27
        + Key30 + Float16 + Score30 + Float16 + Score31
        + Key31 + Float16 + Score32 + Float16 + Score33
        + Key32 + Float16 + Score34 + Float16 + Score35
        + Key33 + Float16 + Score36 + Float16 + Score37;

    /// <summary>o += p v, 16 values of the head from each of bytes %0 to %3 of the tiles.</summary>
    public const string ValuesFloat16 =
        Value00 + Float16 + Output00 + Float16 + Output01
        + Value01 + Float16 + Output10 + Float16 + Output11
        + Value02 + Float16 + Output20 + Float16 + Output21
        + Value03 + Float16 + Output30 + Float16 + Output31
        + Value10 + Float16 + Output02 + Float16 + Output03
        + Value11 + Float16 + Output12 + Float16 + Output13
        + Value12 + Float16 + Output22 + Float16 + Output23
        + Value13 + Float16 + Output32 + Float16 + Output33
        + Value20 + Float16 + Output04 + Float16 + Output05
        + Value21 + Float16 + Output14 + Float16 + Output15
        + Value22 + Float16 + Output24 + Float16 + Output25
        + Value23 + Float16 + Output34 + Float16 + Output35
        + Value30 + Float16 + Output06 + Float16 + Output07
        + Value31 + Float16 + Output16 + Float16 + Output17
        + Value32 + Float16 + Output26 + Float16 + Output27
        + Value33 + Float16 + Output36 + Float16 + Output37;

    private const string BFloat16 = "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 ";
    private const string Float16 = "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 ";
    private const string Key00 = "add.u32 address, tilesBase, %0;\n\tldmatrix.sync.aligned.m8n8.x4.shared.b16 {kf0, kf1, kf2, kf3}, [address];\n\t";
    private const string Key01 = "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {kf0, kf1, kf2, kf3}, [address+2048];\n\t";
    private const string Key02 = "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {kf0, kf1, kf2, kf3}, [address+4096];\n\t";
    private const string Key03 = "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {kf0, kf1, kf2, kf3}, [address+6144];\n\t";
    private const string Key10 = "add.u32 address, tilesBase, %1;\n\tldmatrix.sync.aligned.m8n8.x4.shared.b16 {kf0, kf1, kf2, kf3}, [address];\n\t";
    private const string Key11 = "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {kf0, kf1, kf2, kf3}, [address+2048];\n\t";
    private const string Key12 = "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {kf0, kf1, kf2, kf3}, [address+4096];\n\t";
    private const string Key13 = "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {kf0, kf1, kf2, kf3}, [address+6144];\n\t";
    private const string Key20 = "add.u32 address, tilesBase, %2;\n\tldmatrix.sync.aligned.m8n8.x4.shared.b16 {kf0, kf1, kf2, kf3}, [address];\n\t";
    private const string Key21 = "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {kf0, kf1, kf2, kf3}, [address+2048];\n\t";
    private const string Key22 = "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {kf0, kf1, kf2, kf3}, [address+4096];\n\t";
    private const string Key23 = "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {kf0, kf1, kf2, kf3}, [address+6144];\n\t";
    private const string Key30 = "add.u32 address, tilesBase, %3;\n\tldmatrix.sync.aligned.m8n8.x4.shared.b16 {kf0, kf1, kf2, kf3}, [address];\n\t";
    private const string Key31 = "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {kf0, kf1, kf2, kf3}, [address+2048];\n\t";
    private const string Key32 = "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {kf0, kf1, kf2, kf3}, [address+4096];\n\t";
    private const string Key33 = "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {kf0, kf1, kf2, kf3}, [address+6144];\n\t";
    private const string Score00 = "{s0, s1, s2, s3}, {qf0, qf1, qf2, qf3}, {kf0, kf1}, {s0, s1, s2, s3};\n\t";
    private const string Score01 = "{s4, s5, s6, s7}, {qf0, qf1, qf2, qf3}, {kf2, kf3}, {s4, s5, s6, s7};\n\t";
    private const string Score02 = "{s8, s9, s10, s11}, {qf0, qf1, qf2, qf3}, {kf0, kf1}, {s8, s9, s10, s11};\n\t";
    private const string Score03 = "{s12, s13, s14, s15}, {qf0, qf1, qf2, qf3}, {kf2, kf3}, {s12, s13, s14, s15};\n\t";
    private const string Score04 = "{s16, s17, s18, s19}, {qf0, qf1, qf2, qf3}, {kf0, kf1}, {s16, s17, s18, s19};\n\t";
    private const string Score05 = "{s20, s21, s22, s23}, {qf0, qf1, qf2, qf3}, {kf2, kf3}, {s20, s21, s22, s23};\n\t";
    private const string Score06 = "{s24, s25, s26, s27}, {qf0, qf1, qf2, qf3}, {kf0, kf1}, {s24, s25, s26, s27};\n\t";
    private const string Score07 = "{s28, s29, s30, s31}, {qf0, qf1, qf2, qf3}, {kf2, kf3}, {s28, s29, s30, s31};\n\t";
    private const string Score10 = "{s0, s1, s2, s3}, {qf4, qf5, qf6, qf7}, {kf0, kf1}, {s0, s1, s2, s3};\n\t";
    private const string Score11 = "{s4, s5, s6, s7}, {qf4, qf5, qf6, qf7}, {kf2, kf3}, {s4, s5, s6, s7};\n\t";
    private const string Score12 = "{s8, s9, s10, s11}, {qf4, qf5, qf6, qf7}, {kf0, kf1}, {s8, s9, s10, s11};\n\t";
    private const string Score13 = "{s12, s13, s14, s15}, {qf4, qf5, qf6, qf7}, {kf2, kf3}, {s12, s13, s14, s15};\n\t";
    private const string Score14 = "{s16, s17, s18, s19}, {qf4, qf5, qf6, qf7}, {kf0, kf1}, {s16, s17, s18, s19};\n\t";
    private const string Score15 = "{s20, s21, s22, s23}, {qf4, qf5, qf6, qf7}, {kf2, kf3}, {s20, s21, s22, s23};\n\t";
    private const string Score16 = "{s24, s25, s26, s27}, {qf4, qf5, qf6, qf7}, {kf0, kf1}, {s24, s25, s26, s27};\n\t";
    private const string Score17 = "{s28, s29, s30, s31}, {qf4, qf5, qf6, qf7}, {kf2, kf3}, {s28, s29, s30, s31};\n\t";
    private const string Score20 = "{s0, s1, s2, s3}, {qf8, qf9, qf10, qf11}, {kf0, kf1}, {s0, s1, s2, s3};\n\t";
    private const string Score21 = "{s4, s5, s6, s7}, {qf8, qf9, qf10, qf11}, {kf2, kf3}, {s4, s5, s6, s7};\n\t";
    private const string Score22 = "{s8, s9, s10, s11}, {qf8, qf9, qf10, qf11}, {kf0, kf1}, {s8, s9, s10, s11};\n\t";
    private const string Score23 = "{s12, s13, s14, s15}, {qf8, qf9, qf10, qf11}, {kf2, kf3}, {s12, s13, s14, s15};\n\t";
    private const string Score24 = "{s16, s17, s18, s19}, {qf8, qf9, qf10, qf11}, {kf0, kf1}, {s16, s17, s18, s19};\n\t";
    private const string Score25 = "{s20, s21, s22, s23}, {qf8, qf9, qf10, qf11}, {kf2, kf3}, {s20, s21, s22, s23};\n\t";
    private const string Score26 = "{s24, s25, s26, s27}, {qf8, qf9, qf10, qf11}, {kf0, kf1}, {s24, s25, s26, s27};\n\t";
    private const string Score27 = "{s28, s29, s30, s31}, {qf8, qf9, qf10, qf11}, {kf2, kf3}, {s28, s29, s30, s31};\n\t";
    private const string Score30 = "{s0, s1, s2, s3}, {qf12, qf13, qf14, qf15}, {kf0, kf1}, {s0, s1, s2, s3};\n\t";
    private const string Score31 = "{s4, s5, s6, s7}, {qf12, qf13, qf14, qf15}, {kf2, kf3}, {s4, s5, s6, s7};\n\t";
    private const string Score32 = "{s8, s9, s10, s11}, {qf12, qf13, qf14, qf15}, {kf0, kf1}, {s8, s9, s10, s11};\n\t";
    private const string Score33 = "{s12, s13, s14, s15}, {qf12, qf13, qf14, qf15}, {kf2, kf3}, {s12, s13, s14, s15};\n\t";
    private const string Score34 = "{s16, s17, s18, s19}, {qf12, qf13, qf14, qf15}, {kf0, kf1}, {s16, s17, s18, s19};\n\t";
    private const string Score35 = "{s20, s21, s22, s23}, {qf12, qf13, qf14, qf15}, {kf2, kf3}, {s20, s21, s22, s23};\n\t";
    private const string Score36 = "{s24, s25, s26, s27}, {qf12, qf13, qf14, qf15}, {kf0, kf1}, {s24, s25, s26, s27};\n\t";
    private const string Score37 = "{s28, s29, s30, s31}, {qf12, qf13, qf14, qf15}, {kf2, kf3}, {s28, s29, s30, s31};";
    private const string Value00 = "add.u32 address, tilesBase, %0;\n\tldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {kf0, kf1, kf2, kf3}, [address];\n\t";
    private const string Value01 = "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {kf0, kf1, kf2, kf3}, [address+2048];\n\t";
    private const string Value02 = "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {kf0, kf1, kf2, kf3}, [address+4096];\n\t";
    private const string Value03 = "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {kf0, kf1, kf2, kf3}, [address+6144];\n\t";
    private const string Value10 = "add.u32 address, tilesBase, %1;\n\tldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {kf0, kf1, kf2, kf3}, [address];\n\t";
    private const string Value11 = "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {kf0, kf1, kf2, kf3}, [address+2048];\n\t";
    private const string Value12 = "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {kf0, kf1, kf2, kf3}, [address+4096];\n\t";
    private const string Value13 = "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {kf0, kf1, kf2, kf3}, [address+6144];\n\t";
    private const string Value20 = "add.u32 address, tilesBase, %2;\n\tldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {kf0, kf1, kf2, kf3}, [address];\n\t";
    private const string Value21 = "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {kf0, kf1, kf2, kf3}, [address+2048];\n\t";
    private const string Value22 = "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {kf0, kf1, kf2, kf3}, [address+4096];\n\t";
    private const string Value23 = "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {kf0, kf1, kf2, kf3}, [address+6144];\n\t";
    private const string Value30 = "add.u32 address, tilesBase, %3;\n\tldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {kf0, kf1, kf2, kf3}, [address];\n\t";
    private const string Value31 = "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {kf0, kf1, kf2, kf3}, [address+2048];\n\t";
    private const string Value32 = "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {kf0, kf1, kf2, kf3}, [address+4096];\n\t";
    private const string Value33 = "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {kf0, kf1, kf2, kf3}, [address+6144];\n\t";
    private const string Output00 = "{o0, o1, o2, o3}, {pf0, pf1, pf2, pf3}, {kf0, kf1}, {o0, o1, o2, o3};\n\t";
    private const string Output01 = "{o4, o5, o6, o7}, {pf0, pf1, pf2, pf3}, {kf2, kf3}, {o4, o5, o6, o7};\n\t";
    private const string Output02 = "{o8, o9, o10, o11}, {pf0, pf1, pf2, pf3}, {kf0, kf1}, {o8, o9, o10, o11};\n\t";
    private const string Output03 = "{o12, o13, o14, o15}, {pf0, pf1, pf2, pf3}, {kf2, kf3}, {o12, o13, o14, o15};\n\t";
    private const string Output04 = "{o16, o17, o18, o19}, {pf0, pf1, pf2, pf3}, {kf0, kf1}, {o16, o17, o18, o19};\n\t";
    private const string Output05 = "{o20, o21, o22, o23}, {pf0, pf1, pf2, pf3}, {kf2, kf3}, {o20, o21, o22, o23};\n\t";
    private const string Output06 = "{o24, o25, o26, o27}, {pf0, pf1, pf2, pf3}, {kf0, kf1}, {o24, o25, o26, o27};\n\t";
    private const string Output07 = "{o28, o29, o30, o31}, {pf0, pf1, pf2, pf3}, {kf2, kf3}, {o28, o29, o30, o31};\n\t";
    private const string Output10 = "{o0, o1, o2, o3}, {pf4, pf5, pf6, pf7}, {kf0, kf1}, {o0, o1, o2, o3};\n\t";
    private const string Output11 = "{o4, o5, o6, o7}, {pf4, pf5, pf6, pf7}, {kf2, kf3}, {o4, o5, o6, o7};\n\t";
    private const string Output12 = "{o8, o9, o10, o11}, {pf4, pf5, pf6, pf7}, {kf0, kf1}, {o8, o9, o10, o11};\n\t";
    private const string Output13 = "{o12, o13, o14, o15}, {pf4, pf5, pf6, pf7}, {kf2, kf3}, {o12, o13, o14, o15};\n\t";
    private const string Output14 = "{o16, o17, o18, o19}, {pf4, pf5, pf6, pf7}, {kf0, kf1}, {o16, o17, o18, o19};\n\t";
    private const string Output15 = "{o20, o21, o22, o23}, {pf4, pf5, pf6, pf7}, {kf2, kf3}, {o20, o21, o22, o23};\n\t";
    private const string Output16 = "{o24, o25, o26, o27}, {pf4, pf5, pf6, pf7}, {kf0, kf1}, {o24, o25, o26, o27};\n\t";
    private const string Output17 = "{o28, o29, o30, o31}, {pf4, pf5, pf6, pf7}, {kf2, kf3}, {o28, o29, o30, o31};\n\t";
    private const string Output20 = "{o0, o1, o2, o3}, {pf8, pf9, pf10, pf11}, {kf0, kf1}, {o0, o1, o2, o3};\n\t";
    private const string Output21 = "{o4, o5, o6, o7}, {pf8, pf9, pf10, pf11}, {kf2, kf3}, {o4, o5, o6, o7};\n\t";
    private const string Output22 = "{o8, o9, o10, o11}, {pf8, pf9, pf10, pf11}, {kf0, kf1}, {o8, o9, o10, o11};\n\t";
    private const string Output23 = "{o12, o13, o14, o15}, {pf8, pf9, pf10, pf11}, {kf2, kf3}, {o12, o13, o14, o15};\n\t";
    private const string Output24 = "{o16, o17, o18, o19}, {pf8, pf9, pf10, pf11}, {kf0, kf1}, {o16, o17, o18, o19};\n\t";
    private const string Output25 = "{o20, o21, o22, o23}, {pf8, pf9, pf10, pf11}, {kf2, kf3}, {o20, o21, o22, o23};\n\t";
    private const string Output26 = "{o24, o25, o26, o27}, {pf8, pf9, pf10, pf11}, {kf0, kf1}, {o24, o25, o26, o27};\n\t";
    private const string Output27 = "{o28, o29, o30, o31}, {pf8, pf9, pf10, pf11}, {kf2, kf3}, {o28, o29, o30, o31};\n\t";
    private const string Output30 = "{o0, o1, o2, o3}, {pf12, pf13, pf14, pf15}, {kf0, kf1}, {o0, o1, o2, o3};\n\t";
    private const string Output31 = "{o4, o5, o6, o7}, {pf12, pf13, pf14, pf15}, {kf2, kf3}, {o4, o5, o6, o7};\n\t";
    private const string Output32 = "{o8, o9, o10, o11}, {pf12, pf13, pf14, pf15}, {kf0, kf1}, {o8, o9, o10, o11};\n\t";
    private const string Output33 = "{o12, o13, o14, o15}, {pf12, pf13, pf14, pf15}, {kf2, kf3}, {o12, o13, o14, o15};\n\t";
    private const string Output34 = "{o16, o17, o18, o19}, {pf12, pf13, pf14, pf15}, {kf0, kf1}, {o16, o17, o18, o19};\n\t";
    private const string Output35 = "{o20, o21, o22, o23}, {pf12, pf13, pf14, pf15}, {kf2, kf3}, {o20, o21, o22, o23};\n\t";
    private const string Output36 = "{o24, o25, o26, o27}, {pf12, pf13, pf14, pf15}, {kf0, kf1}, {o24, o25, o26, o27};\n\t";
    private const string Output37 = "{o28, o29, o30, o31}, {pf12, pf13, pf14, pf15}, {kf2, kf3}, {o28, o29, o30, o31};";
}
