namespace Dino.Gpu.Kernels.TensorCore.Generator;

/// <summary>The tile of a matrix product. All else about it follows from these numbers.</summary>
/// <param name="Name">The name of the type.</param>
/// <param name="Summary">The documentation of the type.</param>
/// <param name="RowFragments">Fragments of 16 rows of a warp's tile, an even number.</param>
/// <param name="ColumnHalves">Halves of 32 columns of a warp's tile.</param>
/// <param name="WarpRows">Rows of warps in a group.</param>
/// <param name="WarpColumns">Columns of warps in a group.</param>
/// <param name="Stages">Slices of k in shared memory: one is multiplied while the others arrive.</param>
/// <param name="SliceInstructions">What the assembler makes of a slice.</param>
/// <param name="OtherInstructions">What it makes of all that is outside the loop.</param>
internal sealed record TileDescription(
    string Name, string Summary, int RowFragments, int ColumnHalves, int WarpRows, int WarpColumns, int Stages, int SliceInstructions,
    int OtherInstructions)
{
    /// <summary>Bytes of a row in a slice of k.</summary>
    public const int RowBytes = 64;

    public int Threads => 32 * WarpRows * WarpColumns;

    public int InputBytes => WarpRows * RowFragments * 16 * RowBytes;

    public int WeightBytes => WarpColumns * ColumnHalves * 32 * RowBytes;

    public int StageBytes => InputBytes + WeightBytes;

    /// <summary>Bytes that the group copies at once, 16 per thread.</summary>
    public int PassBytes => 16 * Threads;

    public int InputCopies => InputBytes / PassBytes;

    public int Copies => StageBytes / PassBytes;

    public int Accumulators => RowFragments * ColumnHalves * 16;

    /// <summary>
    /// The first of the four accumulators of a fragment of 16 rows and 8 columns. A warp's columns come first.
    /// </summary>
    public int Accumulator(int i, int j) => 4 * (4 * ColumnHalves * i + j);
}

/// <summary>
/// Writes the type of a tile. ILGPU keeps values that inline PTX writes in local memory, so the values of a product
/// never become C# values. They stay in registers that are declared by name, and only addresses are passed in. The loop
/// over k is unrolled over the ring of slices, so that every place in shared memory is a constant away from one of five
/// registers.
/// </summary>
internal static class TileGenerator
{
    public static string Write(TileDescription tile)
    {
        var text = new SourceText("ILGPU.Runtime.Cuda");
        text.Summary(0, tile.Summary);
        text.Line(0, $"internal readonly partial struct {tile.Name} : IGemmTile");
        text.Line(0, "{");
        foreach ((string name, int value) in new[]
        {
            ("RowFragments", tile.RowFragments), ("ColumnHalves", tile.ColumnHalves), ("WarpRows", tile.WarpRows),
            ("WarpColumns", tile.WarpColumns), ("Stages", tile.Stages), ("SliceInstructions", tile.SliceInstructions),
            ("OtherInstructions", tile.OtherInstructions),
        })
        {
            text.Line(1, $"public static int {name} => {value};");
            text.Line(0, "");
        }

        text.Emit(
            "Declare()",
            [
                $".shared .align 128 .b8 tiles[{tile.Stages * tile.StageBytes}]", $".reg .f32 acc<{tile.Accumulators}>",
                $".reg .b32 af<{4 * tile.RowFragments}>", $".reg .b32 bf<{8 * tile.ColumnHalves}>", $".reg .b64 from<{tile.Copies}>",
                ".reg .b32 copyTo", ".reg .b32 inputAt<2>", ".reg .b32 weightAt<2>", ".reg .pred more", ".reg .pred inside",
                ".reg .b32 address",
                ".reg .f32 result<4>", ".reg .b32 packed<4>", ".reg .f32 bias<4>", ".reg .f32 gelu<4>",
                ".reg .b32 tilesBase",
                ".reg .b64 outAt", ".reg .b64 outPlace", ".reg .b32 outStride", ".reg .b32 outRow", ".reg .b32 outLeft",
                ".reg .b32 outReciprocal", ".reg .b32 outShift", ".reg .b32 outGap", ".reg .b32 outNow",
                .. ResidualGenerator.Registers(tile),
                "mov.u32 tilesBase, tiles",
            ]);
        text.Emit(
            "SetPlaces(int copy, int input0, int input1, int weight0, int weight1)",
            [
                "add.u32 copyTo, tilesBase, %0", "add.u32 inputAt0, tilesBase, %1", "add.u32 inputAt1, tilesBase, %2",
                "add.u32 weightAt0, tilesBase, %3", "add.u32 weightAt1, tilesBase, %4",
            ],
            ", copy, input0, input1, weight0, weight1");
        text.Emit("ClearSums()", Enumerable.Range(0, tile.Accumulators).Select(i => $"mov.f32 acc{i}, 0f00000000"));
        text.Emit(
            "SetSums(long bias, int columns)", Enumerable.Range(0, 4 * tile.ColumnHalves).SelectMany(j => SetSums(tile, j)),
            ", bias, columns");
        WriteSources(text, tile);
        text.Emit("LoadFragments()", LoadFragments(tile, 0, 0));
        WriteLoop(text, tile);
        WriteFinish(text, tile);
        text.Line(0, "}");
        return text.ToString();
    }

