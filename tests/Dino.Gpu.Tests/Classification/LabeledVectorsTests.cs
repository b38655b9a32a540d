using Dino.Gpu.Classification;

namespace Dino.Gpu.Tests.Classification;

public sealed class LabeledVectorsTests
{
    [Theory]
    [InlineData(0.8)]
    [InlineData(0.5)]
    [InlineData(0.01)]
    [InlineData(0.99)]
    public void Split_divides_every_class_in_the_same_share(double share)
    {
        int[] sizes = [1, 2, 3, 10, 101];
        int[] labels = [.. sizes.SelectMany((size, label) => Enumerable.Repeat(label, size))];
        LabeledVectors all = new(Enumerable.Range(0, labels.Length).Select(i => (float)i).ToArray(), 1, labels, Clusters.Names(6));
        (int[] first, int[] second) = all.Split(share, 4);
        Assert.Equal(Enumerable.Range(0, labels.Length), first.Concat(second).Order());
        Assert.Equal(first.Order(), first);
        for (int label = 0; label < sizes.Length; label++)
        {
            int expected = sizes[label] == 1 ? 1 : Math.Clamp((int)Math.Round(share * sizes[label]), 1, sizes[label] - 1);
            Assert.Equal(expected, first.Count(i => labels[i] == label));
        }

        Assert.Equal(first, all.Split(share, 4).First);
        Assert.NotEqual(first, all.Split(share, 5).First);
        LabeledVectors selected = all.Select(second);
        Assert.Equal(second.Select(i => (float)i), selected.Values.ToArray());
        Assert.Equal(second.Select(i => labels[i]), selected.Labels.ToArray());
    }
}
