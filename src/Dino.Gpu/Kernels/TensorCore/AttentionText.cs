namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>
/// The PTX of a warp's attention: 16 queries, 32 keys at a time. A lane holds rows lane / 4 (the first of each pair below) and lane / 4 + 8
/// (the second): scores s, of which fragment j is s[4 j] to s[4 j + 3] over keys 8 j to 8 j + 7, outputs o likewise over the head's values, maxima m and sums l.
/// What depends on the head's size comes in numbered pieces: queries by 32 bytes of the head, outputs by 16 values of it.
/// </summary>
internal static class AttentionText
{
    /// <summary>Queries qf, weights of values pf, keys or values kf, and what is above. What a head does not use costs nothing.</summary>
    public const string Registers =
        ".reg .f32 s<16>; .reg .f32 o<64>; .reg .b32 qf<32>; .reg .b32 pf<16>;\n\t"
        + ".reg .b32 af<4>; .reg .b32 kf<8>; .reg .f32 m<2>; .reg .f32 l<2>; .reg .f32 top<2>;\n\t"
        + ".reg .f32 other<2>; .reg .f32 low<2>; .reg .b32 tilesBase; .reg .b32 address; .reg .b32 address1; .reg .pred inside;\n\t"
        + EpilogueText.Registers + "\n\t"
        + "mov.u32 tilesBase, tiles;";

    /// <summary>o = 0, l = 0, m below every score.</summary>
    public const string Clear =
        "mov.f32 o0, 0f00000000; mov.f32 o1, 0f00000000; mov.f32 o2, 0f00000000; mov.f32 o3, 0f00000000; mov.f32 o4, 0f00000000; mov.f32 o5, 0f00000000; mov.f32 o6, 0f00000000; mov.f32 o7, 0f00000000;\n\t"
        + "mov.f32 o8, 0f00000000; mov.f32 o9, 0f00000000; mov.f32 o10, 0f00000000; mov.f32 o11, 0f00000000; mov.f32 o12, 0f00000000; mov.f32 o13, 0f00000000; mov.f32 o14, 0f00000000; mov.f32 o15, 0f00000000;\n\t"
        + "mov.f32 o16, 0f00000000; mov.f32 o17, 0f00000000; mov.f32 o18, 0f00000000; mov.f32 o19, 0f00000000; mov.f32 o20, 0f00000000; mov.f32 o21, 0f00000000; mov.f32 o22, 0f00000000; mov.f32 o23, 0f00000000;\n\t"
        + "mov.f32 o24, 0f00000000; mov.f32 o25, 0f00000000; mov.f32 o26, 0f00000000; mov.f32 o27, 0f00000000; mov.f32 o28, 0f00000000; mov.f32 o29, 0f00000000; mov.f32 o30, 0f00000000; mov.f32 o31, 0f00000000;\n\t"
        + "mov.f32 o32, 0f00000000; mov.f32 o33, 0f00000000; mov.f32 o34, 0f00000000; mov.f32 o35, 0f00000000; mov.f32 o36, 0f00000000; mov.f32 o37, 0f00000000; mov.f32 o38, 0f00000000; mov.f32 o39, 0f00000000;\n\t"
        + "mov.f32 o40, 0f00000000; mov.f32 o41, 0f00000000; mov.f32 o42, 0f00000000; mov.f32 o43, 0f00000000; mov.f32 o44, 0f00000000; mov.f32 o45, 0f00000000; mov.f32 o46, 0f00000000; mov.f32 o47, 0f00000000;\n\t"
        + "mov.f32 o48, 0f00000000; mov.f32 o49, 0f00000000; mov.f32 o50, 0f00000000; mov.f32 o51, 0f00000000; mov.f32 o52, 0f00000000; mov.f32 o53, 0f00000000; mov.f32 o54, 0f00000000; mov.f32 o55, 0f00000000;\n\t"
        + "mov.f32 o56, 0f00000000; mov.f32 o57, 0f00000000; mov.f32 o58, 0f00000000; mov.f32 o59, 0f00000000; mov.f32 o60, 0f00000000; mov.f32 o61, 0f00000000; mov.f32 o62, 0f00000000; mov.f32 o63, 0f00000000;\n\t"
        + "mov.f32 l0, 0f00000000; mov.f32 l1, 0f00000000; mov.f32 m0, 0fF149F2CA; mov.f32 m1, 0fF149F2CA;";

