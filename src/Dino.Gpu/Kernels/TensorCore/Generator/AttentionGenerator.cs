namespace Dino.Gpu.Kernels.TensorCore.Generator;

/// <summary>
/// Writes the PTX of attention: 16 queries of a warp, 32 keys at a time. Scores s and outputs o are in fragments of 16
/// rows by 8 columns. A lane holds two columns of a fragment, in rows lane / 4 and lane / 4 + 8.
/// </summary>
internal static class AttentionGenerator
{
    /// <summary>A head has at most 8 pieces: 32 bytes of its queries, 16 of its values.</summary>
    private const int Pieces = 8;

    /// <summary>Fragments of scores: 32 keys.</summary>
    private const int Scores = 4;

    /// <summary>
    /// Registers that hold places of keys, and of values. Every chunk of a row's second 128 bytes lies 128 bytes behind the
    /// same chunk of the first, because chunks change places by the lowest three bits of their number.
    /// </summary>
    private const int Places = 4;

    private const int HalfRow = 128;

    private const string Low = "0fF149F2CA";
    private const string Infinity = "0f7F800000";
    private const string One = "0f3F800000";

    /// <summary>
    /// 8: a weight is at most 2^8, which every format holds as exactly as 1, and the outputs are rarely corrected.
    /// </summary>
    private const string MostExponent = "0f41000000";

    /// <summary>Writes the parts that do not depend on the head.</summary>
    public static string WriteText()
    {
        var text = new SourceText("static Dino.Gpu.Kernels.TensorCore.TensorProduct");
        text.Summary(
            0,
            "The PTX of a warp's attention: 16 queries, 32 keys at a time. A lane holds rows lane / 4 (the first of each pair below) "
            + "and lane / 4 + 8 (the second): scores s, of which fragment j is s[4 j] to s[4 j + 3] over keys 8 j to 8 j + 7, "
            + "sums l, outputs o as the scores. Weights are 2^(s scale + low). What depends on the head's size is in "
            + "<see cref=\"IHeadPiece\"/>.");
        text.Line(0, "internal static class AttentionText");
        text.Line(0, "{");
        text.Constant(
            "Registers",
            "Queries qf, weights of values pf, keys or values kf, their places kp and vp, and what is above. What a head does not use "
            + "costs nothing.",
            [
                ".reg .f32 s<16>", ".reg .f32 o<64>", ".reg .b32 qf<32>", ".reg .b32 pf<16>", ".reg .b32 af<4>", ".reg .b32 kf<16>",
                $".reg .b32 kp<{Places}>", $".reg .b32 vp<{Places}>", ".reg .f32 l<2>", ".reg .f32 low<2>", ".reg .f32 top<2>",
                ".reg .f32 lower", ".reg .f32 other<2>", ".reg .b32 tilesBase", ".reg .b32 address", ".reg .pred inside",
                ".reg .f32 result<4>", ".reg .b32 packed<4>", "mov.u32 tilesBase, tiles",
            ]);
        text.Constant(
            "Clear", "o = 0, l = 0, low = infinity, so that every exponent of the first step is above the limit.",
            [
                .. Enumerable.Range(0, 8 * Pieces).Select(i => $"mov.f32 o{i}, 0f00000000"),
                "mov.f32 l0, 0f00000000", "mov.f32 l1, 0f00000000", $"mov.f32 low0, {Infinity}", $"mov.f32 low1, {Infinity}",
            ]);
        text.Constant(
            "KeyPlaces", "Where this lane points ldmatrix for 16 keys, from where they begin.",
            Enumerable.Range(0, Places).Select(i => $"add.u32 kp{i}, tilesBase, %{i}"));
        text.Constant(
            "ValuePlaces", "Where this lane points ldmatrix for the values of 16 keys, or reads those of 32 bits, from where they begin.",
            Enumerable.Range(0, Places).Select(i => $"add.u32 vp{i}, tilesBase, %{i}"));
        text.Constant("ClearScores", "s = 0", Enumerable.Range(0, 4 * Scores).Select(i => $"mov.f32 s{i}, 0f00000000"));
        foreach ((string name, string product) in SourceText.Formats)
        {
            text.Constant(
                $"Scores{name}", "s += af k^T",
                Enumerable.Range(0, Scores).Select(j => SourceText.Product(product, "s", 4 * j, "af", 0, "kf", 2 * j)));
        }

        text.Constant(
            "Mask", "Scores of keys past the last, %0 keys from this lane's first, below every other.",
            Enumerable.Range(0, 2 * Scores).SelectMany(i => Mask(i / 2, i % 2)));
        string[] weights = [.. Weigh(0), .. Weigh(1)];
        text.Constant(
            "Softmax",
            "s = 2^(s %0 + low), l = l + s, where %0 is the scale times log2 e. Before, where any lane has a score whose exponent is above "
            + "the limit: in its row low' = - %0 times the highest score, so that its weight is 1, l = l 2^(low' - low), and o likewise. "
            + "Four lanes share a row. The label is the block's own, so the compiler may repeat it.",
            [
                .. Highest(0), .. Highest(1), "fma.rn.f32 other0, top0, %0, low0", "fma.rn.f32 other1, top1, %0, low1",
                "max.f32 other0, other0, other1", $"setp.gt.f32 inside, other0, {MostExponent}",
                "vote.sync.any.pred inside, inside, 0xffffffff", "{ @!inside bra Same", .. Correct(0), .. Correct(1),
                .. Enumerable.Range(0, 8 * Pieces).Select(i => $"mul.f32 o{i}, o{i}, other{i / 2 % 2}"), $"Same: }} {weights[0]}",
                .. weights[1..],
            ]);
        foreach ((string format, string pair) in new[] { ("BFloat16", "bf16x2"), ("Float16", "f16x2") })
        {
            text.Constant(
                $"Pack{format}", "Fragments 2 i and 2 i + 1 of s are fragment i of the weights; the first source becomes the upper half.",
                Enumerable.Range(0, 8).Select(i => $"cvt.rn.{pair}.f32 pf{i}, s{2 * i + 1}, s{2 * i}"));
        }

        int[] order = [0, 2, 1, 3];
        text.Constant(
            "PackTensorFloat32",
            "Fragment i of s is fragment i of the weights, if its columns 0 to 3 are keys 0, 2, 4, 6 and 4 to 7 are keys 1, 3, 5, 7. "
            + "The order of a sum's terms is free, and the values are loaded to match.",
            Enumerable.Range(0, 16).Select(i => $"cvt.rna.tf32.f32 pf{i}, s{i / 4 * 4 + order[i % 4]}"));
        text.Constant("Finish", "l = 1 / l", Enumerable.Range(0, 2).SelectMany(Finish));
        text.Constant("StoreBFloat16", "Columns 2 l and 2 l + 1 of each 8 to the global address %0, with l = lane mod 4.", Store("bf16x2"));
        text.Constant("StoreFloat16", "Columns 2 l and 2 l + 1 of each 8 to the global address %0, with l = lane mod 4.", Store("f16x2"));
        text.Constant(
            "StoreTensorFloat32", "Columns 4 l to 4 l + 3 to the global address %0. The even ones come first among the results.",
            [
                .. Enumerable.Range(0, 4).Select(i => $"cvt.rna.tf32.f32 packed{i}, result{i}"),
                "st.global.v4.b32 [%0], {packed0, packed2, packed1, packed3}",
            ]);
        text.Line(0, "}");
        return text.ToString();
    }