    /// <summary>Writes the half of the type that multiplies.</summary>
    public static string WriteProducts(TileDescription tile)
    {
        var text = new SourceText("ILGPU.Runtime.Cuda", "static Dino.Gpu.Kernels.TensorCore.TensorProduct");
        text.Line(0, $"internal readonly partial struct {tile.Name}");
        text.Line(0, "{");
        foreach ((string name, string operation) in SourceText.Formats)
            text.Emit($"Multiply{name}()", Products(tile, operation));
        text.Line(0, "}");
        return text.ToString();
    }

    /// <summary>
    /// Sets the sums to the bias of their columns. A lane has two columns of each eight, in two rows.
    /// </summary>
    private static IEnumerable<string> SetSums(TileDescription tile, int j)
    {
        yield return $"setp.gt.s32 inside, %1, {8 * j}";
        yield return "mov.f32 bias0, 0f00000000";
        yield return "mov.f32 bias1, 0f00000000";
        yield return $"@inside ld.global.v2.f32 {{bias0, bias1}}, [%0{Plus(32 * j)}]";
        for (int i = 0; i < tile.RowFragments; i++)
        {
            for (int k = 0; k < 4; k++)
                yield return $"mov.f32 acc{tile.Accumulator(i, j) + k}, bias{k % 2}";
        }
    }

    private static void WriteSources(SourceText text, TileDescription tile)
    {
        text.Line(1, "public static void SetSources(CopyPlan plan)");
        text.Line(1, "{");
        for (int i = 0; i < tile.Copies; i++)
        {
            string source = i < tile.InputCopies ? $"plan.Input({i})" : $"plan.Weight({i - tile.InputCopies})";
            text.Line(2, $"CudaAsm.Emit(\"mov.b64 from{i}, %0;\", {source});");
        }

        text.Line(1, "}");
        text.Line(0, "");
    }

    /// <summary>
    /// Loads four 8x8 matrices at a time: a fragment of the input's 16 rows, or two of the weight's 8 columns, 1024
    /// bytes apart.
    /// </summary>
    private static IEnumerable<string> LoadFragments(TileDescription tile, int slot, int half) =>
    [
        .. Enumerable.Range(0, tile.RowFragments).Select(i => Load("af", i, $"inputAt{half}", slot * tile.StageBytes + 1024 * i)),
        .. Enumerable.Range(0, 2 * tile.ColumnHalves).Select(i => Load("bf", i, $"weightAt{half}", slot * tile.StageBytes + 1024 * i)),
    ];

    private static string Load(string registers, int i, string place, int offset) =>
        $"ldmatrix.sync.aligned.m8n8.x4.shared.b16 {SourceText.List(registers, 4 * i, 4)}, [{place}{Plus(offset)}]";

    private static IEnumerable<string> Products(TileDescription tile, string operation)
    {
        for (int i = 0; i < tile.RowFragments; i++)
        {
            for (int j = 0; j < 4 * tile.ColumnHalves; j++)
                yield return SourceText.Product(operation, "acc", tile.Accumulator(i, j), "af", 4 * i, "bf", 2 * j);
        }
    }

    /// <summary>
    /// Copies a slice, if more than <paramref name="ahead"/> are left. Rows past an edge are copied from a row inside;
    /// their sums are not stored.
    /// </summary>
    private static IEnumerable<string> Copies(TileDescription tile, int slot, int offset, int ahead)
    {
        yield return $"setp.gt.s32 more, %0, {ahead}";
        for (int i = 0; i < tile.Copies; i++)
        {
            string target = $"copyTo{Plus(slot * tile.StageBytes + i * tile.PassBytes)}";
            yield return $"@more cp.async.cg.shared.global [{target}], [from{i}{Plus(offset)}], 16";
        }

        yield return "cp.async.commit_group";
    }

