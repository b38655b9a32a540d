namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>
/// The PTX of a warp's 64x32 tile. ILGPU keeps values that inline PTX writes in local memory, so a product's values never become
/// C# ones: they live in registers declared here by name, and only addresses are passed in. Fragment (i, j), of 16 rows and 8 columns, is
/// acc[16 i + 4 j] to acc[16 i + 4 j + 3].
/// </summary>
internal static class GemmText
{
    /// <summary>Accumulators, the fragments of one half of a slice, and what the epilogue needs for four results.</summary>
    public const string Registers =
        ".reg .f32 acc<64>;\n\t"
        + ".reg .b32 af<16>;\n\t"
        + ".reg .b32 bf<8>;\n\t"
        + EpilogueText.Registers + "\n\t"
        + ".reg .f32 bias<4>;\n\t"
        + ".reg .f32 gelu<4>;\n\t"
        + ".reg .b32 tilesBase;\n\t"
        + ".reg .b32 address;\n\t"
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
        + "mov.f32 acc56, 0f00000000; mov.f32 acc57, 0f00000000; mov.f32 acc58, 0f00000000; mov.f32 acc59, 0f00000000; mov.f32 acc60, 0f00000000; mov.f32 acc61, 0f00000000; mov.f32 acc62, 0f00000000; mov.f32 acc63, 0f00000000;";

    /// <summary>Copies 16 bytes, or clears them when %2 is 0, from the global address %1 to byte %0 of the tiles.</summary>
    public const string Copy =
        "add.u32 address, tilesBase, %0;\n\t"
        + "cp.async.cg.shared.global [address], [%1], 16, %2;";

    /// <summary>The fragments of half a slice: input at byte %0 of the tiles, weight at byte %1; see <see cref="TileLayout"/>.</summary>
    public const string LoadFragments =
        "add.u32 address, tilesBase, %0;\n\t"
        + "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {af0, af1, af2, af3}, [address];\n\t"
        + "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {af4, af5, af6, af7}, [address+1024];\n\t"
        + "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {af8, af9, af10, af11}, [address+2048];\n\t"
        + "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {af12, af13, af14, af15}, [address+3072];\n\t"
        + "add.u32 address, tilesBase, %1;\n\t"
        + "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {bf0, bf1, bf2, bf3}, [address];\n\t"
        + "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {bf4, bf5, bf6, bf7}, [address+1024];";

    /// <summary>acc += a b over half a slice: bfloat16, 16 values of k, in 32 bytes.</summary>
    public const string MultiplyBFloat16 =
        BFloat16 + Fragment00
        + BFloat16 + Fragment01
        + BFloat16 + Fragment02
        + BFloat16 + Fragment03
        + BFloat16 + Fragment10
        + BFloat16 + Fragment11
        + BFloat16 + Fragment12
        + BFloat16 + Fragment13
        + BFloat16 + Fragment20
        + BFloat16 + Fragment21
        + BFloat16 + Fragment22
        + BFloat16 + Fragment23
        + BFloat16 + Fragment30
        + BFloat16 + Fragment31
        + BFloat16 + Fragment32
        + BFloat16 + Fragment33;

    /// <summary>acc += a b over half a slice: float16, 16 values of k, in 32 bytes.</summary>
    public const string MultiplyFloat16 =
        Float16 + Fragment00
        + Float16 + Fragment01
        + Float16 + Fragment02
        + Float16 + Fragment03
        + Float16 + Fragment10
        + Float16 + Fragment11
        + Float16 + Fragment12
        + Float16 + Fragment13
        + Float16 + Fragment20
        + Float16 + Fragment21
        + Float16 + Fragment22
        + Float16 + Fragment23
        + Float16 + Fragment30
        + Float16 + Fragment31
        + Float16 + Fragment32
        + Float16 + Fragment33;

    /// <summary>acc += a b over half a slice: tf32, 8 values of k, in 32 bytes.</summary>
    public const string MultiplyTensorFloat32 =
        TensorFloat32 + Fragment00
        + TensorFloat32 + Fragment01
        + TensorFloat32 + Fragment02
        + TensorFloat32 + Fragment03
        + TensorFloat32 + Fragment10
        + TensorFloat32 + Fragment11
        + TensorFloat32 + Fragment12
        + TensorFloat32 + Fragment13
        + TensorFloat32 + Fragment20
        + TensorFloat32 + Fragment21
        + TensorFloat32 + Fragment22
        + TensorFloat32 + Fragment23
        + TensorFloat32 + Fragment30
        + TensorFloat32 + Fragment31
        + TensorFloat32 + Fragment32
        + TensorFloat32 + Fragment33;

    /// <summary>Stages the results of fragment row 0 at byte %0 of the tiles, which the slices no longer need.</summary>
    public const string StageRow0 =
        "add.u32 address, tilesBase, %0;\n\t"
        + "st.shared.v2.f32 [address], {acc0, acc1};\n\t"
        + "st.shared.v2.f32 [address+1280], {acc2, acc3};\n\t"
        + "st.shared.v2.f32 [address+32], {acc4, acc5};\n\t"
        + "st.shared.v2.f32 [address+1312], {acc6, acc7};\n\t"
        + "st.shared.v2.f32 [address+64], {acc8, acc9};\n\t"
        + "st.shared.v2.f32 [address+1344], {acc10, acc11};\n\t"
        + "st.shared.v2.f32 [address+96], {acc12, acc13};\n\t"
        + "st.shared.v2.f32 [address+1376], {acc14, acc15};";

