namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>
/// The PTX of a warp's tile, at most 64x64. ILGPU keeps values that inline PTX writes in local memory, so a product's values never become
/// C# ones: they live in registers declared here by name, and only addresses are passed in. Fragment (i, j), of 16 rows and 8 columns, is
/// acc[32 i + 4 j] to acc[32 i + 4 j + 3]. A piece of text covers 32 rows or 32 columns; a smaller tile leaves out the second of them, and the
/// registers that only it names cost nothing.
/// </summary>
internal static class GemmText
{
    /// <summary>Accumulators, the fragments of one half of a slice, and what the epilogue needs for four results.</summary>
    public const string Registers =
        ".reg .f32 acc<128>; .reg .b32 af<16>; .reg .b32 bf<16>;\n\t"
        + EpilogueText.Registers + "\n\t"
        + ".reg .f32 bias<4>; .reg .f32 gelu<4>; .reg .b32 tilesBase; .reg .b32 address;\n\t"
        + "mov.u32 tilesBase, tiles;";

    /// <summary>acc = 0</summary>
    public const string Clear =
        "mov.f32 acc0, 0f00000000; mov.f32 acc1, 0f00000000; mov.f32 acc2, 0f00000000; mov.f32 acc3, 0f00000000; mov.f32 acc4, 0f00000000; mov.f32 acc5, 0f00000000; mov.f32 acc6, 0f00000000; mov.f32 acc7, 0f00000000;\n\t"
        + "mov.f32 acc8, 0f00000000; mov.f32 acc9, 0f00000000; mov.f32 acc10, 0f00000000; mov.f32 acc11, 0f00000000; mov.f32 acc12, 0f00000000; mov.f32 acc13, 0f00000000; mov.f32 acc14, 0f00000000; mov.f32 acc15, 0f00000000;\n\t"
        + "mov.f32 acc16, 0f00000000; mov.f32 acc17, 0f00000000; mov.f32 acc18, 0f00000000; mov.f32 acc19, 0f00000000; mov.f32 acc20, 0f00000000; mov.f32 acc21, 0f00000000; mov.f32 acc22, 0f00000000; mov.f32 acc23, 0f00000000;\n\t"
        + "mov.f32 acc24, 0f00000000; mov.f32 acc25, 0f00000000; mov.f32 acc26, 0f00000000; mov.f32 acc27, 0f00000000; mov.f32 acc28, 0f00000000; mov.f32 acc29, 0f00000000; mov.f32 acc30, 0f00000000; mov.f32 acc31, 0f00000000;\n\t"
        + "mov.f32 acc32, 0f00000000; mov.f32 acc33, 0f00000000; mov.f32 acc34, 0f00000000; mov.f32 acc35, 0f00000000; mov.f32 acc36, 0f00000000; mov.f32 acc37, 0f00000000; mov.f32 acc38, 0f00000000; mov.f32 acc39, 0f00000000;\n\t"
        + "mov.f32 acc40, 0f00000000; mov.f32 acc41, 0f00000000; mov.f32 acc42, 0f00000000; mov.f32 acc43, 0f00000000; mov.f32 acc44, 0f00000000; mov.f32 acc45, 0f00000000; mov.f32 acc46, 0f00000000; mov.f32 acc47, 0f00000000;\n\t"
        + "mov.f32 acc48, 0f00000000; mov.f32 acc49, 0f00000000; mov.f32 acc50, 0f00000000; mov.f32 acc51, 0f00000000; mov.f32 acc52, 0f00000000; mov.f32 acc53, 0f00000000; mov.f32 acc54, 0f00000000; mov.f32 acc55, 0f00000000;\n\t"
        + "mov.f32 acc56, 0f00000000; mov.f32 acc57, 0f00000000; mov.f32 acc58, 0f00000000; mov.f32 acc59, 0f00000000; mov.f32 acc60, 0f00000000; mov.f32 acc61, 0f00000000; mov.f32 acc62, 0f00000000; mov.f32 acc63, 0f00000000;\n\t"
        + "mov.f32 acc64, 0f00000000; mov.f32 acc65, 0f00000000; mov.f32 acc66, 0f00000000; mov.f32 acc67, 0f00000000; mov.f32 acc68, 0f00000000; mov.f32 acc69, 0f00000000; mov.f32 acc70, 0f00000000; mov.f32 acc71, 0f00000000;\n\t"
        + "mov.f32 acc72, 0f00000000; mov.f32 acc73, 0f00000000; mov.f32 acc74, 0f00000000; mov.f32 acc75, 0f00000000; mov.f32 acc76, 0f00000000; mov.f32 acc77, 0f00000000; mov.f32 acc78, 0f00000000; mov.f32 acc79, 0f00000000;\n\t"
        + "mov.f32 acc80, 0f00000000; mov.f32 acc81, 0f00000000; mov.f32 acc82, 0f00000000; mov.f32 acc83, 0f00000000; mov.f32 acc84, 0f00000000; mov.f32 acc85, 0f00000000; mov.f32 acc86, 0f00000000; mov.f32 acc87, 0f00000000;\n\t"
        + "mov.f32 acc88, 0f00000000; mov.f32 acc89, 0f00000000; mov.f32 acc90, 0f00000000; mov.f32 acc91, 0f00000000; mov.f32 acc92, 0f00000000; mov.f32 acc93, 0f00000000; mov.f32 acc94, 0f00000000; mov.f32 acc95, 0f00000000;\n\t"
        + "mov.f32 acc96, 0f00000000; mov.f32 acc97, 0f00000000; mov.f32 acc98, 0f00000000; mov.f32 acc99, 0f00000000; mov.f32 acc100, 0f00000000; mov.f32 acc101, 0f00000000; mov.f32 acc102, 0f00000000; mov.f32 acc103, 0f00000000;\n\t"
        + "mov.f32 acc104, 0f00000000; mov.f32 acc105, 0f00000000; mov.f32 acc106, 0f00000000; mov.f32 acc107, 0f00000000; mov.f32 acc108, 0f00000000; mov.f32 acc109, 0f00000000; mov.f32 acc110, 0f00000000; mov.f32 acc111, 0f00000000;\n\t"
        + "mov.f32 acc112, 0f00000000; mov.f32 acc113, 0f00000000; mov.f32 acc114, 0f00000000; mov.f32 acc115, 0f00000000; mov.f32 acc116, 0f00000000; mov.f32 acc117, 0f00000000; mov.f32 acc118, 0f00000000; mov.f32 acc119, 0f00000000;\n\t"
        + "mov.f32 acc120, 0f00000000; mov.f32 acc121, 0f00000000; mov.f32 acc122, 0f00000000; mov.f32 acc123, 0f00000000; mov.f32 acc124, 0f00000000; mov.f32 acc125, 0f00000000; mov.f32 acc126, 0f00000000; mov.f32 acc127, 0f00000000;";