    /// <summary>The warp's queries, 32 bytes of the head from byte %0 of the tiles.</summary>
    public const string LoadQuery0 = LoadQuery + "{qf0, qf1, qf2, qf3}, [address];";
    public const string LoadQuery1 = LoadQuery + "{qf4, qf5, qf6, qf7}, [address];";
    public const string LoadQuery2 = LoadQuery + "{qf8, qf9, qf10, qf11}, [address];";
    public const string LoadQuery3 = LoadQuery + "{qf12, qf13, qf14, qf15}, [address];";
    public const string LoadQuery4 = LoadQuery + "{qf16, qf17, qf18, qf19}, [address];";
    public const string LoadQuery5 = LoadQuery + "{qf20, qf21, qf22, qf23}, [address];";
    public const string LoadQuery6 = LoadQuery + "{qf24, qf25, qf26, qf27}, [address];";
    public const string LoadQuery7 = LoadQuery + "{qf28, qf29, qf30, qf31}, [address];";

    /// <summary>af = 32 bytes of the queries. A product names its registers, so this spares a text for each; the moves join lifetimes and vanish.</summary>
    public const string TakeQuery0 = "mov.b32 af0, qf0; mov.b32 af1, qf1; mov.b32 af2, qf2; mov.b32 af3, qf3;";
    public const string TakeQuery1 = "mov.b32 af0, qf4; mov.b32 af1, qf5; mov.b32 af2, qf6; mov.b32 af3, qf7;";
    public const string TakeQuery2 = "mov.b32 af0, qf8; mov.b32 af1, qf9; mov.b32 af2, qf10; mov.b32 af3, qf11;";
    public const string TakeQuery3 = "mov.b32 af0, qf12; mov.b32 af1, qf13; mov.b32 af2, qf14; mov.b32 af3, qf15;";
    public const string TakeQuery4 = "mov.b32 af0, qf16; mov.b32 af1, qf17; mov.b32 af2, qf18; mov.b32 af3, qf19;";
    public const string TakeQuery5 = "mov.b32 af0, qf20; mov.b32 af1, qf21; mov.b32 af2, qf22; mov.b32 af3, qf23;";
    public const string TakeQuery6 = "mov.b32 af0, qf24; mov.b32 af1, qf25; mov.b32 af2, qf26; mov.b32 af3, qf27;";
    public const string TakeQuery7 = "mov.b32 af0, qf28; mov.b32 af1, qf29; mov.b32 af2, qf30; mov.b32 af3, qf31;";

    /// <summary>s = 0</summary>
    public const string ClearScores =
        "mov.f32 s0, 0f00000000; mov.f32 s1, 0f00000000; mov.f32 s2, 0f00000000; mov.f32 s3, 0f00000000; mov.f32 s4, 0f00000000; mov.f32 s5, 0f00000000; mov.f32 s6, 0f00000000; mov.f32 s7, 0f00000000;\n\t"
        + "mov.f32 s8, 0f00000000; mov.f32 s9, 0f00000000; mov.f32 s10, 0f00000000; mov.f32 s11, 0f00000000; mov.f32 s12, 0f00000000; mov.f32 s13, 0f00000000; mov.f32 s14, 0f00000000; mov.f32 s15, 0f00000000;";

    /// <summary>32 bytes of 32 keys: the first 16 from byte %0 of the tiles, the others from byte %1.</summary>
    public const string LoadKeys =
        "add.u32 address, tilesBase, %0; ldmatrix.sync.aligned.m8n8.x4.shared.b16 {kf0, kf1, kf2, kf3}, [address];\n\t"
        + "add.u32 address, tilesBase, %1; ldmatrix.sync.aligned.m8n8.x4.shared.b16 {kf4, kf5, kf6, kf7}, [address];";

    /// <summary>s += af k^T</summary>
    public const string ScoresBFloat16 = BFloat16 + Score0 + BFloat16 + Score1 + BFloat16 + Score2 + BFloat16 + Score3;

    /// <summary>s += af k^T</summary>
    public const string ScoresFloat16 = Float16 + Score0 + Float16 + Score1 + Float16 + Score2 + Float16 + Score3;

    /// <summary>s += af k^T</summary>
    public const string ScoresTensorFloat32 = TensorFloat32 + Score0 + TensorFloat32 + Score1 + TensorFloat32 + Score2 + TensorFloat32 + Score3;