    /// <summary>Writes the parts that depend on the head, for 32 bytes of queries and 16 values at a time.</summary>
    public static string WritePieces()
    {
        var text = new SourceText("ILGPU.Runtime.Cuda", "static Dino.Gpu.Kernels.TensorCore.TensorProduct");
        string tensorFloat32 = SourceText.Formats[2].Product;
        for (int piece = 0; piece < Pieces; piece++)
        {
            text.Line(0, $"internal readonly struct HeadPiece{piece} : IHeadPiece");
            text.Line(0, "{");
            text.Line(1, $"public static int Index => {piece};");
            text.Line(0, "");
            int query = 4 * piece;
            text.Emit(
                "LoadQuery(int fragment)",
                [
                    "add.u32 address, tilesBase, %0",
                    $"ldmatrix.sync.aligned.m8n8.x4.shared.b16 {SourceText.List("qf", query, 4)}, [address]",
                ],
                ", fragment");
            text.Emit("TakeQuery()", Enumerable.Range(0, 4).Select(i => $"mov.b32 af{i}, qf{query + i}"));
            text.Emit(
                "LoadKeys(int start, int next)",
                [.. Load("kp", piece, "%0", 0, ""), .. Load("kp", piece, "%1", 4, "")],
                ", start, next");
            text.Emit(
                "LoadValues16(int start, int next)",
                [.. Load("vp", piece, "%0", 0, ".trans"), .. Load("vp", piece, "%1", 4, ".trans")],
                ", start, next");
            text.Emit(
                "LoadValues32(int start, int second, int third, int fourth)",
                Enumerable.Range(0, 8).SelectMany(i => LoadPair(piece, i / 2, i % 2)), ", start, second, third, fourth");
            int output = 8 * piece;
            foreach ((string name, string product) in SourceText.Formats.Take(2))
            {
                text.Emit(
                    $"Multiply{name}()",
                    Enumerable.Range(0, 4).Select(i => Value(product, output + 4 * (i % 2), 4 * (i / 2), 4 * (i / 2) + 2 * (i % 2))));
            }

            text.Emit("MultiplyTensorFloat32()", Enumerable.Range(0, 4).Select(i => Value(tensorFloat32, output, 4 * i, 2 * i)));
            text.Emit(
                "MultiplyTensorFloat32Next()",
                Enumerable.Range(0, 4).Select(i => Value(tensorFloat32, output + 4, 4 * i, 8 + 2 * i)));
            text.Emit("TakeFirst()", Take(output, 0));
            text.Emit("TakeSecond()", Take(output + 2, 1));
            text.Line(0, "}");
            if (piece + 1 < Pieces)
                text.Line(0, "");
        }

        return text.ToString();
    }