    /// <summary>Copies 16 bytes, or clears them when %2 is 0, from the global address %1 to byte %0 of the tiles.</summary>
    public const string Copy =
        "add.u32 address, tilesBase, %0;\n\t"
        + "cp.async.cg.shared.global [address], [%1], 16, %2;";

    /// <summary>32 rows of the input, half a slice, from byte %0 of the tiles; see <see cref="TileLayout"/>.</summary>
    public const string LoadInput =
        "add.u32 address, tilesBase, %0;\n\t"
        + "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {af0, af1, af2, af3}, [address];\n\t"
        + "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {af4, af5, af6, af7}, [address+1024];";

    /// <summary>The 32 rows below, from the same place.</summary>
    public const string LoadInputBelow =
        "add.u32 address, tilesBase, %0;\n\t"
        + "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {af8, af9, af10, af11}, [address+2048];\n\t"
        + "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {af12, af13, af14, af15}, [address+3072];";

    /// <summary>32 columns of the weight, half a slice, from byte %0 of the tiles.</summary>
    public const string LoadWeight =
        "add.u32 address, tilesBase, %0;\n\t"
        + "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {bf0, bf1, bf2, bf3}, [address];\n\t"
        + "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {bf4, bf5, bf6, bf7}, [address+1024];";

    /// <summary>The 32 columns beside, from the same place.</summary>
    public const string LoadWeightBeside =
        "add.u32 address, tilesBase, %0;\n\t"
        + "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {bf8, bf9, bf10, bf11}, [address+2048];\n\t"
        + "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {bf12, bf13, bf14, bf15}, [address+3072];";