    /// <summary>Scores of keys past the last, %0 keys from this lane's first, below every other.</summary>
    public const string Mask =
        "setp.gt.s32 inside, %0, 0; selp.f32 s0, s0, 0fF149F2CA, inside; selp.f32 s2, s2, 0fF149F2CA, inside;\n\t"
        + "setp.gt.s32 inside, %0, 1; selp.f32 s1, s1, 0fF149F2CA, inside; selp.f32 s3, s3, 0fF149F2CA, inside;\n\t"
        + "setp.gt.s32 inside, %0, 8; selp.f32 s4, s4, 0fF149F2CA, inside; selp.f32 s6, s6, 0fF149F2CA, inside;\n\t"
        + "setp.gt.s32 inside, %0, 9; selp.f32 s5, s5, 0fF149F2CA, inside; selp.f32 s7, s7, 0fF149F2CA, inside;\n\t"
        + "setp.gt.s32 inside, %0, 16; selp.f32 s8, s8, 0fF149F2CA, inside; selp.f32 s10, s10, 0fF149F2CA, inside;\n\t"
        + "setp.gt.s32 inside, %0, 17; selp.f32 s9, s9, 0fF149F2CA, inside; selp.f32 s11, s11, 0fF149F2CA, inside;\n\t"
        + "setp.gt.s32 inside, %0, 24; selp.f32 s12, s12, 0fF149F2CA, inside; selp.f32 s14, s14, 0fF149F2CA, inside;\n\t"
        + "setp.gt.s32 inside, %0, 25; selp.f32 s13, s13, 0fF149F2CA, inside; selp.f32 s15, s15, 0fF149F2CA, inside;";

    /// <summary>m' = max(m, s), other = 2^((m - m') %0), s = 2^(s %0 + m' %1), l = l other + s, where %0 is the scale times log2 e and %1 the same below zero; four lanes share a row.</summary>
    public const string Softmax =
        "max.f32 top0, m0, s0; max.f32 top0, top0, s1; max.f32 top0, top0, s4; max.f32 top0, top0, s5; max.f32 top0, top0, s8; max.f32 top0, top0, s9;\n\t"
        + "max.f32 top0, top0, s12; max.f32 top0, top0, s13; shfl.sync.bfly.b32 other0, top0, 1, 31, 0xffffffff; max.f32 top0, top0, other0; shfl.sync.bfly.b32 other0, top0, 2, 31, 0xffffffff; max.f32 top0, top0, other0;\n\t"
        + "sub.f32 other0, m0, top0; mul.f32 other0, other0, %0; ex2.approx.f32 other0, other0; mov.f32 m0, top0; mul.f32 low0, top0, %1; mul.f32 l0, l0, other0;\n\t"
        + "fma.rn.f32 s0, s0, %0, low0; ex2.approx.f32 s0, s0; add.f32 l0, l0, s0; fma.rn.f32 s1, s1, %0, low0; ex2.approx.f32 s1, s1; add.f32 l0, l0, s1;\n\t"
        + "fma.rn.f32 s4, s4, %0, low0; ex2.approx.f32 s4, s4; add.f32 l0, l0, s4; fma.rn.f32 s5, s5, %0, low0; ex2.approx.f32 s5, s5; add.f32 l0, l0, s5;\n\t"
        + "fma.rn.f32 s8, s8, %0, low0; ex2.approx.f32 s8, s8; add.f32 l0, l0, s8; fma.rn.f32 s9, s9, %0, low0; ex2.approx.f32 s9, s9; add.f32 l0, l0, s9;\n\t"
        + "fma.rn.f32 s12, s12, %0, low0; ex2.approx.f32 s12, s12; add.f32 l0, l0, s12; fma.rn.f32 s13, s13, %0, low0; ex2.approx.f32 s13, s13; add.f32 l0, l0, s13;\n\t"
        + "max.f32 top1, m1, s2; max.f32 top1, top1, s3; max.f32 top1, top1, s6; max.f32 top1, top1, s7; max.f32 top1, top1, s10; max.f32 top1, top1, s11;\n\t"
        + "max.f32 top1, top1, s14; max.f32 top1, top1, s15; shfl.sync.bfly.b32 other1, top1, 1, 31, 0xffffffff; max.f32 top1, top1, other1; shfl.sync.bfly.b32 other1, top1, 2, 31, 0xffffffff; max.f32 top1, top1, other1;\n\t"
        + "sub.f32 other1, m1, top1; mul.f32 other1, other1, %0; ex2.approx.f32 other1, other1; mov.f32 m1, top1; mul.f32 low1, top1, %1; mul.f32 l1, l1, other1;\n\t"
        + "fma.rn.f32 s2, s2, %0, low1; ex2.approx.f32 s2, s2; add.f32 l1, l1, s2; fma.rn.f32 s3, s3, %0, low1; ex2.approx.f32 s3, s3; add.f32 l1, l1, s3;\n\t"
        + "fma.rn.f32 s6, s6, %0, low1; ex2.approx.f32 s6, s6; add.f32 l1, l1, s6; fma.rn.f32 s7, s7, %0, low1; ex2.approx.f32 s7, s7; add.f32 l1, l1, s7;\n\t"
        + "fma.rn.f32 s10, s10, %0, low1; ex2.approx.f32 s10, s10; add.f32 l1, l1, s10; fma.rn.f32 s11, s11, %0, low1; ex2.approx.f32 s11, s11; add.f32 l1, l1, s11;\n\t"
        + "fma.rn.f32 s14, s14, %0, low1; ex2.approx.f32 s14, s14; add.f32 l1, l1, s14; fma.rn.f32 s15, s15, %0, low1; ex2.approx.f32 s15, s15; add.f32 l1, l1, s15;";

