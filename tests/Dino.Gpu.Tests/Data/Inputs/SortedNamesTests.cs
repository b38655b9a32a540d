using Dino.Gpu.Data.Inputs;

namespace Dino.Gpu.Tests.Data.Inputs;

public sealed class SortedNamesTests
{
    /// <summary>
    /// Nothing, one run in memory, a run that is just full, several in the file with a last one that is not.
    /// </summary>
    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(SortedNames.RunLength)]
    [InlineData(3 * SortedNames.RunLength + 5)]
    public void Names_come_back_in_order_with_their_tags(int count)
    {
        var random = new Random(count);
        // a lone surrogate, and more than a buffer
        string[] alphabet = ["a", "b/", "-", ".", "é", "\uE000", "\uFF21", "😀", "\ud800", "0", new string('x', 3000)];
        List<(string Name, ulong Tag)> names = [];
        for (int i = 0; i < count; i++)
        {
            string start = string.Concat(
                Enumerable.Range(0, random.Next(4)).Select(
                    _ => alphabet[random.Next(i % 500 == 0 ? alphabet.Length : alphabet.Length - 1)]));
            names.Add((start + i, (ulong)random.NextInt64()));
        }

        using var sorted = new SortedNames();
        foreach ((string name, ulong tag) in names)
            sorted.Add(name, tag);
        List<(string, ulong)> found = [];
        foreach ((string name, ulong tag) in sorted)
            found.Add((name, tag));
        Assert.Equal(names.OrderBy(name => name.Name, PathOrder.Instance), found);
    }
}