    /// <summary>acc += a b over half a slice, upper 32 rows, left 32 columns: bfloat16, 16 values of k, in 32 bytes.</summary>
    public const string MultiplyBFloat1600 =
        BFloat16 + Fragment00 + BFloat16 + Fragment01 + BFloat16 + Fragment02 + BFloat16 + Fragment03
        + BFloat16 + Fragment10 + BFloat16 + Fragment11 + BFloat16 + Fragment12 + BFloat16 + Fragment13;

    /// <summary>acc += a b over half a slice, upper 32 rows, right 32 columns: bfloat16, 16 values of k, in 32 bytes.</summary>
    public const string MultiplyBFloat1601 =
        BFloat16 + Fragment04 + BFloat16 + Fragment05 + BFloat16 + Fragment06 + BFloat16 + Fragment07
        + BFloat16 + Fragment14 + BFloat16 + Fragment15 + BFloat16 + Fragment16 + BFloat16 + Fragment17;

    /// <summary>acc += a b over half a slice, lower 32 rows, left 32 columns: bfloat16, 16 values of k, in 32 bytes.</summary>
    public const string MultiplyBFloat1610 =
        BFloat16 + Fragment20 + BFloat16 + Fragment21 + BFloat16 + Fragment22 + BFloat16 + Fragment23
        + BFloat16 + Fragment30 + BFloat16 + Fragment31 + BFloat16 + Fragment32 + BFloat16 + Fragment33;

    /// <summary>acc += a b over half a slice, lower 32 rows, right 32 columns: bfloat16, 16 values of k, in 32 bytes.</summary>
    public const string MultiplyBFloat1611 =
        BFloat16 + Fragment24 + BFloat16 + Fragment25 + BFloat16 + Fragment26 + BFloat16 + Fragment27
        + BFloat16 + Fragment34 + BFloat16 + Fragment35 + BFloat16 + Fragment36 + BFloat16 + Fragment37;

    /// <summary>acc += a b over half a slice, upper 32 rows, left 32 columns: float16, 16 values of k, in 32 bytes.</summary>
    public const string MultiplyFloat1600 =
        Float16 + Fragment00 + Float16 + Fragment01 + Float16 + Fragment02 + Float16 + Fragment03
        + Float16 + Fragment10 + Float16 + Fragment11 + Float16 + Fragment12 + Float16 + Fragment13;

    /// <summary>acc += a b over half a slice, upper 32 rows, right 32 columns: float16, 16 values of k, in 32 bytes.</summary>
    public const string MultiplyFloat1601 =
        Float16 + Fragment04 + Float16 + Fragment05 + Float16 + Fragment06 + Float16 + Fragment07
        + Float16 + Fragment14 + Float16 + Fragment15 + Float16 + Fragment16 + Float16 + Fragment17;

    /// <summary>acc += a b over half a slice, lower 32 rows, left 32 columns: float16, 16 values of k, in 32 bytes.</summary>
    public const string MultiplyFloat1610 =
        Float16 + Fragment20 + Float16 + Fragment21 + Float16 + Fragment22 + Float16 + Fragment23
        + Float16 + Fragment30 + Float16 + Fragment31 + Float16 + Fragment32 + Float16 + Fragment33;