    /// <summary>o = o other, 16 values of the head</summary>
    public const string Rescale0 =
        "mul.f32 o0, o0, other0; mul.f32 o1, o1, other0; mul.f32 o2, o2, other1; mul.f32 o3, o3, other1;\n\t"
        + "mul.f32 o4, o4, other0; mul.f32 o5, o5, other0; mul.f32 o6, o6, other1; mul.f32 o7, o7, other1;";
    public const string Rescale1 =
        "mul.f32 o8, o8, other0; mul.f32 o9, o9, other0; mul.f32 o10, o10, other1; mul.f32 o11, o11, other1;\n\t"
        + "mul.f32 o12, o12, other0; mul.f32 o13, o13, other0; mul.f32 o14, o14, other1; mul.f32 o15, o15, other1;";
    public const string Rescale2 =
        "mul.f32 o16, o16, other0; mul.f32 o17, o17, other0; mul.f32 o18, o18, other1; mul.f32 o19, o19, other1;\n\t"
        + "mul.f32 o20, o20, other0; mul.f32 o21, o21, other0; mul.f32 o22, o22, other1; mul.f32 o23, o23, other1;";
    public const string Rescale3 =
        "mul.f32 o24, o24, other0; mul.f32 o25, o25, other0; mul.f32 o26, o26, other1; mul.f32 o27, o27, other1;\n\t"
        + "mul.f32 o28, o28, other0; mul.f32 o29, o29, other0; mul.f32 o30, o30, other1; mul.f32 o31, o31, other1;";
    public const string Rescale4 =
        "mul.f32 o32, o32, other0; mul.f32 o33, o33, other0; mul.f32 o34, o34, other1; mul.f32 o35, o35, other1;\n\t"
        + "mul.f32 o36, o36, other0; mul.f32 o37, o37, other0; mul.f32 o38, o38, other1; mul.f32 o39, o39, other1;";
    public const string Rescale5 =
        "mul.f32 o40, o40, other0; mul.f32 o41, o41, other0; mul.f32 o42, o42, other1; mul.f32 o43, o43, other1;\n\t"
        + "mul.f32 o44, o44, other0; mul.f32 o45, o45, other0; mul.f32 o46, o46, other1; mul.f32 o47, o47, other1;";
    public const string Rescale6 =
        "mul.f32 o48, o48, other0; mul.f32 o49, o49, other0; mul.f32 o50, o50, other1; mul.f32 o51, o51, other1;\n\t"
        + "mul.f32 o52, o52, other0; mul.f32 o53, o53, other0; mul.f32 o54, o54, other1; mul.f32 o55, o55, other1;";
    public const string Rescale7 =
        "mul.f32 o56, o56, other0; mul.f32 o57, o57, other0; mul.f32 o58, o58, other1; mul.f32 o59, o59, other1;\n\t"
        + "mul.f32 o60, o60, other0; mul.f32 o61, o61, other0; mul.f32 o62, o62, other1; mul.f32 o63, o63, other1;";

    /// <summary>Fragments 2 i and 2 i + 1 of s are fragment i of the weights; the first source becomes the upper half.</summary>
    public const string PackBFloat16 =
        "cvt.rn.bf16x2.f32 pf0, s1, s0; cvt.rn.bf16x2.f32 pf1, s3, s2; cvt.rn.bf16x2.f32 pf2, s5, s4; cvt.rn.bf16x2.f32 pf3, s7, s6;\n\t"
        + "cvt.rn.bf16x2.f32 pf4, s9, s8; cvt.rn.bf16x2.f32 pf5, s11, s10; cvt.rn.bf16x2.f32 pf6, s13, s12; cvt.rn.bf16x2.f32 pf7, s15, s14;";

