namespace Dino.Gpu.Kernels.TensorCore.Generator;

/// <summary>
/// Writes the part of a tile that adds its sums to the output. A lane has four neighboring columns of each 16, so it
/// reads and writes 16 bytes, four lanes 64, and shared memory is not needed. What the output holds for 16 rows is
/// loaded while the 16 rows before them are added: a load for each row behind the store of the row before would wait
/// for memory as often as there are rows.
/// </summary>
internal static class ResidualGenerator
{
    public static IEnumerable<string> Registers(TileDescription tile) =>
    [
        $".reg .f32 gain<{4 * Quads(tile)}>", $".reg .f32 before<{2 * 2 * 4 * Quads(tile)}>",
        $".reg .b64 rowAt<{2 * tile.RowFragments}>", $".reg .b32 rowWidth<{2 * tile.RowFragments}>",
        ".reg .b32 outWidth",
    ];

    /// <summary>Writes the part of the type that adds.</summary>
    public static string Write(TileDescription tile)
    {
        var text = new SourceText("ILGPU.Runtime.Cuda");
        text.Line(0, $"internal readonly partial struct {tile.Name}");
        text.Line(0, "{");
        text.Emit(
            "SetQuadSums(long bias, int columns)", Enumerable.Range(0, Quads(tile)).SelectMany(quad => (string[])
            [
                .. LoadColumns(quad, "bias", 0),
                .. Sums(tile, quad).Select(sum => $"mov.f32 acc{sum.Accumulator}, bias{sum.Column}"),
            ]),
            ", bias, columns");
        text.Emit(
            "SetGains(long gains, int columns)",
            Enumerable.Range(0, Quads(tile)).SelectMany(quad => LoadColumns(quad, "gain", 4 * quad)), ", gains, columns");
        text.Emit("SetUnitGains()", Enumerable.Range(0, 4 * Quads(tile)).Select(i => $"mov.f32 gain{i}, 0f3F800000"));
        foreach (bool isWhole in new[] { true, false })
        {
            text.Line(1, $"public static void {(isWhole ? "AddWhole" : "AddPart")}()");
            text.Line(1, "{");
            text.EmitStatement([.. Rows(0, isWhole), .. Loads(tile, 0, isWhole)]);
            for (int i = 0; i < tile.RowFragments; i++)
            {
                if (i + 1 < tile.RowFragments)
                    text.EmitStatement([.. Rows(i + 1, isWhole), .. Loads(tile, i + 1, isWhole)]);
                text.EmitStatement(Stores(tile, i, isWhole));
            }

            text.Line(1, "}");
            text.Line(0, "");
        }

        text.Line(0, "}");
        return text.ToString();
    }

    /// <summary>Groups of 16 columns of a warp.</summary>
    private static int Quads(TileDescription tile) => 2 * tile.ColumnHalves;

    /// <summary>Loads a value for each of a lane's four columns of 16; zero where the output has none.</summary>
    private static IEnumerable<string> LoadColumns(int quad, string name, int first) =>
    [
        $"setp.gt.s32 inside, %1, {16 * quad}", .. Enumerable.Range(first, 4).Select(i => $"mov.f32 {name}{i}, 0f00000000"),
        $"@inside ld.global.v4.f32 {SourceText.List(name, first, 4)}, [%0{TileGenerator.Plus(64 * quad)}]",
    ];

    /// <summary>The sums of a lane in four neighboring columns, in all of its rows.</summary>
    private static IEnumerable<(int Accumulator, int Column)> Sums(TileDescription tile, int quad) =>
        Enumerable.Range(0, 2 * tile.RowFragments)
            .SelectMany(row => Enumerable.Range(0, 4).Select(column => (Sum(tile, row, quad, column), column)));

    /// <summary>The sum of a lane in one of its rows, of which each fragment has two, 8 apart.</summary>
    private static int Sum(TileDescription tile, int row, int quad, int column) =>
        tile.Accumulator(row / 2, 2 * quad + column / 2) + 2 * (row % 2) + column % 2;

    /// <summary>Sets the place of a fragment's two rows, and how many of their columns are there.</summary>
    private static IEnumerable<string> Rows(int fragment, bool isWhole)
    {
        for (int row = 2 * fragment; row < 2 * fragment + 2; row++)
        {
            int distance = 8 * row; // from the lane's first row
            if (isWhole)
            {
                yield return $"mad.wide.s32 rowAt{row}, outStride, {distance}, outAt";
                continue;
            }

            // Those of the images before it are further apart than its number says.
            yield return $"setp.gt.s32 inside, outLeft, {distance}";
            yield return $"selp.b32 rowWidth{row}, outWidth, 0, inside";
            yield return $"add.u32 outNow, outRow, {distance}";
            yield return "mul.wide.u32 outPlace, outNow, outReciprocal";
            yield return "shr.u64 outPlace, outPlace, outShift";
            yield return "cvt.u32.u64 outNow, outPlace";
            yield return "mad.wide.s32 outPlace, outNow, outGap, outAt";
            yield return $"mad.wide.s32 rowAt{row}, outStride, {distance}, outPlace";
        }
    }

    private static IEnumerable<string> Loads(TileDescription tile, int fragment, bool isWhole) =>
        Pieces(tile, fragment).SelectMany(piece => (string[])
        [
            .. Guard(piece, isWhole, out string guard),
            $"{guard}ld.global.v4.f32 {SourceText.List("before", piece.Before, 4)}, "
                + $"[rowAt{piece.Row}{TileGenerator.Plus(64 * piece.Quad)}]",
        ]);

    private static IEnumerable<string> Stores(TileDescription tile, int fragment, bool isWhole) =>
        Pieces(tile, fragment).SelectMany(piece => (string[])
        [
            .. Guard(piece, isWhole, out string guard),
            .. Enumerable.Range(0, 4).Select(i =>
                Add(guard, piece.Before + i, Sum(tile, piece.Row, piece.Quad, i), 4 * piece.Quad + i)),
            $"{guard}st.global.v4.f32 [rowAt{piece.Row}{TileGenerator.Plus(64 * piece.Quad)}], "
                + SourceText.List("before", piece.Before, 4),
        ]);

    /// <summary>
    /// Into the registers that were loaded, because those lie side by side, as a store of 16 bytes needs them; of the
    /// sums only pairs do.
    /// </summary>
    private static string Add(string guard, int before, int sum, int gain) =>
        $"{guard}fma.rn.f32 before{before}, acc{sum}, gain{gain}, before{before}";

    /// <summary>The fours of a fragment, and where what the output holds is kept: by turns of two fragments.</summary>
    private static IEnumerable<(int Row, int Quad, int Before)> Pieces(TileDescription tile, int fragment) =>
        Enumerable.Range(0, 2 * Quads(tile)).Select(i =>
            (2 * fragment + i / Quads(tile), i % Quads(tile), 4 * (fragment % 2 * 2 * Quads(tile) + i)));

    private static string[] Guard((int Row, int Quad, int Before) piece, bool isWhole, out string guard)
    {
        guard = isWhole ? "" : "@inside ";
        return isWhole ? [] : [$"setp.gt.s32 inside, rowWidth{piece.Row}, {16 * piece.Quad}"];
    }
}