    /// <summary>acc += a b over half a slice, lower 32 rows, right 32 columns: float16, 16 values of k, in 32 bytes.</summary>
    public const string MultiplyFloat1611 =
        Float16 + Fragment24 + Float16 + Fragment25 + Float16 + Fragment26 + Float16 + Fragment27
        + Float16 + Fragment34 + Float16 + Fragment35 + Float16 + Fragment36 + Float16 + Fragment37;

    /// <summary>acc += a b over half a slice, upper 32 rows, left 32 columns: tf32, 8 values of k, in 32 bytes.</summary>
    public const string MultiplyTensorFloat3200 =
        TensorFloat32 + Fragment00 + TensorFloat32 + Fragment01 + TensorFloat32 + Fragment02 + TensorFloat32 + Fragment03
        + TensorFloat32 + Fragment10 + TensorFloat32 + Fragment11 + TensorFloat32 + Fragment12 + TensorFloat32 + Fragment13;

    /// <summary>acc += a b over half a slice, upper 32 rows, right 32 columns: tf32, 8 values of k, in 32 bytes.</summary>
    public const string MultiplyTensorFloat3201 =
        TensorFloat32 + Fragment04 + TensorFloat32 + Fragment05 + TensorFloat32 + Fragment06 + TensorFloat32 + Fragment07
        + TensorFloat32 + Fragment14 + TensorFloat32 + Fragment15 + TensorFloat32 + Fragment16 + TensorFloat32 + Fragment17;

    /// <summary>acc += a b over half a slice, lower 32 rows, left 32 columns: tf32, 8 values of k, in 32 bytes.</summary>
    public const string MultiplyTensorFloat3210 =
        TensorFloat32 + Fragment20 + TensorFloat32 + Fragment21 + TensorFloat32 + Fragment22 + TensorFloat32 + Fragment23
        + TensorFloat32 + Fragment30 + TensorFloat32 + Fragment31 + TensorFloat32 + Fragment32 + TensorFloat32 + Fragment33;

    /// <summary>acc += a b over half a slice, lower 32 rows, right 32 columns: tf32, 8 values of k, in 32 bytes.</summary>
    public const string MultiplyTensorFloat3211 =
        TensorFloat32 + Fragment24 + TensorFloat32 + Fragment25 + TensorFloat32 + Fragment26 + TensorFloat32 + Fragment27
        + TensorFloat32 + Fragment34 + TensorFloat32 + Fragment35 + TensorFloat32 + Fragment36 + TensorFloat32 + Fragment37;

    /// <summary>Stages the results of fragment row 0, left 32 columns, at byte %0 of the tiles, which the slices no longer need.</summary>
    public const string Stage00 =
        "add.u32 address, tilesBase, %0;\n\t"
        + "st.shared.v2.f32 [address], {acc0, acc1}; st.shared.v2.f32 [address+1280], {acc2, acc3};\n\t"
        + "st.shared.v2.f32 [address+32], {acc4, acc5}; st.shared.v2.f32 [address+1312], {acc6, acc7};\n\t"
        + "st.shared.v2.f32 [address+64], {acc8, acc9}; st.shared.v2.f32 [address+1344], {acc10, acc11};\n\t"
        + "st.shared.v2.f32 [address+96], {acc12, acc13}; st.shared.v2.f32 [address+1376], {acc14, acc15};";

    /// <summary>Stages the results of fragment row 0, right 32 columns, at byte %0 of the tiles, which the slices no longer need.</summary>
    public const string Stage01 =
        "add.u32 address, tilesBase, %0;\n\t"
        + "st.shared.v2.f32 [address], {acc16, acc17}; st.shared.v2.f32 [address+1280], {acc18, acc19};\n\t"
        + "st.shared.v2.f32 [address+32], {acc20, acc21}; st.shared.v2.f32 [address+1312], {acc22, acc23};\n\t"
        + "st.shared.v2.f32 [address+64], {acc24, acc25}; st.shared.v2.f32 [address+1344], {acc26, acc27};\n\t"
        + "st.shared.v2.f32 [address+96], {acc28, acc29}; st.shared.v2.f32 [address+1376], {acc30, acc31};";