    /// <summary>Fragments 2 i and 2 i + 1 of s are fragment i of the weights; the first source becomes the upper half.</summary>
    public const string PackFloat16 =
        "cvt.rn.f16x2.f32 pf0, s1, s0; cvt.rn.f16x2.f32 pf1, s3, s2; cvt.rn.f16x2.f32 pf2, s5, s4; cvt.rn.f16x2.f32 pf3, s7, s6;\n\t"
        + "cvt.rn.f16x2.f32 pf4, s9, s8; cvt.rn.f16x2.f32 pf5, s11, s10; cvt.rn.f16x2.f32 pf6, s13, s12; cvt.rn.f16x2.f32 pf7, s15, s14;";

    /// <summary>Fragment i of s is fragment i of the weights, if its columns 0 to 3 stand for keys 0, 2, 4, 6 and 4 to 7 for keys 1, 3, 5, 7. The order of a sum's terms is free, and the values are loaded to match.</summary>
    public const string PackTensorFloat32 =
        "cvt.rna.tf32.f32 pf0, s0; cvt.rna.tf32.f32 pf1, s2; cvt.rna.tf32.f32 pf2, s1; cvt.rna.tf32.f32 pf3, s3;\n\t"
        + "cvt.rna.tf32.f32 pf4, s4; cvt.rna.tf32.f32 pf5, s6; cvt.rna.tf32.f32 pf6, s5; cvt.rna.tf32.f32 pf7, s7;\n\t"
        + "cvt.rna.tf32.f32 pf8, s8; cvt.rna.tf32.f32 pf9, s10; cvt.rna.tf32.f32 pf10, s9; cvt.rna.tf32.f32 pf11, s11;\n\t"
        + "cvt.rna.tf32.f32 pf12, s12; cvt.rna.tf32.f32 pf13, s14; cvt.rna.tf32.f32 pf14, s13; cvt.rna.tf32.f32 pf15, s15;";

    /// <summary>16 values of the head of 32 keys, transposed: the first 16 keys from byte %0 of the tiles, the others from byte %1.</summary>
    public const string LoadValues16 =
        "add.u32 address, tilesBase, %0; ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {kf0, kf1, kf2, kf3}, [address];\n\t"
        + "add.u32 address, tilesBase, %1; ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {kf4, kf5, kf6, kf7}, [address];";

    /// <summary>8 values of the head of 32 keys, one a lane of keys 2 (lane % 4) and the next of each eight, from bytes %0 and %1 of the tiles, eight keys every %2 bytes: ldmatrix does not transpose 32 bits.</summary>
    public const string LoadValues32 =
        "add.u32 address, tilesBase, %0; add.u32 address1, tilesBase, %1; ld.shared.b32 kf0, [address]; ld.shared.b32 kf1, [address1];\n\t"
        + "add.u32 address, address, %2; add.u32 address1, address1, %2; ld.shared.b32 kf2, [address]; ld.shared.b32 kf3, [address1];\n\t"
        + "add.u32 address, address, %2; add.u32 address1, address1, %2; ld.shared.b32 kf4, [address]; ld.shared.b32 kf5, [address1];\n\t"
        + "add.u32 address, address, %2; add.u32 address1, address1, %2; ld.shared.b32 kf6, [address]; ld.shared.b32 kf7, [address1];";

    /// <summary>o += p v, 16 values of the head</summary>
    public const string ValuesBFloat160 = BFloat16 + Output0 + Low0 + Output0 + End + BFloat16 + Output1 + Low1 + Output1 + End + BFloat16 + Output0 + High0 + Output0 + End + BFloat16 + Output1 + High1 + Output1 + End;
    public const string ValuesBFloat161 = BFloat16 + Output2 + Low0 + Output2 + End + BFloat16 + Output3 + Low1 + Output3 + End + BFloat16 + Output2 + High0 + Output2 + End + BFloat16 + Output3 + High1 + Output3 + End;
    public const string ValuesBFloat162 = BFloat16 + Output4 + Low0 + Output4 + End + BFloat16 + Output5 + Low1 + Output5 + End + BFloat16 + Output4 + High0 + Output4 + End + BFloat16 + Output5 + High1 + Output5 + End;
    public const string ValuesBFloat163 = BFloat16 + Output6 + Low0 + Output6 + End + BFloat16 + Output7 + Low1 + Output7 + End + BFloat16 + Output6 + High0 + Output6 + End + BFloat16 + Output7 + High1 + Output7 + End;
    public const string ValuesBFloat164 = BFloat16 + Output8 + Low0 + Output8 + End + BFloat16 + Output9 + Low1 + Output9 + End + BFloat16 + Output8 + High0 + Output8 + End + BFloat16 + Output9 + High1 + Output9 + End;
    public const string ValuesBFloat165 = BFloat16 + Output10 + Low0 + Output10 + End + BFloat16 + Output11 + Low1 + Output11 + End + BFloat16 + Output10 + High0 + Output10 + End + BFloat16 + Output11 + High1 + Output11 + End;
    public const string ValuesBFloat166 = BFloat16 + Output12 + Low0 + Output12 + End + BFloat16 + Output13 + Low1 + Output13 + End + BFloat16 + Output12 + High0 + Output12 + End + BFloat16 + Output13 + High1 + Output13 + End;
    public const string ValuesBFloat167 = BFloat16 + Output14 + Low0 + Output14 + End + BFloat16 + Output15 + Low1 + Output15 + End + BFloat16 + Output14 + High0 + Output14 + End + BFloat16 + Output15 + High1 + Output15 + End;