    private static IEnumerable<string> Advance(TileDescription tile, int slices) =>
        Enumerable.Range(0, tile.Copies).Select(i => $"add.s64 from{i}, from{i}, {slices * TileDescription.RowBytes}");

    private static void WriteLoop(SourceText text, TileDescription tile)
    {
        text.Line(1, "public static void MultiplySlices<TFormat>(int slices)");
        text.Line(2, "where TFormat : struct, ITensorFormat");
        text.Line(1, "{");
        text.Line(2, "// The first slices are on their way before the first is multiplied. Every turn closes a group of copies,");
        text.Line(2, "// an empty one too.");
        for (int slot = 0; slot < tile.Stages - 1; slot++)
            text.EmitStatement(Copies(tile, slot, slot * TileDescription.RowBytes, slot), ", slices");
        text.EmitStatement(Advance(tile, tile.Stages - 1));
        text.Line(2, "int left = slices;");
        text.Line(2, $"while (left >= {tile.Stages})");
        text.Line(2, "{");
        for (int slot = 0; slot < tile.Stages; slot++)
            WriteSlice(text, tile, slot, 3, isLast: false);
        text.Line(3, $"left -= {tile.Stages};");
        text.Line(2, "}");
        text.Line(0, "");
        text.Line(2, "// The slices of a last round that is not full. Exits in the loop instead would make the assembler move sums.");
        for (int slot = 0; slot + 1 < tile.Stages; slot++)
        {
            text.Line(2, $"if (left > {slot})");
            text.Line(2, "{");
            WriteSlice(text, tile, slot, 3, isLast: true);
            text.Line(2, "}");
            text.Line(0, "");
        }

        text.Line(1, "}");
        text.Line(0, "");
    }

    /// <summary>
    /// Waits until the slice has arrived for this thread, then for all threads. All are then done with the slice
    /// before, whose slot is written next. Then starts the copies of a slice ahead, and multiplies.
    /// </summary>
    private static void WriteSlice(SourceText text, TileDescription tile, int slot, int indent, bool isLast)
    {
        string[] wait = [$"cp.async.wait_group {tile.Stages - 2}", "bar.sync 0"];
        if (isLast)
            text.EmitStatement([.. wait, "cp.async.commit_group"], indent: indent);
        else
        {
            int free = (slot + tile.Stages - 1) % tile.Stages;
            text.EmitStatement(
                [
                    .. wait, .. Copies(tile, free, slot * TileDescription.RowBytes, tile.Stages - 1 + slot),
                    .. slot + 1 == tile.Stages ? Advance(tile, tile.Stages) : [],
                ],
                ", left", indent);
        }

        for (int half = 0; half < 2; half++)
        {
            text.EmitStatement(LoadFragments(tile, slot, half), indent: indent);
            text.Line(indent, $"TFormat.Multiply<{tile.Name}>();");
        }
    }

    /// <summary>
    /// Moves fragments through the epilogue and shared memory, so that a lane stores 16 bytes of a row: all fragments
    /// at once, or 32 rows at a time if values are wide.
    /// </summary>
    private static void WriteFinish(SourceText text, TileDescription tile)
    {
        text.Line(1, "public static void Finish<TFormat, TEpilogue>(WarpOutput output)");
        text.Line(2, "where TFormat : struct, ITensorFormat");
        text.Line(2, "where TEpilogue : struct, ITensorEpilogue<TFormat>");
        text.Line(1, "{");
        for (int i = 0; i < tile.RowFragments; i++)
        {
            for (int j = 0; j < 4 * tile.ColumnHalves; j++)
            {
                IEnumerable<string> take = Enumerable.Range(0, 4).Select(k => $"mov.f32 result{k}, acc{tile.Accumulator(i, j) + k}");
                text.Line(2, $"CudaAsm.Emit(\"{string.Join(" ", take.Select(move => move + ";"))}\");");
                text.Line(2, $"output.Stage<{tile.Name}, TFormat, TEpilogue>({i}, {j});");
            }

            if (i + 1 == tile.RowFragments)
                text.Line(2, $"output.Store<{tile.Name}, TFormat, TEpilogue>({i});");
            else if (i % 2 == 1)
            {
                text.Line(2, "if (TEpilogue.OutputSize == sizeof(float))");
                text.Line(3, $"output.Store<{tile.Name}, TFormat, TEpilogue>({i});");
            }
        }

        text.Line(1, "}");
    }

    public static string Plus(int offset) => offset > 0 ? $"+{offset}" : "";
}