    /// <summary>Stages the results of fragment row 1, left 32 columns, at byte %0 of the tiles, which the slices no longer need.</summary>
    public const string Stage10 =
        "add.u32 address, tilesBase, %0;\n\t"
        + "st.shared.v2.f32 [address], {acc32, acc33}; st.shared.v2.f32 [address+1280], {acc34, acc35};\n\t"
        + "st.shared.v2.f32 [address+32], {acc36, acc37}; st.shared.v2.f32 [address+1312], {acc38, acc39};\n\t"
        + "st.shared.v2.f32 [address+64], {acc40, acc41}; st.shared.v2.f32 [address+1344], {acc42, acc43};\n\t"
        + "st.shared.v2.f32 [address+96], {acc44, acc45}; st.shared.v2.f32 [address+1376], {acc46, acc47};";

    /// <summary>Stages the results of fragment row 1, right 32 columns, at byte %0 of the tiles, which the slices no longer need.</summary>
    public const string Stage11 =
        "add.u32 address, tilesBase, %0;\n\t"
        + "st.shared.v2.f32 [address], {acc48, acc49}; st.shared.v2.f32 [address+1280], {acc50, acc51};\n\t"
        + "st.shared.v2.f32 [address+32], {acc52, acc53}; st.shared.v2.f32 [address+1312], {acc54, acc55};\n\t"
        + "st.shared.v2.f32 [address+64], {acc56, acc57}; st.shared.v2.f32 [address+1344], {acc58, acc59};\n\t"
        + "st.shared.v2.f32 [address+96], {acc60, acc61}; st.shared.v2.f32 [address+1376], {acc62, acc63};";

    /// <summary>Stages the results of fragment row 2, left 32 columns, at byte %0 of the tiles, which the slices no longer need.</summary>
    public const string Stage20 =
        "add.u32 address, tilesBase, %0;\n\t"
        + "st.shared.v2.f32 [address], {acc64, acc65}; st.shared.v2.f32 [address+1280], {acc66, acc67};\n\t"
        + "st.shared.v2.f32 [address+32], {acc68, acc69}; st.shared.v2.f32 [address+1312], {acc70, acc71};\n\t"
        + "st.shared.v2.f32 [address+64], {acc72, acc73}; st.shared.v2.f32 [address+1344], {acc74, acc75};\n\t"
        + "st.shared.v2.f32 [address+96], {acc76, acc77}; st.shared.v2.f32 [address+1376], {acc78, acc79};";

    /// <summary>Stages the results of fragment row 2, right 32 columns, at byte %0 of the tiles, which the slices no longer need.</summary>
    public const string Stage21 =
        "add.u32 address, tilesBase, %0;\n\t"
        + "st.shared.v2.f32 [address], {acc80, acc81}; st.shared.v2.f32 [address+1280], {acc82, acc83};\n\t"
        + "st.shared.v2.f32 [address+32], {acc84, acc85}; st.shared.v2.f32 [address+1312], {acc86, acc87};\n\t"
        + "st.shared.v2.f32 [address+64], {acc88, acc89}; st.shared.v2.f32 [address+1344], {acc90, acc91};\n\t"
        + "st.shared.v2.f32 [address+96], {acc92, acc93}; st.shared.v2.f32 [address+1376], {acc94, acc95};";