    /// <summary>o += p v, 16 values of the head</summary>
    public const string ValuesFloat160 = Float16 + Output0 + Low0 + Output0 + End + Float16 + Output1 + Low1 + Output1 + End + Float16 + Output0 + High0 + Output0 + End + Float16 + Output1 + High1 + Output1 + End;
    public const string ValuesFloat161 = Float16 + Output2 + Low0 + Output2 + End + Float16 + Output3 + Low1 + Output3 + End + Float16 + Output2 + High0 + Output2 + End + Float16 + Output3 + High1 + Output3 + End;
    public const string ValuesFloat162 = Float16 + Output4 + Low0 + Output4 + End + Float16 + Output5 + Low1 + Output5 + End + Float16 + Output4 + High0 + Output4 + End + Float16 + Output5 + High1 + Output5 + End;
    public const string ValuesFloat163 = Float16 + Output6 + Low0 + Output6 + End + Float16 + Output7 + Low1 + Output7 + End + Float16 + Output6 + High0 + Output6 + End + Float16 + Output7 + High1 + Output7 + End;
    public const string ValuesFloat164 = Float16 + Output8 + Low0 + Output8 + End + Float16 + Output9 + Low1 + Output9 + End + Float16 + Output8 + High0 + Output8 + End + Float16 + Output9 + High1 + Output9 + End;
    public const string ValuesFloat165 = Float16 + Output10 + Low0 + Output10 + End + Float16 + Output11 + Low1 + Output11 + End + Float16 + Output10 + High0 + Output10 + End + Float16 + Output11 + High1 + Output11 + End;
    public const string ValuesFloat166 = Float16 + Output12 + Low0 + Output12 + End + Float16 + Output13 + Low1 + Output13 + End + Float16 + Output12 + High0 + Output12 + End + Float16 + Output13 + High1 + Output13 + End;
    public const string ValuesFloat167 = Float16 + Output14 + Low0 + Output14 + End + Float16 + Output15 + Low1 + Output15 + End + Float16 + Output14 + High0 + Output14 + End + Float16 + Output15 + High1 + Output15 + End;

    /// <summary>o += p v, 8 values of the head</summary>
    public const string ValuesTensorFloat320 = TensorFloat32 + Output0 + Keys0 + Output0 + End + TensorFloat32 + Output0 + Keys1 + Output0 + End + TensorFloat32 + Output0 + Keys2 + Output0 + End + TensorFloat32 + Output0 + Keys3 + Output0 + End;
    public const string ValuesTensorFloat321 = TensorFloat32 + Output1 + Keys0 + Output1 + End + TensorFloat32 + Output1 + Keys1 + Output1 + End + TensorFloat32 + Output1 + Keys2 + Output1 + End + TensorFloat32 + Output1 + Keys3 + Output1 + End;
    public const string ValuesTensorFloat322 = TensorFloat32 + Output2 + Keys0 + Output2 + End + TensorFloat32 + Output2 + Keys1 + Output2 + End + TensorFloat32 + Output2 + Keys2 + Output2 + End + TensorFloat32 + Output2 + Keys3 + Output2 + End;
    public const string ValuesTensorFloat323 = TensorFloat32 + Output3 + Keys0 + Output3 + End + TensorFloat32 + Output3 + Keys1 + Output3 + End + TensorFloat32 + Output3 + Keys2 + Output3 + End + TensorFloat32 + Output3 + Keys3 + Output3 + End;
    public const string ValuesTensorFloat324 = TensorFloat32 + Output4 + Keys0 + Output4 + End + TensorFloat32 + Output4 + Keys1 + Output4 + End + TensorFloat32 + Output4 + Keys2 + Output4 + End + TensorFloat32 + Output4 + Keys3 + Output4 + End;
    public const string ValuesTensorFloat325 = TensorFloat32 + Output5 + Keys0 + Output5 + End + TensorFloat32 + Output5 + Keys1 + Output5 + End + TensorFloat32 + Output5 + Keys2 + Output5 + End + TensorFloat32 + Output5 + Keys3 + Output5 + End;
    public const string ValuesTensorFloat326 = TensorFloat32 + Output6 + Keys0 + Output6 + End + TensorFloat32 + Output6 + Keys1 + Output6 + End + TensorFloat32 + Output6 + Keys2 + Output6 + End + TensorFloat32 + Output6 + Keys3 + Output6 + End;
    public const string ValuesTensorFloat327 = TensorFloat32 + Output7 + Keys0 + Output7 + End + TensorFloat32 + Output7 + Keys1 + Output7 + End + TensorFloat32 + Output7 + Keys2 + Output7 + End + TensorFloat32 + Output7 + Keys3 + Output7 + End;

