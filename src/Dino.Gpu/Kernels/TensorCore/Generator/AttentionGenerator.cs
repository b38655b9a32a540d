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

    private const string Low = "0fF149F2CA";

    /// <summary>Writes the parts that do not depend on the head.</summary>
    public static string WriteText()
    {
        var text = new SourceText("static Dino.Gpu.Kernels.TensorCore.TensorProduct");
        text.Summary(
            0,
            "The PTX of a warp's attention: 16 queries, 32 keys at a time. A lane holds rows lane / 4 (the first of each pair below) "
            + "and lane / 4 + 8 (the second): scores s, of which fragment j is s[4 j] to s[4 j + 3] over keys 8 j to 8 j + 7, "
            + "maxima m and sums l, outputs o as the scores. What depends on the head's size is in <see cref=\"IHeadPiece\"/>.");
        text.Line(0, "internal static class AttentionText");
        text.Line(0, "{");
        text.Constant(
            "Registers", "Queries qf, weights of values pf, keys or values kf, and what is above. What a head does not use costs nothing.",
            [
                ".reg .f32 s<16>", ".reg .f32 o<64>", ".reg .b32 qf<32>", ".reg .b32 pf<16>", ".reg .b32 af<4>", ".reg .b32 kf<8>",
                ".reg .f32 m<2>",
                ".reg .f32 l<2>", ".reg .f32 top<2>", ".reg .f32 other<2>", ".reg .f32 low<2>", ".reg .b32 tilesBase", ".reg .b32 address",
                ".reg .b32 address1", ".reg .pred inside", ".reg .f32 result<4>", ".reg .b32 packed<4>", "mov.u32 tilesBase, tiles",
            ]);
        text.Constant(
            "Clear", "o = 0, l = 0, m below every score.",
            [
                .. Enumerable.Range(0, 8 * Pieces).Select(i => $"mov.f32 o{i}, 0f00000000"),
                "mov.f32 l0, 0f00000000", "mov.f32 l1, 0f00000000", $"mov.f32 m0, {Low}", $"mov.f32 m1, {Low}",
            ]);
        text.Constant("ClearScores", "s = 0", Enumerable.Range(0, 4 * Scores).Select(i => $"mov.f32 s{i}, 0f00000000"));
        text.Constant(
            "LoadKeys", "32 bytes of 32 keys: the first 16 from byte %0 of the tiles, the others from byte %1.",
            [
                "add.u32 address, tilesBase, %0", "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {kf0, kf1, kf2, kf3}, [address]",
                "add.u32 address, tilesBase, %1", "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {kf4, kf5, kf6, kf7}, [address]",
            ]);
        foreach ((string name, string product) in SourceText.Formats)
        {
            text.Constant(
                $"Scores{name}", "s += af k^T",
                Enumerable.Range(0, Scores).Select(j => SourceText.Product(product, "s", 4 * j, "af", 0, "kf", 2 * j)));
        }

        text.Constant(
            "Mask", "Scores of keys past the last, %0 keys from this lane's first, below every other.",
            Enumerable.Range(0, 2 * Scores).SelectMany(i => Mask(i / 2, i % 2)));
        text.Constant(
            "Softmax",
            "m' = max(m, s), other = 2^((m - m') %0), s = 2^(s %0 + m' %1), l = l other + s, where %0 is the scale times log2 e "
            + "and %1 the same below zero; four lanes share a row.",
            [.. Softmax(0), .. Softmax(1)]);
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
        text.Constant(
            "LoadValues16",
            "16 values of the head of 32 keys, transposed: the first 16 keys from byte %0 of the tiles, the others from byte %1.",
            [
                "add.u32 address, tilesBase, %0", "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {kf0, kf1, kf2, kf3}, [address]",
                "add.u32 address, tilesBase, %1", "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {kf4, kf5, kf6, kf7}, [address]",
            ]);
        text.Constant(
            "LoadValues32",
            "8 values of the head of 32 keys, one a lane of keys 2 (lane mod 4) and the next of each eight, from bytes %0 and %1 of the "
            + "tiles, eight keys every %2 bytes: ldmatrix does not transpose 32 bits.",
            [
                "add.u32 address, tilesBase, %0", "add.u32 address1, tilesBase, %1", "ld.shared.b32 kf0, [address]",
                "ld.shared.b32 kf1, [address1]",
                .. Enumerable.Range(1, 3).SelectMany(i => new[]
                {
                    "add.u32 address, address, %2", "add.u32 address1, address1, %2", $"ld.shared.b32 kf{2 * i}, [address]",
                    $"ld.shared.b32 kf{2 * i + 1}, [address1]",
                }),
            ]);
        text.Constant("Finish", "l = 1 / l", Enumerable.Range(0, 2).SelectMany(Finish));
        text.Constant("StorePairsBFloat16", "Two results to the global address %0, two to %1.", StorePairs("bf16x2"));
        text.Constant("StorePairsFloat16", "Two results to the global address %0, two to %1.", StorePairs("f16x2"));
        text.Constant(
            "StorePairsTensorFloat32", "Two results to the global address %0, two to %1.",
            [
                .. Enumerable.Range(0, 4).Select(i => $"cvt.rna.tf32.f32 packed{i}, result{i}"),
                "st.global.v2.b32 [%0], {packed0, packed1}", "st.global.v2.b32 [%1], {packed2, packed3}",
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
            int output = 8 * piece;
            text.Emit("Rescale()", Enumerable.Range(0, 8).Select(i => $"mul.f32 o{output + i}, o{output + i}, other{i / 2 % 2}"));
            foreach ((string name, string product) in SourceText.Formats.Take(2))
            {
                text.Emit(
                    $"Multiply{name}()",
                    Enumerable.Range(0, 4).Select(i => Value(product, output + 4 * (i % 2), 4 * (i / 2), 4 * (i / 2) + 2 * (i % 2))));
            }

            text.Emit("MultiplyTensorFloat32()", Enumerable.Range(0, 4).Select(i => Value(tensorFloat32, output, 4 * i, 2 * i)));
            text.Emit("MultiplyTensorFloat32Next()", Enumerable.Range(0, 4).Select(i => Value(tensorFloat32, output + 4, 4 * i, 2 * i)));
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

    private static IEnumerable<string> Softmax(int row)
    {
        int[] scores = [.. Enumerable.Range(0, 2 * Scores).Select(i => 4 * (i / 2) + i % 2 + 2 * row)];
        string top = $"top{row}";
        string other = $"other{row}";
        yield return $"max.f32 {top}, m{row}, s{scores[0]}";
        foreach (int score in scores.Skip(1))
            yield return $"max.f32 {top}, {top}, s{score}";
        foreach (int distance in new[] { 1, 2 })
        {
            yield return $"shfl.sync.bfly.b32 {other}, {top}, {distance}, 31, 0xffffffff";
            yield return $"max.f32 {top}, {top}, {other}";
        }

        yield return $"sub.f32 {other}, m{row}, {top}";
        yield return $"mul.f32 {other}, {other}, %0";
        yield return $"ex2.approx.ftz.f32 {other}, {other}";
        yield return $"mov.f32 m{row}, {top}";
        yield return $"mul.f32 low{row}, {top}, %1";
        yield return $"mul.f32 l{row}, l{row}, {other}";
        foreach (int score in scores)
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

    private static IEnumerable<string> StorePairs(string format) =>
    [
        $"cvt.rn.{format}.f32 packed0, result1, result0", $"cvt.rn.{format}.f32 packed1, result3, result2", "st.global.b32 [%0], packed0",
        "st.global.b32 [%1], packed1",
    ];
}