    private static string Value(string product, int output, int weight, int value) =>
        SourceText.Product(product, "o", output, "pf", weight, "kf", value);

    private static IEnumerable<string> Take(int output, int row) =>
        new[] { 0, 1, 4, 5 }.Select((offset, i) => $"mul.f32 result{i}, o{output + offset}, l{row}");

    /// <summary>Masks column 8 j + odd in both rows of a lane.</summary>
    private static IEnumerable<string> Mask(int j, int odd) =>
    [
        $"setp.gt.s32 inside, %0, {8 * j + odd}", $"selp.f32 s{4 * j + odd}, s{4 * j + odd}, {Low}, inside",
        $"selp.f32 s{4 * j + odd + 2}, s{4 * j + odd + 2}, {Low}, inside",
    ];

    private static int[] RowScores(int row) => [.. Enumerable.Range(0, 2 * Scores).Select(i => 4 * (i / 2) + i % 2 + 2 * row)];

    private static IEnumerable<string> Highest(int row)
    {
        int[] scores = RowScores(row);
        yield return $"max.f32 top{row}, s{scores[0]}, s{scores[1]}";
        foreach (int score in scores.Skip(2))
            yield return $"max.f32 top{row}, top{row}, s{score}";
    }

    private static IEnumerable<string> Correct(int row)
    {
        string top = $"top{row}";
        string other = $"other{row}";
        foreach (int distance in new[] { 1, 2 })
        {
            yield return $"shfl.sync.bfly.b32 {other}, {top}, {distance}, 31, 0xffffffff";
            yield return $"max.f32 {top}, {top}, {other}";
        }

        yield return $"fma.rn.f32 {other}, {top}, %0, low{row}";
        yield return $"setp.gt.f32 inside, {other}, {MostExponent}";
        yield return $"mul.f32 lower, {top}, %0";
        yield return "neg.f32 lower, lower";
        yield return $"sub.f32 {other}, lower, low{row}";
        yield return $"ex2.approx.ftz.f32 {other}, {other}";
        yield return $"selp.f32 {other}, {other}, {One}, inside";
        yield return $"selp.f32 low{row}, lower, low{row}, inside";
        yield return $"mul.f32 l{row}, l{row}, {other}";
    }

    private static IEnumerable<string> Weigh(int row)
    {
        foreach (int score in RowScores(row))
        {
            yield return $"fma.rn.f32 s{score}, s{score}, %0, low{row}";
            yield return $"ex2.approx.ftz.f32 s{score}, s{score}";
            yield return $"add.f32 l{row}, l{row}, s{score}";
        }
    }

    private static IEnumerable<string> Finish(int row)
    {
        foreach (int distance in new[] { 1, 2 })
        {
            yield return $"shfl.sync.bfly.b32 other{row}, l{row}, {distance}, 31, 0xffffffff";
            yield return $"add.f32 l{row}, l{row}, other{row}";
        }

        yield return $"rcp.approx.ftz.f32 l{row}, l{row}";
    }

    private static IEnumerable<string> Store(string format) =>
    [
        $"cvt.rn.{format}.f32 packed0, result1, result0", $"cvt.rn.{format}.f32 packed1, result3, result2", "st.global.b32 [%0], packed0",
        "st.global.b32 [%0+16], packed1",
    ];

    /// <summary>Loads four matrices of 8x8 from a piece's place and what an operand adds to it.</summary>
    private static IEnumerable<string> Load(string place, int piece, string operand, int first, string transposed) =>
    [
        $"add.u32 address, {place}{piece % Places}, {operand}",
        $"ldmatrix.sync.aligned.m8n8.x4{transposed}.shared.b16 {SourceText.List("kf", first, 4)}, {Behind(piece / Places)}",
    ];

    /// <summary>
    /// Loads columns 2 c and 2 c + 1 of 16 for key 2 l or 2 l + 1 of eight, with c = lane / 4 and l = lane mod 4: column c
    /// of a fragment of even columns and of one of odd ones. ldmatrix does not transpose 32 bits.
    /// </summary>
    private static IEnumerable<string> LoadPair(int piece, int eight, int odd) =>
    [
        $"add.u32 address, vp{piece % 2 * 2 + odd}, %{eight}",
        $"ld.shared.v2.b32 {{kf{2 * eight + odd}, kf{8 + 2 * eight + odd}}}, {Behind(piece / 2)}",
    ];

    private static string Behind(int halfRows) => halfRows == 0 ? "[address]" : $"[address+{HalfRow * halfRows}]";
}