    /// <summary>l = 1 / l</summary>
    public const string Finish =
        "shfl.sync.bfly.b32 other0, l0, 1, 31, 0xffffffff; add.f32 l0, l0, other0; shfl.sync.bfly.b32 other0, l0, 2, 31, 0xffffffff; add.f32 l0, l0, other0;\n\t"
        + "rcp.approx.f32 l0, l0; shfl.sync.bfly.b32 other1, l1, 1, 31, 0xffffffff; add.f32 l1, l1, other1; shfl.sync.bfly.b32 other1, l1, 2, 31, 0xffffffff;\n\t"
        + "add.f32 l1, l1, other1; rcp.approx.f32 l1, l1;";

    /// <summary>result = o l of the first row: two values of each eight, 16 of the head</summary>
    public const string TakeFirst0 = "mul.f32 result0, o0, l0; mul.f32 result1, o1, l0; mul.f32 result2, o4, l0; mul.f32 result3, o5, l0;";
    public const string TakeFirst1 = "mul.f32 result0, o8, l0; mul.f32 result1, o9, l0; mul.f32 result2, o12, l0; mul.f32 result3, o13, l0;";
    public const string TakeFirst2 = "mul.f32 result0, o16, l0; mul.f32 result1, o17, l0; mul.f32 result2, o20, l0; mul.f32 result3, o21, l0;";
    public const string TakeFirst3 = "mul.f32 result0, o24, l0; mul.f32 result1, o25, l0; mul.f32 result2, o28, l0; mul.f32 result3, o29, l0;";
    public const string TakeFirst4 = "mul.f32 result0, o32, l0; mul.f32 result1, o33, l0; mul.f32 result2, o36, l0; mul.f32 result3, o37, l0;";
    public const string TakeFirst5 = "mul.f32 result0, o40, l0; mul.f32 result1, o41, l0; mul.f32 result2, o44, l0; mul.f32 result3, o45, l0;";
    public const string TakeFirst6 = "mul.f32 result0, o48, l0; mul.f32 result1, o49, l0; mul.f32 result2, o52, l0; mul.f32 result3, o53, l0;";
    public const string TakeFirst7 = "mul.f32 result0, o56, l0; mul.f32 result1, o57, l0; mul.f32 result2, o60, l0; mul.f32 result3, o61, l0;";

    /// <summary>result = o l of the second row: two values of each eight, 16 of the head</summary>
    public const string TakeSecond0 = "mul.f32 result0, o2, l1; mul.f32 result1, o3, l1; mul.f32 result2, o6, l1; mul.f32 result3, o7, l1;";
    public const string TakeSecond1 = "mul.f32 result0, o10, l1; mul.f32 result1, o11, l1; mul.f32 result2, o14, l1; mul.f32 result3, o15, l1;";
    public const string TakeSecond2 = "mul.f32 result0, o18, l1; mul.f32 result1, o19, l1; mul.f32 result2, o22, l1; mul.f32 result3, o23, l1;";
    public const string TakeSecond3 = "mul.f32 result0, o26, l1; mul.f32 result1, o27, l1; mul.f32 result2, o30, l1; mul.f32 result3, o31, l1;";
    public const string TakeSecond4 = "mul.f32 result0, o34, l1; mul.f32 result1, o35, l1; mul.f32 result2, o38, l1; mul.f32 result3, o39, l1;";
    public const string TakeSecond5 = "mul.f32 result0, o42, l1; mul.f32 result1, o43, l1; mul.f32 result2, o46, l1; mul.f32 result3, o47, l1;";
    public const string TakeSecond6 = "mul.f32 result0, o50, l1; mul.f32 result1, o51, l1; mul.f32 result2, o54, l1; mul.f32 result3, o55, l1;";
    public const string TakeSecond7 = "mul.f32 result0, o58, l1; mul.f32 result1, o59, l1; mul.f32 result2, o62, l1; mul.f32 result3, o63, l1;";

