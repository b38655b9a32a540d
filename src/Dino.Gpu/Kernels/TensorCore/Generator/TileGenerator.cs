namespace Dino.Gpu.Kernels.TensorCore.Generator;

/// <summary>The tile of a matrix product, from which everything else about it follows.</summary>
/// <param name="Name">Of the type.</param>
/// <param name="Summary">What it is for.</param>
/// <param name="RowFragments">Fragments of 16 rows of a warp's tile.</param>
/// <param name="ColumnHalves">Halves of 32 columns of a warp's tile.</param>
/// <param name="WarpRows">Warps on top of each other.</param>
/// <param name="WarpColumns">Warps side by side.</param>
/// <param name="Stages">Slices of k in shared memory: one is multiplied while the others arrive.</param>
internal sealed record TileDescription(string Name, string Summary, int RowFragments, int ColumnHalves, int WarpRows, int WarpColumns, int Stages)
{
    /// <summary>Bytes of the ring of slices: input above, weight below, 64 bytes a row.</summary>
    public int RingBytes => Stages * (WarpRows * RowFragments * 16 + WarpColumns * ColumnHalves * 32) * 64;

    public int Accumulators => RowFragments * ColumnHalves * 16;
}

/// <summary>
/// Writes the type of a tile. ILGPU keeps values that inline PTX writes in local memory, so a product's values never become C# ones: they live in
/// registers declared by name, and only addresses are passed in. Fragment (i, j), of 16 rows and 8 columns, is four accumulators in a row, a
/// warp's columns first.
/// </summary>
internal static class TileGenerator
{
    public static string Write(TileDescription tile)
    {
        var text = new SourceText("ILGPU.Runtime.Cuda");
        text.Summary(0, tile.Summary);
        text.Line(0, $"internal readonly struct {tile.Name} : IGemmTile");
        text.Line(0, "{");
        foreach ((string name, int value) in new[]
        {
            ("RowFragments", tile.RowFragments), ("ColumnHalves", tile.ColumnHalves), ("WarpRows", tile.WarpRows),
            ("WarpColumns", tile.WarpColumns), ("Stages", tile.Stages),
        })
        {
            text.Line(1, $"public static int {name} => {value};");
            text.Line(0, "");
        }

        text.Emit(
            "Declare()",
            [
                $".shared .align 128 .b8 tiles[{tile.RingBytes}]", $".reg .f32 acc<{tile.Accumulators}>", $".reg .b32 af<{4 * tile.RowFragments}>",
                $".reg .b32 bf<{8 * tile.ColumnHalves}>", ".reg .f32 result<4>", ".reg .b32 packed<4>", ".reg .f32 bias<4>", ".reg .f32 gelu<4>",
                ".reg .b32 tilesBase", ".reg .b32 address", "mov.u32 tilesBase, tiles",
            ]);
        text.Emit("Clear()", Enumerable.Range(0, tile.Accumulators).Select(i => $"mov.f32 acc{i}, 0f00000000"));
        text.Emit("WaitForSlice()", [$"cp.async.wait_group {tile.Stages - 2}"]);
        text.Emit(
            "LoadFragments(int input, int weight)",
            [
                "add.u32 address, tilesBase, %0", .. Enumerable.Range(0, tile.RowFragments).Select(i => LoadFragments("af", i)),
                "add.u32 address, tilesBase, %1", .. Enumerable.Range(0, 2 * tile.ColumnHalves).Select(i => LoadFragments("bf", i)),
            ],
            ", input, weight");
        foreach ((string name, string operation) in SourceText.Formats)
            text.Emit($"Multiply{name}()", Products(tile, operation));
        WriteFinish(text, tile);
        text.Line(0, "}");
        return text.ToString();
    }

    /// <summary>Four 8x8 matrices: a fragment of the input's 16 rows, or two of the weight's 8 columns. The next lies 1024 bytes on.</summary>
    private static string LoadFragments(string registers, int i) =>
        $"ldmatrix.sync.aligned.m8n8.x4.shared.b16 {SourceText.List(registers, 4 * i, 4)}, [address{(i > 0 ? $"+{1024 * i}" : "")}]";

    private static IEnumerable<string> Products(TileDescription tile, string operation)
    {
        for (int i = 0; i < tile.RowFragments; i++)
        {
            for (int j = 0; j < 4 * tile.ColumnHalves; j++)
            {
                yield return SourceText.Product(operation, "acc", Accumulator(tile, i, j), "af", 4 * i, "bf", 2 * j);
            }
        }
    }

    /// <summary>A fragment row of 32 columns at a time: through shared memory, so that a lane has four neighboring results, then to the epilogue.</summary>
    private static void WriteFinish(SourceText text, TileDescription tile)
    {
        text.Line(1, "public static void Finish<TFormat, TEpilogue>(WarpOutput output)");
        text.Line(2, "where TFormat : struct, ITensorFormat");
        text.Line(2, "where TEpilogue : struct, ITensorEpilogue<TFormat>");
        text.Line(1, "{");
        for (int half = 0; half < tile.ColumnHalves; half++)
        {
            text.Line(2, $"output.LoadBias({half});");
            for (int i = 0; i < tile.RowFragments; i++)
            {
                text.EmitStatement(["add.u32 address, tilesBase, %0", .. Stage(tile, i, half)], ", output.Staged");
                text.Line(2, $"output.FinishRows<TFormat, TEpilogue>({i}, {half});");
            }
        }

        text.Line(1, "}");
    }

    /// <summary>The staged rows are 160 bytes apart; a lane has two columns of rows r and r + 8 of each fragment.</summary>
    private static IEnumerable<string> Stage(TileDescription tile, int i, int half)
    {
        for (int j = 0; j < 4; j++)
        {
            int first = Accumulator(tile, i, 4 * half + j);
            yield return $"st.shared.v2.f32 [address{(j > 0 ? $"+{32 * j}" : "")}], {SourceText.List("acc", first, 2)}";
            yield return $"st.shared.v2.f32 [address+{1280 + 32 * j}], {SourceText.List("acc", first + 2, 2)}";
        }
    }

    private static int Accumulator(TileDescription tile, int i, int j) => 4 * (4 * tile.ColumnHalves * i + j);
}