    /// <summary>Stages the results of fragment row 3, left 32 columns, at byte %0 of the tiles, which the slices no longer need.</summary>
    public const string Stage30 =
        "add.u32 address, tilesBase, %0;\n\t"
        + "st.shared.v2.f32 [address], {acc96, acc97}; st.shared.v2.f32 [address+1280], {acc98, acc99};\n\t"
        + "st.shared.v2.f32 [address+32], {acc100, acc101}; st.shared.v2.f32 [address+1312], {acc102, acc103};\n\t"
        + "st.shared.v2.f32 [address+64], {acc104, acc105}; st.shared.v2.f32 [address+1344], {acc106, acc107};\n\t"
        + "st.shared.v2.f32 [address+96], {acc108, acc109}; st.shared.v2.f32 [address+1376], {acc110, acc111};";

    /// <summary>Stages the results of fragment row 3, right 32 columns, at byte %0 of the tiles, which the slices no longer need.</summary>
    public const string Stage31 =
        "add.u32 address, tilesBase, %0;\n\t"
        + "st.shared.v2.f32 [address], {acc112, acc113}; st.shared.v2.f32 [address+1280], {acc114, acc115};\n\t"
        + "st.shared.v2.f32 [address+32], {acc116, acc117}; st.shared.v2.f32 [address+1312], {acc118, acc119};\n\t"
        + "st.shared.v2.f32 [address+64], {acc120, acc121}; st.shared.v2.f32 [address+1344], {acc122, acc123};\n\t"
        + "st.shared.v2.f32 [address+96], {acc124, acc125}; st.shared.v2.f32 [address+1376], {acc126, acc127};";

