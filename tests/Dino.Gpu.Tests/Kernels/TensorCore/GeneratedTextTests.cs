using Dino.Gpu.Kernels.TensorCore.Generator;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Kernels.TensorCore;

/// <summary>The committed texts are those that the generator writes. With DINO_GENERATE=1 it writes them.</summary>
public sealed class GeneratedTextTests
{
    [Fact]
    public void Committed_text_is_the_generated_text()
    {
        string target = SourceTree.Find("src", "Dino.Gpu", "Kernels", "TensorCore", "Generated");
        (string Name, string Text)[] files = [.. GeneratedFiles.All()];
        if (Environment.GetEnvironmentVariable("DINO_GENERATE") == "1")
        {
            foreach (string file in Directory.EnumerateFiles(target))
                File.Delete(file);
            foreach ((string name, string text) in files)
                File.WriteAllText(Path.Combine(target, name), text);
        }

        Assert.Equal(files.Select(file => file.Name).Order(), Directory.EnumerateFiles(target).Select(Path.GetFileName).Order());
        foreach ((string name, string text) in files)
            Assert.Equal(text, File.ReadAllText(Path.Combine(target, name)), ignoreLineEndingDifferences: true);
        Assert.All(files, file => Assert.InRange(file.Text.Split('\n').Max(line => line.Length), 1, 140));
    }
}
