using Dino.Gpu.Classification;
using Dino.Gpu.Data.Pictures;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Tests.Classification;

public sealed class ConfusionMatrixTests
{
    /// <summary>Six classes; eight vectors, the true class and what the votes are.</summary>
    private static readonly (int Truth, double[] Votes)[] Example =
    [
        (0, [9, 1, 0, 0, 0, 0]), // right
        (0, [5, 4, 3, 2, 1, 6]), // taken for 5, second
        (1, [6, 1, 5, 4, 3, 2]), // taken for 0, last of six
        (1, [0, 1, 0, 0, 0, 0]), // right, no other voted for
        (1, [1, 1, 0, 0, 0, 0]), // taken for 0: equal votes go to the smaller class
        (2, [0, 0, 0, 1, 0, 0]), // taken for 3, without a vote for 2
        (5, [1, 2, 3, 4, 5, 6]), // right
        (5, [6, 5, 4, 3, 2, 1]), // taken for 0, last of six
    ];

    [Fact]
    public void Counts_are_those_of_the_worked_example()
    {
        ConfusionMatrix matrix = Matrix();
        Assert.Equal(8, matrix.Count);
        Assert.Equal(3 / 8.0, matrix.Top1);
        Assert.Equal(5 / 8.0, matrix.Top5);
        Assert.Equal(1, matrix[0, 0]);
        Assert.Equal(1, matrix[0, 5]);
        Assert.Equal(2, matrix[1, 0]);
        Assert.Equal(1, matrix[1, 1]);
        Assert.Equal(1, matrix[2, 3]);
        Assert.Equal(1, matrix[5, 5]);
        Assert.Equal(1, matrix[5, 0]);
        Assert.Equal(8, matrix.Cells.Sum(cell => cell.Count));
        Assert.Equal([2, 3, 1, 0, 0, 2], Enumerable.Range(0, 6).Select(matrix.Total));
        Assert.Equal(0.5, matrix.ClassAccuracy(0));
        Assert.Equal(1 / 3.0, matrix.ClassAccuracy(1));
        Assert.True(double.IsNaN(matrix.ClassAccuracy(3)));
        Assert.Equal((0.5 + 1 / 3.0 + 0 + 0.5) / 4, matrix.MeanClassAccuracy, 1e-15);
        Assert.Throws<ArgumentException>(() => ConfusionMatrix.Of(new Predictions(0), [], Clusters.Names(2)));
        Assert.Throws<ArgumentException>(() => ConfusionMatrix.Of(new Predictions(3), [0], Clusters.Names(2)));
    }

    [Fact]
    public void Picture_has_the_share_of_its_row_in_each_cell()
    {
        RgbImage image = ConfusionPicture.Draw(Matrix(), ColorMap.Viridis);
        // Every cell's color, from its upper left pixel, found from the first cell on: 32 pixels apart.
        (int left, int top) = FirstCell(image, ColorMap.Viridis[0.5f]);
        Assert.Equal(ColorMap.Viridis[0.5f], Pixel(image, left + 5 * 32, top));
        Assert.Equal(ColorMap.Viridis[2 / 3f], Pixel(image, left, top + 32));
        Assert.Equal(ColorMap.Viridis[1f], Pixel(image, left + 3 * 32, top + 2 * 32));
        Assert.Equal(ColorMap.Viridis[0f], Pixel(image, left + 32, top));
        (byte red, byte green, byte blue) = Pixel(image, left, top + 3 * 32); // no vector of that class
        Assert.True(red == green && green == blue && red > 200);
    }

    /// <summary>
    /// Named or not, one a cell or several: nothing leaves the picture, and it stays of a size that can be looked at.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(30)]
    [InlineData(31)]
    [InlineData(801)]
    [InlineData(4001)]
    public void Picture_fits_any_number_of_classes(int classes)
    {
        int count = 2 * classes;
        var predictions = new Predictions(count);
        int[] labels = [.. Enumerable.Range(0, count).Select(i => i % classes)];
        double[] votes = new double[classes];
        for (int i = 0; i < count; i++)
        {
            Array.Clear(votes);
            votes[i * 7 % classes] = 1;
            predictions.Set(i, votes, 0);
        }

        RgbImage image = ConfusionPicture.Draw(
            ConfusionMatrix.Of(predictions, labels, [.. Enumerable.Range(0, classes).Select(i => $"Ünïcode class with a long name {i}")]),
            ColorMap.Inferno);
        Assert.InRange(image.Width, 200, 1800);
        Assert.InRange(image.Height, 100, 1800);
        // Drawing past the right edge would go on at the left of the next row, and letters past an edge are cut off: so
        // the edges are white.
        for (int x = 0; x < image.Width; x++)
            Assert.All(new[] { 0, 1, image.Height - 2, image.Height - 1 }, y => Assert.Equal((255, 255, 255), Pixel(image, x, y)));
        for (int y = 0; y < image.Height; y++)
            Assert.All(new[] { 0, 1, image.Width - 2, image.Width - 1 }, x => Assert.Equal((255, 255, 255), Pixel(image, x, y)));
    }

    private static ConfusionMatrix Matrix()
    {
        var predictions = new Predictions(Example.Length);
        for (int i = 0; i < Example.Length; i++)
            predictions.Set(i, Example[i].Votes, floor: 0);
        return ConfusionMatrix.Of(predictions, [.. Example.Select(one => one.Truth)], Clusters.Names(6));
    }

    private static (int Left, int Top) FirstCell(RgbImage image, (byte, byte, byte) color)
    {
        for (int i = 0; i < image.Width * image.Height; i++)
        {
            if (Pixel(image, i % image.Width, i / image.Width) == color)
                return (i % image.Width, i / image.Width);
        }

        throw new InvalidOperationException("no such color");
    }

    private static (byte Red, byte Green, byte Blue) Pixel(RgbImage image, int x, int y)
    {
        ReadOnlySpan<byte> pixel = image.Pixels.AsSpan(3 * (y * image.Width + x), 3);
        return (pixel[0], pixel[1], pixel[2]);
    }
}
