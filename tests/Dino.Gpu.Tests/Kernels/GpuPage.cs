using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Kernels;

/// <summary>docs/gpu.md, whose numbers tests compute, and the card of its estimates: an H200 by its data sheet.</summary>
internal static class GpuPage
{
    public const int Multiprocessors = 132;
    public const double FloatFlops = 67e12;
    public const double TensorFlops = 790e12;
    public const double BytesPerSecond = 4.3e12;

    /// <summary>The page's lines.</summary>
    public static string[] Lines => File.ReadAllLines(SourceTree.Find("docs", "gpu.md"));

    /// <summary>Fails where the page does not have each of these texts; one may go on in the next line.</summary>
    public static void AssertSays(IReadOnlyCollection<string> texts)
    {
        string page = string.Join(' ', Lines.Select(line => line.Trim()));
        string[] missing = [.. texts.Where(text => !page.Contains(text, StringComparison.Ordinal))];
        Assert.True(missing.Length == 0, $"docs/gpu.md should say:\n{string.Join('\n', missing)}");
    }
}