    private const string BFloat16 = "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 ";
    private const string Float16 = "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 ";
    private const string TensorFloat32 = "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 ";
    private const string Fragment00 = "{acc0, acc1, acc2, acc3}, {af0, af1, af2, af3}, {bf0, bf1}, {acc0, acc1, acc2, acc3};\n\t";
    private const string Fragment01 = "{acc4, acc5, acc6, acc7}, {af0, af1, af2, af3}, {bf2, bf3}, {acc4, acc5, acc6, acc7};\n\t";
    private const string Fragment02 = "{acc8, acc9, acc10, acc11}, {af0, af1, af2, af3}, {bf4, bf5}, {acc8, acc9, acc10, acc11};\n\t";
    private const string Fragment03 = "{acc12, acc13, acc14, acc15}, {af0, af1, af2, af3}, {bf6, bf7}, {acc12, acc13, acc14, acc15};\n\t";
    private const string Fragment04 = "{acc16, acc17, acc18, acc19}, {af0, af1, af2, af3}, {bf8, bf9}, {acc16, acc17, acc18, acc19};\n\t";
    private const string Fragment05 = "{acc20, acc21, acc22, acc23}, {af0, af1, af2, af3}, {bf10, bf11}, {acc20, acc21, acc22, acc23};\n\t";
    private const string Fragment06 = "{acc24, acc25, acc26, acc27}, {af0, af1, af2, af3}, {bf12, bf13}, {acc24, acc25, acc26, acc27};\n\t";
    private const string Fragment07 = "{acc28, acc29, acc30, acc31}, {af0, af1, af2, af3}, {bf14, bf15}, {acc28, acc29, acc30, acc31};\n\t";
    private const string Fragment10 = "{acc32, acc33, acc34, acc35}, {af4, af5, af6, af7}, {bf0, bf1}, {acc32, acc33, acc34, acc35};\n\t";
    private const string Fragment11 = "{acc36, acc37, acc38, acc39}, {af4, af5, af6, af7}, {bf2, bf3}, {acc36, acc37, acc38, acc39};\n\t";
    private const string Fragment12 = "{acc40, acc41, acc42, acc43}, {af4, af5, af6, af7}, {bf4, bf5}, {acc40, acc41, acc42, acc43};\n\t";
    private const string Fragment13 = "{acc44, acc45, acc46, acc47}, {af4, af5, af6, af7}, {bf6, bf7}, {acc44, acc45, acc46, acc47};\n\t";
    private const string Fragment14 = "{acc48, acc49, acc50, acc51}, {af4, af5, af6, af7}, {bf8, bf9}, {acc48, acc49, acc50, acc51};\n\t";
    private const string Fragment15 = "{acc52, acc53, acc54, acc55}, {af4, af5, af6, af7}, {bf10, bf11}, {acc52, acc53, acc54, acc55};\n\t";
    private const string Fragment16 = "{acc56, acc57, acc58, acc59}, {af4, af5, af6, af7}, {bf12, bf13}, {acc56, acc57, acc58, acc59};\n\t";
    private const string Fragment17 = "{acc60, acc61, acc62, acc63}, {af4, af5, af6, af7}, {bf14, bf15}, {acc60, acc61, acc62, acc63};\n\t";
    private const string Fragment20 = "{acc64, acc65, acc66, acc67}, {af8, af9, af10, af11}, {bf0, bf1}, {acc64, acc65, acc66, acc67};\n\t";
    private const string Fragment21 = "{acc68, acc69, acc70, acc71}, {af8, af9, af10, af11}, {bf2, bf3}, {acc68, acc69, acc70, acc71};\n\t";
    private const string Fragment22 = "{acc72, acc73, acc74, acc75}, {af8, af9, af10, af11}, {bf4, bf5}, {acc72, acc73, acc74, acc75};\n\t";
    private const string Fragment23 = "{acc76, acc77, acc78, acc79}, {af8, af9, af10, af11}, {bf6, bf7}, {acc76, acc77, acc78, acc79};\n\t";
    private const string Fragment24 = "{acc80, acc81, acc82, acc83}, {af8, af9, af10, af11}, {bf8, bf9}, {acc80, acc81, acc82, acc83};\n\t";
    private const string Fragment25 = "{acc84, acc85, acc86, acc87}, {af8, af9, af10, af11}, {bf10, bf11}, {acc84, acc85, acc86, acc87};\n\t";
    private const string Fragment26 = "{acc88, acc89, acc90, acc91}, {af8, af9, af10, af11}, {bf12, bf13}, {acc88, acc89, acc90, acc91};\n\t";
    private const string Fragment27 = "{acc92, acc93, acc94, acc95}, {af8, af9, af10, af11}, {bf14, bf15}, {acc92, acc93, acc94, acc95};\n\t";
    private const string Fragment30 = "{acc96, acc97, acc98, acc99}, {af12, af13, af14, af15}, {bf0, bf1}, {acc96, acc97, acc98, acc99};\n\t";
    private const string Fragment31 = "{acc100, acc101, acc102, acc103}, {af12, af13, af14, af15}, {bf2, bf3}, {acc100, acc101, acc102, acc103};\n\t";
    private const string Fragment32 = "{acc104, acc105, acc106, acc107}, {af12, af13, af14, af15}, {bf4, bf5}, {acc104, acc105, acc106, acc107};\n\t";
    private const string Fragment33 = "{acc108, acc109, acc110, acc111}, {af12, af13, af14, af15}, {bf6, bf7}, {acc108, acc109, acc110, acc111};\n\t";
    private const string Fragment34 = "{acc112, acc113, acc114, acc115}, {af12, af13, af14, af15}, {bf8, bf9}, {acc112, acc113, acc114, acc115};\n\t";
    private const string Fragment35 = "{acc116, acc117, acc118, acc119}, {af12, af13, af14, af15}, {bf10, bf11}, {acc116, acc117, acc118, acc119};\n\t";
    private const string Fragment36 = "{acc120, acc121, acc122, acc123}, {af12, af13, af14, af15}, {bf12, bf13}, {acc120, acc121, acc122, acc123};\n\t";
    private const string Fragment37 = "{acc124, acc125, acc126, acc127}, {af12, af13, af14, af15}, {bf14, bf15}, {acc124, acc125, acc126, acc127};\n\t";
}
