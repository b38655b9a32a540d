using Dino.Gpu.Data.Rows;


namespace Dino.Gpu.Tests.Data.Rows;

/// <summary>Two images of a 1x2 patch grid with hidden 2.</summary>
public sealed class RowLayoutTests
{
    private static readonly DinoOutput Output = new()
    {
        ClassToken = new DinoTensor([1, 2, 3, 4], 2, 2),
        LayerClassTokens = new DinoTensor([7, 6, 9, 8, 1, 2, 3, 4], 2, 2, 2),
        LastHiddenState = new DinoTensor([1, 2, /* patches */ 10, 20, 30, 60, 3, 4, /* patches */ 5, 12, -5, 0], 2, 3, 2),
    };

    public static TheoryData<string, int[], float[]> Kinds => new()
    {
        { "cls", [2], [3, 4] },
        { "mean", [2], [0, 6] },
        { "cls+mean", [4], [3, 4, 0, 6] },
        { "gem", [2], [4.204482076f, 10.090756983f] },
        { "cls+gem", [4], [3, 4, 4.204482076f, 10.090756983f] },
        { "last1", [2], [3, 4] },
        { "last2", [4], [9, 8, 3, 4] },
        { "last2+mean", [6], [9, 8, 3, 4, 0, 6] },
        { "last2+gem", [6], [9, 8, 3, 4, 4.204482076f, 10.090756983f] },
        { "tokens", [3, 2], [3, 4, 5, 12, -5, 0] },
        { "patches", [1, 2, 2], [5, 12, -5, 0] },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Rows_of_the_second_image_have_their_names(string kind, int[] shape, float[] expected)
    {
        var layout = new RowLayout(OutputKind.Parse(kind)!, normalize: false, hidden: 2, gridHeight: 1, gridWidth: 2);
        Assert.Equal(shape, layout.Shape);
        Assert.Equal(expected, Row(layout));
    }

    [Fact]
    public void Every_vector_is_normalized_by_itself()
    {
        Assert.Equal([0.6f, 0.8f], Row(new RowLayout(OutputKind.ClassToken, true, 2, 1, 2)));
        Assert.Equal([0.6f, 0.8f, 5 / 13f, 12 / 13f, -1, 0], Row(new RowLayout(OutputKind.Tokens, true, 2, 1, 2)));
        float length = MathF.Sqrt(61);
        Assert.Equal(
            [3 / length, 4 / length, 0, 6 / length],
            Row(new RowLayout(OutputKind.Parse("cls+mean")!, true, 2, 1, 2)),
            (a, b) => Math.Abs(a - b) < 1e-7);
    }

    [Fact]
    public void Class_token_alone_asks_for_nothing_else()
    {
        Assert.Equal(DinoOutputs.ClassToken, new RowLayout(OutputKind.ClassToken, false, 2, 1, 2).Needed);
        var last = new RowLayout(OutputKind.Parse("last3")!, false, 2, 1, 2);
        Assert.Equal(DinoOutputs.LayerClassTokens, last.Needed);
        Assert.Equal([-3, -2, -1], last.Layers.ClassTokens!);
    }

    private static float[] Row(RowLayout layout)
    {
        float[] row = new float[layout.Length];
        layout.Copy(Output, image: 1, row);
        return row;
    }
}