    /// <summary>Stages the results of fragment row 1 at byte %0 of the tiles, which the slices no longer need.</summary>
    public const string StageRow1 =
        "add.u32 address, tilesBase, %0;\n\t"
        + "st.shared.v2.f32 [address], {acc16, acc17};\n\t"
        + "st.shared.v2.f32 [address+1280], {acc18, acc19};\n\t"
        + "st.shared.v2.f32 [address+32], {acc20, acc21};\n\t"
        + "st.shared.v2.f32 [address+1312], {acc22, acc23};\n\t"
        + "st.shared.v2.f32 [address+64], {acc24, acc25};\n\t"
        + "st.shared.v2.f32 [address+1344], {acc26, acc27};\n\t"
        + "st.shared.v2.f32 [address+96], {acc28, acc29};\n\t"
        + "st.shared.v2.f32 [address+1376], {acc30, acc31};";

    /// <summary>Stages the results of fragment row 2 at byte %0 of the tiles, which the slices no longer need.</summary>
    public const string StageRow2 =
        "add.u32 address, tilesBase, %0;\n\t"
        + "st.shared.v2.f32 [address], {acc32, acc33};\n\t"
        + "st.shared.v2.f32 [address+1280], {acc34, acc35};\n\t"
        + "st.shared.v2.f32 [address+32], {acc36, acc37};\n\t"
        + "st.shared.v2.f32 [address+1312], {acc38, acc39};\n\t"
        + "st.shared.v2.f32 [address+64], {acc40, acc41};\n\t"
        + "st.shared.v2.f32 [address+1344], {acc42, acc43};\n\t"
        + "st.shared.v2.f32 [address+96], {acc44, acc45};\n\t"
        + "st.shared.v2.f32 [address+1376], {acc46, acc47};";

    /// <summary>Stages the results of fragment row 3 at byte %0 of the tiles, which the slices no longer need.</summary>
    public const string StageRow3 =
        "add.u32 address, tilesBase, %0;\n\t"
        + "st.shared.v2.f32 [address], {acc48, acc49};\n\t"
        + "st.shared.v2.f32 [address+1280], {acc50, acc51};\n\t"
        + "st.shared.v2.f32 [address+32], {acc52, acc53};\n\t"
        + "st.shared.v2.f32 [address+1312], {acc54, acc55};\n\t"
        + "st.shared.v2.f32 [address+64], {acc56, acc57};\n\t"
        + "st.shared.v2.f32 [address+1344], {acc58, acc59};\n\t"
        + "st.shared.v2.f32 [address+96], {acc60, acc61};\n\t"
        + "st.shared.v2.f32 [address+1376], {acc62, acc63};";

    private const string BFloat16 = "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 ";
    private const string Float16 = "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 ";
    private const string TensorFloat32 = "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 ";
    private const string Fragment00 = "{acc0, acc1, acc2, acc3}, {af0, af1, af2, af3}, {bf0, bf1}, {acc0, acc1, acc2, acc3};\n\t";
    private const string Fragment01 = "{acc4, acc5, acc6, acc7}, {af0, af1, af2, af3}, {bf2, bf3}, {acc4, acc5, acc6, acc7};\n\t";
    private const string Fragment02 = "{acc8, acc9, acc10, acc11}, {af0, af1, af2, af3}, {bf4, bf5}, {acc8, acc9, acc10, acc11};\n\t";
    private const string Fragment03 = "{acc12, acc13, acc14, acc15}, {af0, af1, af2, af3}, {bf6, bf7}, {acc12, acc13, acc14, acc15};\n\t";
    private const string Fragment10 = "{acc16, acc17, acc18, acc19}, {af4, af5, af6, af7}, {bf0, bf1}, {acc16, acc17, acc18, acc19};\n\t";
    private const string Fragment11 = "{acc20, acc21, acc22, acc23}, {af4, af5, af6, af7}, {bf2, bf3}, {acc20, acc21, acc22, acc23};\n\t";
    private const string Fragment12 = "{acc24, acc25, acc26, acc27}, {af4, af5, af6, af7}, {bf4, bf5}, {acc24, acc25, acc26, acc27};\n\t";
    private const string Fragment13 = "{acc28, acc29, acc30, acc31}, {af4, af5, af6, af7}, {bf6, bf7}, {acc28, acc29, acc30, acc31};\n\t";
    private const string Fragment20 = "{acc32, acc33, acc34, acc35}, {af8, af9, af10, af11}, {bf0, bf1}, {acc32, acc33, acc34, acc35};\n\t";
    private const string Fragment21 = "{acc36, acc37, acc38, acc39}, {af8, af9, af10, af11}, {bf2, bf3}, {acc36, acc37, acc38, acc39};\n\t";
    private const string Fragment22 = "{acc40, acc41, acc42, acc43}, {af8, af9, af10, af11}, {bf4, bf5}, {acc40, acc41, acc42, acc43};\n\t";
    private const string Fragment23 = "{acc44, acc45, acc46, acc47}, {af8, af9, af10, af11}, {bf6, bf7}, {acc44, acc45, acc46, acc47};\n\t";
    private const string Fragment30 = "{acc48, acc49, acc50, acc51}, {af12, af13, af14, af15}, {bf0, bf1}, {acc48, acc49, acc50, acc51};\n\t";
    private const string Fragment31 = "{acc52, acc53, acc54, acc55}, {af12, af13, af14, af15}, {bf2, bf3}, {acc52, acc53, acc54, acc55};\n\t";
    private const string Fragment32 = "{acc56, acc57, acc58, acc59}, {af12, af13, af14, af15}, {bf4, bf5}, {acc56, acc57, acc58, acc59};\n\t";
    private const string Fragment33 = "{acc60, acc61, acc62, acc63}, {af12, af13, af14, af15}, {bf6, bf7}, {acc60, acc61, acc62, acc63};";
}