    /// <summary>Two results to the global address %0, two to %1.</summary>
    public const string StorePairsBFloat16 =
        "cvt.rn.bf16x2.f32 packed0, result1, result0; cvt.rn.bf16x2.f32 packed1, result3, result2;\n\t"
        + "st.global.b32 [%0], packed0; st.global.b32 [%1], packed1;";

    /// <summary>Two results to the global address %0, two to %1.</summary>
    public const string StorePairsFloat16 =
        "cvt.rn.f16x2.f32 packed0, result1, result0; cvt.rn.f16x2.f32 packed1, result3, result2;\n\t"
        + "st.global.b32 [%0], packed0; st.global.b32 [%1], packed1;";

    /// <summary>Two results to the global address %0, two to %1.</summary>
    public const string StorePairsTensorFloat32 =
        "cvt.rna.tf32.f32 packed0, result0; cvt.rna.tf32.f32 packed1, result1; cvt.rna.tf32.f32 packed2, result2; cvt.rna.tf32.f32 packed3, result3;\n\t"
        + "st.global.v2.b32 [%0], {packed0, packed1}; st.global.v2.b32 [%1], {packed2, packed3};";

    private const string BFloat16 = "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 ";
    private const string Float16 = "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 ";
    private const string TensorFloat32 = "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 ";
    private const string LoadQuery = "add.u32 address, tilesBase, %0; ldmatrix.sync.aligned.m8n8.x4.shared.b16 ";
    private const string Score0 = "{s0, s1, s2, s3}, {af0, af1, af2, af3}, {kf0, kf1}, {s0, s1, s2, s3};\n\t";
    private const string Score1 = "{s4, s5, s6, s7}, {af0, af1, af2, af3}, {kf2, kf3}, {s4, s5, s6, s7};\n\t";
    private const string Score2 = "{s8, s9, s10, s11}, {af0, af1, af2, af3}, {kf4, kf5}, {s8, s9, s10, s11};\n\t";
    private const string Score3 = "{s12, s13, s14, s15}, {af0, af1, af2, af3}, {kf6, kf7}, {s12, s13, s14, s15};\n\t";
    private const string Output0 = "{o0, o1, o2, o3}";
    private const string Output1 = "{o4, o5, o6, o7}";
    private const string Output2 = "{o8, o9, o10, o11}";
    private const string Output3 = "{o12, o13, o14, o15}";
    private const string Output4 = "{o16, o17, o18, o19}";
    private const string Output5 = "{o20, o21, o22, o23}";
    private const string Output6 = "{o24, o25, o26, o27}";
    private const string Output7 = "{o28, o29, o30, o31}";
    private const string Output8 = "{o32, o33, o34, o35}";
    private const string Output9 = "{o36, o37, o38, o39}";
    private const string Output10 = "{o40, o41, o42, o43}";
    private const string Output11 = "{o44, o45, o46, o47}";
    private const string Output12 = "{o48, o49, o50, o51}";
    private const string Output13 = "{o52, o53, o54, o55}";
    private const string Output14 = "{o56, o57, o58, o59}";
    private const string Output15 = "{o60, o61, o62, o63}";
    private const string Low0 = ", {pf0, pf1, pf2, pf3}, {kf0, kf1}, ";
    private const string Low1 = ", {pf0, pf1, pf2, pf3}, {kf2, kf3}, ";
    private const string High0 = ", {pf4, pf5, pf6, pf7}, {kf4, kf5}, ";
    private const string High1 = ", {pf4, pf5, pf6, pf7}, {kf6, kf7}, ";
    private const string Keys0 = ", {pf0, pf1, pf2, pf3}, {kf0, kf1}, ";
    private const string Keys1 = ", {pf4, pf5, pf6, pf7}, {kf2, kf3}, ";
    private const string Keys2 = ", {pf8, pf9, pf10, pf11}, {kf4, kf5}, ";
    private const string Keys3 = ", {pf12, pf13, pf14, pf15}, {kf6, kf7}, ";
    private const string End = ";\n\t";
}
